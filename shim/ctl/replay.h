/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* tidemarkctl replay: policies judged on a trace. See shim/tune/replay.h for how. */

#include <stdbool.h>

#include "shim/store/settings.h"

/* argv[0] is the command's name. Prints, and says on stderr what went wrong. Returns an exit status. */
int replay_command(const struct settings *settings, bool json, int argc, char *argv[]);
