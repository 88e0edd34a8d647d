/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/settings.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/quantity.h"
#include "shim/store/ini_file.h"

#define SETTINGS_FILE      "tidemark.conf"
#define SETTINGS_DIRECTORY "tidemark.conf.d"

enum kind {
	KIND_WORD, /* a word of the row's list, which ends with NULL; stored as its index, an int */
	KIND_NAME, /* a program's name, no path */
	KIND_PATH, /* absolute, or empty */
	KIND_BYTES,
	KIND_DURATION,
	KIND_RATIO,
	KIND_COUNT,
	KIND_BOOL,
	KIND_LOOPBACK, /* a loopback address and a port, or empty */
	KIND_ANNOTATIONS,
};

struct row {
	struct setting public;
	enum kind kind;
	size_t offset, size;
	double least, most; /* of numbers, inclusive */
	const char *const *words;
};

#define ROW_WITHIN(least, most, section, key, kind, member, description)              \
	{                                                                             \
		{section, key, description}, kind, offsetof(struct settings, member), \
			sizeof(((struct settings *)NULL)->member), least, most        \
	}
#define ROW(...)      ROW_WITHIN(0, 0x1p62, __VA_ARGS__)
#define ROW_SIZE(...) ROW_WITHIN((double)MIB, 0x1p62, __VA_ARGS__)
#define ROW_WORD(section, key, words, member, description)                                 \
	{                                                                                  \
		{section, key, description}, KIND_WORD, offsetof(struct settings, member), \
			sizeof(((struct settings *)NULL)->member), 0, 0, words             \
	}

static const char *const bpf_words[] = {[BPF_AUTO] = "auto", [BPF_NO] = "no", NULL};
static const char *const sizing_words[] = {
	[VM_SIZING_DYNAMIC] = "dynamic",
	[VM_SIZING_STATIC] = "static",
	[VM_SIZING_DEFAULT_MEMORY] = "default-memory",
	NULL,
};

