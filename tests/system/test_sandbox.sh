#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon and a pod in a virtual machine: a real QEMU below a stand-in for kata's shim, whose Stats another stand-in
# answers, with records as the wrapper writes them.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

TESTS=$PROGRAMS/tests
CGROUP=/sys/fs/cgroup
# Not in /tmp, which the service has its own of.
work=$(mktemp -d /run/tidemark-test-XXXXXX)
sid=$(tr -d '\n-' </proc/sys/kernel/random/uuid)$(tr -d '\n-' </proc/sys/kernel/random/uuid)
pod=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$(tr - _ </proc/sys/kernel/random/uuid).slice
bundle=$work/$sid
leave() {
	[ ! -e "$bundle/qemu.pid" ] || kill -9 "$(cat "$bundle/qemu.pid")"
	[ ! -e "$work/standin.pid" ] || kill -9 "$(cat "$work/standin.pid")"
	wait
	remove plain
	rm -rf "$work"
	find "$CGROUP"/kubepods* "$CGROUP"/elsewhere -depth -type d -exec rmdir {} +
} >/dev/null 2>&1
trap leave EXIT

# cgroup_make PATH: with the memory controller all the way.
cgroup_make() {
	local path=$CGROUP part
	for part in ${1//\// }; do
		echo +memory >"$path/cgroup.subtree_control"
		path+=/$part
		mkdir -p "$path"
	done
}

# Kata's name and arguments; QEMU is its child.
cat >"$work/shim" <<'END'
echo $$ >"$SHIM_CGROUP/cgroup.procs" || exit
qemu-system-x86_64 -name "sandbox-$SID,debug-threads=on" -machine q35,memory-backend=dimm1 -accel tcg,tb-size=16 \
	-m 128M -object memory-backend-file,mem-path=/dev/shm,id=dimm1,size=128M,share=on,prealloc=on \
	-no-user-config -nodefaults -display none -S </dev/null >qemu.log 2>&1 &
echo $! >qemu.pid
wait
END
shim_start() {
	(cd "$bundle" && SID=$sid SHIM_CGROUP=$CGROUP$pod/crio-$sid.scope exec -a /opt/kata/bin/containerd-shim-kata-v2 \
		bash "$work/shim" -namespace default -address '' -publish-binary /usr/bin/crio -id "$sid") &
	echo $! >"$bundle/shim.pid"
}

figures() { printf '%s\n' "$@" >"$work/figures.new" && mv "$work/figures.new" "$work/figures"; }
standin_start() {
	"$TESTS/standin_shim" --log "$work/log" "$work/shim.sock" "$work/figures" &
	echo $! >"$work/standin.pid"
}

# record_write ID JQ: as the wrapper leaves it at a shim's start; what is particular to it by jq.
record_write() {
	install -d -m 700 /run/tidemark/containers
	jq --null-input --compact-output --arg id "$1" --arg sid "$sid" --arg bundle "$work/$1" \
		--argjson now "$(date +%s%6N)" '{v: 1, id: $id, pod: {name: "web-0", uid: "u", sandbox_id: $sid},
		runtime: "kata", shim: true, vm: true, bundle: $bundle, oom_score_adj: 0,
		decision: {mode: "enforce", source: "declared", reason: "declared"}, created_usec: $now} * ('"$2"')' \
		>"/run/tidemark/containers/.$1.tmp" && mv "/run/tidemark/containers/.$1.tmp" "/run/tidemark/containers/$1.json"
}
container_write() {
	mkdir -p "$work/$1"
	record_write "$1" '{namespace: "default", owner: "web", container: "app", declared: 536870912,
		decision: {limit: 536870912}}'
}

