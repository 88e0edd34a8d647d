/* SPDX-License-Identifier: Apache-2.0 */

/* tidemark: is called in place of an OCI runtime. It edits the bundle if there is something to edit, writes a
 * record, and becomes the real runtime by execve(). Whatever goes wrong on our side, the runtime is run as
 * without us: a fault is one log line, nothing more. */

#include "shim/wrapper/wrapper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/quantity.h"
#include "oci/edit.h"
#include "oci/runtime.h"
#include "shim/report/fault.h"
#include "shim/store/limits.h"
#include "shim/store/presence.h"
#include "shim/tune/decision.h"

int wrapper_open_below(const struct wrapper *wrapper, const char *path, struct error *err)
{
	if (wrapper->root_fd < 0)
		return error_errno(err, -wrapper->root_fd, "cannot open %s", path);
	int fd = openat(wrapper->root_fd, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, errno, "cannot open %s", path) : fd;
}

int wrapper_open_containers(const struct wrapper *wrapper, struct error *err)
{
	static const char path[] = "/run/tidemark/containers";

	int fd = file_open_directory_at(wrapper->root_fd, path + 1, 0700, err);
	return fd < 0 ? error_errno(err, -fd, "cannot open the directory %s", path) : fd;
}

int wrapper_open_cgroup(const char *path, struct error *err)
{
	cleanup_close int root_fd = openat(AT_FDCWD, "/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return error_errno(err, errno, "cannot open /sys/fs/cgroup");
	return cgroup_open(root_fd, path, err);
}

uint64_t wrapper_now_usec(void)
{
	struct timespec now;
	/* For a single call, the system call is cheaper than the vDSO: finding the function
	 * there touches pages. */
	if (sizeof(long) < sizeof now.tv_sec || syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) < 0)
		(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

void wrapper_copy_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

/* Whether the workload's limits may be applied to this container. Not if they are those of another image.
 * Not if the pod now declares more than at that time: it may need more, so it gets what it declares once,
 * and is measured. Not without a daemon: nobody would learn from an OOM kill, and the next container would
 * get the same limit. */
static bool profile_fits(const struct wrapper *wrapper, const struct record *record,
			 const struct limits *limits)
{
	if (limits->image_ref[0] && record->image_ref[0] && strcmp(limits->image_ref, record->image_ref) != 0)
		return false;
	if (record->declared_bytes > limits->declared_bytes)
		return false;
	cleanup_close int run_fd = wrapper_open_below(wrapper, "/run/tidemark", NULL);
	return run_fd >= 0 && daemon_lock_is_held(run_fd);
}

void wrapper_decide(const struct wrapper *wrapper, struct record *record, uint64_t in_use_bytes)
{
	struct limits limits = {0};
	struct error err;

	if (record->identity.owner[0] && !record->is_sandbox) {
		cleanup_close int state_fd = wrapper_open_below(wrapper, "/var/lib/tidemark", &err);
		int r = state_fd < 0 ? state_fd : limits_read(state_fd, &record->identity, &limits, &err);
		if (r < 0 && r != -ENOENT)
			wrapper_copy_text(record->fault, sizeof record->fault, err.text);
	}

	wrapper_decide_by(wrapper, record, &limits, in_use_bytes);
}

void wrapper_decide_by(const struct wrapper *wrapper, struct record *record, const struct limits *limits,
		       uint64_t in_use_bytes)
{
	const bool fits = record->mode != MODE_ENFORCE || limits->enforced_limit_bytes == 0 ||
			  profile_fits(wrapper, record, limits);
	const uint64_t *prestart = limits_prestart((struct limits *)limits, wrapper->runtime);
	struct decision decision;

	const struct decision_input input = {
		.mode = record->mode,
		.declared_bytes = record->declared_bytes,
		.override_bytes = record->override_bytes,
		.recommended_bytes = limits->recommendation.limit_bytes,
		.enforced_bytes = fits ? limits->enforced_limit_bytes : 0,
		.p95_bytes = limits->observed.p95_bytes,
		.prestart_bytes = prestart ? *prestart : 0,
		.last_applied_bytes = limits->applied_bytes,
		.oom_floor_bytes = limits->recommendation.oom_floor_bytes,
		.seen_bytes = limits->observed.max_bytes,
		.round_bytes = tuner_round_bytes(&wrapper->settings.tuner),
		.in_use_bytes = in_use_bytes,
	};
	decision_make(&input, &wrapper->settings.guards, &decision);
	record_set_decision(record, &input, &decision);

	record->protect = (struct protection){0};
	/* memory.low and so on inside a guest do not protect anything from reclaim by the node. */
	if (wrapper->shim && wrapper->shim->is_vm)
		return;
	if (record->source == SOURCE_OVERRIDE || record->source == SOURCE_ENFORCED)
		protect_make(&wrapper->settings.enforce, record->limit_bytes,
			     record->override_request_bytes > 0 ? record->override_request_bytes
			     : fits                             ? limits->enforced_request_bytes
								: 0,
			     &record->protect);
}

int wrapper_edit(struct record *record, const char *text, size_t length, const struct resources *resources,
		 const struct unified_mark *unified, char **ret_text, size_t *ret_length,
		 struct unified_mark *ret_mark, struct error *err)
{
	struct edit_wish wish = {.limit_bytes = record->limit_bytes, .mark = *unified};
	struct edit edit;
	bool protects = false;

	*ret_text = NULL;
	if (record->limit_bytes == DECISION_UNLIMITED && resources->limit_bytes != RESOURCES_UNLIMITED)
		return error_set(err, ENOTSUP, "the limit that was put in before cannot be taken out");
	memcpy(wish.unified_bytes, record->protect.bytes, sizeof wish.unified_bytes);
	int r = edit_memory(text, resources, &wish, &edit, err);
	if (r < 0)
		return r;
	if (edit.n_changes > 0)
		r = edit_apply(text, length, &edit, ret_text, ret_length, err);
	if (r < 0)
		return r;

	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++) {
		const bool is_ours = edit.mark.keys & (UINT64_C(1) << key);
		const uint64_t bytes = edit.mark.bytes[key];
		record->protect.bytes[key] = is_ours && bytes != RESOURCES_UNLIMITED ? bytes : 0;
		protects = protects || record->protect.bytes[key] > 0;
	}
	if (!protects)
		record->protect.request_bytes = 0;
	*ret_mark = edit.mark;
	return 0;
}

void wrapper_fall_back(struct record *record, uint64_t limit_bytes, const struct error *err)
{
	const struct decision_input input = {.recommended_bytes = record->recommended_bytes};
	const struct decision decision = {.limit_bytes = limit_bytes, .source = SOURCE_DECLARED};

	record_set_decision(record, &input, &decision);
	record->protect = (struct protection){0};
	wrapper_copy_text(record->fault, sizeof record->fault, err->text);
}

bool wrapper_is_alive(int containers_fd, const char *id)
{
	struct record record;
	char cgroup[CGROUP_PATH_SIZE];

	if (record_read(containers_fd, id, &record, NULL) < 0 || record.pid == 0)
		return false;
	cleanup_close int proc_fd = openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return cgroup_of_pid(proc_fd, (pid_t)record.pid, cgroup, sizeof cgroup, NULL) == 0 &&
	       cgroup_path_names(cgroup, id);
}

static void (*const handlers[])(struct wrapper *wrapper) = {
	[VERB_OTHER] = NULL,
	[VERB_CREATE] = wrapper_create,
	[VERB_RUN] = wrapper_create,
	[VERB_RESTORE] = wrapper_create,
	[VERB_START] = wrapper_start,
	[VERB_UPDATE] = wrapper_update,
	[VERB_DELETE] = wrapper_delete,
	[VERB_SHIM_START] = wrapper_create,
	[VERB_SHIM_DELETE] = wrapper_shim_delete,
};

static const char *runtime_path_setting(const struct settings *settings, const char *runtime)
{
	if (strcmp(runtime, "crun") == 0)
		return settings->runtime.crun;
	if (strcmp(runtime, "runc") == 0)
		return settings->runtime.runc;
	return "";
}

/* Returns a descriptor above 2, or -errno if there is no such directory. If stdin, stdout or stderr is
 * closed, none of our files may get its number: the directory is opened there too, and stays open until
 * execv() closes it. */
static int open_root(const char *root)
{
	int fd;

	while ((fd = openat(AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO)
		continue;
	return fd < 0 ? -errno : fd;
}

/* If the settings cannot be read, nothing is enforced. [runtime] is still read: the right runtime
 * must be run. */
static void load_settings(struct wrapper *wrapper, bool is_logged)
{
	struct error err;

	cleanup_close int etc_fd = wrapper_open_below(wrapper, "/etc/tidemark", &err);
	int r = etc_fd < 0 && etc_fd != -ENOENT ? etc_fd : settings_load(etc_fd, &wrapper->settings, &err);
	if (r == 0)
		return;
	settings_salvage(etc_fd, &wrapper->settings);
	if (is_logged)
		fault_log("container %s gets what it declares: %s", wrapper->command.id, err.text);
}

/* Finds the program that we become. shim: the shim that our own name asks for; NULL: an OCI runtime. */
static int find_program(const struct wrapper *wrapper, const char *shim, char path[static PATH_MAX],
			struct error *err)
{
	if (!shim)
		return runtime_find(wrapper->runtime,
				    runtime_path_setting(&wrapper->settings, wrapper->runtime), path,
				    PATH_MAX, err);
	if (!wrapper->runtime[0])
		return error_set(err, EINVAL,
				 "containerd-shim-tidemark-%.40s names no runtime: it wants to be called "
				 "containerd-shim-tidemark-<X>-v2, for containerd-shim-<X>-v2",
				 shim);
	return shim_find(shim, wrapper->shim, wrapper->settings.runtime.shims, getenv("PATH"), path, PATH_MAX,
			 err);
}

/* Returns only if it fails. Not inlined: path[] would cost main() a page of stack from the start. */
__attribute__((noinline)) static void become_program(const struct wrapper *wrapper, const char *shim,
						     struct error *err)
{
	char path[PATH_MAX];

	if (find_program(wrapper, shim, path, err) < 0)
		return;
	wrapper->argv[0] = path;
	(void)execv(path, wrapper->argv);
	/* podman takes "No such file" for a program that is missing in the container. */
	if (errno == ENOENT)
		error_set(err, ENOENT, "the runtime %s is missing", path);
	else
		error_errno(err, errno, "cannot run %s", path);
}

int main(int argc, char *argv[])
{
	char shim_name[sizeof(((struct record *)NULL)->runtime)];
	struct error err;
	const char *root = getenv("TIDEMARK_ROOT");
	const char *shim = shim_from_program(argc > 0 ? argv[0] : "");
	struct wrapper wrapper = {.argv = argv, .root_fd = open_root(root && root[0] ? root : "/")};

	if (shim) {
		shim_name_of(shim, shim_name, sizeof shim_name);
		wrapper.runtime = shim_name;
		wrapper.shim = shim_kind_of(shim_name);
		if (shim_name[0])
			wrapper.command = shim_command_parse(argc, argv);
	} else {
		wrapper.runtime = runtime_from_program(argc > 0 ? argv[0] : "");
		wrapper.command = command_parse(argc, argv);
	}
	void (*handler)(struct wrapper *) = handlers[wrapper.command.verb];

	load_settings(&wrapper, handler == wrapper_create || handler == wrapper_update);
	if (!wrapper.runtime)
		wrapper.runtime = wrapper.settings.runtime.name;
	if (handler) {
		/* A file that must not grow (RLIMIT_FSIZE) is a fault like others: the signal
		 * would kill us. */
		void (*on_too_large)(int) = signal(SIGXFSZ, SIG_IGN);
		handler(&wrapper);
		(void)signal(SIGXFSZ, on_too_large);
	}

	become_program(&wrapper, shim, &err);
	fault_log("%s", err.text);
	(void)fprintf(stderr, "tidemark: %s\n", err.text);
	return 127;
}