static const struct row rows[] = {
	ROW_WORD("node", "mode", mode_names, mode,
		 "What is done on this node: off, observe (measure and recommend) or enforce (also set the "
		 "tuned limit when a container is created)."),
	ROW("runtime", "default", KIND_NAME, runtime.name,
	    "The runtime behind a program with the plain name tidemark. The names tidemark-crun and "
	    "tidemark-runc say their runtime."),
	ROW("runtime", "crun", KIND_PATH, runtime.crun,
	    "The path of crun. Empty: the first of /usr/bin, /usr/sbin, /usr/local/bin, /usr/local/sbin, "
	    "/usr/libexec/crio, /bin and /sbin that has it."),
	ROW("runtime", "runc", KIND_PATH, runtime.runc, "The path of runc, as above."),
	ROW("runtime", "shims", KIND_PATH, runtime.shims,
	    "The directory where shims with the name containerd-shim-X-v2 are looked for before the usual "
	    "ones."),
	ROW_WITHIN(1e5, 36e8, "sampling", "interval", KIND_DURATION, sampling.interval_usec,
		   "The time between two readings of a container, 100ms to 1h."),
	ROW_WITHIN(1e6, 864e8, "sampling", "slot", KIND_DURATION, sampling.slot_usec,
		   "The length of one slot of a window. A crash loses at most one slot."),
	ROW_WITHIN(6e7, 36e8, "sampling", "short_window", KIND_DURATION, sampling.short_window_usec,
		   "How far back the figures shown as recent go, 1min to 1h."),
	ROW_WITHIN(6e7, 12096e8, "sampling", "long_window", KIND_DURATION, sampling.long_window_usec,
		   "How far back a recommendation looks, up to 14d."),
	ROW_WORD("sampling", "bpf", bpf_words, sampling.bpf,
		 "Whether BPF programs in the kernel are used, for a container's exact last peak and for all "
		 "readings at once: auto (where the kernel accepts them) or no. A change needs a restart of "
		 "the daemon."),
	ROW_WITHIN(1e5, 864e8, "tuner", "interval", KIND_DURATION, tuner_interval_usec,
		   "The time between two looks at a workload's recommendation."),
	ROW_WORD("tuner", "policy", tuner_policy_names, tuner.policy,
		 "How recommendations are made: percentile (factors over the window's mean, 95th percentile "
		 "and maximum) or adaptive (a margin over the peaks that fits size and history)."),
	ROW_WORD("tuner", "adaptive_margin", adaptive_margin_names, tuner.adaptive_margin,
		 "The margin of the policy adaptive above the peaks: normal or tight. tight saves memory, "
		 "but more containers outgrow their limits."),
	ROW_WITHIN(1, 100, "tuner", "request_p95_factor", KIND_RATIO, tuner.request_p95_factor,
		   "The request is at least the working set's 95th percentile times this."),
	ROW_WITHIN(1, 100, "tuner", "request_avg_factor", KIND_RATIO, tuner.request_avg_factor,
		   "The request is at least the working set's mean times this."),
	ROW("tuner", "request_min", KIND_BYTES, tuner.request_min_bytes,
	    "The smallest request that is recommended."),
	ROW_SIZE("tuner", "request_max", KIND_BYTES, tuner.request_max_bytes,
		 "The largest request that is recommended."),
	ROW_WITHIN(1, 100, "tuner", "limit_max_factor", KIND_RATIO, tuner.limit_max_factor,
		   "The limit is at least the working set's maximum times this."),
	ROW_WITHIN(1, 100, "tuner", "limit_request_factor", KIND_RATIO, tuner.limit_request_factor,
		   "The limit is at least the request times this."),
	ROW_SIZE("tuner", "limit_min", KIND_BYTES, tuner.limit_min_bytes,
		 "The smallest limit that is recommended."),
	ROW_SIZE("tuner", "limit_max", KIND_BYTES, tuner.limit_max_bytes,
		 "The largest limit that is recommended."),
	ROW_WITHIN(65536, 0x1p40, "tuner", "round", KIND_BYTES, tuner.round_bytes,
		   "Recommendations are rounded up to a multiple of this."),
	ROW_WITHIN(0, 10, "tuner", "hysteresis", KIND_RATIO, tuner.hysteresis_ratio,
		   "A new recommendation must differ from the old one by more than this share …"),
	ROW("tuner", "hysteresis_bytes", KIND_BYTES, tuner.hysteresis_bytes, "… or by more than this much."),
	ROW("tuner", "cooldown", KIND_DURATION, tuner.cooldown_usec,
	    "A recommendation stays at least this long, unless a container was OOM-killed."),
	ROW_WITHIN(
		1, 100, "tuner", "oom_factor", KIND_RATIO, tuner.oom_factor,
		"After an OOM kill the limit is at least the one that the container died at, times this …"),
	ROW("tuner", "oom_bytes", KIND_BYTES, tuner.oom_bytes, "… and at least this much above it."),
	ROW("tuner", "oom_loop", KIND_DURATION, tuner.oom_loop_usec,
	    "A crash loop is a kill at a raised limit, no longer than this after the kill that raised it. It "
	    "doubles the step above, and the next such kill doubles the step again."),
	ROW("tuner", "oom_hold", KIND_DURATION, tuner.oom_hold_usec,
	    "How long an OOM kill keeps the limit from falling back."),
	ROW("tuner", "ratchet_hold", KIND_DURATION, tuner.ratchet_hold_usec,
	    "If a workload's use seems to follow its limit, the limit is kept for this time before a lower "
	    "one is tried again."),
	ROW("tuner", "warmup_samples", KIND_COUNT, tuner.warmup_samples,
	    "Nothing is enforced for a workload, or for its new image, before this many readings …"),
	ROW("tuner", "warmup", KIND_DURATION, tuner.warmup_usec, "… and before this time has passed."),
	ROW_SIZE("guards", "min", KIND_BYTES, guards.min_bytes,
		 "The least limit of a container, and the least room above what its runtime needs before the "
		 "program starts."),
	ROW_SIZE("guards", "max", KIND_BYTES, guards.max_bytes, "The largest tuned limit of a container."),
	ROW_WITHIN(0.01, 1, "guards", "max_change", KIND_RATIO, guards.max_change_ratio,
		   "The largest step of a limit from one creation to the next, as a share of the old limit. "
		   "A raise that a floor asks for is not held back."),
	ROW("guards", "allow_raise", KIND_BOOL, guards.allow_raise,
	    "Whether a container may get more than its pod declares."),
	ROW("guards", "limit_unlimited", KIND_BOOL, guards.limit_unlimited,
	    "Whether a container that declares no limit gets one."),
	ROW_WORD("enforce", "request", protect_names, enforce.request,
		 "Where the request is written for a container whose limit is tuned: none, low (memory.low) "
		 "or min (memory.min)."),
	ROW_WITHIN(0, 1, "enforce", "high", KIND_RATIO, enforce.high_ratio,
		   "How far above the request memory.high is set, as a share of the way to the limit. 0: it "
		   "is not set."),
	ROW("annotations", "allow", KIND_ANNOTATIONS, annotations,
	    "The annotations of a pod that are honoured: mode, workload, overrides, or none."),
	ROW_WITHIN(1e6, 864e8, "report", "node_interval", KIND_DURATION, report.node_interval_usec,
		   "The time between two summaries of the node in the journal."),
	ROW("report", "http", KIND_LOOPBACK, report.http,
	    "An address for metrics over HTTP, besides the unix socket: 127.0.0.1 or [::1], with a port. "
	    "Empty: none."),
	ROW("report", "textfile", KIND_PATH, report.textfile,
	    "A file to which the metrics are written each node_interval. Empty: none."),
	ROW_WITHIN(0, 1e5, "report", "metrics_containers_max", KIND_COUNT, report.metrics_containers_max,
		   "With more containers than this, no container has metrics of its own. The same holds for "
		   "workloads and virtual machines."),
	ROW_WITHIN(864e8, 315576e9, "history", "keep", KIND_DURATION, history.keep_usec,
		   "How far the history goes back, and how long a workload without containers is known, 1d "
		   "to 3652d."),
	ROW_SIZE("history", "size_max", KIND_BYTES, history.size_max_bytes,
		 "The largest size of the history. Above it the oldest entries are removed."),
	ROW_WORD("vm", "sizing", sizing_words, vm.sizing,
		 "What is done about the size of a virtual machine: dynamic (nothing: the runtime adds its "
		 "containers' limits), static or default-memory (an annotation is written)."),
	ROW_SIZE("vm", "memory_min", KIND_BYTES, vm.memory_min_bytes,
		 "The least memory that a guest is taken to need beside its containers, even if the "
		 "handler's guests were seen to need less to boot."),
	ROW_WITHIN(1e6, 36e8, "vm", "interval", KIND_DURATION, vm.interval_usec,
		   "The time between two readings of a virtual machine, 1s to 1h."),
	ROW_WITHIN(1e4, 6e7, "vm", "deadline", KIND_DURATION, vm.deadline_usec,
		   "How long to wait for an answer of the guest, 10ms to 1min."),
	ROW_WITHIN(0, 1, "vm", "waste", KIND_RATIO, vm.waste_ratio,
		   "A warning is logged if more than this share of the declared overhead is not needed."),
};

