/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/voice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/quantity.h"
#include "shim/report/tally.h"

/* "256Mi", or "no limit". */
static const char *amount(uint64_t bytes, char buf[static QUANTITY_MAX])
{
	return bytes == UINT64_MAX ? "no limit" : quantity_format_bytes(bytes, buf);
}

static void add_identity(struct journal_entry *entry, const struct identity *identity)
{
	char text[IDENTITY_TEXT_MAX];

	if (!identity->owner[0])
		return;
	journal_text(entry, "POD_NAMESPACE", identity->namespace);
	journal_text(entry, "CONTAINER_NAME", identity->container);
	journal_text(entry, "TIDEMARK_WORKLOAD", identity_text(identity, text));
}

/* What a person calls the container: its workload, else its id. */
static const char *name_of(const struct identity *identity, const char *id,
			   char buf[static IDENTITY_TEXT_MAX])
{
	return identity && identity->owner[0] ? identity_text(identity, buf) : id;
}

static void add_record(struct journal_entry *entry, const struct record *record)
{
	journal_text(entry, "CONTAINER_ID", record->id);
	journal_text(entry, "POD_NAME", record->pod_name);
	journal_text(entry, "RUNTIME", record->runtime);
	add_identity(entry, &record->identity);
}

static const struct identity *identity_of_container(const struct container *container)
{
	return container->workload ? &container->workload->limits.identity : NULL;
}

static void add_container(struct journal_entry *entry, const struct container *container)
{
	journal_text(entry, "CONTAINER_ID", container->id);
	journal_text(entry, "POD_NAME", container->pod_name);
	journal_text(entry, "RUNTIME", container->runtime);
	if (container->workload)
		add_identity(entry, identity_of_container(container));
}

static const char *const protection_fields[UNIFIED_KEYS] = {
	[UNIFIED_LOW] = "TIDEMARK_LOW_BYTES",
	[UNIFIED_MIN] = "TIDEMARK_MIN_BYTES",
	[UNIFIED_HIGH] = "TIDEMARK_HIGH_BYTES",
};

void voice_decision(const struct journal *journal, const struct record *record)
{
	char name[IDENTITY_TEXT_MAX], limit[QUANTITY_MAX], declared[QUANTITY_MAX];
	struct journal_entry entry;

	journal_begin(&entry, EVENT_DECISION);
	journal_message(&entry, "%s gets %s, declared %s (%s)", name_of(&record->identity, record->id, name),
			amount(record->limit_bytes, limit), amount(record->declared_bytes, declared),
			record->reason);
	add_record(&entry, record);
	journal_text(&entry, "TIDEMARK_MODE", mode_names[record->mode]);
	journal_text(&entry, "TIDEMARK_REASON", record->reason);
	journal_bytes(&entry, "TIDEMARK_LIMIT_BYTES", record->limit_bytes);
	journal_bytes(&entry, "TIDEMARK_DECLARED_BYTES", record->declared_bytes);
	if (record->recommended_bytes > 0)
		journal_bytes(&entry, "TIDEMARK_RECOMMENDED_BYTES", record->recommended_bytes);
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++)
		if (record->protect.bytes[key] > 0)
			journal_bytes(&entry, protection_fields[key], record->protect.bytes[key]);
	if (journal->tally)
		tally_decision(journal->tally, record->source, record->reason);
	journal_send(journal, &entry);
}

void voice_prestart(const struct journal *journal, const struct record *record)
{
	char name[IDENTITY_TEXT_MAX], current[QUANTITY_MAX], peak[QUANTITY_MAX];
	struct journal_entry entry;

	journal_begin(&entry, EVENT_PRESTART);
	journal_message(&entry, "%s was charged %s before it started, %s at most",
			name_of(&record->identity, record->id, name),
			amount(record->prestart.current_bytes, current),
			amount(record->prestart.peak_bytes, peak));
	add_record(&entry, record);
	journal_bytes(&entry, "TIDEMARK_PRESTART_BYTES", record->prestart.current_bytes);
	journal_bytes(&entry, "TIDEMARK_PEAK_BYTES", record->prestart.peak_bytes);
	journal_bytes(&entry, "TIDEMARK_ANON_BYTES", record->prestart.anon_bytes);
	journal_bytes(&entry, "TIDEMARK_FILE_BYTES", record->prestart.file_bytes);
	journal_bytes(&entry, "TIDEMARK_KERNEL_BYTES", record->prestart.kernel_bytes);
	journal_send(journal, &entry);
}

