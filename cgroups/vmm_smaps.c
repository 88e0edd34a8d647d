/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/process.h"
#include "cgroups/quantity.h"

/* No process can map this much. */
#define SIZE_LEAST_ABSURD (UINT64_C(1) << 52)

/* Bytes; no guest has less RAM. Firmware and video memory are smaller. */
#define RAM_LEAST (32 * MIB)

/* The longest line of smaps has a path and some numbers. */
#define LINE_SIZE (PATH_MAX + 256)

struct mapping {
	uint64_t size_bytes, resident_bytes, anon_bytes;
	uint64_t hugetlb_bytes, private_hugetlb_bytes;
	bool is_shared;    /* of shared memory: shmem, a memfd, huge pages */
	bool is_anonymous; /* private memory of no file */
	bool no_fork;
};

struct sums {
	struct mapping all, shared, no_fork, sized; /* sized: the mapping chosen by its size */
	bool has_sized;
};

static void mapping_add(struct mapping *sum, const struct mapping *mapping)
{
	sum->size_bytes += mapping->size_bytes;
	sum->resident_bytes += mapping->resident_bytes;
	sum->anon_bytes += mapping->anon_bytes;
	sum->hugetlb_bytes += mapping->hugetlb_bytes;
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "7f1200000000-7f1220000000 rw-s 00000000 00:01 1042  /dev/shm/qemu_back_mem.dimm1.Ab (deleted)" */
static bool mapping_begin(const char *line, struct mapping *ret)
{
	uint64_t start, end, inode;
	char permissions[5];
	int name = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64 " %n", &start, &end, permissions,
		   &inode, &name) != 4 ||
	    end < start || strlen(permissions) != 4)
		return false;
	line += name;
	const bool is_data = permissions[1] == 'w' && permissions[2] != 'x';
	*ret = (struct mapping){
		.size_bytes = end - start,
		.is_shared =
			is_data && permissions[3] == 's' &&
			(begins(line, "/dev/shm/") || begins(line, "/memfd:") || begins(line, "/dev/zero") ||
			 begins(line, "/dev/hugepages") || begins(line, "/anon_hugepage")),
		.is_anonymous = is_data && permissions[3] == 'p' && inode == 0 && line[0] != '[',
	};
	return true;
}

/* "Rss:               17652 kB" */
static bool size_of(const char *line, const char *key, uint64_t *bytes)
{
	uint64_t kib;

	if (!begins(line, key))
		return false;
	line += strlen(key);
	line += strspn(line, " ");
	if (quantity_parse_uint(line, strspn(line, "0123456789"), &kib) < 0 || kib > SIZE_LEAST_ABSURD / 1024)
		return false;
	*bytes = kib * 1024;
	return true;
}

static void mapping_line(const char *line, struct mapping *mapping)
{
	(void)(size_of(line, "Rss:", &mapping->resident_bytes) ||
	       size_of(line, "Anonymous:", &mapping->anon_bytes) ||
	       size_of(line, "Shared_Hugetlb:", &mapping->hugetlb_bytes) ||
	       size_of(line, "Private_Hugetlb:", &mapping->private_hugetlb_bytes));
	/* Flags of two letters: proc_pid_smaps(5). "dc": not copied by fork(). */
	if (begins(line, "VmFlags:"))
		mapping->no_fork = strstr(line, " dc") != NULL;
}

static bool size_is_nearer(const struct sums *sums, const struct mapping *mapping, uint64_t wanted)
{
	if (!sums->has_sized)
		return true;
	const uint64_t best = sums->sized.size_bytes, size = mapping->size_bytes;
	if (wanted > 0 && size >= wanted)
		return best < wanted || size < best;
	return size > best && !(wanted > 0 && best >= wanted);
}

