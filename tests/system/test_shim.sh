#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# containerd runs us in place of its shim, and we become it.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

work=/run/tidemark-test-shim # not in /tmp: the daemon has one of its own
export CONTAINERD_ADDRESS=$work/containerd.sock
bundle=$work/state/io.containerd.runtime.v2.task/default/t1
ours=io.containerd.tidemark-runc.v2 plain=io.containerd.runc.v2
links=(/usr/bin/containerd-shim-tidemark-v2 /usr/bin/containerd-shim-tidemark-{nosuch,lab}-v2 /usr/bin/containerd-shim-lab-v2)
gone() {
	ctr tasks kill --signal KILL "$1" >/dev/null 2>&1
	wait_for 60 ctr_has_deleted "$1"
}
leave() {
	gone t1
	systemctl stop tidemark-test-containerd.service
	rm -rf "$work" "${links[@]}"
}
trap leave EXIT

mkdir -p "$work"
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

task_pid() { ctr tasks list | awk '$1 == "t1" { print $2 }'; }
shim_pid() { sed -n 's/^PPid:\t//p' "/proc/$(task_pid)/status"; }
task_max() { cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(task_pid)/cgroup")/memory.max"; }
stopped() { ctr tasks list | grep -qE '^t1 .*STOPPED'; }
recorded() { [ -e /run/tidemark/containers/t1.json ]; }
not_recorded() { ! recorded; }
background() {
	ctr run --detach --runtime "$1" --memory-limit $((512 * MIB)) "$IMAGE" t1 \
		sh -c 'trap "exit 5" TERM; while :; do sleep 600 & wait $!; done'
}

# What a caller sees of a life under this runtime; $1.json is the config.json that the shim was given.
life() {
	local runtime=$1
	# Which of the two comes first is chance.
	ctr run --rm --runtime "$runtime" "$IMAGE" t1 sh -c 'echo out; echo err >&2; exit 7' >"$work/out" 2>"$work/err"
	echo "run: $?"
	cat "$work/out" "$work/err"
	echo 'through' | ctr run --rm --runtime "$runtime" "$IMAGE" t1 head -n 1 2>&1
	ctr run --rm --runtime "$runtime" "$IMAGE" t1 /no/such/program 2>&1 | sed 's/time="[^"]*"//'
	background "$runtime" 2>&1
	echo "background: $?"
	cp "$bundle/config.json" "$work/config"
	readlink "/proc/$(shim_pid)/exe"
	tr '\0' ' ' <"/proc/$(shim_pid)/cmdline" | sed 's/ -address [^ ]*//'
	echo
	ctr tasks exec --exec-id e1 t1 echo inside 2>&1
	ctr tasks exec --exec-id e2 t1 sh -c 'exit 3' 2>&1
	echo "exec: $?"
	ctr tasks metrics t1 | awk '$1 ~ /^(memory.usage_limit|memory.usage|pids.current)$/ { print $1, ($1 == "memory.usage") ? ($2 > 0) : $2 }'
	ctr tasks pause t1 2>&1
	ctr tasks list | awk '$1 == "t1" { print $3 }'
	ctr tasks resume t1 2>&1
	ctr tasks kill --signal TERM t1 2>&1
	wait_for 60 stopped
	ctr tasks delete t1 2>&1 | sed 's/time="[^"]*"//'
	ctr containers delete t1 2>&1
	ls "$bundle" 2>&1
}

settings '[node]' 'mode = off'
daemon_start
life "$plain" >"$work/life.plain"
mv "$work/config" "$work/config.plain"
like "$(cat "$work/life.plain")" '^exec: 3$' "a life under containerd's own shim"
like "$(cat "$work/life.plain")" 'exit code 5' "that ends with its own exit code"

settings '[node]' 'mode = observe'
life "$ours" >"$work/life.ours"
check "behind us it is the same, line by line" diff "$work/life.plain" "$work/life.ours"
check "and the config.json that the shim got is the same, byte for byte" cmp "$work/config.plain" "$work/config"

settings '[node]' 'mode = enforce' '[sampling]' 'interval = 200ms' '[tuner]' 'interval = 500ms'
publish t1 $((160 * MIB)) $((60 * MIB))
since=$(now)
check "in mode enforce one in the background" background "$ours"
is "$(task_max)" $((160 * MIB)) "is given the tuned limit"
sed "s/\"limit\":$((512 * MIB))/\"limit\":$((160 * MIB))/" "$work/config.plain" >"$work/config.tuned"
check "nothing else of its config.json differs" cmp "$work/config.tuned" "$bundle/config.json"
is "$(record t1 .declared) $(record t1 .decision.limit) $(record t1 .runtime) $(record t1 .shim) $(record t1 .vm)" \
	"$((512 * MIB)) $((160 * MIB)) runc true 0" "it has a record"
