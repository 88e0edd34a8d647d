/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What went wrong: a positive errno value, and a sentence that says what was tried, with the name. Lives on
 * the caller's stack; nothing is to be freed. A function that takes a struct error fills it before it returns
 * a negative value, and leaves it alone otherwise. */
struct error {
	int code;
	char text[240];
};

/* Fills *err (may be NULL) and returns -code, so that a failing path is one line:
 *     return error_set(err, ENOENT, "cannot open %s", name);
 * error_errno() adds the text of errno, error_set() does not. */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* error_set() with ": <strerror(code)>" at the end of the text. */
int error_errno(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
