/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /var/lib/tidemark/limits/<namespace>/<owner>/<container>.json: what the daemon publishes of a workload, one
 * small file that the wrapper reads at a creation. Only the daemon writes it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/identity.h"
#include "shim/tune/ratchet.h"
#include "shim/tune/tide.h"
#include "shim/tune/tuner.h"

#define LIMITS_VERSION  1
#define LIMITS_SIZE_MAX 16384

struct limits {
	uint64_t version;
	struct identity identity;
	/* Of the last container. */
	int role;              /* enum container_role */
	int64_t oom_score_adj; /* from which its request can be told; 0: not known */
	char image_ref[512];
	char template[CONFIG_LABEL_SIZE]; /* of its pod: see struct record */

	struct recommendation recommendation;
	/* What may be applied: the recommendation once it is warm, else 0. */
	uint64_t enforced_request_bytes, enforced_limit_bytes;

	/* Over the long window. */
	struct observed observed;
	/* Over the short one, at most a minute before written_usec: samples, until_usec, avg, p95, max. */
	struct observed recent;
	char tide[TIDE_TEXT_MAX];       /* tide_format(): for the daemon to go on from */
	char ratchet[RATCHET_TEXT_MAX]; /* ratchet_format(): the same, and for explanations */

	/* Seen between create and start, by runtime: the highest charge of the last containers. */
	uint64_t prestart_crun_bytes, prestart_runc_bytes;

	uint64_t declared_bytes; /* by the last container; UINT64_MAX: none */
	uint64_t applied_bytes;  /* to the last container; 0: none yet, UINT64_MAX: no limit */
	uint64_t written_usec;
};

/* The document, a line of JSON: the file's text, and what the history keeps. name is that of its place, for errors,
 * which are those of limits_read(). */
int limits_format(const struct limits *limits, char buf[static LIMITS_SIZE_MAX], size_t *ret_length,
		  struct error *err);
int limits_parse(const char *text, size_t length, const char *name, struct limits *ret, struct error *err);

/* state_fd: /var/lib/tidemark. Returns 0; -ENOENT where nothing is published; -EBADMSG for a file that is torn,
 * names another workload or holds what cannot be; -ENOTSUP for a newer version. *ret is set only with 0. */
int limits_read(int state_fd, const struct identity *identity, struct limits *ret, struct error *err);

/* Makes the directories and replaces the file atomically. */
int limits_write(int state_fd, const struct limits *limits, struct error *err);

/* Withdraws what is published, and the directories that are empty then. Returns 0 also where nothing is. */
int limits_remove(int state_fd, const struct identity *identity, struct error *err);

/* The pre-start footprint under this runtime, 0 where not known; and its place to write to (NULL for a
 * runtime that has none). */
uint64_t *limits_prestart(struct limits *limits, const char *runtime);

/* The same as below for the containers of one owner; the identity's own container does not matter. */
int limits_each_of(int state_fd, const struct identity *owner,
		   int (*visit)(const struct limits *limits, void *data),
		   void (*fault)(const char *path, const struct error *err, void *data), void *data);

/* Calls visit for every file that can be read, in no order, until it returns non-zero, which is passed on. A
 * file that cannot be read is passed to fault (which may be NULL) with its error. */
int limits_each(int state_fd, int (*visit)(const struct limits *limits, void *data),
		void (*fault)(const char *path, const struct error *err, void *data), void *data);
