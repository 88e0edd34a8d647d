/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl overhead: what containers cost beyond what they use, and the parts of each VM. */

#include "shim/ctl/overhead.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cgroups/cleanup.h"
#include "cgroups/vmm.h"
#include "oci/json.h"
#include "shim/store/presence.h"

#define RUN_DIRECTORY "/run/tidemark"

/* If the daemon's file is late by more than this, it is old. */
#define OLD_USEC (30 * USEC_PER_SEC)

/* The default of --pods. Fewer pods say little about what the next one will cost. */
#define PODS_MIN      3
#define PODS_MIN_TEXT "3"

struct command {
	struct ctl *ctl;
	const char *argument, *compared, *name;
	bool smaps;
	uint64_t pods_min;
	struct overhead overhead;
};

static int fault(const char *text)
{
	ctl_print_fault(text);
	return EXIT_FAILURE;
}

/* ---- What is shown ---- */

static bool is_chosen(const struct command *command)
{
	return command->argument || command->ctl->namespace;
}

static bool is_wanted(const struct command *command, const struct overhead_sandbox *sandbox)
{
	const char *argument = command->argument, *namespace = command->ctl->namespace;
	const size_t length = argument ? strlen(argument) : 0;

	if (namespace && strcmp(sandbox->namespace, namespace) != 0)
		return false;
	return !argument || strcmp(sandbox->pod, argument) == 0 || strcmp(sandbox->handler, argument) == 0 ||
	       strcmp(sandbox->id, argument) == 0 ||
	       (length >= 4 && strncmp(sandbox->id, argument, length) == 0);
}

/* The highest overhead first, an unknown one last. */
static int compare_sandboxes(const void *a, const void *b)
{
	const struct overhead_sandbox *one = a, *other = b;

	if (one->overhead_bytes != other->overhead_bytes)
		return one->overhead_bytes > other->overhead_bytes ? -1 : 1;
	return strcmp(one->id, other->id);
}

static int compare_handlers(const void *a, const void *b)
{
	return strcmp(((const struct overhead_handler *)a)->name, ((const struct overhead_handler *)b)->name);
}

/* Removes the sandboxes that are not wanted, and sorts the rest. */
static void choose(struct command *command)
{
	struct overhead *overhead = &command->overhead;
	size_t kept = 0;

	for (size_t i = 0; i < overhead->n_sandboxes; i++) {
		struct overhead_sandbox *sandbox = &overhead->sandboxes[i];
		if (is_wanted(command, sandbox))
			overhead->sandboxes[kept++] = *sandbox;
		else
			free(sandbox->containers);
	}
	overhead->n_sandboxes = kept;
	if (kept > 0)
		qsort(overhead->sandboxes, kept, sizeof *overhead->sandboxes, compare_sandboxes);
	if (overhead->n_handlers > 0)
		qsort(overhead->handlers, overhead->n_handlers, sizeof *overhead->handlers, compare_handlers);
}

/* ---- The guest's RAM and the VMM's own memory, told apart ---- */

/* For VMs whose RAM is anonymous. Only with --smaps: /proc/PID/smaps takes milliseconds, and meanwhile the
 * kernel holds the lock on the VMM's mappings. */
static void tell_apart(struct command *command)
{
	struct overhead *overhead = &command->overhead;
	struct error err;

	cleanup_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < overhead->n_sandboxes; i++) {
		struct overhead_sandbox *sandbox = &overhead->sandboxes[i];
		const pid_t hints[VMM_PARTS] = {[VMM_VMM] = (pid_t)sandbox->vmm_pid};
		struct vmm vmm;
		struct vmm_smaps smaps;

		if (sandbox->ram_is_shared || sandbox->ram_bytes != OVERHEAD_UNKNOWN)
			continue;
		/* The PID may belong to another process by now: vmm_find() checks it. */
		int r = vmm_find(proc_fd, sandbox->id, hints, true, &vmm, &err);
		if (r < 0) {
			ctl_print_fault(err.text);
			continue;
		}
		r = error_set(&err, ESRCH, "the VMM of the sandbox %.12s is gone", sandbox->id);
		for (size_t p = 0; p < vmm.n_processes; p++)
			if (vmm.processes[p].part == VMM_VMM)
				r = vmm_read_smaps(proc_fd, vmm.processes[p].pid, vmm.ram_size_bytes, &smaps,
						   &err);
		vmm_close(&vmm);
		if (r < 0)
			ctl_print_fault(err.text);
		else
			overhead_take_smaps(sandbox, smaps.ram_bytes, smaps.vmm_anon_bytes,
					    smaps.vmm_file_bytes);
	}
}

