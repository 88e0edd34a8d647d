/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target on each file of the directories that are named, one TAP line a file. A finding aborts.
 */

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"

#define INPUT_MAX (1u << 20)

static int replay(int dir_fd, const char *name, unsigned number)
{
	cleanup_free char *text = NULL;
	size_t length;
	struct error err;

	if (file_load_at(dir_fd, name, INPUT_MAX, &text, &length, &err) < 0) {
		(void)printf("not ok %u - %s\n", number, err.text);
		return -1;
	}
	/* A copy of its own size, so that a sanitizer sees a read behind it. */
	cleanup_free uint8_t *data = malloc(length > 0 ? length : 1);
	if (!data)
		return -1;
	memcpy(data, text, length);
	(void)LLVMFuzzerTestOneInput(data, length);
	(void)printf("ok %u - %s\n", number, name);
	return 0;
}

int main(int argc, char *argv[])
{
	unsigned number = 0;
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		cleanup_dir DIR *dir = opendir(argv[i]);
		if (!dir) {
			(void)printf("Bail out! cannot open %s\n", argv[i]);
			return 1;
		}
		for (const struct dirent *entry; (entry = readdir(dir));)
			if (entry->d_name[0] != '.' && replay(dirfd(dir), entry->d_name, ++number) < 0)
				failed = 1;
	}
	(void)printf("1..%u\n", number);
	return failed;
}
