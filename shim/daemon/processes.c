/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/processes.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroups/cleanup.h"

int processes_open(struct processes *processes, struct error *err)
{
	*processes = (struct processes){.fd = epoll_create1(EPOLL_CLOEXEC)};
	return processes->fd < 0 ? error_errno(err, errno, "cannot use epoll") : 0;
}

void processes_close(struct processes *processes)
{
	cleanup_close_fd(&processes->fd);
	processes->fd = -1;
}

enum processes_added processes_add(struct processes *processes, struct container *container, size_t max)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = container};

	if (container->pid == 0)
		return PROCESSES_ADDED;
	if (processes->n >= max)
		return PROCESSES_FULL;
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)container->pid, 0);
	if (fd < 0)
		return errno == ESRCH ? PROCESSES_GONE : PROCESSES_ADDED;
	if (epoll_ctl(processes->fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		(void)close(fd);
		return PROCESSES_ADDED;
	}
	container->process_fd = fd;
	processes->n++;
	return PROCESSES_ADDED;
}

void processes_remove(struct processes *processes, struct container *container)
{
	if (container->process_fd < 0)
		return;
	assert(processes->n > 0);
	cleanup_close_fd(&container->process_fd); /* also removes it from the epoll */
	container->process_fd = -1;
	processes->n--;
}

size_t processes_ended(struct processes *processes, struct container *ret[static PROCESSES_ENDED_MAX])
{
	struct epoll_event events[PROCESSES_ENDED_MAX];

	int n = epoll_wait(processes->fd, events, PROCESSES_ENDED_MAX, 0);
	for (int i = 0; i < n; i++)
		ret[i] = events[i].data.ptr;
	return n > 0 ? (size_t)n : 0;
}
