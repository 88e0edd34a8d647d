/* SPDX-License-Identifier: Apache-2.0 */

/* Tables. Each column is as wide as its widest cell. */

#include "shim/ctl/ctl.h"

#include <string.h>

#include "shim/report/explain.h"

_Static_assert(CTL_CELL_SIZE > IDENTITY_TEXT_MAX && CTL_CELL_SIZE > EXPLAIN_MAX, "the longest texts");

/* Characters: the first column is never cut below this. */
#define NAME_WIDTH_MIN 20

/* Characters of a UTF-8 text. */
static int width_of(const char *text)
{
	int width = 0;
	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

/* Bytes of the first width characters. */
static int length_of(const char *text, int width)
{
	int length = 0;
	for (; text[length]; length++)
		if ((text[length] & 0xc0) != 0x80 && width-- == 0)
			break;
	return length;
}

static void print_cell(const struct ctl_table *table, size_t column, const char *text, int width)
{
	const int pad = width - width_of(text);
	const char *const between = column > 0 ? "  " : "";

	if (!(table->words & 1u << column))
		(void)printf("%s%*s%s", between, pad, "", text);
	else if (column == table->n_columns - 1)
		(void)printf("%s%s", between, text);
	else
		(void)printf("%s%.*s%*s", between, length_of(text, width), text, pad > 0 ? pad : 0, "");
}

/* Line 0 is the head. */
static void fill_line(const struct ctl_table *table, size_t index, struct ctl_line *line)
{
	memset(line, 0, sizeof *line);
	if (index > 0)
		table->fill(index - 1, line, table->data);
	for (size_t c = 0; c < table->n_columns; c++) {
		if (index == 0)
			(void)snprintf(line->cell[c], CTL_CELL_SIZE, "%s", table->head[c]);
		(void)ctl_tame(line->cell[c]);
	}
}

/* Cuts the first column if the screen is too narrow for all columns. */
static void cut_widths(const struct ctl_table *table, int width[])
{
	int room = table->width_max;

	for (size_t c = 1; c < table->n_columns; c++)
		room -= 2 + width[c];
	if (room < NAME_WIDTH_MIN)
		room = NAME_WIDTH_MIN;
	if (table->width_max > 0 && width[0] > room)
		width[0] = room;
}

void ctl_print_table(const struct ctl_table *table)
{
	struct ctl_line line;
	int width[CTL_COLUMNS_MAX] = {0};

	for (size_t i = 0; i <= table->n_lines; i++) {
		fill_line(table, i, &line);
		for (size_t c = 0; c < table->n_columns; c++)
			if (width_of(line.cell[c]) > width[c])
				width[c] = width_of(line.cell[c]);
	}
	cut_widths(table, width);
	for (size_t i = 0; i <= table->n_lines; i++) {
		fill_line(table, i, &line);
		for (size_t c = 0; c < table->n_columns; c++)
			print_cell(table, c, line.cell[c], width[c]);
		(void)puts("");
	}
}
