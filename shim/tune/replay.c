/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/replay.h"

#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/quantity.h"
#include "shim/tune/reference.h"
#include "shim/tune/tide.h"
#include "shim/tune/window.h"

const char *const replay_policy_names[] = {
	[REPLAY_PERCENTILE] = "percentile",
	[REPLAY_ADAPTIVE] = "adaptive",
	[REPLAY_TIGHT] = "tight",
	[REPLAY_KRR] = "krr",
	[REPLAY_VPA] = "vpa",
	[REPLAY_HINDSIGHT] = "hindsight",
	NULL,
};

const uint64_t replay_cold_usec[REPLAY_COLD_STARTS] = {
	1 * USEC_PER_HOUR,
	3 * USEC_PER_HOUR,
	6 * USEC_PER_HOUR,
	24 * USEC_PER_HOUR,
};

/* The first TUNED policies are the tuner's, with these settings. The others need no state. */
#define TUNED 3
static const struct {
	int policy, margin;
} tuned[TUNED] = {
	[REPLAY_PERCENTILE] = {POLICY_PERCENTILE, MARGIN_NORMAL},
	[REPLAY_ADAPTIVE] = {POLICY_ADAPTIVE, MARGIN_NORMAL},
	[REPLAY_TIGHT] = {POLICY_ADAPTIVE, MARGIN_TIGHT},
};

/* The trace's zero on the tuner's clock, where a time of 0 means none. */
#define EPOCH_USEC (UINT64_C(1000000000) * USEC_PER_SEC)

/* One container after another, under all policies at once. A series' first track is the standing workload,
 * the others are its cold starts. */
#define TRACKS (1 + REPLAY_COLD_STARTS)

struct track {
	uint64_t turn_usec; /* when its next container is created; UINT64_MAX: never */
	bool lives;
	uint64_t limit_bytes[REPLAY_POLICIES], before_bytes[REPLAY_POLICIES]; /* 0: none yet */
	uint64_t lowest_bytes; /* of the limits that are not exceeded */
	bool over[REPLAY_POLICIES];
	uint64_t samples, max_bytes;
	double sum_bytes;
	struct recommendation standing[TUNED];
};

struct name {
	size_t length;
	char text[TRACE_SERIES_MAX + 1];
};

struct series {
	struct name name; /* must be first: the tree compares it */
	struct window window;
	struct tide tide;
	uint64_t start_usec, last_usec;
	uint64_t turn_usec; /* of the track whose turn is next */
	struct track track[TRACKS];
	struct series *next;
};

struct replay {
	struct replay_settings settings;
	struct tuner_settings tuner[TUNED];
	replay_limit *on_limit;
	void *data;
	uint64_t samples;
	size_t n_series;
	struct series *first, *current;
	void *by_name;
	struct replay_result result[REPLAY_POLICIES];
};