void voice_refused(const struct journal *journal, const struct record *record)
{
	char name[IDENTITY_TEXT_MAX];
	struct journal_entry entry;

	journal_begin(&entry, EVENT_REFUSED);
	journal_message(&entry, "%s was started as declared: %s",
			name_of(&record->identity, record->id, name), record->fault);
	add_record(&entry, record);
	journal_text(&entry, "TIDEMARK_FAULT", record->fault);
	journal_bytes(&entry, "TIDEMARK_DECLARED_BYTES", record->declared_bytes);
	journal_send(journal, &entry);
}

void voice_broken_record(const struct journal *journal, const char *id, const struct error *err)
{
	struct journal_entry entry;

	journal_begin(&entry, EVENT_REFUSED);
	journal_message(&entry, "container %s is not followed: %s", id, err->text);
	journal_text(&entry, "CONTAINER_ID", id);
	journal_text(&entry, "TIDEMARK_FAULT", err->text);
	journal_send(journal, &entry);
}

void voice_recommendation(const struct journal *journal, const struct workload *workload)
{
	const struct limits *limits = &workload->limits;
	const struct recommendation *recommendation = &limits->recommendation;
	char name[IDENTITY_TEXT_MAX], request[QUANTITY_MAX], limit[QUANTITY_MAX], p95[QUANTITY_MAX],
		max[QUANTITY_MAX];
	struct journal_entry entry;

	journal_begin(&entry, EVENT_RECOMMENDATION);
	journal_message(&entry,
			"%s should have request %s and limit %s: p95 %s, max %s, %" PRIu64 " samples%s",
			identity_text(&limits->identity, name),
			quantity_format_bytes(recommendation->request_bytes, request),
			quantity_format_bytes(recommendation->limit_bytes, limit),
			quantity_format_bytes(limits->observed.p95_bytes, p95),
			quantity_format_bytes(limits->observed.max_bytes, max), limits->observed.samples,
			recommendation->warm ? "" : ", still warming up");
	add_identity(&entry, &limits->identity);
	journal_bytes(&entry, "TIDEMARK_REQUEST_BYTES", recommendation->request_bytes);
	journal_bytes(&entry, "TIDEMARK_LIMIT_BYTES", recommendation->limit_bytes);
	journal_bytes(&entry, "TIDEMARK_DECLARED_BYTES", limits->declared_bytes);
	journal_bytes(&entry, "TIDEMARK_AVG_BYTES", limits->observed.avg_bytes);
	journal_bytes(&entry, "TIDEMARK_P95_BYTES", limits->observed.p95_bytes);
	journal_bytes(&entry, "TIDEMARK_MAX_BYTES", limits->observed.max_bytes);
	journal_uint(&entry, "TIDEMARK_SAMPLES", limits->observed.samples);
	journal_uint(&entry, "TIDEMARK_REVISION", recommendation->revision);
	journal_uint(&entry, "TIDEMARK_WARM", recommendation->warm);
	journal_send(journal, &entry);
}

void voice_oom(const struct journal *journal, const struct container *container, enum oom_cause cause,
	       const struct oom_kill *kill, const char *stuck)
{
	static const char *const sentences[] = {
		[OOM_CAUSE_OWN] = "at its own limit",
		[OOM_CAUSE_NESTED] = "at a limit that was set inside it",
		[OOM_CAUSE_ANCESTOR] = "at the limit of a cgroup above it",
		[OOM_CAUSE_NODE] = "because the node ran out of memory",
		[OOM_CAUSE_OTHER] = "at a limit that is not its own",
	};
	char name[IDENTITY_TEXT_MAX], limit[QUANTITY_MAX], raised[QUANTITY_MAX];
	const struct identity *identity = identity_of_container(container);
	const struct recommendation *recommendation =
		container->workload ? &container->workload->limits.recommendation : NULL;
	bool learned = cause == OOM_CAUSE_OWN && recommendation && recommendation->limit_bytes > 0;
	struct journal_entry entry;

	journal_begin(&entry, EVENT_OOM);
	journal_message(&entry, "%s: %s was OOM-killed %s%s%s%s%s%s%s", name_of(identity, container->id, name),
			kill ? kill->task : "a process", sentences[cause],
			cause == OOM_CAUSE_OWN ? " of " : "",
			cause == OOM_CAUSE_OWN ? amount(container->max_bytes, limit) : "",
			learned ? ", the limit recommended is now " : "",
			learned ? quantity_format_bytes(recommendation->limit_bytes, raised) : "",
			stuck ? "; it needs more and cannot be given it: " : "", stuck ? stuck : "");
	add_container(&entry, container);
	journal_text(&entry, "TIDEMARK_OOM_CAUSE", oom_cause_names[cause]);
	journal_bytes(&entry, "TIDEMARK_LIMIT_BYTES", container->max_bytes);
	if (learned)
		journal_bytes(&entry, "TIDEMARK_RECOMMENDED_BYTES", recommendation->limit_bytes);
	journal_bytes(&entry, "TIDEMARK_DECLARED_BYTES", container->declared_bytes);
	journal_bytes(&entry, "TIDEMARK_WORKING_SET_BYTES", memory_working_set(&container->memory));
	if (learned)
		journal_uint(&entry, "TIDEMARK_OOM_ROW", recommendation->oom_row);
	if (stuck)
		journal_text(&entry, "TIDEMARK_STUCK", stuck);
	if (kill) {
		journal_text(&entry, "TIDEMARK_TASK", kill->task);
		journal_uint(&entry, "TIDEMARK_PID", kill->pid);
		journal_text(&entry, "TIDEMARK_LIMIT_CGROUP", kill->limit_cgroup);
	}
	_Static_assert(OOM_CAUSE_OTHER < TALLY_CAUSES_MAX, "a cause for each count");
	if (journal->tally)
		journal->tally->kills[cause]++;
	journal_send(journal, &entry);
}

