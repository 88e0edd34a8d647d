/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An inotify instance, read a buffer at a time. Do not call notices_read() in a loop until 0: a flood
 * would starve the timers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>

#include "cgroups/error.h"

struct notices {
	int fd; /* to be polled; -1: there is none */
	size_t at, length;
	_Alignas(struct inotify_event) char buf[4096];
};

/* Returns 0, or -errno with fd -1. A user can have a limited number of instances
 * (fs.inotify.max_user_instances). */
int notices_open(struct notices *notices, struct error *err);
void notices_close(struct notices *notices);

/* Watches a file in a directory. mask: IN_… of inotify(7). Returns the watch's number, or -errno. */
int notices_watch(struct notices *notices, int dir_fd, const char *name, uint32_t mask);
void notices_unwatch(struct notices *notices, int number);

/* Reads one buffer. Returns the bytes read, 0 if none. */
size_t notices_read(struct notices *notices);

/* The next event of the buffer, borrowed until the next notices_read(). NULL: no more. */
const struct inotify_event *notices_next(struct notices *notices);

/* Bytes that wait in the kernel. */
size_t notices_left(const struct notices *notices);
