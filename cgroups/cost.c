/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/cost.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/quantity.h"

/* Since Linux 6.2 the size of /proc/self/fd is the number of open files. Before, the directory must be
 * read. */
static int count_fds(int proc_fd, uint64_t *ret, struct error *err)
{
	struct stat st;
	uint64_t count = 0;

	int fd = openat(proc_fd, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = errno;
		cleanup_close_fd(&fd);
		return error_errno(err, code, "cannot count the open files");
	}
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		count = (uint64_t)st.st_size;
	} else {
		for (const struct dirent *entry; (entry = readdir(dir));)
			count += entry->d_name[0] != '.';
	}
	*ret = count > 0 ? count - 1 : 0; /* without the one opened here */
	return 0;
}

static uint64_t usec_of(struct timeval time)
{
	return (uint64_t)time.tv_sec * USEC_PER_SEC + (uint64_t)time.tv_usec;
}

int cost_read(int proc_fd, struct cost *ret, struct error *err)
{
	struct cost cost = {0};
	struct rusage usage;
	struct rlimit limit;
	char text[128];
	uint64_t virtual_pages, resident_pages;
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	int r = file_read_at(proc_fd, "self/statm", text, sizeof text, NULL, err);
	if (r < 0)
		return r;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &virtual_pages, &resident_pages) != 2)
		return error_set(err, EBADMSG, "self/statm is not understood");
	if ((r = count_fds(proc_fd, &cost.open_fds, err)) < 0)
		return r;
	if (getrusage(RUSAGE_SELF, &usage) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_errno(err, errno, "cannot read what this process uses");
	cost.cpu_usec = usec_of(usage.ru_utime) + usec_of(usage.ru_stime);
	cost.virtual_bytes = virtual_pages * page_bytes;
	cost.resident_bytes = resident_pages * page_bytes;
	cost.max_fds = limit.rlim_cur;
	*ret = cost;
	return 0;
}
