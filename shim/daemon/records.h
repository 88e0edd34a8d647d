/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The directory of records: which of them have come, changed or gone. What a record says is read by who asks
 * (shim/store/record.h): it is the one that is there then. */

#include <dirent.h>
#include <stdbool.h>

#include "cgroups/error.h"
#include "shim/daemon/notices.h"
#include "shim/store/record.h"

struct records {
	struct notices notices; /* notices.fd: to be polled; -1: all records have to be listed now and then */
};

/* Returns 0 or -errno; nothing is told of then. */
int records_open(struct records *records, int containers_fd, struct error *err);
void records_close(struct records *records);

/* Of what notices_read() has read. */
enum records_word {
	RECORDS_NONE,    /* no more */
	RECORDS_CHANGED, /* the record of id, if it is there, is to be read */
	RECORDS_LOST,    /* there was more than the kernel keeps: all records are to be listed */
};
enum records_word records_next(struct records *records, char id[static RECORD_ID_SIZE]);

/* The directory, to be walked; the caller closes it. Returns 0 or -errno. */
int records_list(int containers_fd, DIR **ret, struct error *err);
/* The next id. False: there is none left. */
bool records_list_next(DIR *dir, char id[static RECORD_ID_SIZE]);
