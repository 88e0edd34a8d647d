/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What went wrong: a positive errno value and a sentence that says what was tried, with the name.
 * Lives on the caller's stack; there is nothing to free. A function that takes one fills it whenever
 * it returns a negative value, and leaves it alone otherwise. */
struct error {
	int code;
	char text[240];
};

/* Fills *err (which may be NULL) and returns -code, so that a failing path is one line:
 *     return error_set(err, ENOENT, "cannot open %s", name);
 * The text of errno is not added: use error_errno() for that. */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(code)>" at the end. */
int error_errno(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
