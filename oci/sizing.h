/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whether a program is known to size its heap by the container's memory limit. Such a program uses less where it is
 * given less, so that what it uses says little of what it needs. */

#include <stddef.h>

#include "oci/json.h"

enum sizing {
	SIZING_UNKNOWN, /* nothing says so */
	SIZING_FIXED,   /* a JVM that was told its heap's size */
	SIZING_JVM,     /* takes a share of the limit, a quarter unless told otherwise */
	SIZING_GO,      /* collects its garbage by GOMEMLIMIT */
};
extern const char *const sizing_names[]; /* NULL-ended, in the order of the enum */

/* What is none of the names is SIZING_UNKNOWN: another version's word. */
enum sizing sizing_of_name(const char *name);

/* By process.args and process.env of a config.json, arrays of strings that lie in its text at these spans. Of each
 * the first 64 KiB are looked at. */
enum sizing sizing_of_config(const char *text, struct json_span args, struct json_span env);

/* By the arguments of a running process, each with a NUL behind it, as /proc/PID/cmdline has them; the last may be cut off. */
enum sizing sizing_of_command(const char *arguments, size_t length);
