/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of tidemarkctl overhead. */

#include "shim/ctl/overhead.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* ---- Cells ---- */

static void put_amount(char cell[static CTL_CELL_SIZE], uint64_t bytes)
{
	(void)snprintf(cell, CTL_CELL_SIZE, "%s", bytes == OVERHEAD_UNKNOWN ? "-" : AMOUNT(bytes));
}

static int64_t as_signed(uint64_t bytes)
{
	return bytes == OVERHEAD_UNKNOWN ? OVERHEAD_UNKNOWN_SIGNED : (int64_t)bytes;
}

static void put_signed(char cell[static CTL_CELL_SIZE], int64_t bytes)
{
	if (bytes == OVERHEAD_UNKNOWN_SIGNED)
		(void)snprintf(cell, CTL_CELL_SIZE, "-");
	else
		(void)snprintf(cell, CTL_CELL_SIZE, "%s%s", bytes < 0 ? "-" : "",
			       AMOUNT(bytes < 0 ? (uint64_t)-bytes : (uint64_t)bytes));
}

static void put_name(char cell[static CTL_CELL_SIZE], const struct overhead_sandbox *sandbox)
{
	if (sandbox->pod[0])
		(void)snprintf(cell, CTL_CELL_SIZE, "%s/%s", sandbox->namespace, sandbox->pod);
	else
		(void)snprintf(cell, CTL_CELL_SIZE, "%.12s", sandbox->id);
	(void)ctl_tame(cell);
}

/* Appends a remark, after "; " if it is not the first. */
__attribute__((format(printf, 2, 3))) static void put_remark(char cell[static CTL_CELL_SIZE],
							     const char *format, ...)
{
	size_t used = strlen(cell);
	va_list args;

	used += (size_t)snprintf(cell + used, CTL_CELL_SIZE - used, "%s", used > 0 ? "; " : "");
	if (used >= CTL_CELL_SIZE)
		return;
	va_start(args, format);
	(void)vsnprintf(cell + used, CTL_CELL_SIZE - used, format, args);
	va_end(args);
	(void)ctl_tame(cell);
}

/* ---- Handlers ---- */

static const char *const handlers_head[] = {
	"HANDLER",   "PODS",   "CONTAINERS", "DECLARED", "WORKING SET", "SLACK",
	"PRE-START", "CONMON", "OVERHEAD",   "RESERVED", "RECOMMENDED", "",
};
#define HANDLER_COLUMNS (sizeof handlers_head / sizeof *handlers_head)

static void put_count(char cell[static CTL_CELL_SIZE], uint64_t count)
{
	if (count == OVERHEAD_UNKNOWN)
		(void)snprintf(cell, CTL_CELL_SIZE, "-");
	else
		(void)snprintf(cell, CTL_CELL_SIZE, "%" PRIu64, count);
}

static void fill_handler(size_t index, struct ctl_line *line, const void *data)
{
	const struct overhead *overhead = data;
	const bool is_sum = index == overhead->n_handlers;
	const struct overhead_handler *handler = is_sum ? &overhead->node : &overhead->handlers[index];
	const uint64_t amounts[] = {handler->declared_bytes, handler->working_set_bytes, handler->slack_bytes,
				    handler->prestart_bytes};
	const bool has_vms = handler->machines != OVERHEAD_UNKNOWN;
	const uint64_t answered = handler->answered == OVERHEAD_UNKNOWN ? 0 : handler->answered;

	(void)snprintf(line->cell[0], CTL_CELL_SIZE, "%s", is_sum ? "all" : handler->name);
	put_count(line->cell[1], handler->pods);
	put_count(line->cell[2], handler->containers);
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
		put_amount(line->cell[3 + i], amounts[i]);
	if (handler->conmons == OVERHEAD_UNKNOWN || handler->conmons == 0 ||
	    handler->conmon_bytes == OVERHEAD_UNKNOWN)
		(void)snprintf(line->cell[7], CTL_CELL_SIZE, "-");
	else
		(void)snprintf(line->cell[7], CTL_CELL_SIZE, "%s (%" PRIu64 ")",
			       AMOUNT(handler->conmon_bytes), handler->conmons);
	put_signed(line->cell[8], handler->overhead_bytes);
	put_amount(line->cell[9], has_vms ? handler->overhead_declared_bytes : OVERHEAD_UNKNOWN);
	put_amount(line->cell[10], handler->recommended_bytes);
	if (has_vms && answered < handler->machines)
		put_remark(line->cell[11],
			   "OVERHEAD is without %" PRIu64 " of %" PRIu64 " VMs, of which it is not known",
			   handler->machines - answered, handler->machines);
}

