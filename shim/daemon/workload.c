/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/workload.h"

#include <stdlib.h>
#include <string.h>

#include "cgroups/quantity.h"

/* New measurements are published one minute after the last time if p95 or max has moved, else
 * after five minutes. */
#define PUBLISH_USEC      USEC_PER_MIN
#define PUBLISH_CALM_USEC (5 * USEC_PER_MIN)

void workload_set_sampling(struct workload *workload, const struct sampling_settings *sampling)
{
	workload->window.slot_usec = sampling->slot_usec;
	workload->window.span_usec = sampling->long_window_usec;
	workload->recent.slot_usec = window_recent_slot_usec(sampling->short_window_usec);
	workload->recent.span_usec = sampling->short_window_usec;
}

struct workload *workload_new(const struct limits *limits, const struct sampling_settings *sampling)
{
	struct workload *workload = calloc(1, sizeof *workload);
	if (!workload)
		return NULL;
	workload->limits = *limits;
	workload->limits.version = LIMITS_VERSION;
	workload->seen_usec =
		limits->observed.until_usec ? limits->observed.until_usec : limits->written_usec;
	window_init(&workload->window, sampling->slot_usec, sampling->long_window_usec);
	window_init(&workload->recent, window_recent_slot_usec(sampling->short_window_usec),
		    sampling->short_window_usec);
	(void)tide_parse(limits->tide, &workload->tide);
	(void)ratchet_parse(limits->ratchet, &workload->ratchet);
	return workload;
}

void workload_free(struct workload *workload)
{
	if (!workload)
		return;
	window_free(&workload->window);
	window_free(&workload->recent);
	free(workload);
}

int workload_compare(const void *a, const void *b)
{
	return identity_compare(&((const struct workload *)a)->limits.identity,
				&((const struct workload *)b)->limits.identity);
}

static void workload_observe(struct workload *workload, uint64_t window_usec, uint64_t now_usec)
{
	uint64_t from_usec = now_usec > window_usec ? now_usec - window_usec : 0;
	struct observed *observed = &workload->limits.observed;

	window_observe(&workload->window, from_usec, UINT64_MAX, observed);
	from_usec = now_usec > workload->recent.span_usec ? now_usec - workload->recent.span_usec : 0;
	window_observe(&workload->recent, from_usec, UINT64_MAX, &workload->limits.recent);
	observed->fresh_samples = window_samples(
		&workload->window, workload->limits.recommendation.warmup_since_usec, UINT64_MAX);
	tide_observe(&workload->tide, now_usec, observed);
	(void)tide_format(&workload->tide, workload->limits.tide);
	observed->ratchet_floor_bytes = ratchet_floor(&workload->ratchet);
	if (workload->seen_usec < observed->until_usec)
		workload->seen_usec = observed->until_usec;
}

/* Nothing is enforced for a workload that is not warm, or whose recommendation is below the highest that was
 * observed. */
static void workload_set_enforced(struct limits *limits)
{
	const struct recommendation *recommendation = &limits->recommendation;
	bool applies = recommendation->warm && recommendation->limit_bytes >= limits->observed.max_bytes;
	limits->enforced_request_bytes = applies ? recommendation->request_bytes : 0;
	limits->enforced_limit_bytes = applies ? recommendation->limit_bytes : 0;
}

void workload_take_sizing(struct workload *workload, enum sizing sizing)
{
	if (sizing == SIZING_UNKNOWN || workload->ratchet.program == (int)sizing)
		return;
	workload->ratchet.program = (int)sizing;
	(void)ratchet_format(&workload->ratchet, workload->limits.ratchet);
	workload->dirty = true;
	workload->fresh++;
}

void workload_take_sight(struct workload *workload, const struct tuner_settings *settings,
			 const struct ratchet_sight *sight, uint64_t now_usec)
{
	bool other = ratchet_observe(&workload->ratchet, settings, sight, now_usec);
	(void)ratchet_format(&workload->ratchet, workload->limits.ratchet);
	if (!other)
		return;
	workload->dirty = true;
	workload->fresh++;
}

void workload_take_record(struct workload *workload, const struct record *record, uint64_t window_usec,
			  uint64_t now_usec)
{
	struct limits *limits = &workload->limits;

	if (record->image_ref[0] && strcmp(limits->image_ref, record->image_ref) != 0) {
		if (limits->image_ref[0]) {
			workload_observe(workload, window_usec, now_usec);
			tuner_restart_warmup(&limits->recommendation, &limits->observed, now_usec,
					     &limits->recommendation);
			tide_restart(&workload->tide, now_usec);
			ratchet_restart(&workload->ratchet);
			workload_set_enforced(limits);
		}
		memcpy(limits->image_ref, record->image_ref, sizeof limits->image_ref);
	}
	memcpy(limits->template, record->template, sizeof limits->template);
	workload_take_sizing(workload, sizing_of_name(record->sizes));
	ratchet_begin(&workload->ratchet, record->limit_bytes);
	(void)ratchet_format(&workload->ratchet, limits->ratchet);
	limits->identity.kind = record->identity.kind;
	memcpy(limits->identity.service, record->identity.service, sizeof limits->identity.service);
	limits->role = record->role;
	limits->oom_score_adj = record->oom_score_adj;
	limits->declared_bytes = record->declared_bytes;
	limits->applied_bytes = record->limit_bytes;
	workload->seen_usec = now_usec;
	workload->dirty = true;
}

