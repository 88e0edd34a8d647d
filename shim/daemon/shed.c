/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/shed.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#if HAVE_LIBCAP
#include <sys/capability.h>

static void capabilities_free(cap_t *caps)
{
	if (*caps)
		(void)cap_free(*caps);
}

int shed_capabilities(const char *const keep[], struct error *err)
{
	__attribute__((cleanup(capabilities_free))) cap_t had = cap_get_proc(), kept = cap_init();
	cap_value_t value;
	cap_flag_value_t is_set;

	if (!had || !kept)
		return error_errno(err, errno, "cannot read the capabilities");
	for (size_t i = 0; keep[i]; i++) {
		if (cap_from_name(keep[i], &value) < 0 ||
		    cap_get_flag(had, value, CAP_PERMITTED, &is_set) < 0)
			return error_set(err, EINVAL, "%s is no capability", keep[i]);
		if (is_set == CAP_SET && (cap_set_flag(kept, CAP_PERMITTED, 1, &value, CAP_SET) < 0 ||
					  cap_set_flag(kept, CAP_EFFECTIVE, 1, &value, CAP_SET) < 0))
			return error_errno(err, errno, "cannot keep %s", keep[i]);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || cap_set_proc(kept) < 0)
		return error_errno(err, errno, "cannot give up capabilities");
	return 0;
}
#else
int shed_capabilities(const char *const keep[], struct error *err)
{
	(void)keep;
	return error_set(err, ENOTSUP, "built without libcap");
}
#endif

/* The calls of 32-bit systems have other names. */
#if HAVE_LIBSECCOMP && __SIZEOF_POINTER__ == 8
#include <seccomp.h>

/* The allowed calls, by purpose. The list also has calls that only some libc or some architecture uses. */
static const char *const allowed[] = {
	/* files */
	"access",
	"chmod",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fchmod",
	"fchmodat",
	"fchown",
	"fchownat",
	"fcntl",
	"fdatasync",
	"flock",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getcwd",
	"getdents64",
	"ioctl",
	"lseek",
	"lstat",
	"mkdir",
	"mkdirat",
	"newfstatat",
	"open",
	"openat",
	"pread64",
	"preadv",
	"pwrite64",
	"pwritev",
	"read",
	"readlink",
	"readlinkat",
	"readv",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"stat",
	"statfs",
	"statx",
	"umask",
	"unlink",
	"unlinkat",
	"utimensat",
	"write",
	"writev",
	/* waiting */
	"clock_nanosleep",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"eventfd2",
	"inotify_add_watch",
	"inotify_init1",
	"inotify_rm_watch",
	"nanosleep",
	"pause",
	"pidfd_open",
	"poll",
	"ppoll",
	"pselect6",
	"select",
	"signalfd4",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	/* communication: the family of a socket is checked below */
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	/* memory: the unit's MemoryDenyWriteExecute= forbids to make it executable */
	"brk",
	"madvise",
	"mmap",
	"mprotect",
	"mremap",
	"msync",
	"munmap",
	"membarrier",
	/* time, user and process */
	"clock_getres",
	"clock_gettime",
	"getegid",
	"geteuid",
	"getgid",
	"getpid",
	"getppid",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"gettid",
	"gettimeofday",
	"getuid",
	"prlimit64",
	"sched_getaffinity",
	"sched_yield",
	"sysinfo",
	"time",
	"times",
	"uname",
	/* signals and the end */
	"exit",
	"exit_group",
	"futex",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigtimedwait",
	"set_robust_list",
	"sigaltstack",
	"tgkill",
};

static void filter_free(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

int shed_system_calls(struct error *err)
{
	__attribute__((cleanup(filter_free))) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = 0;

	if (!filter)
		return error_set(err, ENOTSUP, "this kernel filters no system calls");
	for (size_t i = 0; r == 0 && i < sizeof allowed / sizeof *allowed; i++) {
		int call = seccomp_syscall_resolve_name(allowed[i]);
		if (call != __NR_SCMP_ERROR)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	}
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* The BPF programs that read cgroups were loaded before. These calls only run them. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
				     SCMP_A0(SCMP_CMP_EQ, BPF_ITER_CREATE));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
				     SCMP_A0(SCMP_CMP_EQ, BPF_PROG_TEST_RUN));
	if (r == 0)
		r = seccomp_load(filter);
	return r < 0 ? error_errno(err, -r, "cannot give up system calls") : 0;
}
#else
int shed_system_calls(struct error *err)
{
	return error_set(err, ENOTSUP, "built without libseccomp, or for 32 bits");
}
#endif
