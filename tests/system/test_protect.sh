#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# [enforce]: the tuned request and memory.high reach the container's cgroup under every runtime and manager; what a
# person has put there stays; a resize moves them; and what the protection is worth.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'remove web; tidemark delete --force byhand 2>/dev/null; rm -rf "$work"' EXIT

# cgroups_of CONTAINER: those that are the container's, from the inside: crun under systemd makes two.
cgroups_of() {
	local cgroup
	cgroup=$(cgroup_of "$1")
	echo "$cgroup"
	[ "${cgroup##*/}" != container ] || echo "${cgroup%/*}"
}
# bounds CONTAINER: memory.low, memory.min and memory.high of each of them.
bounds() {
	local cgroup
	cgroups_of "$1" | while read -r cgroup; do
		cat "$cgroup"/memory.low "$cgroup"/memory.min "$cgroup"/memory.high | tr '\n' ' '
	done | sed 's/ $//'
}
# each CONTAINER BOUNDS: the same, of as many cgroups as it has.
each() { cgroups_of "$1" | sed "s/.*/$2/" | tr '\n' ' ' | sed 's/ $//'; }

enforce() { settings '[node]' "mode = ${MODE:-enforce}" '[tuner]' 'interval = 1h' '[enforce]' "$@"; }

low=$((100 * MIB)) limit=$((160 * MIB))
high=$((100 * MIB + 54 * MIB)) # and 90 % of the 60 above

for place in {crun,runc}-{systemd,cgroupfs}; do
	runtime=${place%-*}
	use_manager "${place#*-}"
	RUNTIME=$PROGRAMS/tidemark-$runtime
	publish web $limit $low

	enforce
	create web --memory 512m "$IMAGE" sleep 1000
	is "$(bounds web)" "$(each web '0 0 max')" "$place: nothing is protected unless the node asks for it"
	is "$(memory_max web)" $limit "$place: of a container whose limit is tuned"

	enforce 'request = low' 'high = 90 %'
	create web --memory 512m "$IMAGE" sleep 1000
	is "$(bounds web)" "$(each web "$low 0 $high")" "$place: the request is in memory.low, and memory.high is between"
	comment "$(cgroups_of web | sed -E 's|/sys/fs/cgroup||; s/[0-9a-f]{64}/ID/g')"
	is "$(record "$id" '.protect | "\(.request) \(.low) \(.min) \(.high)"')" "$low $low null $high" \
		"$place: the record has them"
	like "$(tidemarkctl explain web)" 'memory.low +100Mi .*the request, 100Mi' "$place: explain tells where it is from"
	like "$(tidemarkctl explain web)" 'memory.high +154Mi .*100Mi, and 90 %' "$place: also of memory.high"

	check "$place: it is resized below the tuned limit" podman update --memory 140m web
	is "$(memory_max web) $(bounds web)" \
		"$((140 * MIB)) $(each web "$low 0 $((100 * MIB + 36 * MIB))")" "$place: memory.high moves with the limit"
	# As a person might; systemd writes a unit's own anew whenever one of them changes.
	for cgroup in $(cgroups_of web); do
		[ "${cgroup%.scope}" = "$cgroup" ] || systemctl set-property --runtime "${cgroup##*/}" MemoryLow=10M
		echo $((10 * MIB)) >"$cgroup/memory.low"
	done
	MODE=observe enforce 'request = low' 'high = 90 %'
	check "$place: it is resized when the node no longer enforces" podman update --memory 300m web
	is "$(bounds web)" "$(each web "$((10 * MIB)) 0 max")" "$place: our memory.high goes, another's memory.low stays"

	enforce 'request = min'
	create web --memory 512m "$IMAGE" sleep 1000
	is "$(bounds web)" "$(each web "0 $low max")" "$place: or the request is in memory.min"
	check "$place: it gets less processor" podman update --cpus 0.5 web
	is "$(bounds web)" "$(each web "0 $low max")" "$place: which leaves that alone"

	# What the container's maker has asked for.
	enforce 'request = low' 'high = 90 %'
	create web --memory 512m --memory-reservation 32m "$IMAGE" sleep 1000
	is "$(bounds web)" "$(each web "$((32 * MIB)) 0 $high")" "$place: a reservation by hand stays"
	check "$place: it is resized" podman update --memory 150m web
	is "$(bounds web)" "$(each web "$((32 * MIB)) 0 $((145 * MIB))")" "$place: and the reservation stays"
	create web --memory 512m --cgroup-conf memory.low=$((48 * MIB)) --cgroup-conf memory.high=$((448 * MIB)) \
		--cgroup-conf memory.min=$((256 * MIB)) "$IMAGE" sleep 1000
	is "$(bounds web)" "$(each web "$((48 * MIB)) $((140 * MIB)) $((140 * MIB))")" \
		"$place: so does what stands in unified: memory.high moves with the limit, and memory.min is not above it"
	is "$(record "$id" .protect)" 0 "$place: the record does not claim it"
	remove web