/* ---- The document and the screen ---- */

static uint64_t age_usec(const struct command *command)
{
	const uint64_t now = command->ctl->now_usec, then = command->overhead.written_usec;
	return now > then ? now - then : 0;
}

/* The file stays when the daemon ends, and a daemon that hangs does not write. */
static bool is_old(const struct command *command)
{
	const uint64_t interval = command->overhead.interval_usec;
	return !command->ctl->daemon_runs || age_usec(command) > 3 * interval + OLD_USEC;
}

static void warn_if_old(const struct command *command)
{
	char age[QUANTITY_MAX];

	if (is_old(command))
		ctl_print_line(stderr, "tidemarkctl: this was measured %s ago: %s",
			       quantity_format_duration(age_usec(command), age),
			       command->ctl->daemon_runs
				       ? "tidemarkd is running, but has not written it since; `journalctl -u "
					 "tidemarkd` may say why"
				       : "tidemarkd does not run; `systemctl start tidemarkd` starts it");
}

static void print_json(const struct command *command)
{
	const struct overhead *overhead = &command->overhead;
	char buf[JSON_STREAM_SIZE];
	struct json_out out = json_out_stream(stdout, buf, sizeof buf);

	json_out_open(&out, NULL, '{');
	json_out_uint(&out, "v", 1);
	json_out_bool(&out, "daemon", command->ctl->daemon_runs);
	json_out_uint(&out, "usec", overhead->written_usec);
	json_out_uint(&out, "age_usec", age_usec(command));
	json_out_uint(&out, "interval_usec", overhead->interval_usec);
	if (overhead->left_out > 0)
		json_out_uint(&out, "left_out", overhead->left_out);
	overhead_out_handler(&out, "node", &overhead->node);
	json_out_open(&out, "handlers", '[');
	for (size_t i = 0; i < overhead->n_handlers; i++)
		overhead_out_handler(&out, NULL, &overhead->handlers[i]);
	json_out_close(&out);
	json_out_open(&out, "sandboxes", '[');
	for (size_t i = 0; i < overhead->n_sandboxes; i++)
		overhead_out_sandbox(&out, &overhead->sandboxes[i]);
	json_out_close(&out);
	json_out_close(&out);
	json_out_newline(&out);
	json_out_finish(&out);
}

static void print_screen(const struct command *command)
{
	const struct overhead *overhead = &command->overhead;
	char age[QUANTITY_MAX], interval[QUANTITY_MAX];

	(void)printf("measured %s ago, each %s\n\n", quantity_format_duration(age_usec(command), age),
		     quantity_format_duration(overhead->interval_usec, interval));
	if (command->argument) {
		for (size_t i = 0; i < overhead->n_sandboxes; i++) {
			if (i > 0)
				(void)puts("");
			overhead_print_parts(&overhead->sandboxes[i]);
		}
		return;
	}
	if (!is_chosen(command)) {
		overhead_print_handlers(overhead);
		(void)puts("");
	}
	if (overhead->left_out > 0)
		(void)printf("%" PRIu64 " VMs are too many for tidemarkd to list.\n", overhead->left_out);
	if (overhead->n_sandboxes > 0)
		overhead_print_vms(overhead);
	else
		(void)puts("No pod runs in a VM here.");
}

static int show(struct command *command)
{
	choose(command);
	if (command->smaps)
		tell_apart(command);
	if (is_chosen(command) && command->overhead.n_sandboxes == 0) {
		ctl_print_line(stderr, "tidemarkctl: no pod%s%.300s runs in a VM here%s%.300s",
			       command->argument ? " " : "", command->argument ? command->argument : "",
			       command->ctl->namespace ? " in namespace " : "",
			       command->ctl->namespace ? command->ctl->namespace : "");
		return EXIT_FAILURE;
	}
	if (command->ctl->output == OUTPUT_JSON)
		print_json(command);
	else
		print_screen(command);
	return EXIT_SUCCESS;
}

/* ---- The command ---- */

static void print_help(void)
{
	(void)puts(
		"usage: tidemarkctl overhead [OPTION...] [POD]\n"
		"       tidemarkctl overhead --compare WORKLOAD|CONTAINER|IMAGE\n"
		"       tidemarkctl overhead --output runtimeclass [--pods N] [HANDLER [--name NAME]]\n\n"
		"What containers cost by runtime handler, and what the VMs of kata pods cost beyond what "
		"their\n"
		"containers use, part by part, as tidemarkd has measured it last. With a pod, its parts are "
		"explained.\n\n"
		"  --smaps           tells anonymous guest RAM and the VMM's own memory apart: milliseconds "
		"a VM\n"
		"  --compare WHAT    the image under each runtime, side by side\n"
		"  --pods N          handlers of which at least so many pods were measured (" PODS_MIN_TEXT
		")\n"
		"  --name NAME       what Kubernetes calls the handler, if not as the shim is called\n"
		"  --namespace NAME  only VMs of this namespace\n"
		"  --output FORMAT   table, json, or runtimeclass: what each handler's RuntimeClass should "
		"declare\n"
		"  --help            this text");
}

