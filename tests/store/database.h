/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A history in a fixture's directory, and statements for its database. Include after <cmocka.h>. */

#include "shim/store/history.h"

#include <sqlite3.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define NOW (UINT64_C(1700000000) * USEC_PER_SEC)

static inline struct history *open_history(const struct fixture *fixture)
{
	struct history *history = NULL;
	struct error err = {0};
	int r = history_open(fixture->path, NOW, &history, &err);
	if (r != 0)
		fail_msg("%d: %s", r, err.text);
	return history;
}

/* Runs a statement without the module, as another program would. */
static inline void sql(const struct fixture *fixture, const char *text)
{
	char path[300];
	sqlite3 *db = NULL;
	snprintf(path, sizeof path, "%s/%s", fixture->path, HISTORY_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Returns the first row's first column, 0 if the statement fails. */
static inline int64_t ask(const struct fixture *fixture, const char *text)
{
	char path[300];
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int64_t value = 0;
	snprintf(path, sizeof path, "%s/%s", fixture->path, HISTORY_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

static inline struct limits example(const char *owner)
{
	struct limits limits = {
		.version = LIMITS_VERSION,
		.identity = {.namespace = "shop", .container = "app"},
		.image_ref = "quay.io/shop/app@sha256:0123",
		.recommendation =
			{
				.request_bytes = 160 * MIB,
				.limit_bytes = 240 * MIB,
				.request_term = TERM_AVG,
				.limit_term = TERM_REQUEST,
				.revision = 7,
				.changed_usec = NOW - 1,
				.warmup_since_usec = NOW - 2,
				.warmup_samples = 3,
				.warm = true,
				.oom_limit_bytes = 4,
				.oom_floor_bytes = 5,
				.oom_usec = 6,
				.oom_kills = 7,
				.seen_highest_bytes = 8,
				.seen_history_usec = 9,
				.seen_records = 10,
				.seen_margin_bytes = 11,
			},
		.observed =
			{
				.samples = 35,
				.since_usec = NOW - 9,
				.until_usec = NOW,
				.avg_bytes = 1,
				.p95_bytes = 2,
				.max_bytes = 3,
			},
		.tide = "1600000000000000 3 1 2 3 4 5 6 7 8 9 10 11 12 13 14",
		.enforced_request_bytes = 8,
		.enforced_limit_bytes = 9,
		.prestart_crun_bytes = 10,
		.prestart_runc_bytes = 11,
		.declared_bytes = UINT64_MAX,
		.applied_bytes = 12,
		.written_usec = NOW,
	};
	strcpy(limits.identity.owner, owner);
	return limits;
}

static inline int64_t save(struct history *history, const char *owner)
{
	struct limits limits = example(owner);
	struct error err;
	int64_t id = 0;
	assert_int_equal(history_save_workload(history, &limits, NOW, &id, &err), 0);
	return id;
}

/* What a load has passed on, in order. */
struct loaded {
	size_t n_workloads, n_slots;
	struct limits limits[4];
	int64_t id[4];
	struct slot_bytes slot[8];
	char data[8][32];
	int64_t slot_id[8];
	uint64_t skipped;
	int stop_at; /* the slot at which to stop */
};

static inline int take_workload(int64_t id, const struct limits *limits, void *data)
{
	struct loaded *loaded = data;
	assert_true(loaded->n_workloads < 4);
	loaded->id[loaded->n_workloads] = id;
	loaded->limits[loaded->n_workloads++] = *limits;
	return 0;
}

static inline int take_slot(int64_t id, const struct slot_bytes *slot, void *data)
{
	struct loaded *loaded = data;
	assert_true(loaded->n_slots < 8 && slot->length < 32);
	loaded->slot_id[loaded->n_slots] = id;
	loaded->slot[loaded->n_slots] = *slot;
	memcpy(loaded->data[loaded->n_slots++], slot->data, slot->length);
	return loaded->stop_at && loaded->n_slots == (size_t)loaded->stop_at ? 77 : 0;
}

static inline int load(struct history *history, uint64_t from_usec, struct loaded *loaded)
{
	struct error err;
	return history_load(history, from_usec, take_workload, take_slot, loaded, &loaded->skipped, &err);
}

static inline void add_slot(struct history *history, int64_t id, uint64_t start_usec, const char *data)
{
	struct slot_bytes slot = {data, strlen(data), start_usec, start_usec + 10};
	struct error err;
	assert_int_equal(history_save_slot(history, id, &slot, &err), 0);
}

/* The events, the newest first, each with the numbers of its kind and a ';' at its end. */
struct told {
	char text[4096];
	size_t count;
	int stop_at;
};

static inline int take_event(const struct history_event *event, void *data)
{
	struct told *told = data;
	size_t used = strlen(told->text);
	(void)snprintf(told->text + used, sizeof told->text - used, "%d %s %s %d %d %s %s;",
		       (int)(event->at_usec - NOW), history_kind_names[event->event],
		       event->container_id ? event->container_id : "-", (int)event->declared_bytes,
		       (int)event->limit_bytes, event->reason, event->why ? event->why : "-");
	told->count++;
	return told->stop_at && told->count == (size_t)told->stop_at ? 77 : 0;
}

static inline struct told tell(struct history *history, int64_t id)
{
	struct told told = {0};
	struct error err;
	assert_int_equal(history_each_event(history, id, 0, 100, take_event, &told, &err), 0);
	return told;
}

static inline int take_exit(const struct history_event *event, void *data)
{
	struct history_event *ret = data;
	if (event->event != HISTORY_EXIT)
		return 0;
	*ret = *event;
	return 5;
}
