/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"

#define SAMPLER_STAT_MOVED_LEAST (256 * 1024)

/* With a census, a memory.stat that was not read for this many readings is closed. */
#define SAMPLER_STAT_SELDOM (6 * SAMPLER_STAT_READINGS)

void sampler_init(struct sampler *sampler, int cgroup_fd, size_t kept_max)
{
	*sampler = (struct sampler){
		.cgroup_fd = cgroup_fd,
		.kept_max = kept_max,
		.directories = {{.fd = -1}, {.fd = -1}},
	};
}

static void sampler_let_go(struct sampler *sampler, unsigned at)
{
	cleanup_close_fd(&sampler->directories[at].fd);
	sampler->directories[at].fd = -1;
}

void sampler_free(struct sampler *sampler)
{
	sampler_let_go(sampler, 0);
	sampler_let_go(sampler, 1);
}

/* id: 0 for any. *ret_id is the directory's id. */
static int sampler_open_directory(struct sampler *sampler, const char *path, uint64_t id, uint64_t *ret_id,
				  int *ret_fd, struct error *err)
{
	cleanup_close int fd = cgroup_open(sampler->cgroup_fd, path, err);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENODEV ? MEMORY_GONE : fd;
	*ret_id = cgroup_id(fd);
	if (id && *ret_id != id)
		return MEMORY_GONE;
	const unsigned at = sampler->oldest;
	sampler_let_go(sampler, at);
	sampler->directories[at].id = *ret_id;
	*ret_fd = sampler->directories[at].fd = take_fd(&fd);
	sampler->oldest = !at;
	return 0;
}

int sampler_directory(struct sampler *sampler, const char *path, uint64_t id, int *ret_fd, struct error *err)
{
	for (unsigned i = 0; i < 2; i++)
		if (id && sampler->directories[i].fd >= 0 && sampler->directories[i].id == id) {
			*ret_fd = sampler->directories[i].fd;
			sampler->oldest = !i;
			return 0;
		}
	return sampler_open_directory(sampler, path, id, &id, ret_fd, err);
}

int sampler_open(struct sampler *sampler, const char *path, struct sampled *ret, struct error *err)
{
	struct sampled sampled = SAMPLED_NONE;
	int dir_fd;

	int r = sampler_open_directory(sampler, path, 0, &sampled.id, &dir_fd, err);
	if (r != 0)
		return r;
	sampled.path = path;
	if (sampler->wanted)
		census_want(sampler->wanted, sampled.id);
	sampled.phase = sampler->opened++ % SAMPLER_STAT_READINGS;
	*ret = sampled;
	return 0;
}

static void sampler_drop(struct sampler *sampler, int *fd)
{
	if (*fd < 0)
		return;
	(void)close(*fd);
	*fd = -1;
	sampler->kept--;
	/* Half the bound, not the bound itself: there each cgroup that comes or goes would switch it. */
	if (sampler->kept < sampler->kept_max / 2)
		sampler->tight = false;
}

void sampler_close(struct sampler *sampler, struct sampled *sampled)
{
	if (sampled->path && sampler->wanted)
		census_let_go(sampler->wanted, sampled->id);
	for (unsigned i = 0; i < 2; i++)
		if (sampled->path && sampler->directories[i].id == sampled->id)
			sampler_let_go(sampler, i);
	sampler_drop(sampler, &sampled->current_fd);
	sampler_drop(sampler, &sampled->stat_fd);
	*sampled = SAMPLED_NONE;
}

static int sampler_open_file(struct sampler *sampler, const struct sampled *sampled, const char *name,
			     int *ret_fd, struct error *err)
{
	int dir_fd;

	int r = sampler_directory(sampler, sampled->path, sampled->id, &dir_fd, err);
	if (r != 0)
		return r;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return memory_judge(dir_fd, -errno, name, err);
	*ret_fd = fd;
	return 0;
}

/* Whether one more descriptor may be kept open. With a census only a memory.stat that is read often now is
 * kept. */
static bool sampler_has_room(struct sampler *sampler, const struct sampled *sampled, bool first)
{
	if (sampler->by_census &&
	    (first || !sampled->stat_known || sampled->readings >= SAMPLER_STAT_READINGS))
		return false;
	if (sampler->kept < sampler->kept_max)
		return first || !sampler->tight;
	sampler->degraded = true;
	sampler->tight = sampler->tight || first;
	return false;
}

