/* SPDX-License-Identifier: Apache-2.0 */

/* Reads the history back. */

#include <string.h>

#include "shim/store/history.h"
#include "shim/store/history_sql.h"

int history_each_slot(struct history *history, int64_t workload_id, uint64_t from_usec,
		      int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		      uint64_t *skipped, struct error *err)
{
	cleanup_statement sqlite3_stmt *row = history->statements[LOAD_SLOTS];
	int at = 0, r;
	bind_int(row, &at, workload_id);
	bind_uint(row, &at, from_usec);

	while ((r = statement_step(history, row, "read the slots in", err)) > 0) {
		struct slot_bytes bytes = {
			.data = sqlite3_column_blob(row, 2),
			.length = (size_t)sqlite3_column_bytes(row, 2),
			.start_usec = uint_read(row, 0),
			.end_usec = uint_read(row, 1),
		};
		r = row_check(history, "read the slots in", err);
		if (r < 0)
			return r;
		if (!bytes.data || bytes.length > SLOT_BYTES_MAX || bytes.start_usec > bytes.end_usec) {
			(*skipped)++;
			continue;
		}
		r = slot(workload_id, &bytes, data);
		if (r != 0)
			return r;
	}
	return r;
}

static bool text_is(sqlite3_stmt *row, int column, const char *expected)
{
	const char *text = text_read(row, column);
	return text && strcmp(text, expected) == 0;
}

static bool workload_read(sqlite3_stmt *row, struct limits *ret)
{
	const char *text = text_read(row, 4);
	const struct identity *identity = &ret->identity;

	return text &&
	       limits_parse(text, (size_t)sqlite3_column_bytes(row, 4), HISTORY_FILE, ret, NULL) == 0 &&
	       text_is(row, 1, identity->namespace) && text_is(row, 2, identity->owner) &&
	       text_is(row, 3, identity->container) && *identity->namespace && *identity->owner &&
	       *identity->container;
}

int history_load(struct history *history, uint64_t from_usec,
		 int (*workload)(int64_t workload_id, const struct limits *limits, void *data),
		 int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		 uint64_t *ret_skipped, struct error *err)
{
	cleanup_statement sqlite3_stmt *row = history->statements[LOAD_WORKLOADS];
	uint64_t skipped = 0;
	int r;
	while ((r = statement_step(history, row, "read the workloads in", err)) > 0) {
		struct limits limits;
		const bool is_read = workload_read(row, &limits);
		r = row_check(history, "read the workloads in", err);
		if (r < 0)
			return r;
		if (!is_read) {
			skipped++;
			continue;
		}
		int64_t id = sqlite3_column_int64(row, 0);
		r = workload(id, &limits, data);
		if (r == 0 && slot)
			r = history_each_slot(history, id, from_usec, slot, data, &skipped, err);
		if (r != 0)
			return r;
	}
	if (r == 0)
		*ret_skipped = skipped;
	return r;
}

int history_each_event(struct history *history, int64_t workload_id, uint64_t since_usec, unsigned max,
		       int (*visit)(const struct history_event *event, void *data), void *data,
		       struct error *err)
{
	cleanup_statement sqlite3_stmt *row = history->statements[EACH_EVENT];
	int at = 0, r;
	bind_int(row, &at, workload_id);
	bind_uint(row, &at, since_usec);
	bind_int(row, &at, max);

	while ((r = statement_step(history, row, "read the events in", err)) > 0) {
		struct history_event event;
		const bool is_read = history_read_row(history, EACH_EVENT, &event);
		r = row_check(history, "read the events in", err);
		if (r < 0)
			return r;
		if (!is_read || !event.reason)
			continue;
		r = visit(&event, data);
		if (r != 0)
			return r;
	}
	return r;
}