/* Values, not texts: the wrapper starts too often to parse them. */
static const struct settings defaults = {
	.mode = MODE_OBSERVE,
	.runtime.name = "crun",
	.sampling.interval_usec = 1 * USEC_PER_SEC,
	.sampling.slot_usec = 15 * USEC_PER_MIN,
	.sampling.short_window_usec = 15 * USEC_PER_MIN,
	.sampling.long_window_usec = 24 * USEC_PER_HOUR,
	.tuner_interval_usec = 1 * USEC_PER_MIN,
	.tuner.request_p95_factor = 1.2,
	.tuner.request_avg_factor = 1.5,
	.tuner.request_min_bytes = 64 * MIB,
	.tuner.request_max_bytes = 4 * GIB,
	.tuner.limit_max_factor = 1.1,
	.tuner.limit_request_factor = 1.5,
	.tuner.limit_min_bytes = 128 * MIB,
	.tuner.limit_max_bytes = 8 * GIB,
	.tuner.round_bytes = 16 * MIB,
	.tuner.hysteresis_ratio = 0.2,
	.tuner.hysteresis_bytes = 64 * MIB,
	.tuner.cooldown_usec = 30 * USEC_PER_MIN,
	.tuner.oom_factor = 1.2,
	.tuner.oom_bytes = 100 * MIB,
	.tuner.oom_loop_usec = 1 * USEC_PER_HOUR,
	.tuner.oom_hold_usec = 7 * USEC_PER_DAY,
	.tuner.ratchet_hold_usec = 14 * USEC_PER_DAY,
	.tuner.warmup_samples = 600,
	.tuner.warmup_usec = 1 * USEC_PER_HOUR,
	.guards.min_bytes = 16 * MIB,
	.guards.max_bytes = 1 * 1024 * GIB,
	.guards.max_change_ratio = 0.3,
	.guards.allow_raise = false,
	.guards.limit_unlimited = false,
	.enforce.request = PROTECT_NONE,
	.enforce.high_ratio = 0,
	.annotations = SETTINGS_ALLOW_MODE | SETTINGS_ALLOW_WORKLOAD | SETTINGS_ALLOW_OVERRIDES,
	.report.node_interval_usec = 5 * USEC_PER_MIN,
	.report.metrics_containers_max = 2000,
	.history.keep_usec = 30 * USEC_PER_DAY,
	.history.size_max_bytes = 64 * MIB,
	.vm.sizing = VM_SIZING_DYNAMIC,
	.vm.memory_min_bytes = 256 * MIB,
	.vm.interval_usec = 10 * USEC_PER_SEC,
	.vm.deadline_usec = 2 * USEC_PER_SEC,
	.vm.waste_ratio = 0.5,
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

static const char *const bool_words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

static const char *const annotation_words[] = {"mode", "workload", "overrides"}; /* bit i */

static int parse_annotations(const char *text, unsigned *ret)
{
	unsigned set = 0;

	if (strcmp(text, "none") == 0) {
		*ret = 0;
		return 0;
	}
	for (const char *word = text + strspn(text, " "); *word; word += strspn(word, " ")) {
		size_t length = strcspn(word, " "), i = 0;
		while (i < sizeof annotation_words / sizeof *annotation_words &&
		       (strlen(annotation_words[i]) != length ||
			memcmp(annotation_words[i], word, length) != 0))
			i++;
		if (i == sizeof annotation_words / sizeof *annotation_words)
			return -EINVAL;
		set |= 1u << i;
		word += length;
	}
	if (set == 0)
		return -EINVAL;
	*ret = set;
	return 0;
}

static bool is_loopback(const char *text)
{
	static const char *const hosts[] = {"127.0.0.1:", "[::1]:"};
	uint64_t port;

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		size_t length = strlen(hosts[i]);
		if (strncmp(text, hosts[i], length) == 0)
			return quantity_parse_uint(text + length, strlen(text + length), &port) == 0 &&
			       port > 0 && port <= UINT16_MAX;
	}
	return false;
}

