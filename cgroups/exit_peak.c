/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/exit_peak.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_BPF

#include <bpf/libbpf.h>
#include <unistd.h>

#include "cgroups/bpf_complaint.h"
#include "cgroups/exit_peak_event.h"

/* Written by bpftool. Included as a system header, so that our warnings do not apply. */
#include <exit_peak.skel.h>

struct exit_peaks {
	struct exit_peak_bpf *bpf;
	struct ring_buffer *ring;
	uint64_t page_bytes;

	/* Of the exit_peaks_read() that runs now. */
	struct exit_peak *ret;
	size_t taken;
};

static int on_event(void *context, void *data, size_t size)
{
	struct exit_peaks *exits = context;
	struct exit_peak_event event;

	if (size < sizeof event)
		return 0;
	memcpy(&event, data, sizeof event);
	exits->ret[exits->taken] = (struct exit_peak){
		.cgroup_id = event.cgroup_id,
		.peak_bytes = event.peak_pages * exits->page_bytes,
		.oom = event.oom,
		.oom_kill = event.oom_kill,
		.all_oom_kill = event.all_oom_kill,
	};
	/* A negative result ends the reading. This event counts as read. */
	return ++exits->taken < EXIT_PEAKS_MAX ? 0 : -ECANCELED;
}

int exit_peaks_open(struct exit_peaks **ret, struct error *err)
{
	struct exit_peaks *exits = calloc(1, sizeof *exits);
	if (!exits)
		return error_set(err, ENOMEM, "out of memory");
	exits->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	bpf_complaint_begin();
	exits->bpf = exit_peak_bpf__open_and_load();
	int r = exits->bpf ? exit_peak_bpf__attach(exits->bpf) : -errno;
	if (r == 0) {
		exits->ring = ring_buffer__new(bpf_map__fd(exits->bpf->maps.events), on_event, exits, NULL);
		r = exits->ring ? 0 : -errno;
	}
	const char *complaint = bpf_complaint_end();
	if (r < 0) {
		exit_peaks_close(exits);
		return error_set(err, -r, "the kernel does not take the BPF program: %s (%.140s)",
				 strerror(-r), complaint);
	}
	*ret = exits;
	return 0;
}

void exit_peaks_close(struct exit_peaks *exits)
{
	if (!exits)
		return;
	ring_buffer__free(exits->ring);
	exit_peak_bpf__destroy(exits->bpf);
	free(exits);
}

int exit_peaks_fd(const struct exit_peaks *exits)
{
	return ring_buffer__epoll_fd(exits->ring);
}

size_t exit_peaks_read(struct exit_peaks *exits, struct exit_peak ret[static EXIT_PEAKS_MAX])
{
	exits->taken = 0;
	exits->ret = ret;
	(void)ring_buffer__consume(exits->ring);
	return exits->taken;
}

uint64_t exit_peaks_lost(const struct exit_peaks *exits)
{
	return __atomic_load_n(&exits->bpf->bss->lost, __ATOMIC_RELAXED);
}

#else

int exit_peaks_open(struct exit_peaks **ret, struct error *err)
{
	(void)ret;
	return error_set(err, ENOTSUP, "this tidemarkd was built without BPF");
}

void exit_peaks_close(struct exit_peaks *exits)
{
	(void)exits;
}

int exit_peaks_fd(const struct exit_peaks *exits)
{
	(void)exits;
	return -1;
}

void exit_peaks_read(struct exit_peaks *exits, void (*take)(const struct exit_peak *exit, void *data),
		     void *data)
{
	(void)exits, (void)take, (void)data;
}

uint64_t exit_peaks_lost(const struct exit_peaks *exits)
{
	(void)exits;
	return 0;
}

#endif

void recent_exits_add(struct recent_exits *recent, const struct exit_peak *exit)
{
	recent->exits[recent->next] = *exit;
	recent->next = (recent->next + 1) % RECENT_EXITS_MAX;
}

const struct exit_peak *recent_exits_find(const struct recent_exits *recent, uint64_t cgroup_id)
{
	if (cgroup_id == 0)
		return NULL;
	/* Searched once for each container, which takes some microseconds. */
	for (size_t i = 0; i < RECENT_EXITS_MAX; i++)
		if (recent->exits[i].cgroup_id == cgroup_id)
			return &recent->exits[i];
	return NULL;
}
