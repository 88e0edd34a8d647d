/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/directory.h"

#include <errno.h>
#include <string.h>

#include "cgroups/file.h"
#include "shim/report/explain.h"
#include "shim/store/record.h"

#define ENDS(text) (strnlen(text, sizeof(text)) < sizeof(text))

/* Whether the record as it was written can be read, and is written the same again. */
static void check_round_trip(const struct record *record)
{
	char text[2][RECORD_SIZE_MAX];
	size_t length[2];
	struct record again;
	struct error err;
	const int directory_fd = directory_open();

	/* Written in JSON's own way it can become too long. */
	if (record_write(directory_fd, record, &err) < 0) {
		ENSURE(err.code == ENOBUFS);
		return;
	}
	for (int i = 0; i < 2; i++) {
		int r = record_read(directory_fd, "c", &again, &err);
		ENSURE(file_read_at(directory_fd, "c.json", text[i], sizeof text[i], &length[i], &err) == 0);
		/* U+FFFD is longer than the byte that it stands for, and is an escape the first time. */
		if (strstr(text[i], "\\ufffd"))
			return;
		ENSURE(r == 0 && record_write(directory_fd, &again, &err) == 0);
	}
	ENSURE(length[0] == length[1] && memcmp(text[0], text[1], length[0]) == 0);
}

/* The input is the record of the container "c". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record = {.version = 77};
	struct settings settings;
	struct error err = {0};
	char sentence[EXPLAIN_MAX];

	directory_put("c.json", data, size);
	int r = record_read(directory_open(), "c", &record, &err);
	if (r < 0) {
		ENSURE((r == -EBADMSG || r == -ENOTSUP) && err.text[0] && record.version == 77);
		return 0;
	}
	ENSURE(r == 0 && record.version == RECORD_VERSION && strcmp(record.id, "c") == 0);
	ENSURE(ENDS(record.identity.namespace) && ENDS(record.identity.owner) &&
	       ENDS(record.identity.container));
	ENSURE(ENDS(record.pod_name) && ENDS(record.pod_uid) && ENDS(record.sandbox_id) &&
	       ENDS(record.image_ref));
	ENSURE(ENDS(record.runtime) && ENDS(record.bundle) && ENDS(record.pid_file) && ENDS(record.reason));
	ENSURE(ENDS(record.fault) && ENDS(record.cgroup));
	settings_default(&settings);
	ENSURE(strlen(explain_decision(&record, &settings, sentence)) < sizeof sentence);
	check_round_trip(&record);
	return 0;
}
