/* SPDX-License-Identifier: Apache-2.0 */

/* Sizes a virtual machine whose size is fixed at its start, before its containers are known. The containers'
 * profiles tell which limits they will get, if there is a profile for each of them. */

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "oci/vm.h"
#include "shim/store/handler.h"
#include "shim/tune/overhead.h"
#include "shim/wrapper/wrapper.h"

/* The most containers of a pod, and the most profiles that are read, old ones too. With more the size stays:
 * the sandbox waits while profiles are read. */
#define CONTAINERS_MAX 64
#define PROFILES_MAX   256

/* Bytes: above this for one container the size stays. So sums do not overflow. */
#define LIMIT_MAX (UINT64_C(1) << 50)

/* Bytes: kata refuses less. */
#define DEFAULT_MEMORY_MIN (256 * MIB)

enum walk {
	WALK_ON,
	WALK_STOP,
};

struct share {
	uint64_t declared_bytes, limit_bytes;
};

struct pod {
	const struct wrapper *wrapper;
	const struct record *sandbox;
	size_t n_profiles, n_containers;
	bool is_unclear;
	struct share containers, init;
	uint64_t init_most_bytes; /* the highest limit of an init container */
};

static void share_add(struct share *share, const struct record *container)
{
	share->declared_bytes += container->declared_bytes;
	share->limit_bytes += container->limit_bytes;
}

/* Adds the limit that a container with this profile would get now. A profile whose last container came from
 * another template of the pod is skipped: the container is not part of this pod any more, or may have
 * another image now. */
static int add_container(const struct limits *limits, void *data)
{
	struct pod *pod = data;
	struct record container = {
		.identity = limits->identity,
		.mode = pod->sandbox->mode,
		.declared_bytes = limits->declared_bytes,
	};

	if (pod->is_unclear || ++pod->n_profiles > PROFILES_MAX) {
		pod->is_unclear = true;
		return WALK_STOP;
	}
	if (limits->role == ROLE_EPHEMERAL || strcmp(limits->template, pod->sandbox->template) != 0)
		return WALK_ON;
	wrapper_decide_by(pod->wrapper, &container, limits, 0);
	if (++pod->n_containers > CONTAINERS_MAX || container.declared_bytes > LIMIT_MAX ||
	    container.limit_bytes > LIMIT_MAX) {
		pod->is_unclear = true;
		return WALK_STOP;
	}
	share_add(limits->role == ROLE_INIT ? &pod->init : &pod->containers, &container);
	if (limits->role == ROLE_INIT && container.limit_bytes > pod->init_most_bytes)
		pod->init_most_bytes = container.limit_bytes;
	return WALK_ON;
}

static void on_fault(const char *path, const struct error *err, void *data)
{
	struct pod *pod = data;
	(void)path, (void)err;
	pod->is_unclear = true;
}

/* The memory that the pod's containers need together; 0: not known. declared_bytes: what they declare
 * together, as Kubernetes says: the sum of those that run at once, or the largest init container. By this sum
 * it is known whether all profiles are there, and whether the init containers go on running (sidecars). */
static uint64_t need_of(const struct pod *pod, uint64_t declared_bytes)
{
	if (pod->is_unclear || pod->n_containers == 0)
		return 0;
	if (pod->containers.declared_bytes == declared_bytes)
		return pod->containers.limit_bytes > pod->init_most_bytes ? pod->containers.limit_bytes
									  : pod->init_most_bytes;
	if (pod->containers.declared_bytes + pod->init.declared_bytes == declared_bytes)
		return pod->containers.limit_bytes + pod->init.limit_bytes;
	return 0;
}

/* Finds what a guest of this handler needs to boot. */
static int find_floor(const struct wrapper *wrapper, int state_fd, uint64_t *ret_bytes, struct error *err)
{
	uint64_t boot_bytes[HANDLER_PODS_MAX];
	cleanup_free struct handler *handler = malloc(sizeof *handler);

	if (!handler)
		return error_errno(err, ENOMEM, "cannot size the virtual machine");
	int r = handler_read(state_fd, wrapper->runtime, handler, err);
	if (r < 0 && r != -ENOENT)
		return r;
	size_t n = r < 0 ? 0 : handler->n_pods;
	for (size_t i = 0; i < n; i++)
		boot_bytes[i] = handler->pods[i].boot_bytes;
	*ret_bytes = overhead_floor(boot_bytes, n, wrapper->settings.vm.memory_min_bytes);
	return 0;
}

/* Finds the size by the profiles of the pod's containers. *ret_bytes 0: the size stays. */
static int find_size(const struct wrapper *wrapper, const struct record *record, int state_fd,
		     uint64_t declared_bytes, uint64_t *ret_bytes, struct error *err)
{
	struct pod pod = {.wrapper = wrapper, .sandbox = record};
	uint64_t floor_bytes = 0;

	*ret_bytes = 0;
	(void)limits_each_of(state_fd, &record->identity, add_container, on_fault, &pod);
	const uint64_t need_bytes = need_of(&pod, declared_bytes);
	if (need_bytes == 0 || need_bytes >= declared_bytes)
		return 0;

	/* default_memory includes what a guest needs without containers. To sandbox-memory kata
	 * adds its default_memory. */
	const bool holds_guest = wrapper->settings.vm.sizing == VM_SIZING_DEFAULT_MEMORY;
	int r = holds_guest ? find_floor(wrapper, state_fd, &floor_bytes, err) : 0;
	if (r < 0)
		return r;
	uint64_t size_bytes = need_bytes + floor_bytes;
	if (holds_guest && size_bytes < DEFAULT_MEMORY_MIN)
		size_bytes = DEFAULT_MEMORY_MIN;
	*ret_bytes = (size_bytes + MIB - 1) / MIB * MIB; /* kata rounds down */
	return 0;
}

int wrapper_size_vm(const struct wrapper *wrapper, struct record *record, const struct config *config,
		    const char *text, struct edit *ret, struct error *err)
{
	const int sizing = wrapper->settings.vm.sizing;
	const enum vm_size size =
		sizing == VM_SIZING_STATIC ? VM_SIZE_SANDBOX_MEMORY : VM_SIZE_DEFAULT_MEMORY;
	uint64_t there_bytes, size_bytes;

	if (sizing == VM_SIZING_DYNAMIC || !wrapper->shim->takes_size || record->mode != MODE_ENFORCE ||
	    !record->template[0] || !record->identity.owner[0])
		return 0;
	cleanup_close int state_fd = wrapper_open_below(wrapper, "/var/lib/tidemark", err);
	if (state_fd < 0)
		return state_fd == -ENOENT ? 0 : state_fd;
	int r = find_size(wrapper, record, state_fd, vm_declared_of(text, config), &size_bytes, err);
	if (r < 0 || size_bytes == 0)
		return r;
	/* A size that the pod's author or an administrator asked for is never raised. */
	r = vm_size_of(text, config, size, &there_bytes, err);
	if (r < 0 || (there_bytes > 0 && there_bytes <= size_bytes))
		return r;
	r = vm_edit_size(text, config, size, size_bytes, ret, err);
	if (r == 0)
		record->vm_memory_bytes = size_bytes;
	return r;
}
