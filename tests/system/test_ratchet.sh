#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program that sizes itself by its limit: it is given a step less, uses less, and is then given what it had.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

declared=$((512 * MIB))
# A quarter of its own memory.max, as a JVM has it, and little else.
takes_a_quarter="limit=\$((\$(cat /sys/fs/cgroup/memory.max) >> 20)); mkfifo /tmp/never-read; sleep 1000 <>/tmp/never-read &
	exec dd if=/dev/zero of=/tmp/never-read bs=\$((limit / 4))M"

settings_quick enforce
check "the daemon starts" daemon_start

# ratchet NAME FIELD: of what is published: program, top, since, steps, samples, newest, and two levels of limit and use.
ratchet() { published "$1" .ratchet | cut -d ' ' -f "$2"; }
has_seen() { [ "$(ratchet "$1" 7)" -gt 0 ]; }
holds() { [ "$(ratchet "$1" 3)" -gt 0 ]; }
limit_is() { [ "$(published "$1" .enforced.limit)" = "$2" ]; }

# ---- One that says so ----

create goes --memory 512m --env GOMEMLIMIT=400MiB "$IMAGE" sh -c "$takes_a_quarter"
is "$(record "$id" .sizes)" go "GOMEMLIMIT is in the record"
is "$(memory_max goes)" "$declared" "the first gets what it declares"
check "what it used there is seen" wait_for 90 has_seen goes
check "and a step less is recommended" wait_for 90 limit_is goes $((368 * MIB))
like "$(tidemarkctl explain goes)" "limit +368Mi +a Go program with GOMEMLIMIT sizes itself by its limit: at most 30 % below 512Mi" \
	"explain tells why it is no more"

create goes --memory 512m --env GOMEMLIMIT=400MiB "$IMAGE" sh -c "$takes_a_quarter"
is "$(memory_max goes)" $((368 * MIB)) "the second has that"
check "its use is seen to follow" wait_for 120 holds goes
check "and what it had is recommended" wait_for 30 limit_is goes "$declared"
comment "levels: $(published goes .ratchet)"
like "$(tidemarkctl explain goes)" \
	"limit +512Mi +its use follows its limit \(a Go program with GOMEMLIMIT\): at 368Mi it used [0-9]+ % less than at 512Mi, so it keeps 512Mi" \
	"explain tells why"

limit=0
for round in 3 4 5; do
	create goes --memory 512m --env GOMEMLIMIT=400MiB "$IMAGE" sh -c "$takes_a_quarter"
	before=$limit limit=$(memory_max goes)
	comment "creation $round: $((limit / MIB)) MiB, $(record "$id" .decision.reason)"
	check "creation $round: it is at least what it was" test "$limit" -ge "$before"
	wait_for 30 saw_limit goes "$limit"
	sleep 10
done
is "$limit" "$declared" "and there it stays"
check "still kept" holds goes
remove goes

# ---- One that nothing is known of but its process's name ----

create script --memory 512m --volume /:/host:ro "$IMAGE" chroot /host /bin/bash -c "exec -a java sleep 1000"
is "$(record "$id" .sizes)" 0 "the config does not tell"
is_jvm() { [ "$(ratchet script 1)" = jvm ]; }
check "the process does" wait_for 60 is_jvm
remove script

done_testing
