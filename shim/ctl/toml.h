/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads a text in TOML 1.0 key by key, each value as it is written. This is enough to copy settings: values
 * are not parsed. What is not understood is an error. Debian has no library for TOML in C. */

#include <stddef.h>

#include "cgroups/error.h"

#define TOML_PARTS_MAX 8

struct toml_entry {
	const char *part[TOML_PARTS_MAX]; /* the table's name and the key, part by part, without quotes */
	size_t n_parts;
	const char *value; /* points into the text; may have several lines */
	size_t length;
	unsigned line; /* where the value begins, from 1 */
};

/* Calls on_entry() for each entry. A negative result ends the walk and is returned. Entries of arrays of
 * tables are skipped. Returns 0, or -EINVAL with the line in *err. */
int toml_walk(const char *text, size_t length,
	      int (*on_entry)(const struct toml_entry *entry, void *data, struct error *err), void *data,
	      struct error *err);

/* Copies the text of a value into ret (size bytes). Returns 0; -EINVAL if the value is no string on one line
 * without escapes, or does not fit. */
int toml_string(const char *value, size_t length, char *ret, size_t size);
