/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* tidemarkctl replay: judges policies on a trace, as shim/tune/replay.h tells. */

#include <stdbool.h>

#include "shim/store/settings.h"

/* argv[0]: the command's name. Prints the result to stdout, and faults to stderr. Returns an exit status. */
int replay_command(const struct settings *settings, bool json, int argc, char *argv[]);
