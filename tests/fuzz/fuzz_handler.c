/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/directory.h"

#include <errno.h>
#include <string.h>

#include "shim/store/handler.h"

#define ENDS(text) (strnlen(text, sizeof(text)) < sizeof(text))

/* The input is the file of the handler "kata". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct handler handler, again;
	struct error err = {0};
	const int directory_fd = directory_open();

	(void)mkdirat(directory_fd, "handlers", 0700);
	directory_put("handlers/kata.json", data, size);
	handler = (struct handler){.version = 77};
	int r = handler_read(directory_fd, "kata", &handler, &err);
	if (r < 0) {
		ENSURE((r == -EBADMSG || r == -ENOTSUP) && err.text[0] && handler.version == 77);
		return 0;
	}
	ENSURE(r == 0 && handler.version == HANDLER_VERSION && strcmp(handler.name, "kata") == 0);
	ENSURE(handler.n_pods <= HANDLER_PODS_MAX);
	for (size_t i = 0; i < handler.n_pods; i++)
		ENSURE(ENDS(handler.pods[i].id) && handler.pods[i].id[0]);
	if (handler_write(directory_fd, &handler, &err) < 0) {
		ENSURE(err.code == ENOBUFS);
		return 0;
	}
	ENSURE(handler_read(directory_fd, "kata", &again, &err) == 0 && again.n_pods == handler.n_pods);
	ENSURE(memcmp(again.pods, handler.pods, handler.n_pods * sizeof *handler.pods) == 0);
	return 0;
}
