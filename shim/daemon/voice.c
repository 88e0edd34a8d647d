/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/voice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "cgroups/quantity.h"
#include "shim/daemon/account.h"
#include "shim/daemon/sandbox.h"

_Static_assert(FAULTS_COUNT <= 32, "a bit for each in struct voice");

void voice_init(struct voice *voice, struct journal journal)
{
	*voice = (struct voice){.journal = journal};
	voice->journal.sent = voice->tally.events;
}

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

/* The name for people: the workload, or else the container's id. */
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

void voice_decision(struct voice *voice, const struct record *record)
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
	tally_decision(&voice->tally, record->source, record->reason);
	journal_send(&voice->journal, &entry);
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

void voice_oom(struct voice *voice, const struct container *container, enum oom_cause cause,
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
	journal_message(&entry, "%s: %s was OOM-killed %s%s%s%s%s%s%s",
			name_of(identity, container->id, name), kill ? kill->task : "a process",
			sentences[cause], cause == OOM_CAUSE_OWN ? " of " : "",
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
	voice->tally.kills[cause]++;
	journal_send(&voice->journal, &entry);
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

/* ---- Sums ---- */

static const struct {
	const char *bytes, *percent, *words; /* percent: the share of the charge */
} vm_fields[VM_PARTS_COUNT] = {
	[VM_RAM] = {"TIDEMARK_RAM_BYTES", "TIDEMARK_RAM_PERCENT", "guest RAM"},
	[VM_ANON] = {"TIDEMARK_VMM_ANON_BYTES", "TIDEMARK_VMM_ANON_PERCENT", "VMM"},
	[VM_FILE] = {"TIDEMARK_VMM_FILE_BYTES", "TIDEMARK_VMM_FILE_PERCENT", NULL},
	[VM_VIRTIOFSD] = {"TIDEMARK_VIRTIOFSD_BYTES", "TIDEMARK_VIRTIOFSD_PERCENT", "virtiofsd"},
	[VM_SHIM] = {"TIDEMARK_SHIM_BYTES", "TIDEMARK_SHIM_PERCENT", "shim"},
	[VM_PAGETABLES] = {"TIDEMARK_PAGETABLES_BYTES", "TIDEMARK_PAGETABLES_PERCENT", NULL},
	[VM_KERNEL] = {"TIDEMARK_KERNEL_BYTES", "TIDEMARK_KERNEL_PERCENT", "kernel"},
	[VM_DROPPABLE] = {"TIDEMARK_DROPPABLE_BYTES", "TIDEMARK_DROPPABLE_PERCENT", "page cache"},
	[VM_OUTSIDE] = {"TIDEMARK_OUTSIDE_BYTES", "TIDEMARK_OUTSIDE_PERCENT", NULL},
};

/* "180Mi", "-20Mi". */
static const char *signed_amount(int64_t bytes, char buf[static QUANTITY_MAX + 1])
{
	uint64_t size = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;

	buf[0] = '-';
	(void)quantity_format_bytes(size, buf + (bytes < 0));
	return buf;
}

static uint64_t percent(double part, uint64_t whole)
{
	return whole > 0 && part > 0 ? (uint64_t)(part * 100 / (double)whole + 0.5) : 0;
}

/* The charge of those machines only whose guests have answered: overhead is charge less use. */
static uint64_t answered_charge(const struct account *account)
{
	return account->used_bytes + (uint64_t)account->overhead_bytes;
}

static void add_machines(struct journal_entry *entry, const struct account *account)
{
	const uint64_t answered_bytes = answered_charge(account);

	if (account->machines == 0)
		return;
	journal_uint(entry, "TIDEMARK_MACHINES", account->machines);
	journal_bytes(entry, "TIDEMARK_CHARGE_BYTES", account->charge_bytes);
	for (enum vm_part part = 0; part < VM_PARTS_COUNT; part++) {
		journal_bytes(entry, vm_fields[part].bytes, account->parts_bytes[part]);
		journal_uint(entry, vm_fields[part].percent,
			     percent((double)account->parts_bytes[part], account->charge_bytes));
	}
	journal_uint(entry, "TIDEMARK_ANSWERED", account->answered);
	if (account->answered == 0)
		return;
	journal_bytes(entry, "TIDEMARK_USED_BYTES", account->used_bytes);
	journal_uint(entry, "TIDEMARK_USED_PERCENT", percent((double)account->used_bytes, answered_bytes));
	journal_int(entry, "TIDEMARK_UNUSED_BYTES", account->unused_bytes);
	journal_uint(entry, "TIDEMARK_UNUSED_PERCENT",
		     percent((double)account->unused_bytes, answered_bytes));
	journal_int(entry, "TIDEMARK_OVERHEAD_BYTES", account->overhead_bytes);
	journal_uint(entry, "TIDEMARK_OVERHEAD_PERCENT",
		     percent((double)account->overhead_bytes, answered_bytes));
}

static void add_account(struct journal_entry *entry, const struct account *account)
{
	journal_uint(entry, "TIDEMARK_PODS", account->pods);
	journal_uint(entry, "TIDEMARK_CONTAINERS", account->containers);
	journal_bytes(entry, "TIDEMARK_DECLARED_BYTES", account->declared_bytes);
	journal_bytes(entry, "TIDEMARK_WORKING_SET_BYTES", account->working_set_bytes);
	journal_bytes(entry, "TIDEMARK_SLACK_BYTES", account->slack_bytes);
	journal_bytes(entry, "TIDEMARK_PRESTART_BYTES", account->prestart_bytes);
	journal_uint(entry, "TIDEMARK_CONMONS", account->conmons);
	journal_bytes(entry, "TIDEMARK_CONMON_BYTES", account->conmon_bytes);
	journal_bytes(entry, "TIDEMARK_OVERHEAD_DECLARED_BYTES", account->overhead_declared_bytes);
	add_machines(entry, account);
}

/* "; 3 virtual machines are charged 1.2Gi: guest RAM 1Gi (83 %), …; overhead 600Mi (50 %)" */
static const char *machines_text(const struct account *account, char *buf, size_t size)
{
	char bytes[QUANTITY_MAX + 1];
	size_t used;

	*buf = '\0';
	if (account->machines == 0)
		return buf;
	used = (size_t)snprintf(buf, size, "; %" PRIu64 " virtual machine%s charged %s", account->machines,
				account->machines == 1 ? " is" : "s are",
				quantity_format_bytes(account->charge_bytes, bytes));
	const char *before = ": ";
	for (enum vm_part part = 0; part < VM_PARTS_COUNT && used < size; part++) {
		if (!vm_fields[part].words || account->parts_bytes[part] == 0)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s %s (%" PRIu64 " %%)", before,
					 vm_fields[part].words,
					 quantity_format_bytes(account->parts_bytes[part], bytes),
					 percent((double)account->parts_bytes[part], account->charge_bytes));
		before = ", ";
	}
	if (account->answered > 0 && used < size)
		(void)snprintf(buf + used, size - used, "; overhead %s (%" PRIu64 " %%)",
			       signed_amount(account->overhead_bytes, bytes),
			       percent((double)account->overhead_bytes, answered_charge(account)));
	return buf;
}

static void add_sums(struct journal_entry *entry, const struct account *account)
{
	char declared[QUANTITY_MAX], working_set[QUANTITY_MAX], slack[QUANTITY_MAX], machines[512];

	journal_message(entry, "%s%s%" PRIu64 " container%s: declared %s, working set %s, slack %s%s",
			account->handler ? account->handler : "", account->handler ? ": " : "",
			account->containers, account->containers == 1 ? "" : "s",
			quantity_format_bytes(account->declared_bytes, declared),
			quantity_format_bytes(account->working_set_bytes, working_set),
			quantity_format_bytes(account->slack_bytes, slack),
			machines_text(account, machines, sizeof machines));
	add_account(entry, account);
}

void voice_node(const struct journal *journal, const struct account *total, uint64_t workloads)
{
	struct journal_entry entry;

	journal_begin(&entry, EVENT_NODE);
	add_sums(&entry, total);
	journal_uint(&entry, "TIDEMARK_WORKLOADS", workloads);
	journal_send(journal, &entry);
}

void voice_overhead(const struct journal *journal, const struct account *account)
{
	struct journal_entry entry;

	journal_begin(&entry, EVENT_OVERHEAD);
	add_sums(&entry, account);
	journal_text(&entry, "RUNTIME", account->handler);
	if (account->recommended_bytes > 0)
		journal_bytes(&entry, "TIDEMARK_RECOMMENDED_BYTES", account->recommended_bytes);
	journal_send(journal, &entry);
}

/* ---- Virtual machines ---- */

static void add_sandbox(struct journal_entry *entry, const struct sandbox *sandbox)
{
	journal_text(entry, "CONTAINER_ID", sandbox->id);
	journal_text(entry, "POD_NAMESPACE", sandbox->namespace);
	journal_text(entry, "POD_NAME", sandbox->pod_name);
	journal_text(entry, "RUNTIME", sandbox->handler);
}

/* The pod's name, "default/web-0", or else the sandbox's id. */
static const char *name_of_pod(const struct sandbox *sandbox, char buf[static IDENTITY_TEXT_MAX])
{
	if (!sandbox->pod_name || !*sandbox->pod_name)
		return sandbox->id;
	(void)snprintf(buf, IDENTITY_TEXT_MAX, "%s/%s", sandbox->namespace, sandbox->pod_name);
	return buf;
}

void voice_machine_prestart(const struct journal *journal, const struct sandbox *sandbox)
{
	char name[IDENTITY_TEXT_MAX], prestart[QUANTITY_MAX];
	struct journal_entry entry;

	journal_begin(&entry, EVENT_PRESTART);
	journal_message(&entry, "the virtual machine of pod %s was charged %s before its first container",
			name_of_pod(sandbox, name), quantity_format_bytes(sandbox->prestart_bytes, prestart));
	add_sandbox(&entry, sandbox);
	journal_bytes(&entry, "TIDEMARK_PRESTART_BYTES", sandbox->prestart_bytes);
	if (sandbox->boot_bytes > 0)
		journal_bytes(&entry, "TIDEMARK_RAM_BYTES", sandbox->boot_bytes);
	journal_send(journal, &entry);
}

void voice_misdeclared(const struct journal *journal, const struct sandbox *sandbox, enum overhead_fit fit)
{
	static const char *const consequences[] = {
		[OVERHEAD_TOO_SMALL] = "it may be OOM-killed before its containers reach their limits",
		[OVERHEAD_WASTEFUL] = "the rest is kept for it in vain",
	};
	char name[IDENTITY_TEXT_MAX], measured[QUANTITY_MAX + 1], declared[QUANTITY_MAX];
	struct journal_entry entry;

	journal_begin(&entry, EVENT_MISDECLARED);
	journal_message(&entry, "the virtual machine of pod %s costs %s, its RuntimeClass declares %s: %s",
			name_of_pod(sandbox, name), signed_amount(sandbox->most_fixed_bytes, measured),
			sandbox->declared_bytes ? quantity_format_bytes(sandbox->declared_bytes, declared)
						: "nothing",
			consequences[fit]);
	add_sandbox(&entry, sandbox);
	journal_int(&entry, "TIDEMARK_OVERHEAD_BYTES", sandbox->most_fixed_bytes);
	if (sandbox->declared_bytes > 0)
		journal_bytes(&entry, "TIDEMARK_OVERHEAD_DECLARED_BYTES", sandbox->declared_bytes);
	journal_send(journal, &entry);
}

void voice_guest_fault(const struct journal *journal, const struct sandbox *sandbox)
{
	char name[IDENTITY_TEXT_MAX];
	struct journal_entry entry;

	journal_begin_at(&entry, EVENT_FAULT, LOG_WARNING);
	journal_message(&entry, "what the virtual machine of pod %s costs is not known in full: %s",
			name_of_pod(sandbox, name), sandbox->told_fault);
	add_sandbox(&entry, sandbox);
	journal_text(&entry, "TIDEMARK_FAULT", sandbox->told_fault);
	journal_send(journal, &entry);
}

static __attribute__((format(printf, 3, 0))) void say_fault(const struct journal *journal, int priority,
							    const char *format, va_list args)
{
	struct journal_entry entry;
	char text[512];

	(void)vsnprintf(text, sizeof text, format, args);
	journal_begin_at(&entry, EVENT_FAULT, priority);
	journal_message(&entry, "%s", text);
	journal_send(journal, &entry);
}

void voice_fault(const struct journal *journal, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_fault(journal, priority, format, args);
	va_end(args);
}

void voice_fault_once(struct voice *voice, enum fault fault, int priority, const char *format, ...)
{
	va_list args;

	if (voice->told & 1U << fault)
		return;
	voice->told |= 1U << fault;
	va_start(args, format);
	say_fault(&voice->journal, priority, format, args);
	va_end(args);
}

bool voice_mended(struct voice *voice, enum fault fault)
{
	const bool told = voice->told & 1U << fault;

	voice->told &= ~(1U << fault);
	return told;
}