# of FILTER: of the pod in overhead.json; for wait_for: has FILTER.
of() { jq -r ".sandboxes[0] | $1" /run/tidemark/overhead.json 2>/dev/null; }
has() { [ "$(of "$1")" = true ]; }
metric() { curl --silent --unix-socket /run/tidemark/http.sock http://localhost/metrics | sed -n "s/^$1 //p"; }

settings '[node]' 'mode = observe' '[sampling]' 'interval = 1s' '[tuner]' 'interval = 1s' 'warmup_samples = 3' 'warmup = 1s' \
	'[vm]' 'interval = 2s' 'deadline = 1s'
since=$(now)
daemon_start || exit
create plain --memory 64m "$IMAGE" sleep 1000

# ---- A pod without a container ----

cgroup_make "$pod/crio-$sid.scope"
mkdir "$bundle"
echo "unix://$work/shim.sock" >"$bundle/address"
figures
standin_start
record_write "$sid" '{sandbox: true, overhead: 104857600, namespace: "default"}'
shim_start
check "the machine is found and read" wait_for 90 has '.ram >= 134217728'
has '.ram != null' || exit
check "the file is root's alone" test "$(stat -c %a /run/tidemark/overhead.json)" = 600
comment "$(of 'del(.containers)')"
is "$(of .ram)" $((128 * MIB)) "the guest's RAM, to the byte"
is "$(of .vmm_pid)" "$(cat "$bundle/qemu.pid")" "in QEMU"
charge=$(cat "$CGROUP$pod/memory.current")
between $((charge * 98 / 100)) "$(of .charge)" $((charge * 102 / 100)) "what is charged is what the pod's cgroup says"
is "$(of '.overhead == .charge and .unused == .ram')" true "all of it is overhead: no container is there"
check "which is more than declared, and warned of" wait_for 20 has_event misdeclared --since "$since"

# ---- The first container ----

figures 'c1 usage=41943040 inactive_file=10485760 limit=536870912'
charge=$(cat "$CGROUP$pod/memory.current")
container_write c1
check "what its container uses is asked of its shim" wait_for 60 has '.guest_used == 41943040'
comment "$(of .)"
between $((charge * 98 / 100)) "$(of .prestart)" $((charge * 102 / 100)) "its pre-start footprint is what was charged before"
is "$(of .boot)" $((128 * MIB)) "and the RAM that was resident then"
is "$(of '.overhead == .charge - .guest_used and .unused == .ram - .guest_used')" true "overhead is charge less use"
is "$(of '.apart_usec > 0 and .apart_usec <= 1000000 and .containers[0].working_set == 31457280')" true \
	"both within a second; its container's working set is told"
is_tuned() { [ "$(jq .enforced.limit /var/lib/tidemark/limits/default/web/app.json)" -gt 0 ]; }
check "the guest's samples make a recommendation" wait_for 90 is_tuned
figures 'c1 usage=83886080 limit=536870912'
check "its growth is seen" wait_for 30 has '.guest_used == 83886080'

# ---- What is told ----

grep -q . <<<"$(metric tidemark_vm_overhead_bytes'.*')" && ok "it stands in the metrics" ||
	not_ok "it stands in the metrics" "$(metric 'tidemark_vm.*')"
monitored() { [ "$(jq -r '.handlers[] | select(.handler == "crun") | .conmon' /run/tidemark/overhead.json)" = 1 ]; }
check "conmon is counted" wait_for 60 monitored
systemctl kill -s USR1 tidemarkd.service
check "SIGUSR1 asks for the node's sums" wait_for 20 has_event node --since "$since"
event=$(events node --since "$since" | tail -1)
comment "$(jq -r .MESSAGE <<<"$event")"
is "$(jq -r '.TIDEMARK_MACHINES + " " + .TIDEMARK_CONMONS + " " + .TIDEMARK_USED_BYTES' <<<"$event")" '1 1 83886080' \
	"with the machine, conmon, and what is used in guests"
is "$(events overhead --since "$since" | jq -r .RUNTIME | sort | tr '\n' ' ')" 'crun kata ' "and those of each handler"

# ---- A guest that hangs ----

# How many ticks took longer than half a second.
slow() {
	curl --silent --unix-socket /run/tidemark/http.sock http://localhost/metrics | awk '
		$1 == "tidemark_tick_duration_seconds_bucket{le=\"0.5\"}" { within = $2 }
		$1 == "tidemark_tick_duration_seconds_count" { print $2 - within }'
}
ticks() { metric tidemark_tick_duration_seconds_count; }
before=$(ticks) slow_before=$(slow)
figures 'fault hang'
check "a guest that hangs is told of" wait_for 60 has '.fault != null'
like "$(of .fault)" 'the guest has not answered within 1s' "as what it is"
asked=$(wc -l <"$work/log")
usec=$(of .usec)
sleep 15
is "$(wc -l <"$work/log")" "$asked" "its shim is not asked again"
is "$(of ".usec > $usec and .guest_used == null and .ram == 134217728")" true "but the host's side is read"
is "$(events fault --since "$since" | grep -c 'has not answered')" 1 "that is said once"
comment "ticks: $(($(ticks) - before)), of which slow: $(($(slow) - slow_before))"
between 8 $(($(ticks) - before)) 1000 "containers are sampled all the while"
is "$(slow)" "$slow_before" "no tick waits for it"
figures 'c1 usage=83886080 limit=536870912'
check "when it answers it is asked again" wait_for 60 has '.guest_used == 83886080'
is "$(grep -c overlap "$work/log")" 0 "never two requests at a time"

for fault in garbage endless close wrong-type; do
	figures "fault $fault" 'c1 usage=83886080'
	check "a shim that sends what is no answer ($fault)" wait_for 60 has '.fault != null and .charge > 0'
	figures 'c1 usage=83886080 limit=536870912'
	check "is asked again" wait_for 60 has '.guest_used == 83886080'
done
kill -KILL "$(cat "$work/standin.pid")"
check "a shim that is gone" wait_for 60 has '.fault != null and .charge > 0'
standin_start
check "and back" wait_for 60 has '.guest_used == 83886080'

# ---- Restart, moves, the end ----

prestart=$(of .prestart)
systemctl restart tidemarkd.service
check "after a restart it is read again" wait_for 60 has '.guest_used == 83886080'
is "$(of .prestart)" "$prestart" "and its pre-start footprint is still known"
is "$(jq -r '.pods[0].id' /var/lib/tidemark/handlers/kata.json)" "$sid" "from the handler's file"

cgroup_make /elsewhere
cat "$bundle/qemu.pid" >"$CGROUP/elsewhere/cgroup.procs"
check "a VMM that is moved out of the pod is told apart" wait_for 60 has '.outside >= 134217728'

kill -9 "$(cat "$bundle/qemu.pid")"
check "a machine that is gone has no numbers" wait_for 60 has '.charge == null'
rm "/run/tidemark/containers/c1.json"
check "its container's end is told" wait_for 20 has_event exit --since "$since" CONTAINER_ID=c1
rm "/run/tidemark/containers/$sid.json"
is_gone() { [ "$(jq '.sandboxes | length' /run/tidemark/overhead.json)" = 0 ]; }
check "and it is forgotten" wait_for 20 is_gone
check "the daemon is well" systemctl --quiet is-active tidemarkd.service
is "$(events fault --since "$since" | grep -vc 'has not answered')" 0 "and had nothing else to say"

done_testing
