#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stats of containers, asked of containerd's own shim by our client, against their cgroups; and of a stand-in for a shim.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

TESTS=$PROGRAMS/tests
work=$(mktemp -d)
export CONTAINERD_ADDRESS=$work/containerd.sock
standin=''
leave() {
	[ -z "$standin" ] || kill "$standin"
	for name in idle holds; do
		ctr tasks kill --signal KILL "$name"
		wait_for 20 ctr_has_deleted "$name"
	done >/dev/null 2>&1
	systemctl stop tidemark-test-containerd.service
	rm -rf "$work"
}
trap leave EXIT

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

bundle() { echo "$work/state/io.containerd.runtime.v2.task/default/$1"; }
address() { cat "$(bundle "$1")/address"; }
# stats NAME: the last of them in $stats; figure KEY: of these.
stats() { stats=$("$TESTS/guest_probe" "$(address "$1")" "$1" 2>&1); }
figure() { sed -n "\$s/.*\<$1=\([0-9a-z]*\).*/\1/p" <<<"$stats"; }
task_pid() { ctr tasks list | awk -v name="$1" '$1 == name { print $2 }'; }
cgroup_dir() { sed -n 's|^0::|/sys/fs/cgroup|p' "/proc/$(task_pid "$1")/cgroup"; }
key() { awk -v key="$2" '$1 == key { print $2 }' "$1/memory.stat"; }

check "a container that does nothing" ctr run --detach --memory-limit $((128 * MIB)) "$IMAGE" idle sleep 1000
like "$(address idle)" '^unix:///run/containerd/s/[0-9a-f]{64}$' "its bundle has the shim's address"
dir=$(cgroup_dir idle)
sleep 1
before=$(cat "$dir/memory.current")
stats idle
after=$(cat "$dir/memory.current")
comment "$stats" "memory.current=$before, then $after"
slack=$((16 * 4096))
lower=$((before < after ? before : after)) higher=$((before > after ? before : after))
between $((lower - slack)) "$(figure usage)" $((higher + slack)) "its shim says what its cgroup says: usage"
for name in anon file inactive_file; do
	is "$(figure $name)" "$(key "$dir" $name)" "... $name"
done
kernel=$(($(key "$dir" kernel_stack) + $(key "$dir" slab)))
between $((kernel - slack)) "$(figure kernel)" $((kernel + slack)) "... kernel stacks and slab"
is "$(figure limit)" $((128 * MIB)) "... and its limit"
is "$(figure swap) ${stats##* }" '0 v2' "and no swap; all in cgroup v2's terms"

check "one that holds 40 MiB" ctr run --detach "$IMAGE" holds sh -c "$(holds 40)"
holds_40() { stats holds && [ "$(figure anon)" -ge $((40 * MIB)) ]; }
check "that is seen" wait_for 60 holds_40
stats holds
between $((40 * MIB)) "$(figure anon)" $((42 * MIB)) "as what it is"
is "$(figure limit)" unknown "without a limit"

stats=$("$TESTS/guest_probe" "$(address idle)" other 2>&1)
is "$?" 1 "a container that it has not is refused"
like "$stats" 'the shim at /run/containerd/s/.*: refused: .*not found.*\(status 5\)$' "in the shim's own words"

# A shim that hangs: nothing more is asked until it has answered.
shim=$(awk '$1 == "PPid:" { print $2 }' "/proc/$(task_pid idle)/status")
like "$(cat "/proc/$shim/comm")" '^containerd-shim' "the container's parent is its shim"
"$TESTS/guest_probe" "$(address idle)" idle 1000 3 500 >"$work/probe" 2>&1 &
probe=$!
check "a connection that stays" wait_for 60 grep -q usage "$work/probe"
kill -STOP "$shim"
check "the shim hangs: there is no answer in time" wait_for 60 grep -q 'no answer' "$work/probe"
kill -CONT "$shim"
wait "$probe"
is "$?" 0 "it goes on: the answer comes late"
is "$(grep -c usage "$work/probe")" 3 "and so do the others"

"$TESTS/guest_probe" "$(address idle)" idle 20000 1000 100 >"$work/probe" 2>&1 &
probe=$!
check "another connection" wait_for 60 grep -q usage "$work/probe"
old=$(address idle)
kill -KILL "$shim"
wait "$probe"
is "$?" 1 "the shim is killed"
like "$(tail -1 "$work/probe")" "the shim at ${old#unix://}: (the connection was closed|no answer)|cannot ask the shim at ${old#unix://}: " \
	"that is told"
like "$("$TESTS/guest_probe" "$old" idle 2>&1)" "cannot connect to the shim at ${old#unix://}: (Connection refused|No such file)" \
	"as is that nobody listens any more"

# The stand-in for a shim, as other tests use it.
echo 'c1 usage=104857600 anon=41943040 inactive_file=1048576' >"$work/figures"
"$TESTS/standin_shim" --v1 --prefix --log "$work/log" "$work/shim.sock" "$work/figures" &
standin=$!
check "a stand-in for a shim" wait_for 20 test -S "$work/shim.sock"
like "$("$TESTS/guest_probe" "$work/shim.sock" c1)" '^usage=104857600 .* v1$' "answers in cgroup v1's terms"
echo 'fault oversized' >>"$work/figures"
like "$("$TESTS/guest_probe" "$work/shim.sock" c1 2>&1)" 'a frame of 4194304 bytes' "and with faults"
is "$(sort -u "$work/log")" 'request containerd.task.v2.Task Stats c1' "and tells what it was asked"

done_testing
