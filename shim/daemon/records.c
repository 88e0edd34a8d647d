/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/records.h"

#include <errno.h>
#include <fcntl.h>

#include "cgroups/cleanup.h"

int records_open(struct records *records, int containers_fd, struct error *err)
{
	int r = notices_open(&records->notices, err);
	if (r < 0)
		return r;
	int number = notices_watch(&records->notices, containers_fd, ".",
				   IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR);
	if (number >= 0)
		return 0;
	notices_close(&records->notices);
	return error_errno(err, -number, "cannot watch the directory of containers");
}

void records_close(struct records *records)
{
	notices_close(&records->notices);
}

enum records_word records_next(struct records *records, char id[static RECORD_ID_SIZE])
{
	const struct inotify_event *event;

	while ((event = notices_next(&records->notices))) {
		if (event->mask & IN_Q_OVERFLOW)
			return RECORDS_LOST;
		if (event->len > 0 && record_id_of(event->name, id))
			return RECORDS_CHANGED;
	}
	return RECORDS_NONE;
}

int records_list(int containers_fd, DIR **ret, struct error *err)
{
	int fd = openat(containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret = fd < 0 ? NULL : fdopendir(fd);
	if (*ret)
		return 0;
	int code = errno;
	cleanup_close_fd(&fd);
	return error_errno(err, code, "cannot read the directory of containers");
}

bool records_list_next(DIR *dir, char id[static RECORD_ID_SIZE])
{
	const struct dirent *entry;

	while ((entry = readdir(dir)))
		if (record_id_of(entry->d_name, id))
			return true;
	return false;
}
