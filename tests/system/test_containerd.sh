#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# containerd's own shim runs us in place of runc.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
export CONTAINERD_ADDRESS=$work/containerd.sock
leave() {
	ctr tasks kill --signal KILL t1 >/dev/null 2>&1
	wait_for 20 ctr_has_deleted t1
	systemctl stop tidemark-test-containerd.service
	rm -rf "$work"
}
trap leave EXIT

toml=/usr/share/tidemark/containerd/tidemark.toml
dump=$(containerd --config "$toml" config dump)
like "$dump" 'containerd.runtimes.tidemark-runc' "containerd accepts the drop-in"
like "$dump" "BinaryName = \"$PROGRAMS/tidemark-crun\"" "and knows our programs by it"

mkdir "$work/state" "$work/root"
cat >"$work/config.toml" <<-END
	version = 2
	root = "$work/root"
	state = "$work/state"
	disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
	[grpc]
	address = "$CONTAINERD_ADDRESS"
END
systemd-run --quiet --unit tidemark-test-containerd.service --property Type=notify --property Delegate=yes \
	--property KillMode=process containerd --config "$work/config.toml"
check "containerd runs" wait_for 60 ctr version
podman save --quiet --output "$work/bb.tar" "$IMAGE"
check "it has the image" ctr images import "$work/bb.tar"
IMAGE=$(ctr images list --quiet | head -1)

settings '[node]' 'mode = enforce' '[tuner]' 'interval = 1h'
publish t1 $((160 * MIB)) $((60 * MIB))
daemon_start

ctr_run() { ctr run --runc-binary "$PROGRAMS/tidemark-runc" "$@"; }
is "$(ctr_run --rm "$IMAGE" t0 echo hello 2>&1)" hello "a container's output comes through"
ctr_run --rm "$IMAGE" t0 sh -c 'exit 7' >/dev/null 2>&1
is "$?" 7 "so does its exit code"
# Not until its end: ctr may close the pipe before there is a task to tell of it.
is "$(echo 'and through' | ctr_run --rm "$IMAGE" t0 head -n 1 2>&1)" 'and through' "and its input"

task_pid() { ctr tasks list | awk -v name="$1" '$1 == name { print $2 }'; }
task_max() { cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(task_pid "$1")/cgroup")/memory.max"; }
check "one in the background" ctr_run --detach --memory-limit $((512 * MIB)) "$IMAGE" t1 \
	sh -c 'trap "exit 5" TERM; while :; do sleep 600 & wait $!; done'
is "$(task_max t1)" $((160 * MIB)) "it is given the tuned limit"
is "$(record t1 .declared) $(record t1 .decision.limit) $(record t1 .runtime)" "$((512 * MIB)) $((160 * MIB)) runc" \
	"and has a record"
between $((1 * MIB)) "$(record t1 .prestart.peak)" $((32 * MIB)) "with its pre-start footprint"
check "the daemon follows it" wait_for 60 has_event prestart CONTAINER_ID=t1
is "$(ctr tasks exec --exec-id e1 t1 echo inside 2>&1)" inside "a second program runs inside"
ctr tasks exec --exec-id e2 t1 sh -c 'exit 3' >/dev/null 2>&1
is "$?" 3 "and its exit code comes through"
check "it is paused" ctr tasks pause t1
check "and resumed" ctr tasks resume t1
check "it is told to stop" ctr tasks kill --signal TERM t1
stopped() { ctr tasks list | grep -qE '^t1 .*STOPPED'; }
check "and stops" wait_for 60 stopped
like "$(ctr tasks delete t1 2>&1)" 'exit code 5' "with its own exit code"
check "the record ends at delete" test ! -e /run/tidemark/containers/t1.json
check "the daemon tells of its end" wait_for 60 has_event exit CONTAINER_ID=t1
check "the container is removed" ctr containers delete t1

done_testing
