/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Decides which limit a container gets at its creation or at a resize, and why. Pure. All sizes in bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mode {
	MODE_OFF,     /* no recommendation is shown */
	MODE_OBSERVE, /* recommendations are shown, not applied */
	MODE_ENFORCE,
};
extern const char *const mode_names[]; /* NULL-ended, in the order of the enum */

#define DECISION_UNLIMITED UINT64_MAX

/* The node administrator's bounds: the settings of [guards]. */
struct guard_settings {
	uint64_t min_bytes, max_bytes;
	double max_change_ratio;
	bool allow_raise, limit_unlimited;
};

struct decision_input {
	int mode;                /* enum mode */
	uint64_t declared_bytes; /* DECISION_UNLIMITED: none declared */
	uint64_t override_bytes; /* 0: none */

	/* From the workload's published limits; 0: not known. */
	uint64_t recommended_bytes; /* the recommendation */
	uint64_t enforced_bytes;    /* the limit that may be applied; 0: none may */
	uint64_t p95_bytes;
	uint64_t prestart_bytes;     /* peak of this runtime before the program starts */
	uint64_t last_applied_bytes; /* at the last creation */
	uint64_t oom_floor_bytes;    /* above a limit at which a container was OOM-killed */
	uint64_t seen_bytes;         /* the highest working set of any of its containers in the long window */
	uint64_t round_bytes;        /* what recommendations are rounded up to: tuner_round_bytes() */

	uint64_t in_use_bytes; /* charged to a running container that is resized; else 0 */
};

/* Where a limit came from, in the order of precedence. */
enum decision_source {
	SOURCE_OVERRIDE,
	SOURCE_ENFORCED,
	SOURCE_OBSERVED, /* a recommendation is shown, but not applied */
	SOURCE_DECLARED,
};
extern const char *const decision_source_names[];

/* The guards, one row each, in the order in which they act. Each brings the limit into a range (range_… in
 * decision.c). The guards before max-change are floors, which max-change does not undercut. A row has a word
 * for records and logs, and a sentence for people. In the sentence {change}, {before}, {min} and {max} stand
 * for what tidemarkctl explain knows of them. */
#define DECISION_GUARDS(ROW)                                                                          \
	ROW(GUARD_P95, range_p95, "p95", "never below the observed 95th percentile")                  \
	ROW(GUARD_PRESTART, range_prestart, "prestart",                                               \
	    "never less than {min} above what the runtime needs before the program starts")           \
	ROW(GUARD_OOM, range_oom, "oom", "never back to a limit that a container was OOM-killed at")  \
	ROW(GUARD_MAX_CHANGE, range_max_change, "max-change",                                         \
	    "at most {change} away from {before}, unless a floor or what was seen asks for more")     \
	ROW(GUARD_NODE_RANGE, range_node, "node-range",                                               \
	    "between {min} and {max} on this node, or as declared if a floor is above that")          \
	ROW(GUARD_IN_USE, range_in_use, "in-use", "never below what the running container was using") \
	ROW(GUARD_DECLARED, range_declared, "declared", "never above what the pod declares")          \
	ROW(GUARD_UNLIMITED, range_unlimited, "unlimited", "a container that declares no limit is given none")

#define DECISION_GUARD_VALUE(guard, range, name, sentence) guard,
enum guard { DECISION_GUARDS(DECISION_GUARD_VALUE) GUARDS_COUNT };
#undef DECISION_GUARD_VALUE

extern const char *const guard_names[]; /* NULL-ended */
extern const char *const guard_sentences[GUARDS_COUNT];

struct decision {
	uint64_t limit_bytes; /* the container's limit; DECISION_UNLIMITED: none */
	int source;           /* enum decision_source */
	/* The guards that moved the limit, in order, each with the limit that it left. */
	struct {
		enum guard guard;
		uint64_t limit_bytes;
	} step[GUARDS_COUNT];
	size_t n_steps;
};

/* Makes the decision. For SOURCE_OBSERVED and SOURCE_DECLARED the limit is the declared one, and no guard
 * acts. */
void decision_make(const struct decision_input *input, const struct guard_settings *guards,
		   struct decision *ret);

/* The source and the guards that acted, in their order: "declared", "enforced", "enforced+p95+max-change".
 * Returns buf. */
#define DECISION_REASON_MAX 128
const char *decision_reason(const struct decision *decision, char buf[static DECISION_REASON_MAX]);
