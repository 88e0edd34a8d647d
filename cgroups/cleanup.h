/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Owned things are released at the end of their scope. Every acquisition carries its cleanup_… attribute;
 * take_ptr() and take_fd() hand ownership over. */

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#define cleanup_free  __attribute__((cleanup(cleanup_free_ptr)))
#define cleanup_close __attribute__((cleanup(cleanup_close_fd)))
#define cleanup_dir   __attribute__((cleanup(cleanup_close_dir)))

#define take_ptr(p)                                 \
	__extension__({                             \
		__typeof__(p) *take_from_ = &(p);   \
		__typeof__(p) taken_ = *take_from_; \
		*take_from_ = NULL;                 \
		taken_;                             \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}
