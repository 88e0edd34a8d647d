/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/sandbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/fixture.h"

#define SID    "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"
#define SOCKET "/run/containerd/s/8A5E1D6F0B7C9A3E"

static int read_files(void **state, struct sandbox_files *ret)
{
	const struct fixture *fixture = *state;
	char bundle[512];
	struct error err = {0};

	snprintf(bundle, sizeof bundle, "%s/bundle", fixture->path);
	int r = sandbox_files_read(fixture->root_fd, bundle, SID, ret, &err);
	assert_true(r == 0 || err.text[0]);
	return r;
}

static void go_runtime_tells_all(void **state)
{
	int root = *(int *)*state;
	struct sandbox_files files;

	fixture_write(root, "bundle/shim.pid", "4711");
	fixture_write(root, "bundle/address", "unix://" SOCKET);
	/* As Go writes it: by the names of the members, and much else. */
	fixture_write(
		root, "vc/sbs/" SID "/persist.json",
		"{\"CgroupPaths\":null,\"Devices\":null,\"State\":\"running\",\"SandboxContainer\":\"" SID
		"\","
		"\"SandboxCgroupPath\":\"/kubepods.slice\",\"OverheadCgroupPath\":\"\","
		"\"HypervisorState\":{\"BlockIndexMap\":{},\"Type\":\"qemu\",\"UUID\":\"1-2\",\"APISocket\":"
		"\"\","
		"\"Bridges\":[{\"DeviceAddr\":{},\"Type\":\"pci\",\"ID\":\"pci-bridge-0\",\"Addr\":2}],"
		"\"HotpluggedVCPUs\":null,\"HotpluggedMemory\":0,\"VirtiofsDaemonPid\":4720,\"Pid\":4725,"
		"\"PCIeRootPort\":0},\"AgentState\":{\"URL\":\"vsock://1:1024\"},\"PersistVersion\":2}\n");
	assert_int_equal(read_files(state, &files), 0);
	assert_int_equal(files.shim_pid, 4711);
	assert_int_equal(files.vmm_pid, 4725);
	assert_int_equal(files.virtiofsd_pid, 4720);
	assert_string_equal(files.address, SOCKET);
}

static void rust_runtime_tells_of_the_shim_alone(void **state)
{
	int root = *(int *)*state;
	struct sandbox_files files;

	fixture_write(root, "bundle/shim.pid", "4711\n");
	fixture_write(root, "bundle/address", "unix://" SOCKET "\n");
	fixture_write(root, "kata/" SID "/state.json",
		      "{\n  \"hypervisor\": {\n    \"hypervisor_type\": \"qemu\",\n    \"id\": \"" SID "\",\n"
		      "    \"pid\": null,\n    \"virtiofs_daemon_pid\": 0\n  },\n"
		      "  \"sandbox_type\": \"virtcontainer\"\n}\n");
	assert_int_equal(read_files(state, &files), 0);
	assert_int_equal(files.shim_pid, 4711);
	assert_int_equal(files.vmm_pid, 0);
	assert_int_equal(files.virtiofsd_pid, 0);
	assert_string_equal(files.address, SOCKET);
}

static void dragonball_is_in_the_shim(void **state)
{
	int root = *(int *)*state;
	struct sandbox_files files;

	fixture_write(root, "bundle/shim.pid", "4711");
	fixture_write(root, "kata/" SID "/state.json",
		      "{\"hypervisor\":{\"hypervisor_type\":\"dragonball\",\"id\":\"" SID
		      "\",\"pid\":null}}");
	assert_int_equal(read_files(state, &files), 0);
	assert_int_equal(files.vmm_pid, 4711);
}

static void file_of_another_sandbox_tells_nothing(void **state)
{
	int root = *(int *)*state;
	struct sandbox_files files;

	fixture_write(root, "vc/sbs/" SID "/persist.json",
		      "{\"SandboxContainer\":\"other\",\"HypervisorState\":{\"Pid\":4725}}");
	assert_int_equal(read_files(state, &files), 0);
	assert_int_equal(files.vmm_pid, 0);
}