done

# ---- The journal ----

has_decision() { events decision "CONTAINER_ID=$id" "TIDEMARK_LOW_BYTES=$low" "TIDEMARK_HIGH_BYTES=$high" | grep -q .; }
daemon_start
create web --memory 512m "$IMAGE" sleep 1000
check "the journal has what was written" wait_for 60 has_decision
systemctl stop tidemarkd.service
remove web

# ---- A bundle that is created from more than once ----

tidemark() { "$PROGRAMS/tidemark-crun" "$@"; }
run_byhand() {
	tidemark delete --force byhand 2>/dev/null
	tidemark run --detach --bundle "$work/bundle" byhand </dev/null >/dev/null 2>"$work/err" || cat "$work/err"
	(cd /sys/fs/cgroup/tidemark-test/byhand && cat memory.max memory.low memory.min memory.high | tr '\n' ' ' | sed 's/ $//')
}
rootfs=$(podman image mount "$IMAGE")
mkdir "$work/bundle"
(cd "$work/bundle" && crun spec && jq --arg rootfs "$rootfs" '.process.terminal = false | .process.args = ["sleep", "1000"] |
	.root = {"path": $rootfs, "readonly": true} | .linux.cgroupsPath = "/tidemark-test/byhand" |
	.linux.resources = {"memory": {"limit": 536870912}, "unified": {"memory.min": "268435456", "pids.max": "77"}}' \
	config.json >edited && mv edited config.json)
publish byhand $limit $low
cp "$work/bundle/config.json" "$work/declared"
enforce 'request = low' 'high = 90 %'
is "$(run_byhand)" "$limit $low $limit max" \
	"by hand: its own memory.min is held below the limit, and a memory.high below that is not set"
jq '.linux.resources.unified["memory.min"] = "1048576"' "$work/declared" >"$work/bundle/config.json"
is "$(run_byhand)" "$limit $low 1048576 $high" "by hand: ours beside its own"
is "$(cat /sys/fs/cgroup/tidemark-test/byhand/pids.max)" 77 "by hand: all else in unified holds"
publish byhand $((150 * MIB)) $((60 * MIB))
is "$(run_byhand)" "$((150 * MIB)) $((60 * MIB)) 1048576 $((141 * MIB))" "the same bundle again: ours is not taken for its own"
MODE=observe enforce 'request = low' 'high = 90 %'
is "$(run_byhand)" "$((512 * MIB)) 0 1048576 max" "the same bundle without enforcing: as it was declared"
enforce 'request = low' 'high = 90 %'
is "$(run_byhand)" "$((150 * MIB)) $((60 * MIB)) 1048576 $((141 * MIB))" "the same bundle once more: ours again"
tidemark delete --force byhand

# ---- What it is worth ----

# in_cache: what is left of the container's files in the cache when its grandparent is asked to give up all it has.
in_cache() {
	podman exec web sh -c 'cat /big >/dev/null'
	echo 1G >/sys/fs/cgroup/tidemark.slice/memory.reclaim 2>/dev/null
	sed -n 's/^file //p' "$(cgroup_of web)/memory.stat"
}
is_written() { podman exec web test -e /done; }
use_manager systemd
for runtime in crun runc; do
	RUNTIME=$PROGRAMS/tidemark-$runtime
	publish web $limit $low
	enforce 'request = min'
	create web --memory 512m --cgroup-parent tidemark-test.slice "$IMAGE" \
		sh -c 'dd if=/dev/zero of=/big bs=1M count=40; sync; touch /done; exec sleep 1000'
	wait_for 60 is_written
	comment "$(cgroup_of web | sed -E 's|/sys/fs/cgroup||; s/[0-9a-f]{64}/ID/g')"
	between 0 "$(in_cache)" $((20 * MIB)) "$runtime: below a slice that is not protected it is worth nothing"
	systemctl set-property --runtime tidemark-test.slice MemoryMin=100M
	between $((38 * MIB)) "$(in_cache)" $((60 * MIB)) "$runtime: below one that is, the request is kept"
	remove web
	systemctl set-property --runtime tidemark-test.slice MemoryMin=0
done

done_testing