static int series_compare(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

struct replay *replay_new(const struct replay_settings *settings, replay_limit *on_limit, void *data)
{
	struct replay *replay = calloc(1, sizeof *replay);

	if (!replay)
		return NULL;
	replay->settings = *settings;
	replay->on_limit = on_limit;
	replay->data = data;
	for (int i = 0; i < TUNED; i++) {
		replay->tuner[i] = settings->tuner;
		replay->tuner[i].policy = tuned[i].policy;
		replay->tuner[i].adaptive_margin = tuned[i].margin;
	}
	return replay;
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	for (struct series *series = replay->first, *next; series; series = next) {
		next = series->next;
		(void)tdelete(series, &replay->by_name, series_compare);
		window_free(&series->window);
		free(series);
	}
	free(replay);
}

static struct series *series_add(struct replay *replay, const struct name *name, uint64_t now_usec)
{
	struct series *series = calloc(1, sizeof *series);

	if (!series)
		return NULL;
	series->name = *name;
	if (!tsearch(series, &replay->by_name, series_compare)) {
		free(series);
		return NULL;
	}
	window_init(&series->window, replay->settings.slot_usec, replay->settings.span_usec);
	series->start_usec = series->last_usec = now_usec;
	series->turn_usec = UINT64_MAX;
	for (size_t i = 0; i < TRACKS; i++) {
		struct track *track = &series->track[i];
		track->turn_usec =
			now_usec + (i == 0 ? replay->settings.every_usec : replay_cold_usec[i - 1]);
		if (track->turn_usec < series->turn_usec)
			series->turn_usec = track->turn_usec;
	}
	series->next = replay->first;
	replay->first = series;
	replay->n_series++;
	return series;
}

/* Mostly the series of the sample before. */
static struct series *series_find(struct replay *replay, const struct trace_sample *sample)
{
	struct series *series = replay->current;

	if (series && series->name.length == sample->series_length &&
	    memcmp(series->name.text, sample->series, sample->series_length) == 0)
		return series;

	struct name name = {.length = sample->series_length};
	memcpy(name.text, sample->series, sample->series_length);
	struct series **found = tfind(&name, &replay->by_name, series_compare);
	series = found ? *found : series_add(replay, &name, EPOCH_USEC + sample->time_usec);
	if (series)
		replay->current = series;
	return series;
}

/* ---- A container's life ---- */

static void track_lower(struct track *track)
{
	track->lowest_bytes = UINT64_MAX;
	for (int i = 0; i < REPLAY_HINDSIGHT; i++)
		if (!track->over[i] && track->limit_bytes[i] < track->lowest_bytes)
			track->lowest_bytes = track->limit_bytes[i];
}

static void track_create(struct replay *replay, struct series *series, struct track *track, uint64_t now_usec)
{
	struct observed observed;
	uint64_t peaks[TIDE_DAYS], span_usec = replay->settings.span_usec;

	window_observe(&series->window, now_usec - span_usec, UINT64_MAX, &observed);
	tide_observe(&series->tide, now_usec, &observed);
	if (track != &series->track[0])
		observed.life_usec = 0; /* before a first creation no container has lived */
	tide_peaks(&series->tide, now_usec, peaks);
	for (int i = 0; i < TUNED; i++) {
		(void)tuner_recommend(&replay->tuner[i], &observed, &track->standing[i], now_usec,
				      &track->standing[i]);
		track->limit_bytes[i] = track->standing[i].limit_bytes;
	}
	track->limit_bytes[REPLAY_KRR] = reference_krr(peaks);
	track->limit_bytes[REPLAY_VPA] = reference_vpa(peaks);

	track->lives = true;
	track->samples = track->max_bytes = 0;
	track->sum_bytes = 0;
	memset(track->over, 0, sizeof track->over);
	track_lower(track);

	if (track == &series->track[0] && replay->on_limit)
		for (int i = 0; i < REPLAY_HINDSIGHT; i++)
			replay->on_limit(replay->data, series->name.text, now_usec - EPOCH_USEC,
					 (enum replay_policy)i, track->limit_bytes[i]);
}

static void track_exceed(const struct replay *replay, struct track *track, uint64_t now_usec, uint64_t bytes)
{
	for (int i = 0; i < REPLAY_HINDSIGHT; i++) {
		if (track->over[i] || bytes <= track->limit_bytes[i])
			continue;
		track->over[i] = true;
		if (i < TUNED)
			tuner_learn_oom(&replay->tuner[i], &track->standing[i], track->limit_bytes[i], 0,
					now_usec, &track->standing[i]);
	}
	track_lower(track);
}

static void track_judge(struct replay *replay, const struct series *series, struct track *track)
{
	size_t cold = (size_t)(track - series->track);

	if (!track->lives)
		return;
	track->lives = false;
	track->limit_bytes[REPLAY_HINDSIGHT] = track->max_bytes;
	for (int i = 0; i < REPLAY_POLICIES; i++) {
		struct replay_result *result = &replay->result[i];
		struct replay_score *score = cold > 0 ? &result->cold[cold - 1] : &result->standing;
		uint64_t limit = track->limit_bytes[i], before = track->before_bytes[i];
		score->periods++;
		score->over += track->over[i];
		score->changes += before > 0 && (limit > before ? limit - before : before - limit) > MIB;
		score->limit_bytes += (double)limit;
		score->mean_bytes += track->sum_bytes / (double)track->samples;
		score->max_bytes += (double)track->max_bytes;
		score->days += (double)replay->settings.every_usec / (double)USEC_PER_DAY;
		track->before_bytes[i] = limit;
	}
}

/* Called before the sample of now_usec is added. */
static void series_turn(struct replay *replay, struct series *series, uint64_t now_usec)
{
	uint64_t every_usec = replay->settings.every_usec;

	series->turn_usec = UINT64_MAX;
	for (size_t i = 0; i < TRACKS; i++) {
		struct track *track = &series->track[i];
		if (now_usec >= track->turn_usec) {
			bool ends = i > 0 && track->lives;
			uint64_t created_usec = track->turn_usec;
			if (i == 0) {
				tide_add_life(&series->tide, created_usec, every_usec, true);
				created_usec += (now_usec - created_usec) / every_usec * every_usec;
			}
			track_judge(replay, series, track);
			if (ends || now_usec - created_usec >= every_usec) {
				track->turn_usec = UINT64_MAX;
				continue;
			}
			track_create(replay, series, track, created_usec);
			track->turn_usec = created_usec + every_usec;
		}
		if (track->turn_usec < series->turn_usec)
			series->turn_usec = track->turn_usec;
	}
}

int replay_add(struct replay *replay, const struct trace_sample *sample)
{
	uint64_t now_usec = EPOCH_USEC + sample->time_usec, bytes = sample->bytes;
	struct series *series = series_find(replay, sample);

	if (!series)
		return -ENOMEM;
	if (now_usec < series->last_usec)
		return -EINVAL;
	series->last_usec = now_usec;
	if (now_usec >= series->turn_usec)
		series_turn(replay, series, now_usec);

	for (size_t i = 0; i < TRACKS; i++) {
		struct track *track = &series->track[i];
		if (!track->lives)
			continue;
		track->samples++;
		track->sum_bytes += (double)bytes;
		if (bytes > track->max_bytes)
			track->max_bytes = bytes;
		if (bytes > track->lowest_bytes)
			track_exceed(replay, track, now_usec, bytes);
	}
	replay->samples++;
	tide_add(&series->tide, now_usec, bytes);
	return window_add(&series->window, now_usec, bytes) < 0 ? -ENOMEM : 0;
}

void replay_finish(struct replay *replay, struct replay_result ret[static REPLAY_POLICIES])
{
	for (struct series *series = replay->first; series; series = series->next)
		for (size_t i = 0; i < TRACKS; i++)
			track_judge(replay, series, &series->track[i]);
	memcpy(ret, replay->result, sizeof replay->result);
}

uint64_t replay_samples(const struct replay *replay)
{
	return replay->samples;
}

size_t replay_series(const struct replay *replay)
{
	return replay->n_series;
}

size_t replay_memory(const struct replay *replay)
{
	size_t bytes = 0;
	for (const struct series *series = replay->first; series; series = series->next)
		bytes += window_memory(&series->window) + sizeof series->tide;
	return bytes;
}