/* Returns 0; 1 if there is nothing more to do; or -EINVAL. */
static int take_option(struct command *command, int option)
{
	switch (option) {
	case 'S':
		command->smaps = true;
		return 0;
	case 'C':
		command->compared = optarg;
		return 0;
	case 'p':
		if (quantity_parse_uint(optarg, strlen(optarg), &command->pods_min) == 0 &&
		    command->pods_min > 0)
			return 0;
		ctl_print_fault("--pods is a whole number above 0");
		return -EINVAL;
	case 'N':
		command->name = optarg;
		return 0;
	case 'n':
		command->ctl->namespace = optarg;
		return 0;
	case 'o':
		return ctl_parse_output(command->ctl, "overhead", optarg);
	case 'h':
		print_help();
		return 1;
	default:
		return -EINVAL; /* getopt_long() has said why */
	}
}

static int take_options(struct command *command, int argc, char *argv[])
{
	static const struct option options[] = {
		{"smaps", no_argument, NULL, 'S'},        {"compare", required_argument, NULL, 'C'},
		{"pods", required_argument, NULL, 'p'},   {"namespace", required_argument, NULL, 'n'},
		{"output", required_argument, NULL, 'o'}, {"name", required_argument, NULL, 'N'},
		{"help", no_argument, NULL, 'h'},         {0},
	};

	optind = 0;
	for (int option; (option = getopt_long(argc, argv, "n:o:h", options, NULL)) != -1;) {
		int r = take_option(command, option);
		if (r != 0)
			return r;
	}
	if (argc - optind > 1 || (optind < argc && !*argv[optind])) {
		ctl_print_fault("overhead takes one argument at most, a pod");
		return -EINVAL;
	}
	if (optind < argc)
		command->argument = argv[optind];
	if (command->compared && (command->argument || command->ctl->namespace)) {
		ctl_print_fault("--compare is of the whole node, and takes no pod and no namespace");
		return -EINVAL;
	}
	return 0;
}

static int load(struct command *command)
{
	struct error err;

	cleanup_close int run_fd = ctl_open_path(command->ctl, RUN_DIRECTORY, O_RDONLY | O_DIRECTORY);
	if (run_fd < 0 && errno == EACCES)
		return fault("only root may read " RUN_DIRECTORY);
	command->ctl->daemon_runs = run_fd >= 0 && daemon_lock_is_held(run_fd);
	int r = run_fd < 0 ? -ENOENT : overhead_load(run_fd, &command->overhead, &err);
	if (r == -ENOENT)
		return fault(command->ctl->daemon_runs ? "nothing has been measured yet: tidemarkd has just "
							 "been started, or is older than this tidemarkctl"
						       : "nothing has been measured: tidemarkd does not run; "
							 "`systemctl start tidemarkd` starts it");
	return r < 0 ? fault(err.text) : EXIT_SUCCESS;
}

/* RuntimeClasses belong to the whole cluster. The argument is a handler here. */
static int make_classes(const struct command *command)
{
	if (command->ctl->namespace || command->compared)
		return fault("--output runtimeclass takes no --namespace, and --compare has no such form");
	if (command->name && !command->argument)
		return fault("--name is of one handler, which has to be named before it");
#ifdef TIDEMARK_HAVE_YAML
	return overhead_print_classes(command->ctl, command->argument, command->name, command->pods_min);
#else
	return EXIT_FAILURE; /* not reached: verbs[] has no such format without libyaml */
#endif
}

int ctl_overhead(struct ctl *ctl, int argc, char *argv[])
{
	struct command command = {.ctl = ctl, .pods_min = PODS_MIN};
	struct timespec now;

	int r = take_options(&command, argc + 1, argv - 1);
	if (r != 0)
		return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	ctl->now_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;

	if (ctl->output == OUTPUT_RUNTIMECLASS)
		return make_classes(&command);
	int status = load(&command);
	if (status == EXIT_SUCCESS)
		warn_if_old(&command);
	if (status == EXIT_SUCCESS)
		status = command.compared ? overhead_compare(ctl, &command.overhead, command.compared)
					  : show(&command);
	overhead_free(&command.overhead);
	return status;
}
