#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers that live for a moment: their last peak is known to the byte.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

dropin=/run/systemd/system/tidemarkd.service.d
work=$(mktemp -d)
trap 'rm -rf "$work" "$dropin"; systemctl daemon-reload' EXIT

# short NAME MIB: a container that uses MIB of memory, prints its own memory.peak once it has given them back, and
# ends: what follows stays below. The peak is in $peak.
short() {
	peak=$(podman_run --rm --name "$1" "$IMAGE" \
		sh -c "dd if=/dev/zero of=/dev/null bs=${2}M count=1 2>/dev/null; cat /sys/fs/cgroup/memory.peak")
}
exit_field() { events exit "CONTAINER_NAME=$1" | jq -r "$2" | tail -1; }
has_exit() { has_event exit "CONTAINER_NAME=$1"; }

# series NAME COUNT: prints "<said exact> <peak said> <peak>" for each of COUNT containers.
series() {
	local i
	for ((i = 1; i <= $2; i++)); do
		short "$1$i" $((8 + 2 * i))
		wait_for 15 has_exit "$1$i"
		echo "$(exit_field "$1$i" '.TIDEMARK_PEAK_EXACT + " " + .TIDEMARK_PEAK_BYTES') $peak"
	done
}

# ---- With BPF ----

settings '[sampling]' 'interval = 10s' 'bpf = auto'
since=$(now)
daemon_start
is "$(events fault --since "$since")" '' "the kernel takes the BPF program"
comment "$(grep -E '^(VmHWM|VmRSS|RssAnon)' "/proc/$(systemctl show --property MainPID --value tidemarkd.service)/status" | xargs)"

for manager in systemd cgroupfs; do
	use_manager "$manager"
	series "$manager" 12 >"$work/$manager"
	is "$(awk '$1 == 1 && $2 == $3' "$work/$manager" | wc -l)" 12 "each of 12 short containers under $manager is told with its exact peak"
	[ "$(awk '$1 == 1 && $2 == $3' "$work/$manager" | wc -l)" -eq 12 ] || comment "$(cat "$work/$manager")"
done
use_manager systemd

short once 100
wait_for 15 has_exit once
id=$(exit_field once .CONTAINER_ID)
is "$(sqlite3 /var/lib/tidemark/tidemark.db "SELECT peak_bytes FROM runs WHERE container_id = '$id'" 2>&1)" "$peak" \
	"the history has it, too"
systemctl stop tidemarkd.service
between $((100 * MIB)) "$(published once .observed.max)" "$peak" "a container that was never sampled counts with its peak"

# One that is killed while it works.
daemon_start
create held "$IMAGE" sh -c "$(holds 40)"
cgroup=$(cgroup_of held)
saw_peak() { [ "$(cat "$cgroup/memory.peak")" -gt $((40 * MIB)) ]; }
wait_for 30 saw_peak
peak=$(cat "$cgroup/memory.peak")
remove held
check "one that is removed by force is told" wait_for 30 has_exit held
is "$(exit_field held .TIDEMARK_PEAK_EXACT)" 1 "with its exact peak"
between "$peak" "$(exit_field held .TIDEMARK_PEAK_BYTES)" $((peak + 4 * MIB)) "which is no less than it was a moment before"

# ---- Without ----

settings '[sampling]' 'interval = 10s' 'bpf = no'
since=$(now)
daemon_start
series fallback 12 >"$work/fallback"
comment "without BPF: $(awk '$1 == 1' "$work/fallback" | wc -l) of 12 exact"
is "$(awk '$1 == 1 && $2 != $3 || $2 > $3' "$work/fallback")" '' "without BPF no peak is said to be exact that is not"
between 1 "$(awk '$1 == 1' "$work/fallback" | wc -l)" 12 "and some are"
is "$(events fault --since "$since")" '' "nothing is complained of"

# ---- Where the kernel refuses ----

settings '[sampling]' 'interval = 10s'
install -d "$dropin"
printf '[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SYSLOG CAP_DAC_READ_SEARCH\n' >"$dropin/capabilities.conf"
systemctl daemon-reload
since=$(now)
daemon_start
is "$(systemctl show --property ActiveState --value tidemarkd.service)" active "without the capabilities for BPF the daemon runs all the same"
wait_for 15 has_event fault --since "$since"
like "$(events fault --since "$since" | jq -r '"\(.PRIORITY) \(.MESSAGE)"')" '^5 the last peak of some containers will be missed: ' "and says so"
comment "$(events fault --since "$since" | jq -r .MESSAGE)"

done_testing
