/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whether a program sizes its heap by the container's memory limit. Such a program uses less under a lower
 * limit: its use tells little about its need. */

#include <stddef.h>

#include "oci/json.h"

enum sizing {
	SIZING_UNKNOWN, /* nothing is known */
	SIZING_FIXED,   /* a JVM with a given heap size */
	SIZING_JVM,     /* a JVM: its heap is a share of the limit, a quarter by default */
	SIZING_GO,      /* Go with GOMEMLIMIT, which steers its garbage collection */
};
extern const char *const sizing_names[]; /* NULL-ended, in the order of the enum */

/* An unknown name, as from another version, is SIZING_UNKNOWN. */
enum sizing sizing_of_name(const char *name);

/* Judges process.args and process.env of a config.json: arrays of strings at these spans of its text. Only
 * the first 64 KiB of each are read. */
enum sizing sizing_of_config(const char *text, struct json_span args, struct json_span env);

/* Judges the arguments of a running process, each with a NUL behind it, as in /proc/PID/cmdline. The last may
 * be cut off. */
enum sizing sizing_of_command(const char *arguments, size_t length);
