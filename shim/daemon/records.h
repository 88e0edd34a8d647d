/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The directory of records: reports which records have come, changed or gone. The caller reads the record
 * (shim/store/record.h), and gets the one that is there at that moment. */

#include <dirent.h>
#include <stdbool.h>

#include "cgroups/error.h"
#include "shim/daemon/notices.h"
#include "shim/store/record.h"

struct records {
	struct notices notices; /* notices.fd: to be polled; -1: list all records now and then instead */
};

/* Returns 0; or -errno, and then nothing is reported. */
int records_open(struct records *records, int containers_fd, struct error *err);
void records_close(struct records *records);

/* The next report, from what notices_read() has read. */
enum records_word {
	RECORDS_NONE,    /* no more */
	RECORDS_CHANGED, /* read the record of this id, if it is there */
	RECORDS_LOST,    /* the kernel has dropped reports: list all records */
};
enum records_word records_next(struct records *records, char id[static RECORD_ID_SIZE]);

/* Opens the directory, to list the records. The caller closes it. Returns 0 or -errno. */
int records_list(int containers_fd, DIR **ret, struct error *err);
/* Returns the next id. false: there is none left. */
bool records_list_next(DIR *dir, char id[static RECORD_ID_SIZE]);