void overhead_print_handlers(const struct overhead *overhead)
{
	ctl_print_table(&(const struct ctl_table){
		.head = handlers_head,
		.n_columns = HANDLER_COLUMNS,
		.n_lines = overhead->n_handlers + (overhead->n_handlers > 1),
		.words = CTL_WORDS_FIRST_AND_LAST(HANDLER_COLUMNS),
		.fill = fill_handler,
		.data = overhead,
	});
}

/* ---- VMs ---- */

/* The indent of a sentence's second line. */
#define OTHERS_INDENT "                                   "

static const struct {
	const char *head, *name, *what;
} parts[PARTS_COUNT] = {
	[PART_CHARGE] = {"CHARGE", "host charge", "to the pod's cgroups on the host (memory.current)"},
	[PART_RAM] = {"RAM", "guest RAM", "the guest's memory, as far as it is resident on the host"},
	[PART_USED] = {"USED", "  used", "by the containers, as the guest counts them, page cache in it"},
	[PART_UNUSED] = {"UNUSED", "  unused",
			 "by no container: guest kernel, agent, and what was freed and not given back"},
	[PART_VMM] = {"VMM", "VMM", "its own memory: anonymous and mapped files"},
	[PART_VIRTIOFSD] = {"VIRTIOFSD", "virtiofsd",
			    "its own memory, without the guest's RAM that it maps, too"},
	[PART_SHIM] = {"SHIM", "shim", "its own memory"},
	[PART_KERNEL] = {"KERNEL", "kernel",
			 "page tables and other kernel memory of these processes (memory.stat)"},
	[PART_REST] = {"REST", "rest",
		       "what else is charged, page cache above all; below 0 where pages of the "
		       "parts\n" OTHERS_INDENT "are charged elsewhere"},
	[PART_OVERHEAD] = {"OVERHEAD", "overhead", "the host charge without what the containers use"},
};

/* The pod's name, its handler, the parts, remarks. */
#define VM_COLUMNS (2 + PARTS_COUNT + 1)
_Static_assert(VM_COLUMNS <= CTL_COLUMNS_MAX, "the columns");

static void put_share(char cell[static CTL_CELL_SIZE], int64_t bytes, int64_t whole)
{
	if (bytes == OVERHEAD_UNKNOWN_SIGNED || whole == OVERHEAD_UNKNOWN_SIGNED || whole <= 0)
		(void)snprintf(cell, CTL_CELL_SIZE, "-");
	else
		(void)snprintf(cell, CTL_CELL_SIZE, "%.0f %%", (double)bytes * 100 / (double)whole);
}

/* Whether the VM needs more than its RuntimeClass declares: it may be OOM-killed. */
static bool is_too_much(const struct overhead_sandbox *sandbox)
{
	const uint64_t declared = sandbox->overhead_declared_bytes;

	return sandbox->fixed_bytes != OVERHEAD_UNKNOWN_SIGNED &&
	       overhead_judge(sandbox->fixed_bytes, declared == OVERHEAD_UNKNOWN ? 0 : declared, 1, false) ==
		       OVERHEAD_TOO_SMALL;
}

static const char ram_remark[] =
	"guest RAM is anonymous memory of the VMM, and has the VMM's own in it: --smaps tells them apart";

