/* SPDX-License-Identifier: Apache-2.0 */

/* The size of a virtual machine that is fixed when it is started, before its containers are known. What they
 * will be given is told by their profiles, if these are of all of them. */

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "oci/vm.h"
#include "shim/store/handler.h"
#include "shim/tune/overhead.h"
#include "shim/wrapper/wrapper.h"

/* More than any pod has, and than are left of what ran in it before: who has made more profiles than this is
 * not followed, since the sandbox waits while they are read. */
#define CONTAINERS_MAX 64
#define PROFILES_MAX   256

/* Of one of them: sums then stay far from where numbers end. */
#define LIMIT_MAX (UINT64_C(1) << 50)

/* kata refuses less. */
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
	uint64_t init_most_bytes; /* the highest limit of one */
};

static void share_add(struct share *share, const struct record *container)
{
	share->declared_bytes += container->declared_bytes;
	share->limit_bytes += container->limit_bytes;
}

/* The limit that a container of this profile would be given now. One whose last container came from another
 * template of the pod is not of this pod any more, or not known yet as it is now: it may have another
 * image. */
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

/* What the pod's containers need together. Kubernetes says what they declare together: the sum of those that
 * run at once, or the largest init container. So it can be told whether all profiles are there, and whether
 * init containers go on running (sidecars). 0: it is not known. */
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

/* What a guest of this handler needs to boot. */
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

/* By its containers' profiles. 0: the size is to stay. */
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

	/* default_memory is what kata gives a guest without containers; sandbox-memory is all that there
	 * is. */
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
	/* What the pod's author or its administrator has asked for is never raised. */
	r = vm_size_of(text, config, size, &there_bytes, err);
	if (r < 0 || (there_bytes > 0 && there_bytes <= size_bytes))
		return r;
	r = vm_edit_size(text, config, size, size_bytes, ret, err);
	if (r == 0)
		record->vm_memory_bytes = size_bytes;
	return r;
}
