/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The directories that the daemon works in, as open descriptors. Everyone borrows them. */
struct roots {
	int containers_fd; /* /run/tidemark/containers */
	int state_fd;      /* /var/lib/tidemark */
	int cgroup_fd;     /* /sys/fs/cgroup */
	int proc_fd;       /* /proc */
	int run_fd;        /* /run/tidemark */
	int host_run_fd;   /* /run */
};