/* Says what is wrong with this VM's numbers, and why some are not known. */
static void put_remarks(char cell[static CTL_CELL_SIZE], const struct overhead_sandbox *sandbox)
{
	const uint64_t declared = sandbox->overhead_declared_bytes, outside = sandbox->outside_bytes;
	const int64_t fixed = sandbox->fixed_bytes;

	if (sandbox->fault[0])
		put_remark(cell, "%s", sandbox->fault);
	else if (sandbox->charge_bytes == OVERHEAD_UNKNOWN)
		put_remark(cell, "no VMM of it was found yet");
	else if (sandbox->guest_used_bytes == OVERHEAD_UNKNOWN)
		put_remark(cell, "the guest has not answered yet");
	if (is_too_much(sandbox))
		put_remark(cell, "needs %s, and %s is declared", AMOUNT((uint64_t)fixed),
			   declared == OVERHEAD_UNKNOWN ? "nothing" : AMOUNT(declared));
	if (sandbox->ram_is_hugetlb)
		put_remark(cell, "the guest's RAM is huge pages, which are not in CHARGE");
	if (outside != OVERHEAD_UNKNOWN && outside > 0)
		put_remark(cell, "%s more in a cgroup that is not the pod's", AMOUNT(outside));
}

static struct overhead_parts sum_parts(const struct overhead *overhead)
{
	struct overhead_parts sum = {0}, one;

	for (size_t i = 0; i < overhead->n_sandboxes; i++) {
		overhead_parts_of(&overhead->sandboxes[i], &one);
		overhead_parts_add(&sum, &one);
	}
	return sum;
}

/* Even lines have amounts, odd ones their shares. The last two lines are sums over all VMs. */
static void fill_vm(size_t index, struct ctl_line *line, const void *data)
{
	const struct overhead *overhead = data;
	const struct overhead_sandbox *sandbox =
		index / 2 < overhead->n_sandboxes ? &overhead->sandboxes[index / 2] : NULL;
	const bool is_share = index % 2 == 1;
	struct overhead_parts amounts;

	if (sandbox)
		overhead_parts_of(sandbox, &amounts);
	else
		amounts = sum_parts(overhead);
	for (size_t i = 0; i < PARTS_COUNT; i++) {
		char *const cell = line->cell[2 + i];
		if (amounts.unknown[i] == overhead->n_sandboxes)
			amounts.bytes[i] = OVERHEAD_UNKNOWN_SIGNED;
		if (is_share && amounts.unknown[i] == 0)
			put_share(cell, amounts.bytes[i], amounts.bytes[PART_CHARGE]);
		else if (is_share)
			(void)snprintf(cell, CTL_CELL_SIZE, "-");
		else
			put_signed(cell, amounts.bytes[i]);
		if (i == PART_RAM && amounts.ram_has_vmm && !is_share)
			(void)strcat(cell, "*");
	}
	if (is_share)
		return;
	if (sandbox) {
		put_name(line->cell[0], sandbox);
		(void)snprintf(line->cell[1], CTL_CELL_SIZE, "%s", sandbox->handler);
		put_remarks(line->cell[VM_COLUMNS - 1], sandbox);
	} else {
		(void)snprintf(line->cell[0], CTL_CELL_SIZE, "all %zu VMs", overhead->n_sandboxes);
		if (amounts.unknown[PART_OVERHEAD] > 0)
			put_remark(line->cell[VM_COLUMNS - 1], "sums of what is known");
	}
}

static void print_table(const struct overhead *overhead)
{
	const char *head[VM_COLUMNS] = {"POD", "HANDLER"};

	for (size_t i = 0; i < PARTS_COUNT; i++)
		head[2 + i] = parts[i].head;
	head[VM_COLUMNS - 1] = "";
	ctl_print_table(&(const struct ctl_table){
		.head = head,
		.n_columns = VM_COLUMNS,
		.n_lines = 2 * (overhead->n_sandboxes + (overhead->n_sandboxes > 1)),
		.words = CTL_WORDS_FIRST_AND_LAST(VM_COLUMNS),
		.fill = fill_vm,
		.data = overhead,
	});
}

