/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl history in a build without SQLite. */

#include "shim/ctl/ctl.h"

#include <stdlib.h>

int ctl_history(struct ctl *ctl, int argc, char *argv[])
{
	(void)ctl;
	(void)argc;
	(void)argv;
	(void)fputs("tidemarkctl history: this tidemarkctl was built without SQLite, which the history is "
		    "kept in\n",
		    stderr);
	return EXIT_FAILURE;
}
