/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tables of tidemark.db, version by version. Only for history.c. */

#define HISTORY_VERSION 2

/* A number of version 1 as JSON. -1 is "no limit" there. */
#define NATURAL(column) "json(iif(" column " < 0, '18446744073709551615', " column "))"
#define TERM(column)                                                                                   \
	"json_extract('[\"none\",\"p95\",\"avg\",\"peak\",\"request\",\"oom\",\"highest\",\"margin\"," \
	"\"cold\","                                                                                    \
	"\"min\",\"max\"]', '$[' || " column " || ']')"

/* Entry n brings a database from version n to n + 1. Its steps are one transaction. A released entry is
 * never changed. Foreign keys are not enforced meanwhile, so that a table can be replaced by another one of
 * the same name. */
#define MIGRATION_STEPS 4
static const char *const migrations[HISTORY_VERSION][MIGRATION_STEPS] = {
	{"CREATE TABLE workloads ("
	 " id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, owner TEXT NOT NULL, container TEXT NOT NULL,"
	 " image_ref TEXT NOT NULL, request_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL,"
	 " request_term INTEGER NOT NULL, limit_term INTEGER NOT NULL, revision INTEGER NOT NULL,"
	 " changed_usec INTEGER NOT NULL, seen_avg_bytes INTEGER NOT NULL, seen_p95_bytes INTEGER NOT NULL,"
	 " seen_max_bytes INTEGER NOT NULL, seen_highest_bytes INTEGER NOT NULL, seen_history_usec INTEGER "
	 "NOT NULL,"
	 " seen_records INTEGER NOT NULL, seen_margin_bytes INTEGER NOT NULL, tide TEXT NOT NULL, "
	 "warmup_since_usec INTEGER NOT NULL, warmup_samples INTEGER NOT NULL,"
	 " warm INTEGER NOT NULL, oom_limit_bytes INTEGER NOT NULL, oom_floor_bytes INTEGER NOT NULL,"
	 " oom_usec INTEGER NOT NULL, oom_kills INTEGER NOT NULL, enforced_request_bytes INTEGER NOT NULL,"
	 " enforced_limit_bytes INTEGER NOT NULL, prestart_crun_bytes INTEGER NOT NULL,"
	 " prestart_runc_bytes INTEGER NOT NULL, declared_bytes INTEGER NOT NULL, applied_bytes INTEGER NOT "
	 "NULL,"
	 " written_usec INTEGER NOT NULL, seen_usec INTEGER NOT NULL, UNIQUE (namespace, owner, container));"
	 "CREATE TABLE slots ("
	 " workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, start_usec INTEGER NOT NULL,"
	 " end_usec INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (workload_id, start_usec)) WITHOUT "
	 "ROWID;"
	 "CREATE TABLE runs ("
	 " container_id TEXT PRIMARY KEY, runtime TEXT NOT NULL,"
	 " workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, created_usec INTEGER NOT "
	 "NULL,"
	 " started_usec INTEGER NOT NULL, ended_usec INTEGER NOT NULL, declared_bytes INTEGER NOT NULL,"
	 " limit_bytes INTEGER NOT NULL, prestart_bytes INTEGER NOT NULL, peak_bytes INTEGER NOT NULL,"
	 " oom_kills INTEGER NOT NULL) WITHOUT ROWID;"
	 "CREATE INDEX runs_by_workload ON runs (workload_id, created_usec);"
	 "CREATE TABLE decisions ("
	 " id INTEGER PRIMARY KEY, at_usec INTEGER NOT NULL,"
	 " workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, container_id TEXT,"
	 " request_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL, reason TEXT NOT NULL,"
	 " inputs TEXT NOT NULL);"
	 "CREATE INDEX decisions_by_workload ON decisions (workload_id, at_usec);"},

	/* A workload's row has its published document as a whole, so that a new member needs no column. A run
	 * is one creation: outside Kubernetes an id may come again. A decision has its numbers in columns,
	 * and the sentence beside its reason. Each table has an index by age, for pruning. */
	{
		"CREATE TABLE workloads_2 ("
		" id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, owner TEXT NOT NULL, container TEXT NOT "
		"NULL,"
		" seen_usec INTEGER NOT NULL, limits TEXT NOT NULL, UNIQUE (namespace, owner, container));"
		"INSERT INTO workloads_2 SELECT id, namespace, owner, container, seen_usec, json_object("
		" 'v', 1, 'namespace', namespace, 'owner', owner, 'container', container, 'image_ref', "
		"image_ref,"
		" 'revision', " NATURAL("revision") ", 'changed_usec', " NATURAL(
			"changed_usec") ","
					" 'recommended', json_object("
					"  'request', " NATURAL("request_bytes") ", 'limit', " NATURAL(
						"limit_bytes") ","
							       "  'request_term', " TERM(
								       "request_term") ", "
										       "'limit_term', " TERM("limit_term") ","
															   "  'from_avg', " NATURAL(
																   "seen_avg_bytes") ", 'from_p95', " NATURAL("seen_p95_bytes") ","
																								"  'from_max', " NATURAL("seen_max_bytes") ", 'from_highest', " NATURAL("seen_highest_bytes") ","
																																			      "  'from_history_usec', " NATURAL("seen_history_usec") ", 'from_records', " NATURAL("seen_records") ","
																																																  "  'from_margin', " NATURAL(
																																																	  "seen_margin_bytes") "),"
																																																			       " 'enforced', json_object("
																																																			       "  'request', " NATURAL(
																																																				       "enforced_request_bytes") ", 'limit', " NATURAL("enforced_limit_bytes") "),"
																																																													       " 'warmup', json_object('done', json(iif(warm, 'true', 'false')),"
																																																													       "  'since_usec', " NATURAL("warmup_since_usec") ", 'samples_before', " NATURAL(
																																																														       "warmup_samples") "),"
																																																																	 " 'tide', tide,"
																																																																	 " 'oom', json_object('kills', " NATURAL("oom_kills") ", 'usec', " NATURAL("oom_usec") ","
																																																																											       "  'limit', " NATURAL("oom_limit_bytes") ", 'floor', " NATURAL("oom_floor_bytes") "),"
																																																																																						 " 'prestart', json_object("
																																																																																						 "  'crun', " NATURAL("prestart_crun_bytes") ", 'runc', " NATURAL("prestart_runc_bytes") "),"
																																																																																																	 " 'declared', " NATURAL("declared_bytes") ", 'applied', " NATURAL(
																																																																																																		 "applied_bytes") ","
																																																																																																				  " 'written_usec', " NATURAL(
																																																																																																					  "written_usec") ") FROM workloads;"
																																																																																																							  "DROP TABLE workloads;"
																																																																																																							  "ALTER TABLE workloads_2 RENAME TO workloads;",

		"CREATE TABLE runs_2 ("
		" container_id TEXT NOT NULL, created_usec INTEGER NOT NULL, runtime TEXT NOT NULL,"
		" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, started_usec INTEGER "
		"NOT NULL,"
		" ended_usec INTEGER NOT NULL, declared_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL,"
		" reason TEXT NOT NULL, prestart_bytes INTEGER NOT NULL, samples INTEGER NOT NULL,"
		" avg_bytes INTEGER NOT NULL, p95_bytes INTEGER NOT NULL, max_bytes INTEGER NOT NULL,"
		" peak_bytes INTEGER NOT NULL, oom_kills INTEGER NOT NULL,"
		" PRIMARY KEY (container_id, created_usec)) WITHOUT ROWID;"
		"INSERT INTO runs_2 SELECT container_id, created_usec, runtime, workload_id, started_usec, "
		"ended_usec,"
		" declared_bytes, limit_bytes, '', prestart_bytes, 0, 0, 0, 0, peak_bytes, oom_kills FROM "
		"runs;"
		"DROP TABLE runs;"
		"ALTER TABLE runs_2 RENAME TO runs;"
		"CREATE INDEX runs_by_workload ON runs (workload_id, created_usec);"
		"CREATE INDEX runs_by_age ON runs (max(created_usec, ended_usec));",

		"ALTER TABLE decisions RENAME COLUMN inputs TO why;"
		"ALTER TABLE decisions ADD COLUMN event TEXT NOT NULL DEFAULT 'creation';"
		"ALTER TABLE decisions ADD COLUMN declared_bytes INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE decisions ADD COLUMN recommended_bytes INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE decisions ADD COLUMN oom_floor_bytes INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE decisions ADD COLUMN samples INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE decisions ADD COLUMN avg_bytes INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE decisions ADD COLUMN p95_bytes INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE decisions ADD COLUMN max_bytes INTEGER NOT NULL DEFAULT 0;"
		"UPDATE decisions SET event = 'recommendation', recommended_bytes = limit_bytes"
		" WHERE container_id IS NULL;"
		"CREATE INDEX decisions_by_age ON decisions (at_usec);",

		"CREATE TABLE kills ("
		" id INTEGER PRIMARY KEY, at_usec INTEGER NOT NULL,"
		" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, container_id TEXT NOT "
		"NULL,"
		" cause TEXT NOT NULL, limit_bytes INTEGER NOT NULL, peak_bytes INTEGER NOT NULL,"
		" learned_bytes INTEGER NOT NULL);"
		"CREATE INDEX kills_by_workload ON kills (workload_id, at_usec);"
		"CREATE INDEX kills_by_age ON kills (at_usec);"
		"CREATE INDEX slots_by_age ON slots (end_usec);"},
};
