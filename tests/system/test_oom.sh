#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A kill at the tuned limit is learned from before the next container is created; other kills are not.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

trap 'remove again loops stuck below nested bystander; rm -f /run/systemd/system/tidemarktest.slice' EXIT

# Nothing but kills changes what is published here.
settings '[node]' 'mode = enforce' '[tuner]' 'interval = 1h'
for workload in grows-{crun,runc}-{systemd,cgroupfs} again below nested bystander; do
	publish "$workload" $((160 * MIB)) $((60 * MIB))
done
publish loops $((64 * MIB)) $((30 * MIB))
publish stuck $((64 * MIB)) $((30 * MIB))
daemon_start || exit

learned() { [ "$(published "$1" .oom.limit)" -gt 0 ]; }
field() { jq -r "select($1 != null) | $1" | tail -1; }

# kernel_nsec TEXT: when the kernel logged it last, in nanoseconds of the wall clock.
kernel_nsec() {
	dmesg | awk -v text="$1" -v offset="${offset:-0}" \
		'index($0, text) { gsub(/[][]/, " "); at = $1 } END { printf "%.0f\n", at * 1e9 + offset }'
}
before=$(date +%s%N)
echo "tidemark-test: clock" >/dev/kmsg
offset=$(((before + $(date +%s%N)) / 2 - $(kernel_nsec 'tidemark-test: clock')))

for place in {crun,runc}-{systemd,cgroupfs}; do
	runtime=${place%-*} workload=grows-$place
	RUNTIME=$PROGRAMS/tidemark-$runtime
	use_manager "${place#*-}"
	create "$workload" --memory 512m "$IMAGE" dd if=/dev/zero of=/dev/null bs=300M count=1
	check "$place: a kill at the tuned limit is learned from" wait_for 60 learned "$workload"
	check "$place: the container is dead" wait_for 60 has_exited "$workload"
	killed=$(kernel_nsec 'Killed process')
	written=$(date +%s%N --reference="/var/lib/tidemark/limits/-/$workload/$workload.json")
	msec=$(((written - killed) / 1000000))
	comment "$place: on disk $msec ms after the kernel logged the kill (the machine is emulated)"
	between -50 "$msec" 2000 "$place: it is on disk at once"
	is "$(published "$workload" .oom.limit)" $((160 * MIB)) "$place: it is known at which limit it died"
	between $((260 * MIB)) "$(published "$workload" .oom.floor)" $((288 * MIB)) "$place: and a floor is set above"

	events oom "CONTAINER_ID=$id" >/tmp/oom
	is "$(wc -l </tmp/oom)" 1 "$place: the journal has it, once"
	is "$(field .TIDEMARK_OOM_CAUSE </tmp/oom) $(field .TIDEMARK_LIMIT_BYTES </tmp/oom) $(field .RUNTIME </tmp/oom)" \
		"own $((160 * MIB)) $runtime" "$place: with its cause and the limit"
	comment "$(field .MESSAGE </tmp/oom)"

	create "$workload" --memory 512m "$IMAGE" sleep 600
	between "$(published "$workload" .oom.floor)" "$(memory_max "$workload")" $((512 * MIB)) \
		"$place: the next creation gets more"
	remove "$workload"
done
unset CONTAINERS_CONF_OVERRIDE

# podman itself creates the replacement, as soon as it can.
RUNTIME=$PROGRAMS/tidemark-crun
create again --memory 512m --restart on-failure:3 "$IMAGE" sh -c "$(holds 200)"
check "a kill is learned from" wait_for 60 learned again
more_than_before() { [ "$(memory_max again)" -gt $((160 * MIB)) ]; }
check "the replacement that podman makes on its own has more" wait_for 60 more_than_before
is "$(podman inspect --format '{{.RestartCount}}' again)" 1 "it was the very first replacement"
remove again

# ---- Crash loops ----

# 64 → 176 → 384 → what it declares: three restarts, where steps of 100Mi would take four.
create loops --memory 512m --restart on-failure:10 "$IMAGE" sh -c "$(holds 400)"
has_room() { [ "$(memory_max loops)" -gt $((400 * MIB)) ] && [ "$(cat "$(cgroup_of loops)/memory.current")" -gt $((390 * MIB)) ]; }
check "a crash loop converges" wait_for 120 has_room
between 1 "$(podman inspect --format '{{.RestartCount}}' loops)" 3 "in a few restarts"
is "$(memory_max loops)" $((512 * MIB)) "to no more than what is declared"
between 2 "$(published loops .oom.row)" 3 "it is known that the kills were in a row"
between $((170 * MIB)) "$(published loops .oom.peak)" $((512 * MIB)) "and with which peak"
remove loops

create stuck --memory 128m --restart on-failure:3 "$IMAGE" sh -c "$(holds 300)"
is_stuck() { events oom CONTAINER_NAME=stuck | jq -e 'select(.TIDEMARK_STUCK != null)'; }
check "a loop that cannot converge says so" wait_for 120 is_stuck
like "$(events oom CONTAINER_NAME=stuck | field .TIDEMARK_STUCK)" '^it declares 128Mi' "and why"
like "$(tidemarkctl explain stuck)" 'it needs more and cannot be given it: it declares 128Mi' "explain does, too"
remove stuck

# ---- What is no reason to learn ----

# The pod's limit, not the container's.
printf '[Slice]\nMemoryMax=64M\n' >/run/systemd/system/tidemarktest.slice
systemctl daemon-reload
create below --cgroup-parent tidemarktest.slice --memory 512m "$IMAGE" sh -c "$(holds 100)"
check "a kill by the limit of a cgroup above is told" wait_for 60 has_event oom "CONTAINER_ID=$id"
is "$(events oom "CONTAINER_ID=$id" | field .TIDEMARK_OOM_CAUSE)" ancestor "as what it is"
is "$(published below .oom.limit)" 0 "and is not learned from"

# A container that sets limits inside.
# shellcheck disable=SC2016
create nested --privileged --memory 512m "$IMAGE" sh -c '
	cd /sys/fs/cgroup && mkdir init small && for pid in $(cat cgroup.procs); do echo $pid >init/cgroup.procs; done
	echo +memory >cgroup.subtree_control && echo 32M >small/memory.max || exit
	sh -c "echo \$\$ >/sys/fs/cgroup/small/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=100M count=1"
	sleep 600'
check "a kill by a limit set inside the container is told" wait_for 60 has_event oom "CONTAINER_ID=$id"
is "$(events oom "CONTAINER_ID=$id" | field .TIDEMARK_OOM_CAUSE)" nested "as what it is"
is "$(published nested .oom.limit)" 0 "and is not learned from"

# A program beside the containers; and a kill by hand.
create bystander --memory 512m "$IMAGE" sleep 600
systemd-run --quiet --wait --property MemoryMax=32M dd if=/dev/zero of=/dev/null bs=100M count=1
podman kill --signal KILL bystander >/dev/null
check "the bystander's end is told" wait_for 60 has_event exit "CONTAINER_ID=$id"
is "$(events oom "CONTAINER_ID=$id")" '' "another cgroup's kill, or one by hand, is no kill of the container"
is "$(published bystander .oom.limit)" 0 "and is not learned from"
remove bystander

done_testing
