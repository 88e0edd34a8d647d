/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/directory.h"

#include <string.h>

#include "shim/store/settings.h"

/* The input is /etc/tidemark/tidemark.conf. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings settings;
	struct error err = {0};

	directory_put("tidemark.conf", data, size);
	int r = settings_load(directory_open(), &settings, &err);
	ENSURE(r <= 0 && (r == 0 || err.text[0] != '\0'));
	if (r < 0)
		return 0;
	for (size_t i = 0; i < settings_count(); i++) {
		char text[512];
		ENSURE(strlen(settings_text(&settings, i, text, sizeof text)) < sizeof text);
	}
	return 0;
}