static bool is_right_text(enum kind kind, const char *text)
{
	switch (kind) {
	case KIND_NAME:
		return text[0] && !strchr(text, '/');
	case KIND_PATH:
		return !text[0] || text[0] == '/';
	default:
		return !text[0] || is_loopback(text);
	}
}

static int parse_number(enum kind kind, const char *text, uint64_t *ret)
{
	switch (kind) {
	case KIND_BYTES:
		return quantity_parse_bytes(text, ret);
	case KIND_DURATION:
		return quantity_parse_duration(text, ret);
	default:
		return quantity_parse_uint(text, strlen(text), ret);
	}
}

/* Returns 0 or -EINVAL. */
static int parse_value(const struct row *row, const char *text, void *member)
{
	uint64_t number;
	double ratio;

	switch (row->kind) {
	case KIND_WORD:
		for (int i = 0; row->words[i]; i++)
			if (strcmp(text, row->words[i]) == 0) {
				memcpy(member, &i, sizeof i);
				return 0;
			}
		return -EINVAL;
	case KIND_BOOL:
		for (size_t i = 0; i < sizeof bool_words / sizeof *bool_words; i++)
			for (int value = 0; value <= 1; value++)
				if (strcmp(text, bool_words[i][value]) == 0) {
					*(bool *)member = value != 0;
					return 0;
				}
		return -EINVAL;
	case KIND_ANNOTATIONS:
		return parse_annotations(text, member);
	case KIND_NAME:
	case KIND_PATH:
	case KIND_LOOPBACK:
		if (!is_right_text(row->kind, text) || strlen(text) >= row->size)
			return -EINVAL;
		memcpy(member, text, strlen(text) + 1);
		return 0;
	case KIND_RATIO:
		if (quantity_parse_ratio(text, &ratio) < 0 || ratio < row->least || ratio > row->most)
			return -EINVAL;
		memcpy(member, &ratio, sizeof ratio);
		return 0;
	case KIND_BYTES:
	case KIND_DURATION:
	case KIND_COUNT:
		if (parse_number(row->kind, text, &number) < 0 || (double)number < row->least ||
		    (double)number > row->most)
			return -EINVAL;
		memcpy(member, &number, sizeof number);
		return 0;
	}
	return -EINVAL;
}

