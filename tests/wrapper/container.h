/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A container that the wrapper created; its cgroup and init process are made up. Needs the machine. Include
 * after <cmocka.h>. */

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

#define CGROUP "/kubepods.slice/crio-" ID ".scope/container"

#define CGROUP_FILES "kubepods.slice/crio-" ID ".scope/container/"

/* Sets the container's charge in files that take the place of the kernel's. */
static inline void container_charge(const char *bytes)
{
	int fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fixture_write(fd, CGROUP_FILES "memory.current", bytes);
	fixture_write(fd, CGROUP_FILES "memory.max", bytes);
	fixture_write(fd, CGROUP_FILES "memory.peak", "360448\n");
	fixture_write(fd, CGROUP_FILES "memory.stat",
		      "anon 4096\nfile 8192\nkernel 65536\ninactive_file 0\nshmem 0\n");
	close(fd);
}

/* Creates the container and a process in a cgroup named after it, as a runtime leaves both after `create`. */
static inline void container_begin(struct node *node)
{
	char path[64], source[512], text[64];

	node->init = fork();
	if (node->init == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	node_write(node, "proc-cgroup", "1:name=systemd:/\n0::" CGROUP "\n");
	snprintf(source, sizeof source, "%s/proc-cgroup", node->fixture.path);
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)node->init);
	assert_int_equal(mount(source, path, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, "size=1m"), 0);
	container_charge("131072\n");
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	snprintf(text, sizeof text, "%d", (int)node->init);
	node_write(node, "bundle/pidfile", text);
}

static inline void container_start(struct node *node)
{
	container_begin(node);
	run_both(node, NULL, ARGS("--root=/run/crun", "--systemd-cgroup", "start", ID), &outcome);
	assert_silent(&outcome);
}
