/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/pressures.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"

/* Shares of the limit: from CLOSE_SHARE on a container is listened to, below FAR_SHARE no more. */
#define CLOSE_SHARE 0.85
#define FAR_SHARE   0.75

/* The kernel reports if processes have waited for 150 ms within 2 s. */
#define STALL_USEC  (150 * USEC_PER_MSEC)
#define WINDOW_USEC (2 * USEC_PER_SEC)
#define PAUSE_USEC  (USEC_PER_SEC / 10)

int pressures_open(struct pressures *pressures, struct error *err)
{
	*pressures = (struct pressures){.fd = epoll_create1(EPOLL_CLOEXEC)};
	return pressures->fd < 0 ? error_errno(err, errno, "cannot use epoll") : 0;
}

void pressures_close(struct pressures *pressures)
{
	cleanup_close_fd(&pressures->fd);
	pressures->fd = -1;
}

static int pressures_add(struct pressures *pressures, struct container *container, struct sampler *sampler,
			 struct error *err)
{
	struct epoll_event event = {.events = EPOLLPRI, .data.ptr = container};
	int dir_fd, fd = -1;

	int r = container_directory(container, sampler, &dir_fd, err);
	if (r == 0)
		r = pressure_watch(dir_fd, STALL_USEC, WINDOW_USEC, &fd, err);
	/* The cgroup is gone, as the next reading will see. This is no fault of the
	 * kernel's pressure files. */
	if (r == MEMORY_GONE)
		return 0;
	if (r == 0 && epoll_ctl(pressures->fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		r = error_errno(err, errno, "cannot listen to memory.pressure");
		cleanup_close_fd(&fd);
	}
	if (r < 0) {
		pressures->unavailable = true;
		return r;
	}
	container->pressure_fd = fd;
	pressures->n++;
	return 0;
}

int pressures_update(struct pressures *pressures, struct container *container, struct sampler *sampler,
		     struct error *err)
{
	const double used = (double)memory_working_set(&container->memory);
	const double limit = (double)container->max_bytes;

	if (container->pressure_fd >= 0) {
		if (container->max_bytes == MEMORY_UNLIMITED || used < FAR_SHARE * limit)
			pressures_remove(pressures, container);
	} else if (container->max_bytes != MEMORY_UNLIMITED && used >= CLOSE_SHARE * limit &&
		   pressures->n < PRESSURES_MAX && !pressures->unavailable) {
		return pressures_add(pressures, container, sampler, err);
	}
	return 0;
}

void pressures_remove(struct pressures *pressures, struct container *container)
{
	if (container->pressure_fd < 0)
		return;
	assert(pressures->n > 0);
	cleanup_close_fd(&container->pressure_fd); /* also removes it from the epoll */
	container->pressure_fd = -1;
	pressures->n--;
}

bool pressures_take(struct pressures *pressures, uint64_t now_usec)
{
	struct epoll_event events[PRESSURES_MAX];

	/* A trigger reports only to the first poll. This is the loop's poll of our epoll, so that we do not
	 * learn which container it was: it is any of the few that are listened to. */
	int n = epoll_wait(pressures->fd, events, PRESSURES_MAX, 0);
	bool gone = false;
	for (int i = 0; i < n; i++)
		gone = gone || events[i].events & (EPOLLERR | EPOLLHUP);
	/* Each report makes all containers be read, and all may report one after the other: hence the pause.
	 * Unsigned: if the clock was set back, there is no pause. */
	if (!gone && now_usec - pressures->read_usec < PAUSE_USEC)
		return false;
	pressures->read_usec = now_usec;
	return true;
}