/* Says what a right value would be. Returns buf, or a constant. */
static const char *expected_text(const struct row *row, char *buf, size_t size)
{
	static const char *const expected[] = {
		[KIND_BOOL] = "yes or no",
		[KIND_ANNOTATIONS] = "mode, workload and overrides, or none",
		[KIND_NAME] = "a program's name",
		[KIND_PATH] = "an absolute path",
		[KIND_LOOPBACK] = "127.0.0.1:PORT or [::1]:PORT",
		[KIND_RATIO] = "a ratio such as 1.5 or 30 %, within its bounds",
		[KIND_BYTES] = "a size such as 256Mi, within its bounds",
		[KIND_DURATION] = "a duration such as 30min, within its bounds",
		[KIND_COUNT] = "a whole number",
	};
	size_t used = 0;

	if (row->kind != KIND_WORD)
		return expected[row->kind];
	for (size_t i = 0; row->words[i] && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
					 i == 0              ? ""
					 : row->words[i + 1] ? ", "
							     : " or ",
					 row->words[i]);
	return buf;
}

/* Sets one setting. section: as the file has it, for the error. Returns 0 or -EINVAL. */
static int row_read(const struct row *row, const char *section, const char *value, struct settings *settings,
		    struct error *err)
{
	char expected[64];

	if (parse_value(row, value, (char *)settings + row->offset) == 0)
		return 0;
	return error_set(err, EINVAL, "[%s] %s = %.60s: not %s", section, row->public.key, value,
			 expected_text(row, expected, sizeof expected));
}

/* Whether a [namespace] section may have the setting: it concerns a container, not the node. */
static bool is_per_namespace(const struct row *row)
{
	return row->offset == offsetof(struct settings, mode) || strcmp(row->public.section, "guards") == 0 ||
	       strcmp(row->public.section, "enforce") == 0 || strcmp(row->public.section, "annotations") == 0;
}

/* Finds PATTERN in a section's name, namespace "PATTERN". NULL: it is another section. */
static const char *namespace_pattern(const char *section, size_t *ret_length)
{
	static const char prefix[] = "namespace \"";
	size_t length = strlen(section);

	if (strncmp(section, prefix, sizeof prefix - 1) != 0 || length < sizeof prefix + 1 ||
	    section[length - 1] != '"')
		return NULL;
	*ret_length = length - sizeof prefix;
	return section + sizeof prefix - 1;
}