static void mapping_end(struct mapping *mapping, uint64_t ram_size_bytes, struct sums *sums)
{
	/* Anonymous memory is resident: without this bound the differences below could be negative. */
	if (mapping->anon_bytes > mapping->resident_bytes)
		mapping->anon_bytes = mapping->resident_bytes;
	mapping->hugetlb_bytes += mapping->private_hugetlb_bytes;
	mapping_add(&sums->all, mapping);
	if (mapping->is_shared || mapping->hugetlb_bytes > 0)
		mapping_add(&sums->shared, mapping);
	if (!mapping->is_anonymous)
		return;
	if (mapping->no_fork && mapping->size_bytes >= RAM_LEAST)
		mapping_add(&sums->no_fork, mapping);
	if (size_is_nearer(sums, mapping, ram_size_bytes)) {
		sums->sized = *mapping;
		sums->has_sized = true;
	}
}

int vmm_read_smaps(int proc_fd, pid_t pid, uint64_t ram_size_bytes, struct vmm_smaps *ret, struct error *err)
{
	char line[LINE_SIZE];
	struct mapping mapping = {0};
	struct sums sums = {0};
	bool begun = false;

	cleanup_close int dir_fd = process_open(proc_fd, pid, err);
	if (dir_fd < 0)
		return dir_fd;
	int fd = openat(dir_fd, "smaps", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		int code = errno == ENOENT ? ESRCH : errno;
		cleanup_close_fd(&fd);
		return error_errno(err, code, "cannot read the mappings of process %ld", (long)pid);
	}
	while (fgets(line, sizeof line, file)) {
		struct mapping next;
		if (mapping_begin(line, &next)) {
			if (begun)
				mapping_end(&mapping, ram_size_bytes, &sums);
			mapping = next;
			begun = true;
		} else if (begun) {
			mapping_line(line, &mapping);
		}
	}
	int code = ferror(file) ? errno : 0;
	(void)fclose(file);
	if (code > 0)
		return error_errno(err, code, "cannot read the mappings of process %ld", (long)pid);
	if (!begun)
		return error_set(err, ESRCH, "process %ld has no mappings", (long)pid);
	mapping_end(&mapping, ram_size_bytes, &sums);

	const struct mapping *ram = sums.shared.size_bytes > 0    ? &sums.shared
				    : sums.no_fork.size_bytes > 0 ? &sums.no_fork
								  : &sums.sized;
	*ret = (struct vmm_smaps){
		.ram_bytes = ram->resident_bytes + ram->hugetlb_bytes,
		.ram_size_bytes = ram->size_bytes,
		.ram_is_shared = ram == &sums.shared,
		.ram_is_hugetlb = ram->hugetlb_bytes > 0,
		.vmm_anon_bytes = sums.all.anon_bytes - ram->anon_bytes,
		.vmm_file_bytes = (sums.all.resident_bytes - sums.all.anon_bytes) -
				  (ram->resident_bytes - ram->anon_bytes),
	};
	return 0;
}

uint64_t vmm_ram_size(const char *arguments, size_t length)
{
	const char *end = arguments + length;

	for (const char *argument = arguments, *next; argument < end; argument = next) {
		const size_t n = strnlen(argument, (size_t)(end - argument));
		next = argument + n < end ? argument + n + 1 : end;
		if (n != 2 || memcmp(argument, "-m", 2) != 0 || next >= end)
			continue;
		const char *value = next, *value_end = value + strnlen(value, (size_t)(end - value));
		if (value_end - value > 5 && memcmp(value, "size=", 5) == 0)
			value += 5;
		size_t digits = 0;
		while (value + digits < value_end && value[digits] >= '0' && value[digits] <= '9')
			digits++;
		uint64_t number, unit = MIB;
		if (quantity_parse_uint(value, digits, &number) < 0)
			return 0;
		if (value + digits < value_end && value[digits] != ',') {
			static const char letters[] = "bkmgt";
			const char *letter = strchr(letters, value[digits] | 0x20);
			if (!letter || !*letter)
				return 0;
			unit = UINT64_C(1) << (10 * (letter - letters));
		}
		return number > INT64_MAX / unit ? 0 : number * unit;
	}
	return 0;
}