void workload_take_prestart(struct workload *workload, const char *runtime, uint64_t peak_bytes)
{
	uint64_t *highest = limits_prestart(&workload->limits, runtime);
	if (!highest || peak_bytes == 0)
		return;

	uint64_t faded = peak_bytes;
	if (*highest > peak_bytes)
		faded = *highest - (*highest - peak_bytes + 7) / 8;
	workload->dirty = workload->dirty || *highest != faded;
	*highest = faded;
}

int workload_take_sample(struct workload *workload, uint64_t bytes, uint64_t now_usec)
{
	tide_add(&workload->tide, now_usec, bytes);
	(void)window_add(&workload->recent, now_usec, bytes); /* only shown, so a failure does not matter */
	return window_add(&workload->window, now_usec, bytes);
}

int workload_take_peak(struct workload *workload, uint64_t bytes, bool sampled, uint64_t now_usec)
{
	tide_add(&workload->tide, now_usec, bytes);
	(void)window_add_peak(&workload->recent, now_usec, bytes, sampled);
	return window_add_peak(&workload->window, now_usec, bytes, sampled);
}

void workload_take_life(struct workload *workload, uint64_t created_usec, bool ended, uint64_t now_usec)
{
	if (now_usec > created_usec)
		tide_add_life(&workload->tide, now_usec, now_usec - created_usec, ended);
}

void workload_learn_oom(struct workload *workload, const struct tuner_settings *settings,
			uint64_t limit_bytes, uint64_t peak_bytes, uint64_t now_usec)
{
	struct limits *limits = &workload->limits;

	tuner_learn_oom(settings, &limits->recommendation, limit_bytes, peak_bytes, now_usec,
			&limits->recommendation);
	workload_set_enforced(limits);
	workload->dirty = true;
}

enum tuner_outcome workload_tune(struct workload *workload, const struct tuner_settings *settings,
				 uint64_t window_usec, uint64_t now_usec)
{
	struct limits *limits = &workload->limits;
	const struct recommendation before = limits->recommendation;

	workload->fresh = 0;
	workload->measured = true;
	workload_observe(workload, window_usec, now_usec);
	enum tuner_outcome outcome =
		tuner_recommend(settings, &limits->observed, &before, now_usec, &limits->recommendation);
	if (outcome == TUNER_CHANGED || before.warm != limits->recommendation.warm)
		workload->dirty = true;
	workload_set_enforced(limits);
	return outcome;
}

/* Whether the value differs from the published one by more than a 16th. */
static bool workload_has_moved(uint64_t published_bytes, uint64_t bytes)
{
	uint64_t moved = bytes > published_bytes ? bytes - published_bytes : published_bytes - bytes;
	return moved > published_bytes / 16;
}

bool workload_is_due(const struct workload *workload, uint64_t now_usec)
{
	const struct observed *observed = &workload->limits.observed;
	const bool has_news = workload_has_moved(workload->published_p95_bytes, observed->p95_bytes) ||
			      workload_has_moved(workload->published_max_bytes, observed->max_bytes);

	/* Unsigned: a clock that was set back makes the workload due too. */
	return workload->dirty ||
	       (workload->measured &&
		now_usec - workload->limits.written_usec >= (has_news ? PUBLISH_USEC : PUBLISH_CALM_USEC));
}

static bool workload_is_worth_a_file(const struct workload *workload)
{
	const struct limits *limits = &workload->limits;
	return workload->published || workload->fresh > 0 || limits->observed.samples > 0 ||
	       limits->recommendation.limit_bytes > 0 || limits->recommendation.oom_kills > 0 ||
	       limits->applied_bytes != limits->declared_bytes;
}

int workload_publish(struct workload *workload, int state_fd, uint64_t now_usec, struct error *err)
{
	uint64_t before_usec = workload->limits.written_usec;

	workload->limits.written_usec = now_usec;
	if (!workload_is_worth_a_file(workload))
		return 0;
	int r = limits_write(state_fd, &workload->limits, err);
	if (r < 0)
		workload->limits.written_usec = before_usec;
	if (r == 0) {
		workload->published = true;
		workload->published_p95_bytes = workload->limits.observed.p95_bytes;
		workload->published_max_bytes = workload->limits.observed.max_bytes;
	}
	workload->dirty = r < 0;
	workload->measured = false;
	return r;
}
