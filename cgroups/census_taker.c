/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/census_taker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cgroups/bpf_complaint.h"
#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/memory.h"

/* Written by bpftool. Included as a system header, so that our warnings do not apply. */
#include <census.skel.h>

struct census_taker {
	struct census_bpf *bpf;
	struct bpf_link *link;
	const struct census_entry *mapped;
	size_t mapped_bytes;
	uint64_t page_bytes;
	bool knows_inactive_file;
	uint64_t walked_changes; /* wanted.changes at the last walk */
	unsigned recounts;       /* since the last walk */
	bool only_walks;         /* a recount has failed: the kernel refuses BPF_PROG_RUN, say */
};

/* So many recounts between two walks at most. A walk finds cgroups that got a memory controller later. */
#define CENSUS_RECOUNTS_MAX 60

static int census_attach(struct census_taker *taker, int cgroup_fd)
{
	union bpf_iter_link_info info = {
		.cgroup = {.cgroup_fd = (__u32)cgroup_fd, .order = BPF_CGROUP_ITER_DESCENDANTS_PRE},
	};
	struct bpf_iter_attach_opts options;

	/* memset(), since libbpf checks the padding as well. */
	memset(&options, 0, sizeof options);
	options.sz = sizeof options;
	options.link_info = &info;
	options.link_info_len = sizeof info;
	taker->link = bpf_program__attach_iter(taker->bpf->progs.census, &options);
	return taker->link ? 0 : -errno;
}

static int census_read_inactive_file(int cgroup_fd, uint64_t *ret_bytes)
{
	struct memory memory = {0};
	char text[MEMORY_TEXT_SIZE];

	int r = file_read_at(cgroup_fd, MEMORY_FILE_STAT, text, sizeof text, NULL, NULL);
	if (r == 0)
		r = memory_parse_stat(text, &memory);
	if (r == 0)
		*ret_bytes = memory.inactive_file_bytes;
	return r;
}

/* Checks that census.bpf.c finds inactive_file at the right place: the kernel may move it. The root's value
 * must lie between two readings of the root's memory.stat, give or take a 64th. Reading memory.stat makes the
 * kernel add up all cgroups below. Other processes change the value meanwhile, so that the caller tries
 * several times. */
static bool census_agrees(struct census_taker *taker, int cgroup_fd)
{
	struct census census = CENSUS_NONE;
	uint64_t before, after, id = cgroup_id(cgroup_fd);
	uint32_t hint = 0;

	census_want(&taker->bpf->bss->wanted, id);
	bool taken = census_read_inactive_file(cgroup_fd, &before) == 0 &&
		     census_take(taker, &census, NULL) == 0 &&
		     census_read_inactive_file(cgroup_fd, &after) == 0;
	census_let_go(&taker->bpf->bss->wanted, id);
	if (!taken)
		return false;
	const struct census_entry *root = census_find(&census, id, &hint);
	uint64_t found = root ? root->inactive_file_pages * census.page_bytes : UINT64_MAX;
	census_forget(&census);
	uint64_t low = before < after ? before : after, high = before < after ? after : before,
		 slack = high / 64;
	return found <= high + slack && found >= low - (low < slack ? low : slack);
}

int census_taker_open(int cgroup_fd, struct census_taker **ret, struct error *err)
{
	struct census_taker *taker = calloc(1, sizeof *taker);
	if (!taker)
		return error_set(err, ENOMEM, "out of memory");
	taker->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	bpf_complaint_begin();
	taker->bpf = census_bpf__open();
	int r = taker->bpf ? bpf_map__set_max_entries(taker->bpf->maps.entries, CENSUS_CGROUPS_MAX) : -errno;
	if (r == 0)
		r = bpf_map__set_max_entries(taker->bpf->maps.kept, CENSUS_CGROUPS_MAX);
	if (r == 0)
		r = census_bpf__load(taker->bpf);
	if (r == 0)
		r = census_attach(taker, cgroup_fd);
	const char *complaint = bpf_complaint_end();
	if (r < 0) {
		census_taker_close(taker);
		return error_set(err, -r, "the kernel does not take the BPF program: %s (%.140s)",
				 strerror(-r), complaint);
	}
	for (int i = 0; i < 5 && !taker->knows_inactive_file; i++)
		taker->knows_inactive_file = census_agrees(taker, cgroup_fd);
	*ret = taker;
	return 0;
}

