#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What happened to a workload is told by tidemarkctl history: while the daemon writes, after it was killed, and
# without it.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

trap 'remove grows' EXIT

history_of() { tidemarkctl history --since 1d grows; }
kinds() { history_of | awk 'NR > 2 { print $3 }' | tr '\n' ' '; }
shows() { grep -qE "$1" <<<"$(kinds)"; }
json() { tidemarkctl -o json history --since 1d grows | jq "[.[0].events[] | $1]"; }
daemon_property() { systemctl show --property "$1" --value tidemarkd.service; }

settings_quick enforce
like "$(tidemarkctl history grows 2>&1)" 'tidemarkctl history: there is no history yet' "without a history it says so"
daemon_start || exit

# ---- A creation, a recommendation, a kill ----

# A look of the tuner may fall between any two of them.

create grows --memory 512m "$IMAGE" sleep 600
first=$id
check "the workload warms up" wait_for 60 is_warm grows
create grows --memory 512m "$IMAGE" dd if=/dev/zero of=/dev/null bs=600M count=1
second=$id
check "its next container outgrows its limit" wait_for 60 has_exited grows
check "history shows them in order while the daemon runs" \
	wait_for 60 shows '^creation (recommendation )+exit (recommendation )*creation (recommendation )*kill (recommendation )*exit (recommendation )*$'
history_of >/tmp/history
comment "$(cat /tmp/history)"
is "$(head -1 /tmp/history)" '-/grows/grows' "under the workload's name"
is "$(json 'select(.event == "creation") | .container' | jq -r 'join(" ")')" "$first $second" "with the containers"

given=$(json 'select(.event == "creation") | .limit_bytes' | jq '.[1]')
is "$(json 'select(.event == "creation") | .limit_bytes' | jq '.[0]')" $((512 * MIB)) "the first had what it declares"
between $((100 * MIB)) "$given" $((400 * MIB)) "the second had a tuned limit"
like "$(json 'select(.event == "creation") | .reason' | jq -r '.[1]')" '^enforced' "and it is said why"
like "$(json 'select(.event == "recommendation") | .why' | jq -r '.[0]')" '^the smallest limit that is recommended|up to the next 16Mi' \
	"so it is of the recommendation"
is "$(json 'select(.event == "kill")' | jq -r '.[0] | "\(.limit_bytes) \(.reason) \(.container)"')" \
	"$given own $second" "the kill has the limit, the cause and the container"
is "$(json 'select(.event == "kill") | .oom_floor_bytes' | jq '.[0]')" "$(published grows .oom.floor)" \
	"and what was learned from it"
is "$(json 'select(.event == "exit") | .oom_kills // 0' | jq -c .)" '[0,1]' "and the exits say how many there were"
between 1 "$(json 'select(.event == "exit") | .samples // 0' | jq '.[0]')" 100000 "and how often was measured"
like "$(tidemarkctl history --plot /tmp/history.svg grows 2>&1 >/dev/null)" 'gnuplot, which is not installed' \
	"without gnuplot there is no picture, and it is said why"

# ---- After a crash, and without a daemon ----

kinds >/tmp/before
pid=$(daemon_property MainPID)
kill -KILL "$pid"
is "$(kinds)" "$(cat /tmp/before)" "after kill -9 of the daemon it is all there"
replaced() { [ "$(daemon_property MainPID)" -gt 0 ] && [ "$(daemon_property MainPID)" != "$pid" ] && [ "$(daemon_property ActiveState)" = active ]; }
check "the next daemon is there" wait_for 60 replaced
create grows --memory 512m "$IMAGE" sleep 600
check "and goes on with it" wait_for 60 shows "^$(cat /tmp/before)(recommendation )*creation "
systemctl stop tidemarkd.service
like "$(kinds)" "^$(cat /tmp/before)creation " "it is there without a daemon, too"
is "$(stat -c %a /var/lib/tidemark/tidemark.db)" 600 "for root alone"

done_testing
