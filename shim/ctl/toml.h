/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A text in TOML 1.0, key by key, each value as it is written there. Enough to copy settings: no value is
 * read, and what is not understood is an error. Debian has no library for TOML in C. */

#include <stddef.h>

#include "cgroups/error.h"

#define TOML_PARTS_MAX 8

struct toml_entry {
	const char *part[TOML_PARTS_MAX]; /* the table's name and the key, part by part, without quotes */
	size_t n_parts;
	const char *value; /* in the text; may have several lines */
	size_t length;
	unsigned line; /* that the value begins in, from 1 */
};

/* Hands each entry to on_entry(), which may end the walk by a negative value. Entries of arrays of tables
 * are passed over. Returns 0, -EINVAL with the line in err, or what on_entry() returned. */
int toml_walk(const char *text, size_t length,
	      int (*on_entry)(const struct toml_entry *entry, void *data, struct error *err), void *data,
	      struct error *err);

/* The text of a value that is a string on one line, without escapes. Returns 0 or -EINVAL. */
int toml_string(const char *value, size_t length, char *ret, size_t size);