static void half_written_and_senseless_files_tell_nothing(void **state)
{
	int root = *(int *)*state;
	struct sandbox_files files;
	static const char *const pids[] = {
		"", "0", "-1", "4294967295", "12a", "99999999999999999999999999999", "4711\n12"};
	static const char *const states[] = {
		"",
		"{",
		"[]",
		"{\"SandboxContainer\":\"" SID "\",\"HypervisorState\":{\"Pid\":",
		"{\"SandboxContainer\":\"" SID "\",\"HypervisorState\":{\"Pid\":\"4725\"}}",
		"{\"SandboxContainer\":\"" SID "\",\"HypervisorState\":{\"Pid\":-3}}",
		"{\"SandboxContainer\":\"" SID "\",\"HypervisorState\":{\"Pid\":99999999999}}",
		"{\"SandboxContainer\":\"" SID "\",\"HypervisorState\":7}",
	};

	for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
		fixture_write(root, "bundle/shim.pid", pids[i]);
		assert_int_equal(read_files(state, &files), 0);
		/* A second line is not looked at. */
		assert_int_equal(files.shim_pid, strchr(pids[i], '\n') ? 4711 : 0);
	}
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		fixture_write(root, "vc/sbs/" SID "/persist.json", states[i]);
		assert_int_equal(read_files(state, &files), 0);
		assert_int_equal(files.vmm_pid, 0);
	}
}

static void addresses(void **state)
{
	int root = *(int *)*state;
	struct sandbox_files files;
	char fits[128] = "unix:///", too_long[128] = "unix:///";
	static const struct {
		const char *text, *address;
	} cases[] = {
		{"unix://" SOCKET, SOCKET},
		{"/containerd-shim/k8s.io/x/shim.sock", "@/containerd-shim/k8s.io/x/shim.sock"},
		{"unix://@/containerd-shim/x", "@/containerd-shim/x"},
		{"unix://relative/path", ""},
		{"unix://", ""},
		{"unix://@", ""},
		{"vsock://3:1024", ""},
		{"tcp://10.0.0.1:80", ""},
		{"", ""},
		{"unix:///run/a b", ""},
		{"unix:///run/a\nunix:///run/b\n", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_write(root, "bundle/address", cases[i].text);
		assert_int_equal(read_files(state, &files), 0);
		assert_string_equal(files.address, cases[i].address);
	}
	/* struct sockaddr_un has room for 107 and a NUL. */
	memset(fits + 8, 'a', 106);
	memset(too_long + 8, 'a', 107);
	fixture_write(root, "bundle/address", fits);
	assert_int_equal(read_files(state, &files), 0);
	assert_string_equal(files.address, fits + 7);
	fixture_write(root, "bundle/address", too_long);
	assert_int_equal(read_files(state, &files), 0);
	assert_string_equal(files.address, "");
}

static void where_there_is_nothing_that_is_said(void **state)
{
	struct sandbox_files files = {.shim_pid = 42};

	assert_int_equal(read_files(state, &files), -ENOENT);
	assert_int_equal(files.shim_pid, 42);
}

static void id_that_leads_elsewhere_is_refused(void **state)
{
	int root = *(int *)*state;
	struct sandbox_files files;
	struct error err;
	static const char *const ids[] = {"", ".", "..", "../x", "a/b"};

	fixture_write(root, "vc/persist.json", "{}");
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		assert_int_equal(sandbox_files_read(root, "/nowhere", ids[i], &files, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(go_runtime_tells_all),
		FIXTURE_TEST(rust_runtime_tells_of_the_shim_alone),
		FIXTURE_TEST(dragonball_is_in_the_shim),
		FIXTURE_TEST(file_of_another_sandbox_tells_nothing),
		FIXTURE_TEST(half_written_and_senseless_files_tell_nothing),
		FIXTURE_TEST(addresses),
		FIXTURE_TEST(where_there_is_nothing_that_is_said),
		FIXTURE_TEST(id_that_leads_elsewhere_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