/* Checks a setting of a [namespace] section, and keeps it for settings_for_namespace(). -ENOENT:
 * no such setting. */
static int add_namespace(struct settings *settings, const char *section, const char *pattern, size_t length,
			 const char *key, const char *value, struct error *err)
{
	struct settings parsed;

	for (size_t i = 0; i < ROWS_COUNT; i++) {
		const struct row *row = &rows[i];
		if (!is_per_namespace(row) || strcmp(key, row->public.key) != 0)
			continue;
		if (settings->n_namespaces == SETTINGS_NAMESPACES_MAX)
			return error_set(err, E2BIG, "[%s] %s: more than %d settings of namespaces", section,
					 key, SETTINGS_NAMESPACES_MAX);
		struct settings_namespace *kept = &settings->namespaces[settings->n_namespaces];
		if (length >= sizeof kept->pattern)
			return error_set(err, EINVAL, "[%s]: a pattern has at most %zu characters", section,
					 sizeof kept->pattern - 1);
		int r = row_read(row, section, value, &parsed, err);
		if (r < 0)
			return r;
		memcpy(kept->pattern, pattern, length);
		kept->pattern[length] = '\0';
		kept->row = (unsigned)i;
		memcpy(kept->value, (const char *)&parsed + row->offset, row->size);
		settings->n_namespaces++;
		return 0;
	}
	return -ENOENT;
}

/* What is made of each line. */
struct reading {
	struct settings *settings;
	bool salvage; /* take what is right in [runtime], skip all else */
};

static int take_setting(const char *section, const char *key, const char *value, void *data,
			struct error *err)
{
	const struct reading *reading = data;
	size_t length;

	if (reading->salvage && strcmp(section, "runtime") != 0)
		return 0;
	int r = -ENOENT;
	const char *pattern = namespace_pattern(section, &length);
	if (pattern)
		r = add_namespace(reading->settings, section, pattern, length, key, value, err);
	for (size_t i = 0; i < ROWS_COUNT && r == -ENOENT; i++)
		if (strcmp(section, rows[i].public.section) == 0 && strcmp(key, rows[i].public.key) == 0)
			r = row_read(&rows[i], section, value, reading->settings, err);
	return r == -ENOENT ? error_set(err, EINVAL, "[%.40s] %.40s: no such setting", section, key) : r;
}

/* Relations between settings that a row on its own cannot check. */
static int settings_check(const struct settings *s, struct error *err)
{
	if (s->tuner.request_min_bytes > s->tuner.request_max_bytes)
		return error_set(err, EINVAL, "[tuner] request_min is above request_max");
	if (s->tuner.limit_min_bytes > s->tuner.limit_max_bytes)
		return error_set(err, EINVAL, "[tuner] limit_min is above limit_max");
	if (s->guards.min_bytes > s->guards.max_bytes)
		return error_set(err, EINVAL, "[guards] min is above max");
	if (s->sampling.slot_usec > s->sampling.long_window_usec)
		return error_set(err, EINVAL, "[sampling] slot is longer than long_window");
	if (s->sampling.interval_usec > s->sampling.slot_usec)
		return error_set(err, EINVAL, "[sampling] interval is longer than slot");
	if (s->vm.deadline_usec > s->vm.interval_usec)
		return error_set(err, EINVAL, "[vm] deadline is longer than interval");
	if (s->sampling.long_window_usec > s->history.keep_usec)
		return error_set(err, EINVAL, "[sampling] long_window is longer than [history] keep");
	return 0;
}

/* tidemark.conf, then the files of tidemark.conf.d in the order of their names. */
static int settings_read(int etc_fd, struct reading *reading, struct error *err)
{
	int r = ini_file_read(etc_fd, SETTINGS_FILE, take_setting, reading, err);
	if (r < 0 && r != -ENOENT && !reading->salvage)
		return r;
	return ini_directory_read(etc_fd, SETTINGS_DIRECTORY, reading->salvage, take_setting, reading, err);
}

