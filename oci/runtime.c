/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/runtime.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "tidemark"

/* Where CRI-O's packages (libexec/crio) and distributions install runtimes. $PATH is not used: it is not
 * always set, and must not choose what runs as root. */
static const char *const directories[] = {
	"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec/crio", "/bin", "/sbin",
};

const char *runtime_from_program(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *base = slash ? slash + 1 : argv0;
	const size_t length = sizeof PROGRAM - 1;

	if (strncmp(base, PROGRAM, length) != 0 || base[length] != '-' || base[length + 1] == '\0')
		return NULL;
	return base + length + 1;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool runtime_is_ourselves(const char *path)
{
	const char *executed = (const char *)getauxval(AT_EXECFN);
	struct stat ours, theirs;

	if (stat(path, &theirs) < 0)
		return false;
	/* stat() of the path by which we were executed costs less than of /proc/self/exe, for which
	 * the kernel makes an inode. But the path may name another file by now. So it is only trusted
	 * for a "no". */
	if (executed && stat(executed, &ours) == 0 && !is_same_file(&ours, &theirs))
		return false;
	return stat("/proc/self/exe", &ours) == 0 && is_same_file(&ours, &theirs);
}

int runtime_find(const char *name, const char *path, char *ret_path, size_t size, struct error *err)
{
	if (path[0]) {
		int n = snprintf(ret_path, size, "%s", path);
		if (n < 0 || (size_t)n >= size)
			return error_set(err, ENAMETOOLONG, "the path %.64s… is too long", path);
		if (runtime_is_ourselves(path))
			return error_set(err, ELOOP, "the runtime %s is tidemark itself", path);
		return 0; /* execve() will say if it is missing */
	}

	bool seen_ourselves = false;
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		int n = snprintf(ret_path, size, "%s/%s", directories[i], name);
		if (n < 0 || (size_t)n >= size || access(ret_path, X_OK) < 0)
			continue;
		if (!runtime_is_ourselves(ret_path))
			return 0;
		seen_ourselves = true;
	}
	if (seen_ourselves)
		return error_set(err, ELOOP, "the only %s to be found is tidemark itself", name);
	return error_set(err, ENOENT, "the runtime %s is not installed; [runtime] %s = <path> names it", name,
			 name);
}
