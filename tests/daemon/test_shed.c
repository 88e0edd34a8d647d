/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/shed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What becomes of a process that does this after it has shed its system calls: its exit status, or minus the signal
 * that ended it. */
static int outcome(int (*act)(void))
{
	int status;

	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct error err;
		if (shed_system_calls(&err) < 0)
			_exit(100);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int reads_and_writes(void)
{
	char buf[16];
	const int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && pread(fd, buf, sizeof buf, 0) > 0 && close(fd) == 0 ? 0 : 1;
}

static int talks_to_the_journal(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : 1;
}

static int runs_a_program(void)
{
	(void)execl("/bin/true", "true", NULL);
	return 0;
}

static int makes_a_process(void)
{
	return fork() < 0;
}

static int traces(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) != 0;
}

static int talks_to_the_world(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
}

static int becomes_another(void)
{
	return setuid(65534);
}

static int goes_through_the_cgroups(void)
{
	union bpf_attr walk = {.iter_create.link_fd = (__u32)-1}, recount = {.test.prog_fd = (__u32)-1};
	return syscall(SYS_bpf, BPF_ITER_CREATE, &walk, sizeof walk) >= 0 ||
	       syscall(SYS_bpf, BPF_PROG_TEST_RUN, &recount, sizeof recount) >= 0;
}

static int makes_a_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr) < 0;
}

static void need_libseccomp(void)
{
	if (outcome(reads_and_writes) == 100)
		skip();
}

static void what_the_daemon_does_goes_on(void **state)
{
	(void)state;
	need_libseccomp();
	assert_int_equal(outcome(reads_and_writes), 0);
	assert_int_equal(outcome(talks_to_the_journal), 0);
	assert_int_equal(outcome(goes_through_the_cgroups), 0);
}

static void call_that_is_not_on_the_list_is_the_end(void **state)
{
	(void)state;
	need_libseccomp();
	assert_int_equal(outcome(runs_a_program), -SIGSYS);
	assert_int_equal(outcome(makes_a_process), -SIGSYS);
	assert_int_equal(outcome(traces), -SIGSYS);
	assert_int_equal(outcome(talks_to_the_world), -SIGSYS);
	assert_int_equal(outcome(becomes_another), -SIGSYS);
	assert_int_equal(outcome(makes_a_map), -SIGSYS);
}

/* CapEff: of /proc/self/status. */
static unsigned long long effective(void)
{
	char line[256];
	unsigned long long caps = 0;
	FILE *file = fopen("/proc/self/status", "re");
	if (!file)
		_exit(101);
	while (fgets(line, sizeof line, file))
		(void)sscanf(line, "CapEff: %llx", &caps);
	(void)fclose(file);
	return caps;
}

static void capabilities_but_those_to_keep_are_gone(void **state)
{
	static const char *const keep[] = {"cap_dac_read_search", NULL}, *const unknown[] = {"cap_nonsense",
											     NULL};
	int status;

	(void)state;
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct error err;
		const unsigned long long before = effective();
		if (shed_capabilities(unknown, &err) != -EINVAL)
			_exit(shed_capabilities(keep, &err) == -ENOTSUP ? 100 : 1);
		if (effective() != before || shed_capabilities(keep, &err) != 0)
			_exit(2);
		_exit(effective() == (before & 1ull << 2) ? 0 : 3); /* CAP_DAC_READ_SEARCH is 2 */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 100)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_daemon_does_goes_on),
		cmocka_unit_test(call_that_is_not_on_the_list_is_the_end),
		cmocka_unit_test(capabilities_but_those_to_keep_are_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