void settings_default(struct settings *ret)
{
	*ret = defaults;
}

int settings_load(int etc_fd, struct settings *ret, struct error *err)
{
	struct settings settings;
	struct reading reading = {.settings = &settings};

	settings_default(&settings);
	if (etc_fd >= 0) {
		int r = settings_read(etc_fd, &reading, err);
		if (r == 0)
			r = settings_check(&settings, err);
		if (r < 0)
			return r;
	}
	*ret = settings;
	return 0;
}

void settings_salvage(int etc_fd, struct settings *ret)
{
	struct reading reading = {.settings = ret, .salvage = true};

	settings_default(ret);
	if (etc_fd >= 0)
		(void)settings_read(etc_fd, &reading, NULL);
}

void settings_for_namespace(struct settings *settings, const char *namespace)
{
	for (size_t i = 0; i < settings->n_namespaces; i++) {
		const struct settings_namespace *kept = &settings->namespaces[i];
		const struct row *row = &rows[kept->row];
		if (fnmatch(kept->pattern, namespace, 0) == 0)
			memcpy((char *)settings + row->offset, kept->value, row->size);
	}
	/* Sections that are right on their own may contradict each other. */
	if (settings->guards.min_bytes > settings->guards.max_bytes)
		settings->guards.min_bytes = settings->guards.max_bytes;
}

size_t settings_count(void)
{
	return ROWS_COUNT;
}

struct setting settings_row(size_t index)
{
	return rows[index].public;
}

static void annotations_text(unsigned set, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "%s", set == 0 ? "none" : "");

	for (size_t i = 0; i < sizeof annotation_words / sizeof *annotation_words && used < size; i++)
		if (set & (1u << i))
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used > 0 ? " " : "",
						 annotation_words[i]);
}

const char *settings_text(const struct settings *settings, size_t index, char *buf, size_t size)
{
	const char *member = (const char *)settings + rows[index].offset;
	char quantity[QUANTITY_MAX];
	uint64_t number, read_back;
	double ratio;
	int word;

	switch (rows[index].kind) {
	case KIND_WORD:
		memcpy(&word, member, sizeof word);
		(void)snprintf(buf, size, "%s", rows[index].words[word]);
		break;
	case KIND_ANNOTATIONS:
		annotations_text(settings->annotations, buf, size);
		break;
	case KIND_NAME:
	case KIND_PATH:
	case KIND_LOOPBACK:
		(void)snprintf(buf, size, "%s", member);
		break;
	case KIND_BOOL:
		(void)snprintf(buf, size, "%s", *(const bool *)member ? "yes" : "no");
		break;
	case KIND_RATIO:
		memcpy(&ratio, member, sizeof ratio);
		(void)snprintf(buf, size, "%g", ratio);
		break;
	/* A readable form may be rounded, or have two units. If it would not be read back as the same number,
	 * the smallest unit is used. */
	case KIND_BYTES:
		memcpy(&number, member, sizeof number);
		if (quantity_parse_bytes(quantity_format_bytes(number, quantity), &read_back) < 0 ||
		    read_back != number)
			(void)snprintf(quantity, sizeof quantity, "%" PRIu64, number);
		(void)snprintf(buf, size, "%s", quantity);
		break;
	case KIND_DURATION:
		memcpy(&number, member, sizeof number);
		if (quantity_parse_duration(quantity_format_duration(number, quantity), &read_back) < 0 ||
		    read_back != number)
			(void)snprintf(quantity, sizeof quantity, "%" PRIu64 "us", number);
		(void)snprintf(buf, size, "%s", quantity);
		break;
	case KIND_COUNT:
		memcpy(&number, member, sizeof number);
		(void)snprintf(buf, size, "%" PRIu64, number);
		break;
	}
	return buf;
}
