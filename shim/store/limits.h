/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /var/lib/tidemark/limits/<namespace>/<owner>/<container>.json: what the daemon publishes of a workload. The
 * wrapper reads this one small file at a creation. Only the daemon writes it. */

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
	/* Of the workload's last container. */
	int role;              /* enum container_role */
	int64_t oom_score_adj; /* its memory request can be inferred from this; 0: not known */
	char image_ref[512];
	char template[CONFIG_LABEL_SIZE]; /* the pod's: see struct record */

	struct recommendation recommendation;
	/* What a creation may apply: the recommendation if it is warm and its limit is not below
	 * observed.max_bytes, else 0. */
	uint64_t enforced_request_bytes, enforced_limit_bytes;

	/* Over the long window. */
	struct observed observed;
	/* Over the short window, which ends at most a minute before written_usec. Only samples, until_usec,
	 * avg, p95 and max are kept. */
	struct observed recent;
	char tide[TIDE_TEXT_MAX];       /* tide_format(): the daemon's state across restarts */
	char ratchet[RATCHET_TEXT_MAX]; /* ratchet_format(): likewise, and for explanations */

	/* By runtime: the highest charge between create and start, of the last containers. */
	uint64_t prestart_crun_bytes, prestart_runc_bytes;

	uint64_t declared_bytes; /* declared by the last container; UINT64_MAX: none */
	uint64_t applied_bytes;  /* given to the last container; 0: none yet, UINT64_MAX: no limit */
	uint64_t written_usec;
};

/* The document is one line of JSON: the file's text, which the history keeps too. name: the file's name, for
 * errors. limits_parse() returns as limits_read() does. */
int limits_format(const struct limits *limits, char buf[static LIMITS_SIZE_MAX], size_t *ret_length,
		  struct error *err);
int limits_parse(const char *text, size_t length, const char *name, struct limits *ret, struct error *err);

/* state_fd: /var/lib/tidemark. Returns 0; -ENOENT if nothing is published; -EBADMSG if the file is torn,
 * names another workload or has impossible values; -ENOTSUP for a newer version. *ret is set only with 0. */
int limits_read(int state_fd, const struct identity *identity, struct limits *ret, struct error *err);

/* Makes the directories and replaces the file atomically. Returns 0 or -errno. */
int limits_write(int state_fd, const struct limits *limits, struct error *err);

/* Removes the file, and its directories if they are empty then. Returns 0, also if there is no
 * file, or -errno. */
int limits_remove(int state_fd, const struct identity *identity, struct error *err);

/* The pre-start footprint under this runtime, in bytes, to be read or written; 0: not known. Returns NULL for
 * a runtime that has none. */
uint64_t *limits_prestart(struct limits *limits, const char *runtime);

/* As limits_each(), for the containers of one owner. The identity's container is ignored. */
int limits_each_of(int state_fd, const struct identity *owner,
		   int (*visit)(const struct limits *limits, void *data),
		   void (*fault)(const char *path, const struct error *err, void *data), void *data);

/* Calls visit() for each file that can be read, in no order. If visit() does not return 0, the walk ends and
 * its result is returned. A file that cannot be read goes to fault() with its error. fault may be NULL. */
int limits_each(int state_fd, int (*visit)(const struct limits *limits, void *data),
		void (*fault)(const char *path, const struct error *err, void *data), void *data);
