/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shim/store/settings.h"

static char directory[] = "/tmp/tidemark-fuzz-XXXXXX";
static int directory_fd = -1;

static void leave(void)
{
	(void)unlinkat(directory_fd, "tidemark.conf", 0);
	(void)rmdir(directory);
}

/* The input is /etc/tidemark/tidemark.conf. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings settings;
	struct error err = {0};

	if (directory_fd < 0) {
		ENSURE(mkdtemp(directory));
		directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ENSURE(directory_fd >= 0 && atexit(leave) == 0);
	}
	int fd = openat(directory_fd, "tidemark.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ENSURE(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);

	int r = settings_load(directory_fd, &settings, &err);
	ENSURE(r <= 0 && (r == 0 || err.text[0] != '\0'));
	if (r < 0)
		return 0;
	for (size_t i = 0; i < settings_count(); i++) {
		char text[512];
		ENSURE(strlen(settings_text(&settings, i, text, sizeof text)) < sizeof text);
	}
	return 0;
}
