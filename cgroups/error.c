/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error_format(struct error *err, int code, const char *format, va_list args)
{
	err->code = code;
	if (vsnprintf(err->text, sizeof err->text, format, args) < 0)
		err->text[0] = '\0';
}

int error_set(struct error *err, int code, const char *format, ...)
{
	if (err) {
		va_list args;
		va_start(args, format);
		error_format(err, code, format, args);
		va_end(args);
	}
	return -code;
}

int error_errno(struct error *err, int code, const char *format, ...)
{
	if (err) {
		va_list args;
		va_start(args, format);
		error_format(err, code, format, args);
		va_end(args);

		size_t used = strlen(err->text);
		(void)snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(code));
	}
	return -code;
}
