/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/directory.h"

#include <errno.h>
#include <string.h>

#include "cgroups/file.h"
#include "shim/report/explain.h"
#include "shim/store/limits.h"

#define PATH "limits/n/o/c.json"

static void check_round_trip(const struct limits *limits)
{
	char text[2][LIMITS_SIZE_MAX];
	size_t length[2];
	struct limits again;
	struct error err;
	const int directory_fd = directory_open();

	ENSURE(limits_write(directory_fd, limits, &err) == 0);
	for (int i = 0; i < 2; i++) {
		int r = limits_read(directory_fd, &limits->identity, &again, &err);
		ENSURE(file_read_at(directory_fd, PATH, text[i], sizeof text[i], &length[i], &err) == 0);
		/* U+FFFD is longer than the byte that it stands for, and is an escape the first time. */
		if (strstr(text[i], "\\ufffd"))
			return;
		ENSURE(r == 0 && limits_write(directory_fd, &again, &err) == 0);
	}
	ENSURE(length[0] == length[1] && memcmp(text[0], text[1], length[0]) == 0);
}

static void check_sentences(const struct limits *limits)
{
	static const uint64_t times[] = {0, UINT64_C(1800000000000000), UINT64_MAX};
	struct settings settings;
	char sentence[EXPLAIN_MAX];

	settings_default(&settings);
	ENSURE(strlen(explain_observed(limits, sentence)) < sizeof sentence);
	ENSURE(strlen(explain_request(limits, &settings, sentence)) < sizeof sentence);
	ENSURE(strlen(explain_limit(limits, &settings, sentence)) < sizeof sentence);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		ENSURE(strlen(explain_enforced(limits, &settings, times[i], sentence)) < sizeof sentence);
}

static const struct identity noc = {.namespace = "n", .owner = "o", .container = "c"};

/* The input is what is published of the workload n/o/c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct limits limits = {.version = 77};
	struct error err = {0};
	static const char *const directories[] = {"limits", "limits/n", "limits/n/o"};

	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		ENSURE(mkdirat(directory_open(), directories[i], 0700) == 0 || errno == EEXIST);
	directory_put(PATH, data, size);
	int r = limits_read(directory_open(), &noc, &limits, &err);
	if (r < 0) {
		ENSURE((r == -EBADMSG || r == -ENOTSUP) && err.text[0] && limits.version == 77);
		return 0;
	}
	ENSURE(r == 0 && limits.version == LIMITS_VERSION && strcmp(limits.identity.owner, "o") == 0);
	ENSURE(limits.enforced_limit_bytes <= limits.recommendation.limit_bytes);
	ENSURE(limits.recommendation.limit_bytes <= INT64_MAX);
	ENSURE(limits.observed.p95_bytes <= limits.observed.max_bytes);
	check_sentences(&limits);
	check_round_trip(&limits);
	return 0;
}
