/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/quantity.h"
#include "oci/json.h"

/* Bytes: persist.json holds the configuration of all containers of the pod. */
#define STATE_SIZE_MAX (4U << 20)

/* What both persist.json and state.json may tell. */
struct state {
	char sandbox_id[256], kind[64];
	uint64_t vmm_pid, virtiofsd_pid;
};

static const struct json_field persist_fields[] = {
	JSON_FIELD("SandboxContainer", JSON_STRING, struct state, sandbox_id),
	JSON_FIELD("HypervisorState>Type", JSON_STRING, struct state, kind),
	JSON_FIELD("HypervisorState>Pid", JSON_UINT, struct state, vmm_pid),
	JSON_FIELD("HypervisorState>VirtiofsDaemonPid", JSON_UINT, struct state, virtiofsd_pid),
};

/* The PIDs are always null or 0 so far. */
static const struct json_field state_fields[] = {
	JSON_FIELD("hypervisor>id", JSON_STRING, struct state, sandbox_id),
	JSON_FIELD("hypervisor>hypervisor_type", JSON_STRING, struct state, kind),
	JSON_FIELD("hypervisor>pid", JSON_UINT, struct state, vmm_pid),
	JSON_FIELD("hypervisor>virtiofs_daemon_pid", JSON_UINT, struct state, virtiofsd_pid),
};

/* Returns whether the file is there, whatever it holds. */
static bool state_read(int run_fd, const char *directory, const char *sandbox_id, const char *name,
		       const struct json_field *fields, size_t n_fields, struct state *ret)
{
	struct state state = {.sandbox_id = "", .kind = ""};
	cleanup_free char *text = NULL;
	char path[NAME_MAX + 64];
	size_t length;

	(void)snprintf(path, sizeof path, "%s/%s/%s", directory, sandbox_id, name);
	int r = file_load_at(run_fd, path, STATE_SIZE_MAX, &text, &length, NULL);
	if (r < 0)
		return r != -ENOENT && r != -ENOTDIR;
	if (json_read(text, length, fields, n_fields, &state, NULL) == 0 &&
	    strcmp(state.sandbox_id, sandbox_id) == 0)
		*ret = state;
	return true;
}

static pid_t pid_of(uint64_t number)
{
	return number > 0 && number <= INT_MAX ? (pid_t)number : 0;
}

static bool read_pid(int bundle_fd, pid_t *ret)
{
	char text[32];
	uint64_t number;

	int r = file_read_at(bundle_fd, "shim.pid", text, sizeof text, NULL, NULL);
	if (r == 0 && quantity_parse_uint(text, strcspn(text, "\n"), &number) == 0)
		*ret = pid_of(number);
	return r != -ENOENT;
}

/* "unix:///run/containerd/s/1f…". Older versions of containerd's library write an abstract socket's name,
 * without the scheme. */
static bool read_address(int bundle_fd, char ret[static SANDBOX_ADDRESS_SIZE])
{
	static const char scheme[] = "unix://";
	char text[512];
	size_t length;

	int r = file_read_at(bundle_fd, "address", text, sizeof text, &length, NULL);
	if (r < 0)
		return r != -ENOENT;
	const char *name = text;
	bool is_path = strncmp(text, scheme, sizeof scheme - 1) == 0;
	if (is_path)
		name += sizeof scheme - 1;
	size_t n = strcspn(name, "\n");
	/* The file is accepted only if it is one line of printable characters. */
	bool is_sane = n > 0 && n < SANDBOX_ADDRESS_SIZE - 1 &&
		       (size_t)(name - text) + n + (name[n] == '\n') == length;
	for (size_t i = 0; i < n; i++)
		is_sane = is_sane && name[i] > ' ' && name[i] < 0x7f;
	if (is_sane && is_path && (name[0] == '/' || (name[0] == '@' && n > 1)))
		(void)snprintf(ret, SANDBOX_ADDRESS_SIZE, "%.*s", (int)n, name);
	else if (is_sane && !is_path && name[0] == '/')
		(void)snprintf(ret, SANDBOX_ADDRESS_SIZE, "@%.*s", (int)n, name);
	return true;
}

int sandbox_files_read(int run_fd, const char *bundle, const char *sandbox_id, struct sandbox_files *ret,
		       struct error *err)
{
	struct sandbox_files files = {.address = ""};
	struct state persist = {.kind = ""}, state = {.kind = ""};
	bool found = false;

	/* The id becomes a part of paths. */
	if (sandbox_id[0] == '\0' || sandbox_id[0] == '.' || strchr(sandbox_id, '/') ||
	    strlen(sandbox_id) > NAME_MAX)
		return error_set(err, EINVAL, "no id of a sandbox: %.80s", sandbox_id);

	cleanup_close int bundle_fd = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (bundle_fd >= 0) {
		found |= read_pid(bundle_fd, &files.shim_pid);
		found |= read_address(bundle_fd, files.address);
	}
	found |= state_read(run_fd, "vc/sbs", sandbox_id, "persist.json", persist_fields,
			    sizeof persist_fields / sizeof *persist_fields, &persist);
	found |= state_read(run_fd, "kata", sandbox_id, "state.json", state_fields,
			    sizeof state_fields / sizeof *state_fields, &state);
	if (!found)
		return error_set(err, ENOENT, "nothing in /run tells of the sandbox %.80s", sandbox_id);

	files.vmm_pid = pid_of(persist.vmm_pid > 0 ? persist.vmm_pid : state.vmm_pid);
	files.virtiofsd_pid = pid_of(persist.virtiofsd_pid > 0 ? persist.virtiofsd_pid : state.virtiofsd_pid);
	if (strcmp(state.kind, "dragonball") == 0 || strcmp(persist.kind, "dragonball") == 0)
		files.vmm_pid = files.shim_pid;
	*ret = files;
	return 0;
}
