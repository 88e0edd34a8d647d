/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/directory.h"

#include <errno.h>
#include <string.h>

#include "oci/sandbox.h"

/* The input is each of the run files of the sandbox "s". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const directories[] = {"vc", "vc/sbs", "vc/sbs/s", "kata", "kata/s"};
	static const char *const files[] = {"vc/sbs/s/persist.json", "kata/s/state.json", "shim.pid",
					    "address"};
	struct sandbox_files found = {0};
	struct error err = {0};

	const int root_fd = directory_open();
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		(void)mkdirat(root_fd, directories[i], 0700);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		directory_put(files[i], data, size);
	ENSURE(sandbox_files_read(root_fd, directory_path, "s", &found, &err) == 0);
	ENSURE(found.shim_pid >= 0 && found.vmm_pid >= 0 && found.virtiofsd_pid >= 0);
	ENSURE(strnlen(found.address, sizeof found.address) < sizeof found.address - 1);
	ENSURE(found.address[0] == '\0' || found.address[0] == '/' ||
	       (found.address[0] == '@' && found.address[1]));
	return 0;
}
