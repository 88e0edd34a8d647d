/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cgroups/cleanup.h"

#define SAMPLER_STAT_MOVED_LEAST (256 * 1024)

void sampler_init(struct sampler *sampler, size_t kept_max)
{
	*sampler = (struct sampler){.kept_max = kept_max};
}

static int sampler_open_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Opens a file to be kept. Returns 0, with *ret_fd -1 where it isn't kept for want of descriptors. */
static int sampler_keep(struct sampler *sampler, int dir_fd, const char *name, int *ret_fd, struct error *err)
{
	int fd = -EMFILE;

	*ret_fd = -1;
	if (sampler->kept < sampler->kept_max)
		fd = sampler_open_file(dir_fd, name);
	if (fd == -EMFILE || fd == -ENFILE) {
		sampler->degraded = true;
		return 0;
	}
	if (fd < 0)
		return memory_judge(dir_fd, fd, name, err);
	sampler->kept++;
	*ret_fd = fd;
	return 0;
}

int sampler_open(struct sampler *sampler, int dir_fd, struct sampled *ret, struct error *err)
{
	struct sampled sampled = SAMPLED_NONE;

	sampled.dir_fd = dir_fd;
	sampled.phase = sampler->opened++ % SAMPLER_STAT_READINGS;

	int r = sampler_keep(sampler, dir_fd, MEMORY_FILE_CURRENT, &sampled.current_fd, err);
	if (r == 0)
		r = sampler_keep(sampler, dir_fd, MEMORY_FILE_STAT, &sampled.stat_fd, err);
	if (r != 0)
		sampler_close(sampler, &sampled);
	else
		*ret = sampled;
	return r;
}

void sampler_close(struct sampler *sampler, struct sampled *sampled)
{
	if (sampled->current_fd >= 0)
		sampler->kept--;
	if (sampled->stat_fd >= 0)
		sampler->kept--;
	cleanup_close_fd(&sampled->current_fd);
	cleanup_close_fd(&sampled->stat_fd);
	cleanup_close_fd(&sampled->dir_fd);
	*sampled = SAMPLED_NONE;
}

/* Reads the file into the sampler's buffer, by its kept descriptor or by one of the moment. */
static int sampler_load(struct sampler *sampler, int dir_fd, int kept_fd, const char *name, struct error *err)
{
	cleanup_close int own_fd = -1;
	size_t length = 0;

	if (kept_fd < 0) {
		kept_fd = own_fd = sampler_open_file(dir_fd, name);
		if (own_fd < 0)
			return memory_judge(dir_fd, own_fd, name, err);
	}
	/* A kernel file comes whole in one read: only what doesn't end in a newline asks for another. */
	for (;;) {
		ssize_t n =
			pread(kept_fd, sampler->text + length, sizeof sampler->text - length, (off_t)length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return memory_judge(dir_fd, -errno, name, err);
		length += (size_t)n;
		if (length == sizeof sampler->text)
			return error_set(err, E2BIG, "%s is larger than %zu bytes", name, length - 1);
		if (n == 0 || sampler->text[length - 1] == '\n')
			break;
	}
	sampler->text[length] = '\0';
	return 0;
}

bool sampler_stat_is_due(const struct sampled *sampled, uint64_t current_bytes)
{
	const struct memory *last = &sampled->last;

	if (!sampled->stat_known || sampled->readings + 1 >= SAMPLER_STAT_READINGS)
		return true;
	if (current_bytes == last->current_bytes)
		return false;
	/* At its limit a cgroup's cache gives way to what cannot be dropped, and memory.current only trembles. */
	if (last->inactive_file_bytes > last->current_bytes / 16)
		return true;
	/* The kernel charges ahead, 64 pages a processor: less says little. */
	uint64_t moved = current_bytes > last->current_bytes ? current_bytes - last->current_bytes
							     : last->current_bytes - current_bytes;
	return moved >= SAMPLER_STAT_MOVED_LEAST && moved >= last->current_bytes / 64;
}

int sampler_read(struct sampler *sampler, struct sampled *sampled, struct memory *ret, struct error *err)
{
	struct memory memory = sampled->last;

	int r = sampler_load(sampler, sampled->dir_fd, sampled->current_fd, MEMORY_FILE_CURRENT, err);
	if (r != 0)
		return r;
	r = memory_parse_bytes(sampler->text, &memory.current_bytes);
	if (r < 0)
		return error_set(err, -r, "memory.current holds no number");
	if (!sampler_stat_is_due(sampled, memory.current_bytes)) {
		sampled->readings++;
		*ret = memory;
		return 0;
	}

	r = sampler_load(sampler, sampled->dir_fd, sampled->stat_fd, MEMORY_FILE_STAT, err);
	if (r != 0)
		return r;
	r = memory_parse_stat(sampler->text, &memory);
	if (r < 0)
		return error_set(err, -r, "memory.stat cannot be understood");
	sampled->readings = sampled->stat_known ? 0 : sampled->phase;
	sampled->last = memory;
	sampled->stat_known = true;
	*ret = memory;
	return 0;
}