void voice_exit(const struct journal *journal, const struct container *container, uint64_t now_usec)
{
	char name[IDENTITY_TEXT_MAX], peak[QUANTITY_MAX], working_set[QUANTITY_MAX], life[QUANTITY_MAX];
	uint64_t since_usec = container->started_usec ? container->started_usec : container->created_usec;
	uint64_t life_usec = now_usec > since_usec ? now_usec - since_usec : 0;
	uint64_t kills = container_oom_kills(container);
	struct observed observed;
	struct journal_entry entry;

	window_observe(&container->window, 0, UINT64_MAX, &observed);
	journal_begin(&entry, EVENT_EXIT);
	journal_message(&entry, "%s ended after %s: peak %s, working set %s at most, %" PRIu64 " OOM kill%s",
			name_of(identity_of_container(container), container->id, name),
			quantity_format_duration(life_usec, life),
			quantity_format_bytes(container->peak_bytes, peak),
			quantity_format_bytes(container->working_set_max_bytes, working_set), kills,
			kills == 1 ? "" : "s");
	add_container(&entry, container);
	journal_bytes(&entry, "TIDEMARK_PEAK_BYTES", container->peak_bytes);
	journal_uint(&entry, "TIDEMARK_PEAK_EXACT", container->peak_exact);
	journal_bytes(&entry, "TIDEMARK_WORKING_SET_MAX_BYTES", container->working_set_max_bytes);
	if (observed.samples > 0) {
		journal_bytes(&entry, "TIDEMARK_AVG_BYTES", observed.avg_bytes);
		journal_bytes(&entry, "TIDEMARK_P95_BYTES", observed.p95_bytes);
	}
	journal_bytes(&entry, "TIDEMARK_LIMIT_BYTES", container->limit_bytes);
	journal_bytes(&entry, "TIDEMARK_DECLARED_BYTES", container->declared_bytes);
	journal_uint(&entry, "TIDEMARK_SAMPLES", container->samples);
	journal_uint(&entry, "TIDEMARK_OOM_KILLS", kills);
	journal_uint(&entry, "TIDEMARK_LIFETIME_USEC", life_usec);
	journal_send(journal, &entry);
}

void voice_node(const struct journal *journal, const struct node_sums *sums)
{
	char declared[QUANTITY_MAX], working_set[QUANTITY_MAX], slack[QUANTITY_MAX];
	struct journal_entry entry;

	journal_begin(&entry, EVENT_NODE);
	journal_message(&entry, "%" PRIu64 " container%s: declared %s, working set %s, slack %s",
			sums->containers, sums->containers == 1 ? "" : "s",
			quantity_format_bytes(sums->declared_bytes, declared),
			quantity_format_bytes(sums->working_set_bytes, working_set),
			quantity_format_bytes(sums->slack_bytes, slack));
	journal_uint(&entry, "TIDEMARK_CONTAINERS", sums->containers);
	journal_uint(&entry, "TIDEMARK_WORKLOADS", sums->workloads);
	journal_bytes(&entry, "TIDEMARK_DECLARED_BYTES", sums->declared_bytes);
	journal_bytes(&entry, "TIDEMARK_WORKING_SET_BYTES", sums->working_set_bytes);
	journal_bytes(&entry, "TIDEMARK_SLACK_BYTES", sums->slack_bytes);
	journal_bytes(&entry, "TIDEMARK_PRESTART_BYTES", sums->prestart_bytes);
	journal_send(journal, &entry);
}

void voice_fault(const struct journal *journal, int priority, const char *format, ...)
{
	struct journal_entry entry;
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	journal_begin_at(&entry, EVENT_FAULT, priority);
	journal_message(&entry, "%s", text);
	journal_send(journal, &entry);
}