is "$(record t1 .bundle)" "$bundle" "with the bundle"
like "$(ctr tasks metrics t1)" "memory.usage_limit +$((160 * MIB))" "metrics show its limit"
is "$(ctr tasks exec --exec-id e1 t1 echo inside 2>&1)" inside "a second program runs inside"
followed() { local n; n=$(published t1 .observed.samples) && [ "$n" -gt 0 ] && [ "$n" -ne 1000 ]; }
check "the daemon follows it" wait_for 60 followed
systemctl restart tidemark-test-containerd.service
check "containerd is restarted" wait_for 60 ctr version
is "$(ctr tasks exec --exec-id e3 t1 echo again 2>&1)" again "and finds it again"
check "it is told to stop" ctr tasks kill --signal TERM t1
check "and stops" wait_for 60 stopped
like "$(ctr tasks delete t1 2>&1)" 'exit code 5' "with its own exit code"
check "its record goes" wait_for 150 not_recorded
check "the container is removed" ctr containers delete t1
is "$(faults "$since")" "" "nothing went wrong on the way"

# ---- A shim that dies: containerd has it cleaned up by `delete` ----

# No daemon from here on, which would learn from what runs, and remove records.
republish() {
	systemctl stop tidemarkd.service
	publish t1 $((160 * MIB)) $((60 * MIB))
}
republish

check "another one" background "$ours"
check "with a record" recorded
pid=$(task_pid)
kill -KILL "$(shim_pid)"
check "whose shim is killed: its record goes" wait_for 150 not_recorded
check "and the process of the container" wait_for 60 test ! -e "/proc/$pid"
gone t1

# ---- A runtime that is not known is taken for a virtual machine ----

ln -s "$PROGRAMS/tidemark" /usr/bin/containerd-shim-tidemark-lab-v2
ln -s containerd-shim-runc-v2 /usr/bin/containerd-shim-lab-v2
check "one under a shim that is not known" background io.containerd.tidemark-lab.v2
is "$(task_max)" $((160 * MIB)) "is tuned as well"
is "$(record t1 .runtime) $(record t1 .shim) $(record t1 .vm) $(record t1 .pid_file)" "lab true true 0" \
	"and recorded as in a virtual machine"

# As CRI-O leaves it, which never asks a shim to delete.
mkdir -p "$work/crio/t9/userdata"
jq -c --arg bundle "$work/crio/t9/userdata" '.id = "t9" | .bundle = $bundle' /run/tidemark/containers/t1.json >/run/tidemark/t9
mv /run/tidemark/t9 /run/tidemark/containers/t9.json
daemon_start
check "the daemon knows of it" wait_for 60 has_event decision CONTAINER_ID=t9
rm -r "$work/crio/t9"
check "its record goes with its bundle" wait_for 150 test ! -e /run/tidemark/containers/t9.json
check "but not of one whose bundle is there" recorded
gone t1
republish

# ---- Faults: it starts as declared ----

starts_as_declared() {
	since=$(now)
	check "$1: it starts" background "$ours"
	is "$(task_max)" $((512 * MIB)) "as declared"
	check "with its config.json as it was" cmp "$work/config.plain" "$bundle/config.json"
	like "$(faults "$since")" "$2" "which is told"
	gone t1
}
settings '[node]' 'mode = sometimes'
starts_as_declared "settings in error" 'mode = sometimes'
settings '[node]' 'mode = enforce'
echo '{' >/var/lib/tidemark/limits/-/t1/t1.json
starts_as_declared "a torn profile" 't1 starts as declared: '
publish t1 $((160 * MIB)) $((60 * MIB))
rm -rf /run/tidemark/containers
touch /run/tidemark/containers
starts_as_declared "no directory of records" 't1 starts as declared: '
rm -f /run/tidemark/containers
check "and when all is well again it starts" background "$ours"
is "$(task_max)" $((160 * MIB)) "as tuned"
gone t1

ln -s "$PROGRAMS/tidemark" /usr/bin/containerd-shim-tidemark-v2
ln -s "$PROGRAMS/tidemark" /usr/bin/containerd-shim-tidemark-nosuch-v2
like "$(background io.containerd.tidemark.v2 2>&1)" 'names no runtime' "a name without a runtime is told to the caller"
ctr containers delete t1 >/dev/null 2>&1
like "$(background io.containerd.tidemark-nosuch.v2 2>&1)" 'containerd-shim-nosuch-v2 is not installed' "and so is a shim that is not there"
ctr containers delete t1 >/dev/null 2>&1

done_testing
