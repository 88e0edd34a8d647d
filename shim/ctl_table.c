/* SPDX-License-Identifier: Apache-2.0 */

/* Lines of tables. */

#include "shim/ctl.h"

/* In characters, not bytes. */
static int width_of(const char *text)
{
	int width = 0;
	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

void ctl_measure_line(const char *const cells[], size_t n_columns, int width[])
{
	for (size_t c = 0; c < n_columns; c++)
		if (width_of(cells[c]) > width[c])
			width[c] = width_of(cells[c]);
}

void ctl_print_cells(const char *const cells[], size_t n_columns, const int width[])
{
	for (size_t c = 0; c < n_columns; c++) {
		const char *text = cells[c];
		const int pad = width[c] - width_of(text);
		if (c == 0)
			(void)printf("%s%*s", text, pad, "");
		else if (c < n_columns - 1)
			(void)printf("  %*s%s", pad, "", text);
		else
			(void)printf("  %s\n", text);
	}
}
