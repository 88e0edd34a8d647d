/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where everything lies, as directories held open. Borrowed by all who have them. */
struct roots {
	int containers_fd; /* /run/tidemark/containers */
	int state_fd;      /* /var/lib/tidemark */
	int cgroup_fd;     /* /sys/fs/cgroup */
	int proc_fd;       /* /proc */
	int run_fd;        /* /run/tidemark */
	int host_run_fd;   /* /run */
};