/* Prints a line for each handler whose RuntimeClass declares too little for some of its VMs. */
static void print_warnings(const struct overhead *overhead)
{
	for (size_t h = 0; h < overhead->n_handlers; h++) {
		const char *handler = overhead->handlers[h].name;
		size_t n_vms = 0, n_short = 0;

		for (size_t i = 0; i < overhead->n_sandboxes; i++) {
			if (strcmp(overhead->sandboxes[i].handler, handler) != 0)
				continue;
			n_vms++;
			n_short += is_too_much(&overhead->sandboxes[i]);
		}
		if (n_short > 0)
			ctl_print_line(
				stdout,
				"%zu of %zu VMs of %s need%s more overhead than is declared, and can be "
				"OOM-killed for it: see `tidemarkctl overhead -o runtimeclass`.",
				n_short, n_vms, handler, n_short == 1 ? "s" : "");
	}
}

void overhead_print_vms(const struct overhead *overhead)
{
	print_table(overhead);
	(void)puts("");
	print_warnings(overhead);
	if (sum_parts(overhead).ram_has_vmm)
		ctl_print_line(stdout, "* %s.", ram_remark);
	(void)fputs("OVERHEAD is CHARGE less USED: what VMs take of the host beyond what their containers "
		    "use in them. RESERVED is\n"
		    "what is declared for it, RECOMMENDED what to declare for one pod. Shares are of CHARGE; "
		    "`tidemarkctl "
		    "overhead POD`\nexplains the parts.\n",
		    stdout);
}

/* ---- One VM, in sentences ---- */

void overhead_print_parts(const struct overhead_sandbox *sandbox)
{
	char name[CTL_CELL_SIZE], remarks[CTL_CELL_SIZE] = "";
	struct overhead_parts amounts;

	put_name(name, sandbox);
	overhead_parts_of(sandbox, &amounts);
	ctl_print_line(stdout, "%s, %s, sandbox %.12s", name, sandbox->handler, sandbox->id);
	for (size_t i = 0; i < PARTS_COUNT; i++) {
		char bytes[CTL_CELL_SIZE], share[CTL_CELL_SIZE];
		put_signed(bytes, amounts.bytes[i]);
		put_share(share, amounts.bytes[i], amounts.bytes[PART_CHARGE]);
		(void)printf("  %-14s %9s %6s  %s\n", parts[i].name, bytes, share, parts[i].what);
	}
	const struct {
		const char *name;
		int64_t bytes;
		const char *what;
	} others[] = {
		{"RAM size", as_signed(sandbox->ram_size_bytes), "that the VM was started with"},
		{"needed", sandbox->fixed_bytes,
		 "the most so far that had to be declared: the charge without page cache that "
		 "can\n" OTHERS_INDENT "be dropped, and without the most that its containers have used"},
		{"declared", as_signed(sandbox->overhead_declared_bytes),
		 "for overhead, by its RuntimeClass"},
		{"pre-start", as_signed(sandbox->prestart_bytes),
		 "charged on the host before its first container was started"},
		{"  guest RAM", as_signed(sandbox->boot_bytes), "of that"},
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char bytes[CTL_CELL_SIZE];
		put_signed(bytes, others[i].bytes);
		(void)printf("  %-14s %9s %6s  %s\n", others[i].name, bytes, "", others[i].what);
	}
	for (size_t i = 0; i < sandbox->n_containers; i++) {
		const struct overhead_container *container = &sandbox->containers[i];
		char used[CTL_CELL_SIZE], working_set[CTL_CELL_SIZE], limit[CTL_CELL_SIZE];
		put_amount(used, container->usage_bytes);
		put_amount(working_set, container->working_set_bytes);
		put_amount(limit, container->limit_bytes);
		ctl_print_line(stdout, "  container %s: %s used in the guest, working set %s, limit %s",
			       container->name[0] ? container->name : container->id, used, working_set,
			       limit);
	}
	if (amounts.ram_has_vmm)
		put_remark(remarks, "%s", ram_remark);
	if (sandbox->apart_usec != OVERHEAD_UNKNOWN && sandbox->apart_usec > 0)
		put_remark(remarks, "host and guest were read %s apart",
			   quantity_format_duration(sandbox->apart_usec, (char[QUANTITY_MAX]){0}));
	put_remarks(remarks, sandbox);
	if (remarks[0])
		ctl_print_line(stdout, "  note: %s", remarks);
}
