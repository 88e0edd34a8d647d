#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How containers are read: all at once by a BPF iterator, by files that are kept open where there is none, and one by
# one where there are too few descriptors for that. The figures are the same.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

dropin=/run/systemd/system/tidemarkd.service.d
churn=/sys/fs/cgroup/tidemark-churn
names=(s1 s2 s3 s4)
leave() {
	touch "$work/enough"
	remove "${names[@]}"
	sleep 1
	find "$churn" -depth -type d -exec rmdir {} + 2>/dev/null
	rm -rf "$work" "$dropin"
	systemctl daemon-reload
}
work=$(mktemp -d)
trap leave EXIT

by_socket() { curl --silent --max-time 60 --unix-socket /run/tidemark/http.sock http://localhost/metrics; }
said() { by_socket | sed -n "s/^tidemark_container_memory_$2{.*container=\"$1\".*} //p" | head -1; }
daemon_pid() { systemctl show --property MainPID --value tidemarkd.service; }
# opens PATTERN: how many of its descriptors lead to such a file.
opens() { find "/proc/$(daemon_pid)/fd" -type l -printf '%l\n' 2>/dev/null | grep -cE "$1"; }
faults_since() { events fault --since "$since" | jq -r '"\(.PRIORITY) \(.MESSAGE)"'; }
# is_right NAME: what is said of it is what its cgroup's files say, to 2 MiB.
is_right() {
	local cgroup current inactive bytes
	cgroup=$(cgroup_of "$1")
	bytes=$(said "$1" working_set_bytes)
	current=$(cat "$cgroup/memory.current")
	inactive=$(sed -n 's/^inactive_file //p' "$cgroup/memory.stat")
	[ "${bytes:-0}" -gt 0 ] && [ $((bytes - (current - inactive))) -lt $((2 * MIB)) ] &&
		[ $((bytes - (current - inactive))) -gt $((-2 * MIB)) ]
}
all_are_right() { local name; for name in "${names[@]}"; do is_right "$name" || return 1; done; }
samples() { by_socket | awk '$1 == "tidemark_tick_duration_seconds_count" { print $2 }'; }
moved_on() { [ "$(samples)" -gt $((before + 20)) ]; }
has_fault() { events fault --since "$since" --grep "$1" | grep -q .; }

settings '[node]' 'mode = observe' '[sampling]' 'interval = 200ms'
for name in "${names[@]}"; do
	create "$name" --memory 256m "$IMAGE" sh -c "dd if=/dev/zero of=/tmp/cache bs=1M count=30 2>/dev/null; $(holds 4"${name#s}")"
done

# ---- By the iterator ----

since=$(now)
daemon_start || exit
check "by BPF each container's working set is right, page cache taken off" wait_for 60 all_are_right
comment "$(for name in "${names[@]}"; do echo "$name $(said "$name" working_set_bytes) $(cat "$(cgroup_of "$name")/memory.current") $(grep -w inactive_file "$(cgroup_of "$name")/memory.stat")"; done)"
is "$(faults_since)" '' "the kernel takes both programs"
is "$(opens '/memory\.|pidfd')" 0 "and no descriptor is held for any container"
between 0 "$(opens '/sys/fs/cgroup/.*/')" 2 "but for the directories that were looked at last"
comment "$(find "/proc/$(daemon_pid)/fd" -type l | wc -l) descriptors in all, $(grep -E '^VmRSS' "/proc/$(daemon_pid)/status" | xargs)"
before=$(samples)
like "$(grep -E '^(Seccomp|CapEff):' "/proc/$(daemon_pid)/status" | xargs)" 'CapEff: 0000000000000004 Seccomp: 2' \
	"all that with capabilities and system calls given up"
check "reading after reading" wait_for 60 moved_on

timeout --signal INT 6 strace -qq -e trace=openat,pread64,bpf -o "$work/calls" -p "$(daemon_pid)" 2>/dev/null
between 5 "$(grep -cE 'bpf\((BPF_ITER_CREATE|BPF_PROG_(TEST_)?RUN), .*\) = [0-9]' "$work/calls")" 40 "each by one program"
between 5 "$(grep -cE 'bpf\(BPF_PROG_(TEST_)?RUN, .*\) = [0-9]' "$work/calls")" 40 "which goes to what the last walk over all cgroups found"
is "$(grep -E 'memory|libpod' "$work/calls" | grep -v memory.pressure)" '' "and by no file of a container that does nothing"

# What a container takes at once is seen; also that it is page cache.
cgroup=$(cgroup_of s1)
podman exec s1 sh -c 'cat /tmp/cache >/dev/null; dd if=/dev/zero of=/tmp/more bs=1M count=60 2>/dev/null'
check "growth of page cache alone is none of the working set" wait_for 30 is_right s1
between $((100 * MIB)) "$(cat "$cgroup/memory.current")" $((300 * MIB)) "though it was charged"

# ---- Cgroups that come and go ----

since=$(now)
mkdir "$churn" && echo +memory >"$churn/cgroup.subtree_control"
churning() {
	local i
	while [ ! -e "$work/enough" ]; do
		for i in {1..40}; do mkdir -p "$churn/a$i" "$churn/b$i/c"; done
		rmdir "$churn"/a* "$churn"/b*/c "$churn"/b*
	done
}
churning 2>/dev/null &
before=$(samples)
for i in 1 2 3; do create "brief$i" "$IMAGE" sh -c "$(holds 10)"; sleep 1; done
sees_briefs() { [ "$(said brief2 working_set_bytes)" -gt $((10 * MIB)) ]; }
check "while hundreds come and go a new container is seen" wait_for 30 sees_briefs
remove brief1 brief2 brief3
check "those that were there stay right" wait_for 30 all_are_right
check "and readings go on" wait_for 60 moved_on
touch "$work/enough"
wait
has_ended() { [ "$(events exit --since "$since" | jq -r .CONTAINER_NAME | grep -c brief)" = 3 ]; }
check "each that went is told to have ended" wait_for 30 has_ended
is "$(faults_since)" '' "and nothing is complained of"

# ---- By files that are kept open ----

settings '[node]' 'mode = observe' '[sampling]' 'interval = 200ms' 'bpf = no'
since=$(now)
daemon_start
check "without BPF each container's working set is right" wait_for 60 all_are_right
is "$(faults_since)" '' "which nobody needs to hear of: it was wanted"
is "$(opens '/memory\.current$')" 4 "memory.current is held open"
is "$(opens '/memory\.stat$')" 4 "and memory.stat"
between 0 "$(opens '/sys/fs/cgroup/[^ ]*/container$|\.scope$')" 2 "and no directory of all"

# ---- With too few descriptors ----

install -d "$dropin"
printf '[Service]\nLimitNOFILE=262\n' >"$dropin/few.conf"
systemctl daemon-reload
since=$(now)
daemon_start
check "with too few descriptors to keep one each, all are right all the same" wait_for 60 all_are_right
check "which is said" wait_for 20 has_fault 'there are too few file descriptors'
is "$(faults_since | wc -l)" 1 "once"
comment "$(faults_since)"
is "$(opens '/memory\.current$')" 3 "as many as there may be are kept"
is "$(opens '/memory\.stat$')" 0 "and none has two while another has none"
rm "$dropin/few.conf"

# ---- Where the kernel refuses ----

settings '[node]' 'mode = observe' '[sampling]' 'interval = 200ms'
printf '[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SYSLOG CAP_DAC_READ_SEARCH\n' >"$dropin/capabilities.conf"
systemctl daemon-reload
since=$(now)
daemon_start
check "without the capabilities for BPF each container's working set is right" wait_for 60 all_are_right
like "$(faults_since)" '^5 sampling costs more, and file descriptors for each container: ' "and that it costs more is said"
comment "$(faults_since)"
is "$(opens '/memory\.current$')" 4 "files are held open"

done_testing
