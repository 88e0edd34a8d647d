#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container that is close to its limit is read at once when it waits for memory, and not at the next tick.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

trap 'remove near far' EXIT

# So rarely that what is seen between two of them was not seen by one of them.
settings '[node]' 'mode = observe' '[sampling]' 'interval = 20s'
since=$(now)
daemon_start || exit
metric() { curl --silent --unix-socket /run/tidemark/http.sock http://localhost/metrics | awk -v name="$1" '$1 == name { print $2 }'; }
seconds_of() { curl --silent --unix-socket /run/tidemark/http.sock http://localhost/metrics |
	sed -n "s/^tidemark_container_memory_pressure_seconds_total{.*container=\"$1\".*kind=\"some\"} //p"; }

# 58 of 64 MiB, and then, when it is told to, more and more of a file that there is no room for.
create near --memory 64m --memory-swap 64m "$IMAGE" sh -c '
	mkfifo /tmp/never-read; sleep 1000 <>/tmp/never-read & dd if=/dev/zero of=/tmp/never-read bs=58M &
	while [ ! -e /tmp/go ]; do sleep 0.2; done
	while :; do dd if=/dev/zero of=/tmp/more bs=64k count=1024 2>/dev/null; done'
create far --memory 512m "$IMAGE" sh -c "$(holds 20)"
if ! wait_for 20 grep -q some "$(cgroup_of near)/memory.pressure"; then
	skip "pressure is heard" "this kernel measures none"
	done_testing
	exit
fi
is_watched() { [ "$(metric tidemark_pressure_watched)" = 1 ]; }
check "the one that is close to its limit is listened to, the other is not" wait_for 90 is_watched
is "$(events fault --since "$since")" '' "without a word: a cgroup may be asked to tell"

before=$(metric tidemark_pressure_readings_total)
podman exec near touch /tmp/go
is_read() { [ "$(metric tidemark_pressure_readings_total)" -gt "$before" ]; }
started=$(date +%s%N)
check "when it waits for memory it is read at once" wait_for 15 is_read
comment "$(cat "$(cgroup_of near)/memory.pressure")"
comment "after $((($(date +%s%N) - started) / 1000000)) ms, where the next reading was due within 20 s"
has_waited() { awk -v s="$(seconds_of near)" 'BEGIN { exit !(s > 0) }'; }
check "how long it has waited stands in the metrics" wait_for 30 has_waited

remove near
is_not_watched() { [ "$(metric tidemark_pressure_watched)" = 0 ]; }
check "once it is gone nobody is listened to" wait_for 60 is_not_watched
check "and the daemon is well" systemctl --quiet is-active tidemarkd.service

done_testing
