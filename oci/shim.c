/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/shim.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oci/runtime.h"

#define PROGRAM "containerd-shim-"
#define OURS    PROGRAM "tidemark-"

/* kata has mostly one program for all hypervisors: "kata-qemu" is another name for it. An unknown shim counts
 * as a virtual machine: if it is one, looking for its containers in the node's cgroups would find nothing. */
static const struct shim_kind kinds[] = {
	{.pattern = "runc", .pid_file = "init.pid"},
	{.pattern = "kata", .is_vm = true, .takes_size = true},
	{.pattern = "kata-*", .is_vm = true, .takes_size = true, .stand_in = "kata"},
	{.pattern = "*", .is_vm = true},
};

/* Searched after $PATH. The last two are kata-deploy's, for the runtime in Go and the one in Rust. */
static const char *const directories[] = {
	"/usr/local/bin", "/usr/bin",          "/usr/local/sbin", "/usr/sbin",
	"/usr/libexec",   "/usr/libexec/crio", "/opt/kata/bin",   "/opt/kata/runtime-rs/bin",
};

const struct shim_kind *shim_kind_of(const char *name)
{
	const struct shim_kind *kind = kinds;

	while (fnmatch(kind->pattern, name, 0) != 0 && kind < &kinds[sizeof kinds / sizeof *kinds - 1])
		kind++;
	return kind;
}

const char *shim_from_program(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *base = slash ? slash + 1 : argv0;
	const size_t length = sizeof OURS - 1;

	return strncmp(base, OURS, length) == 0 ? base + length : NULL;
}

/* The length of "-v2" at the end of the name. The whole name may also be "v2". */
static size_t version_length(const char *program)
{
	const size_t length = strlen(program);
	size_t digits = 0;

	while (digits < length && program[length - 1 - digits] >= '0' && program[length - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || digits == length || program[length - 1 - digits] != 'v')
		return 0;
	if (digits + 1 == length)
		return length;
	return program[length - 2 - digits] == '-' ? digits + 2 : 0;
}

void shim_name_of(const char *program, char *ret_name, size_t size)
{
	(void)snprintf(ret_name, size, "%.*s", (int)(strlen(program) - version_length(program)), program);
}

struct search {
	const char *name; /* the file's name */
	char *path;
	size_t size;
	bool seen_ourselves;
};

static bool search_directory(struct search *search, const char *directory, size_t length)
{
	int n = snprintf(search->path, search->size, "%.*s/%s", (int)length, directory, search->name);
	if (n < 0 || (size_t)n >= search->size || access(search->path, X_OK) < 0)
		return false;
	if (!runtime_is_ourselves(search->path))
		return true;
	search->seen_ourselves = true;
	return false;
}

static bool search_all(struct search *search, const char *directory, const char *path)
{
	if (directory[0] && search_directory(search, directory, strlen(directory)))
		return true;
	for (const char *at = path ? path : ""; at[0];) {
		size_t length = strcspn(at, ":");
		if (at[0] == '/' && search_directory(search, at, length))
			return true;
		at += length + (at[length] == ':');
	}
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (search_directory(search, directories[i], strlen(directories[i])))
			return true;
	return false;
}

int shim_find(const char *program, const struct shim_kind *kind, const char *directory, const char *path,
	      char *ret_path, size_t size, struct error *err)
{
	char name[256], stand_in[64];
	struct search search = {.name = name, .path = ret_path, .size = size};

	if ((size_t)snprintf(name, sizeof name, PROGRAM "%s", program) >= sizeof name)
		return error_set(err, ENAMETOOLONG, "the name %.64s… is too long", program);
	if (search_all(&search, directory, path))
		return 0;
	if (kind->stand_in) {
		(void)snprintf(stand_in, sizeof stand_in, PROGRAM "%s-v2", kind->stand_in);
		search.name = stand_in;
		if (search_all(&search, directory, path))
			return 0;
	}
	if (search.seen_ourselves)
		return error_set(err, ELOOP, "the only %s to be found is tidemark itself", name);
	return error_set(err, ENOENT, "%s is not installed; [runtime] shims = <directory> tells where it is",
			 name);
}
