#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Is the laboratory itself real? Without tidemark: cgroup v2, and plain runtimes under both cgroup managers.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

is "$(stat -f -c %T /sys/fs/cgroup)" cgroup2fs "cgroup v2 is mounted, and nothing else"
like "$(cat /sys/fs/cgroup/cgroup.controllers)" '\<memory\>' "the memory controller is on"
is "$(cat /proc/1/comm)" systemd "systemd is the first process"
check "the journal runs" journalctl --quiet --lines 1
check "the kernel has BTF" test -r /sys/kernel/btf/vmlinux
check "podman has the image" podman image exists "$IMAGE"
is "$(podman_run_with crun --rm "$IMAGE" echo hello 2>&1)" hello "a container's output comes through"

for manager in systemd cgroupfs; do
	for runtime in crun runc; do
		name=lab-$manager-$runtime
		CGROUP_MANAGER=$manager podman_run_with "$runtime" --detach --name "$name" --memory 96m "$IMAGE" sleep 600 >/dev/null
		is "$(memory_max "$name")" $((96 * 1024 * 1024)) "$runtime under $manager has the limit that was asked for"
		like "$(cat "$(cgroup_of "$name")/memory.current")" '^[1-9][0-9]*$' "$runtime under $manager is charged for memory"
		is "$(podman exec "$name" cat /proc/1/comm 2>&1)" sleep "$runtime under $manager runs a second program inside"
		check "$runtime under $manager is removed" podman --cgroup-manager "$manager" rm --force --time 0 "$name"
	done
done

# The limit is not only written there: going beyond it is deadly.
podman_run_with crun --name lab-oom --memory 32m --memory-swap 32m "$IMAGE" \
	sh -c 'dd if=/dev/zero of=/dev/null bs=200M count=1' >/dev/null 2>&1
is "$(podman inspect --format '{{.State.ExitCode}}' lab-oom)" 137 "a container beyond its limit is killed"
like "$(dmesg | tail -50)" 'Memory cgroup out of memory: Killed process [0-9]+ \(dd\)' "by the kernel, for its memory"

done_testing
