#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# scaletest.sh: in the machine of contrib/vm, for contrib/scaletest. One run: what N duplicates of a real container do to
# tidemarkd and to creations. ./run holds N, INTERVAL, BPF, DB, DAY2_STEPS, WRITERS and GROUPS_COUNT. Leaves in out/:
# samples, creations, phases, ticks and facts.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit
[ -e /etc/tidemark-lab ] || { echo "only for the machine of contrib/vm" >&2; exit 1; }
# shellcheck source=/dev/null
. ./run
tar -C stage -c . | tar -C / -x --no-same-owner --keep-directory-symlink || exit
ldconfig
systemctl daemon-reload
runtime=/usr/libexec/tidemark/tidemark-crun
root=/run/scaletest
mkdir -p $root/bundle/rootfs
scale() { ./scaletest "$@"; }
start=$(scale now)
elapsed() {
	local centis=$((($(scale now) - start) / 10000))
	printf '%d.%02d' $((centis / 100)) $((centis % 100))
}
by_socket() { curl --silent --max-time 120 --unix-socket /run/tidemark/http.sock http://localhost/metrics; }
say() { echo "$(elapsed) $*" | tee -a out/log; }
# mark PHASE: what the ticks have cost up to here, and what begins.
mark() {
	by_socket | sed -n "s/^tidemark_tick_duration/$1 duration/p" >>out/ticks
	echo "$(elapsed) $1" >>out/phases
	say "$1"
}
status_text() { systemctl show --property StatusText --value tidemarkd.service; }
# follows N SECONDS: waits until the daemon follows so many.
follows() {
	local deadline=$((SECONDS + $2))
	until [ "$(status_text)" = "Following $1 containers" ]; do
		[ "$SECONDS" -lt "$deadline" ] || { say "after $2 s still: $(status_text)"; return 1; }
		sleep 0.3
	done
}
# ended N SECONDS: waits until the daemon has told of so many ends since its start.
ended() {
	local deadline=$((SECONDS + $2)) told
	until told=$(by_socket | sed -n 's/^tidemark_events_total{event="exit"} //p') && [ "${told:-0}" -ge "$1" ]; do
		[ "$SECONDS" -lt "$deadline" ] || { say "after $2 s it has told of ${told:-0} ends"; return 1; }
		sleep 3
	done
}
# rest SECONDS: three ticks at least.
rest() { sleep "$(($1 > 3 * INTERVAL ? $1 : 3 * INTERVAL))"; }

# All that is told here has to be there at the end.
printf '%s\n' '[Journal]' 'RuntimeMaxUse=1G' 'RuntimeKeepFree=0' >/etc/systemd/journald.conf.d/scaletest.conf
systemctl restart systemd-journald.service

# ---- One real container ----

install -d /etc/tidemark/tidemark.conf.d
printf '%s\n' '[node]' 'mode = observe' '[sampling]' "interval = ${INTERVAL}s" "bpf = $BPF" '[tuner]' 'interval = 10s' \
	'cooldown = 0s' >/etc/tidemark/tidemark.conf.d/scaletest.conf
[ "$DB" = disk ] || { install -d -m 700 /var/lib/tidemark && mount -t tmpfs -o mode=700 none /var/lib/tidemark; }
systemctl restart tidemarkd.service || exit
mkdir -p $root/bundle/rootfs/{bin,proc,dev,sys}
cp "$(command -v busybox)" $root/bundle/rootfs/bin/sh
(cd $root/bundle && crun spec)
jq '.process.args = ["/bin/sh", "-c", "while :; do read x; done"] | .process.terminal = false | .root.readonly = true |
	.linux.cgroupsPath = "system.slice:crio:real" | .linux.resources.memory.limit = 134217728 |
	.annotations = {"io.kubernetes.pod.namespace": "scaletest", "io.kubernetes.pod.name": "real-5d4f8c7b6d-x2x4z",
		"io.kubernetes.container.name": "app", "io.kubernetes.cri-o.ContainerType": "container"}' \
	$root/bundle/config.json >$root/config.json
cp $root/config.json $root/bundle/config.json
mkfifo $root/silence
exec 9<>$root/silence
if ! $runtime --systemd-cgroup create --bundle $root/bundle --pid-file $root/real.pid real <&9 >/dev/null 2>$root/errors ||
	! $runtime --systemd-cgroup start real 2>>$root/errors; then
	cat $root/errors
	exit 1
fi
follows 1 60 || exit
jq . /run/tidemark/containers/real.json >out/record.json
jq -c '.id = "@ID@" | .owner = "@OWNER@" | .pod.name = "@POD@" | .created_usec = "@CREATED@" |
	.started_usec = "@STARTED@" | .pid = "@PID@" | .cgroup = "@CGROUP@" | .cgroup_id = "@CGROUPID@"' \
	out/record.json | sed 's/"\(@\(CREATED\|STARTED\|PID\|CGROUPID\)@\)"/\1/g' >$root/started.json
jq -c 'del(.pid, .cgroup, .cgroup_id, .prestart, .started_usec) | .id = "@ID@" | .owner = "@OWNER@" |
	.pod.name = "@POD@" | .created_usec = "@CREATED@"' out/record.json | sed 's/"@CREATED@"/@CREATED@/' >$root/created.json
$runtime --systemd-cgroup delete --force real
follows 0 60 || exit
# From here on creations are of a runtime that does nothing.
cp target $root/target
printf '[runtime]\ncrun = %s\n' $root/target >>/etc/tidemark/tidemark.conf.d/scaletest.conf
systemctl restart tidemarkd.service || exit
mkdir /sys/fs/cgroup/scaletest
echo +memory >/sys/fs/cgroup/scaletest/cgroup.subtree_control
ulimit -n 65536
ulimit -u unlimited
echo 4194304 >/proc/sys/kernel/pid_max
printf 'max_user_watches %s\nmax_queued_events %s\n' "$(cat /proc/sys/fs/inotify/max_user_watches)" \
	"$(cat /proc/sys/fs/inotify/max_queued_events)" >out/facts
cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/system.slice/lab.service/pids.max 2>/dev/null | sed 's/^/pids_max /' >>out/facts
echo max >/sys/fs/cgroup/system.slice/lab.service/pids.max

# ---- The phases ----

scale monitor "$start" >out/samples &
scale creations "$start" $runtime $root/target >out/creations 2>>out/log &
mark idle
rest 10

mark adoption
scale adopt "$N" "$WRITERS" "$GROUPS_COUNT" || exit
echo "written $(elapsed)" >>out/facts
follows "$N" 300
echo "adopted $(elapsed)" >>out/facts
rest 2
mark steady
rest 30

mark 'new group'
scale regroup "$N" "$WRITERS" "$GROUPS_COUNT" || exit
echo "regrouped $(elapsed)" >>out/facts
ended "$N" 900
rest 5

mark restart
before=$(scale now)
systemctl restart tidemarkd.service
echo "restart_ms $((($(scale now) - before) / 1000))" >>out/facts
follows "$N" 300
rest 25

# A day in minutes: the clock goes ahead a quarter of an hour before each reading, or more where readings are rare.
mark 'day 2'
scale clock $((86400 / DAY2_STEPS)) "$DAY2_STEPS" "$((INTERVAL * 1000))"
rest 5

mark removal
scale cull "$N" "$WRITERS" "$GROUPS_COUNT" || exit
echo "culled $(elapsed)" >>out/facts
follows 0 300
rest 17

# What a daemon takes that has the same history, and no container.
mark 'fresh start'
systemctl restart tidemarkd.service
by_socket >/dev/null
rest 10
mark end
kill %1 %2
# When the daemon told of each end, by the same clock as all the rest.
journalctl --quiet --output export --output-fields=CONTAINER_ID TIDEMARK_EVENT=exit |
	awk -F= -v start="$start" '$1 == "__MONOTONIC_TIMESTAMP" { at = $2 }
		/^CONTAINER_ID=5ca1e/ { printf "%.3f\n", (at - start) / 1e6 }' >out/exit
journalctl --quiet --output cat TIDEMARK_EVENT=fault | sort | uniq -c | head -20 | sed 's/^/fault /' >>out/facts
journalctl --quiet --output cat -u tidemarkd.service _PID=1 | tail -5 >>out/log
du -k /var/lib/tidemark/limits | tail -1 | sed 's/^/limits_kib /' >>out/facts
uname -r | sed 's/^/kernel /' >>out/facts
cat out/facts
exit 0
