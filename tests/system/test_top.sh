#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tidemarkctl top over real containers: a tree, plain where there is no terminal, and live where there is one.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

trap 'remove big small waits' EXIT

settings_quick observe
daemon_start || exit
create big --memory 512m "$IMAGE" sh -c "$(holds 200)"
create small --memory 256m "$IMAGE" sh -c "$(holds 20)"
holds_now() { [ "$(cat "$(cgroup_of "$1")/memory.current")" -gt $(($2 * MIB)) ]; }
check "both hold what they are to" wait_for 60 holds_now big 200
check "both hold what they are to" wait_for 60 holds_now small 20

tidemarkctl top >/tmp/top
comment "$(cat /tmp/top)"
is "$(head -1 /tmp/top)" "2 containers, by used" "it says how many there are"
like "$(sed -n 3p /tmp/top)" '^NAME +NOW +LIMIT +HEADROOM +USE +PRESSURE$' "one table, without a trend, where it cannot move"
is "$(awk 'NR > 3 { print $1 }' /tmp/top | xargs)" "- big big small small" "a tree: the namespace, pods, containers; the most used first"
like "$(sed -n 6p /tmp/top)" '^    big +(20[0-9]|21[0-9])(\.[0-9])?Mi +512Mi +(29|30|31)[0-9](\.[0-9])?Mi +(39|4[01]) % +[0-9]+\.[0-9]{2} %$' \
	"what it uses, what it may, and what is left"
is "$(tidemarkctl top --sort headroom | awk 'NR > 3 { print $1 }' | xargs)" "- small small big big" "the least headroom first"
is "$(tidemarkctl top -n 2 -d 200ms | grep -c '^NAME')" 2 "as often as it is asked to"

# A program that reads again and again more than it has room for.
create waits --memory 12m "$IMAGE" sh -c 'dd if=/dev/zero of=/tmp/more bs=1M count=64; while :; do cat /tmp/more >/dev/null; done'
feels_pressure() { tidemarkctl top --sort pressure | awk '$1 == "waits" && $(NF - 1) > 0 { found = 1 } END { exit !found }'; }
if wait_for 20 grep -q some "$(cgroup_of waits)/memory.pressure"; then
	check "who waits for memory shows" wait_for 60 feels_pressure
else
	skip "who waits for memory shows" "this kernel measures no pressure"
fi

# On a terminal it goes on until a key ends it, and leaves the terminal as it was.
(sleep 4; printf n; sleep 1; printf q) | script --quiet --command 'stty rows 24 columns 100; tidemarkctl top --delay 500ms; stty -a' /tmp/typescript >/dev/null
check "it draws again and again" bash -c '[ "$(grep -c "q quit" /tmp/typescript)" -ge 4 ]'
like "$(cat /tmp/typescript)" 'by name' "a key changes the order"
check "it draws how it went" grep -q '▁' /tmp/typescript
like "$(tail -12 /tmp/typescript)" ' icanon' "and gives the terminal back"
check "an unknown order is an error" bash -c '! tidemarkctl top --sort size 2>/dev/null'

done_testing
