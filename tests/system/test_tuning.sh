#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job: what a container uses is measured, a limit is recommended, and the next creations step down to it.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

declared=$((512 * MIB))
settings_quick enforce
check "the daemon starts" daemon_start

for place in crun-systemd runc-cgroupfs; do
	runtime=${place%-*}
	use_manager "${place#*-}"
	RUNTIME=$PROGRAMS/tidemark-$runtime workload=web-$runtime
	create "$workload" --memory 512m "$IMAGE" sh -c "$(holds 100)"
	is "$(memory_max "$workload")" "$declared" "$runtime: the first gets what it declares"
	check "$runtime: it is measured, and something is recommended" wait_for 90 is_warm "$workload"
	# Once dd has had its memory for a while: avg x 1.5, up to the next 16Mi, x 1.5.
	settled() { [ "$(published "$workload" .enforced.limit)" -ge $((208 * MIB)) ]; }
	check "$runtime: what it holds is seen" wait_for 90 settled
	between $((100 * MIB)) "$(published "$workload" .observed.max)" $((110 * MIB)) "$runtime: its maximum is what it holds"

	limit=$declared steps=0
	while [ "$steps" -lt 8 ]; do
		least=$((limit * 7 / 10)) target=$(published "$workload" .enforced.limit)
		wait_for 30 saw_limit "$workload" "$limit"
		create "$workload" --memory 512m "$IMAGE" sh -c "$(holds 100)"
		before=$limit limit=$(memory_max "$workload") steps=$((steps + 1))
		comment "$runtime: creation $((steps + 1)): $((limit / MIB)) MiB, $(record "$id" .decision.reason)"
		[ "$limit" -lt "$before" ] || break
		between "$least" "$limit" "$before" "$runtime: a step down, by 30 % at most"
	done
	is "$limit" "$target" "$runtime: the last one has the limit that is recommended"
	between $((208 * MIB)) "$limit" $((256 * MIB)) "$runtime: which fits what it holds"
	between 3 "$steps" 6 "$runtime: after a few creations"
	is "$(podman inspect --format '{{.State.Status}}' "$workload")" running "$runtime: and it runs within it"

	# Between create and start: the runtime, not the program.
	peak=$(record "$id" .prestart.peak)
	comment "$runtime: pre-start footprint $(record "$id" .prestart.current) bytes, peak $peak"
	if [ "$runtime" = crun ]; then
		between 1 "$peak" $((2 * MIB)) "crun: its pre-start footprint is in the record"
	else
		between $((1 * MIB)) "$peak" $((32 * MIB)) "runc: its pre-start footprint is in the record"
	fi
	between 1 "$(published "$workload" ".prestart.$runtime")" $((32 * MIB)) "$runtime: and published, for the guard"
	remove "$workload"
	check "$runtime: the record ends at delete" test ! -e "/run/tidemark/containers/$id.json"
done
unset CONTAINERS_CONF_OVERRIDE

# No daemon: nobody would learn from a kill, so nothing is enforced.
RUNTIME=$PROGRAMS/tidemark-crun
systemctl stop tidemarkd.service
create web-crun --memory 512m "$IMAGE" sh -c "$(holds 100)"
is "$(memory_max web-crun)" $((512 * MIB)) "without the daemon, a container starts as declared"
is "$(record "$id" .decision.reason)" observed "and what would be right is in its record"
check "and leaves a record" test -e "/run/tidemark/containers/$id.json"
daemon_start
check "a daemon that comes later speaks of it" wait_for 60 has_event decision "CONTAINER_ID=$id"

# No limit declared: none given.
create unlimited "$IMAGE" sleep 600
is "$(memory_max unlimited)" max "a container that declares no limit gets none"

done_testing