/* Reads the whole file into the sampler's buffer. */
static int sampler_load_fd(struct sampler *sampler, int fd, const char *name, struct error *err)
{
	size_t length = 0;

	/* A kernel file comes whole in one read. A second read is made only if the text does not end in a
	 * newline. */
	for (;;) {
		ssize_t n = pread(fd, sampler->text + length, sizeof sampler->text - length, (off_t)length);
		if (n < 0 && errno == EINTR)
			continue;
		/* ENODEV: the file was kept open and its cgroup is removed. */
		if (n < 0)
			return errno == ENODEV ? MEMORY_GONE
					       : error_errno(err, errno, "cannot read %s", name);
		length += (size_t)n;
		if (length == sizeof sampler->text)
			return error_set(err, E2BIG, "%s is larger than %zu bytes", name, length - 1);
		if (n == 0 || sampler->text[length - 1] == '\n')
			break;
	}
	sampler->text[length] = '\0';
	return 0;
}

/* Reads the whole file by *kept_fd, or by a descriptor opened now. That one stays in *kept_fd if there is
 * room. */
static int sampler_load(struct sampler *sampler, const struct sampled *sampled, const char *name,
			int *kept_fd, bool first, struct error *err)
{
	cleanup_close int own_fd = -1;

	if (*kept_fd >= 0)
		return sampler_load_fd(sampler, *kept_fd, name, err);
	int r = sampler_open_file(sampler, sampled, name, &own_fd, err);
	if (r == 0)
		r = sampler_load_fd(sampler, own_fd, name, err);
	if (r == 0 && sampler_has_room(sampler, sampled, first)) {
		*kept_fd = take_fd(&own_fd);
		sampler->kept++;
	}
	return r;
}

const struct census_entry *sampler_census_entry(const struct sampler *sampler, struct sampled *sampled)
{
	return sampler->census && sampled->id ? census_find(sampler->census, sampled->id, &sampled->hint)
					      : NULL;
}

bool sampler_stat_is_due(const struct sampled *sampled, uint64_t current_bytes, bool cache_known)
{
	const struct memory *last = &sampled->last;

	if (!sampled->stat_known || (!cache_known && sampled->readings + 1 >= SAMPLER_STAT_READINGS))
		return true;
	if (current_bytes == last->current_bytes)
		return false;
	/* At its limit a cgroup's page cache gives way to memory that cannot be dropped, and memory.current
	 * hardly moves. */
	if (!cache_known && last->inactive_file_bytes > last->current_bytes / 16)
		return true;
	/* The kernel charges 64 pages ahead for each processor, so that a smaller change tells little. */
	uint64_t moved = current_bytes > last->current_bytes ? current_bytes - last->current_bytes
							     : last->current_bytes - current_bytes;
	return moved >= SAMPLER_STAT_MOVED_LEAST && moved >= last->current_bytes / 64;
}

/* Takes the values of a census entry. Returns whether inactive_file is among them. */
static bool sampler_take_entry(const struct census *census, const struct census_entry *entry,
			       struct memory *memory)
{
	bool cache_known = census->knows_inactive_file && entry->inactive_file_pages != CENSUS_UNKNOWN;

	memory->current_bytes = entry->current_pages * census->page_bytes;
	memory->peak_bytes = entry->peak_pages * census->page_bytes;
	if (cache_known)
		memory->inactive_file_bytes = entry->inactive_file_pages * census->page_bytes;
	return cache_known;
}

static int sampler_read_current(struct sampler *sampler, struct sampled *sampled, struct memory *memory,
				struct error *err)
{
	int r = sampler_load(sampler, sampled, MEMORY_FILE_CURRENT, &sampled->current_fd, true, err);
	if (r != 0)
		return r;
	r = memory_parse_bytes(sampler->text, &memory->current_bytes);
	return r < 0 ? error_set(err, -r, "memory.current holds no number") : 0;
}

int sampler_read(struct sampler *sampler, struct sampled *sampled, struct memory *ret, struct error *err)
{
	struct memory memory = sampled->last;
	bool cache_known = false;
	int r = 0;

	if (sampler->tight || (sampler->by_census && sampled->readings >= SAMPLER_STAT_SELDOM))
		sampler_drop(sampler, &sampled->stat_fd);
	const struct census_entry *entry = sampler_census_entry(sampler, sampled);
	if (entry) {
		cache_known = sampler_take_entry(sampler->census, entry, &memory);
		sampler_drop(sampler, &sampled->current_fd); /* left from a time without a census */
	} else {
		r = sampler_read_current(sampler, sampled, &memory, err);
	}
	if (r != 0)
		return r;
	if (!sampler_stat_is_due(sampled, memory.current_bytes, cache_known)) {
		sampled->readings++;
		*ret = memory;
		return 0;
	}

	r = sampler_load(sampler, sampled, MEMORY_FILE_STAT, &sampled->stat_fd, false, err);
	if (r != 0)
		return r;
	r = memory_parse_stat(sampler->text, &memory);
	if (r < 0)
		return error_set(err, -r, "memory.stat cannot be understood");
	sampled->readings = sampled->stat_known ? 0 : sampled->phase;
	*ret = memory;
	memory.peak_bytes = 0; /* a peak is returned only once */
	sampled->last = memory;
	sampled->stat_known = true;
	return 0;
}
