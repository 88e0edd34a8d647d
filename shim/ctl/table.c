/* SPDX-License-Identifier: Apache-2.0 */

/* Lines of tables. */

#include "shim/ctl/ctl.h"

#include <string.h>

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

void ctl_print_table(const char *const head[], size_t n_columns, size_t n_lines,
		     void (*fill)(size_t index, struct ctl_line *line, const void *data), const void *data)
{
	struct ctl_line line;
	const char *cells[CTL_COLUMNS_MAX];
	int width[CTL_COLUMNS_MAX] = {0};

	for (size_t c = 0; c < n_columns; c++)
		cells[c] = line.cell[c];
	ctl_measure_line(head, n_columns, width);
	for (int is_measured = 0; is_measured < 2; is_measured++) {
		if (is_measured)
			ctl_print_cells(head, n_columns, width);
		for (size_t i = 0; i < n_lines; i++) {
			memset(&line, 0, sizeof line);
			fill(i, &line, data);
			if (is_measured)
				ctl_print_cells(cells, n_columns, width);
			else
				ctl_measure_line(cells, n_columns, width);
		}
	}
}