static void census_unmap(struct census_taker *taker)
{
	if (taker->mapped)
		(void)munmap((void *)taker->mapped, taker->mapped_bytes);
	taker->mapped = NULL;
	taker->mapped_bytes = 0;
}

void census_taker_close(struct census_taker *taker)
{
	if (!taker)
		return;
	census_unmap(taker);
	bpf_link__destroy(taker->link);
	census_bpf__destroy(taker->bpf);
	free(taker);
}

struct census_wanted *census_taker_wanted(struct census_taker *taker)
{
	return &taker->bpf->bss->wanted;
}

/* Mapped pages count as our memory. So only what is needed and a quarter more is mapped. The mapping shrinks
 * when less than a quarter of it is needed. */
static int census_map(struct census_taker *taker, uint32_t count)
{
	const size_t page = (size_t)taker->page_bytes, most = CENSUS_CGROUPS_MAX * sizeof *taker->mapped;
	const size_t need = count * sizeof *taker->mapped;

	if (taker->mapped && need <= taker->mapped_bytes && need >= taker->mapped_bytes / 4)
		return 0;
	size_t bytes = (need + need / 4 + 4 * page) / page * page;
	if (bytes > most)
		bytes = (most + page - 1) / page * page;
	if (taker->mapped && bytes == taker->mapped_bytes)
		return 0;
	census_unmap(taker);
	void *mapped = mmap(NULL, bytes, PROT_READ, MAP_SHARED, bpf_map__fd(taker->bpf->maps.entries), 0);
	if (mapped == MAP_FAILED)
		return -errno;
	taker->mapped = mapped;
	taker->mapped_bytes = bytes;
	return 0;
}

static int census_walk(struct census_taker *taker)
{
	char nothing[8];

	/* An iterator serves one walk. One read() makes the whole walk, since the program writes nothing for
	 * us to read. */
	cleanup_close int fd = bpf_iter_create(bpf_link__fd(taker->link));
	if (fd < 0)
		return fd;
	taker->walked_changes = taker->bpf->bss->wanted.changes;
	taker->recounts = 0;
	taker->bpf->bss->met = taker->bpf->bss->lost = 0;
	return read(fd, nothing, sizeof nothing) < 0 ? -errno : 0;
}

static bool census_must_walk(const struct census_taker *taker)
{
	return taker->only_walks || taker->recounts >= CENSUS_RECOUNTS_MAX || taker->bpf->bss->lost > 0 ||
	       taker->bpf->bss->wanted.changes != taker->walked_changes;
}

static int census_recount(struct census_taker *taker)
{
	struct bpf_test_run_opts options = {.sz = sizeof options};

	taker->recounts++;
	return bpf_prog_test_run_opts(bpf_program__fd(taker->bpf->progs.recount), &options);
}

int census_take(struct census_taker *taker, struct census *census, struct error *err)
{
	census_forget(census);
	if (!census_must_walk(taker) && census_recount(taker) < 0)
		taker->only_walks = true;
	int r = census_must_walk(taker) ? census_walk(taker) : 0;
	if (r < 0)
		return error_errno(err, -r, "cannot go through the cgroups");
	uint32_t met = __atomic_load_n(&taker->bpf->bss->met, __ATOMIC_ACQUIRE);
	uint32_t count = met < CENSUS_CGROUPS_MAX ? met : CENSUS_CGROUPS_MAX;
	r = census_map(taker, count);
	if (r < 0)
		return error_errno(err, -r, "cannot map what was found of the cgroups");
	*census = (struct census){
		.entries = taker->mapped,
		.count = count,
		.missed = met - count,
		.page_bytes = taker->page_bytes,
		.knows_inactive_file = taker->knows_inactive_file,
	};
	return 0;
}

#else

int census_taker_open(int cgroup_fd, struct census_taker **ret, struct error *err)
{
	(void)cgroup_fd, (void)ret;
	return error_set(err, ENOTSUP, "this tidemarkd was built without BPF");
}

void census_taker_close(struct census_taker *taker)
{
	(void)taker;
}

struct census_wanted *census_taker_wanted(struct census_taker *taker)
{
	(void)taker;
	return NULL;
}

int census_take(struct census_taker *taker, struct census *census, struct error *err)
{
	(void)taker;
	census_forget(census);
	return error_set(err, ENOTSUP, "this tidemarkd was built without BPF");
}

#endif
