#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# exitpeak.sh COUNT FALLBACK-COUNT: in the machine of contrib/vm. So many containers by crun behind the wrapper, in
# scopes of systemd, as CRI-O calls them, each of which lives for a moment, four at a time and beside a program that
# keeps the processor busy; first with BPF, then without. Compared is what tidemarkd says of each with what its own
# cgroup's memory.peak was at its end.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit
[ -e /etc/tidemark-lab ] || { echo "only for the machine of contrib/vm" >&2; exit 1; }
workers=4
tar -C stage -c . | tar -C / -x --no-same-owner --keep-directory-symlink || exit
ldconfig
systemctl daemon-reload
runtime=/usr/libexec/tidemark/tidemark-crun

root=/run/bench
mkdir -p $root/rootfs/proc $root/rootfs/dev $root/rootfs/sys
cp short $root/rootfs/
(cd $root && crun spec)
template=$(jq --arg rootfs $root/rootfs '
	.process.args = ["/short", "@MIB@"] | .process.terminal = false | .root.path = $rootfs | .root.readonly = true |
	.linux.cgroupsPath = "system.slice:bench:@ID@" | .linux.resources.memory.limit = 134217728 |
	.annotations = {"io.kubernetes.pod.namespace": "bench", "io.kubernetes.pod.name": "short-5d4f8c7b6d-x2x4z",
		"io.kubernetes.container.name": "app", "io.kubernetes.cri-o.ContainerType": "container"}' $root/config.json)
mkfifo $root/silence
exec 9<>$root/silence
pause() { read -r -t "$1" -u 9; }

# container ID MIB
container() {
	local bundle=$root/$1 config=${template/@ID@/$1}
	mkdir "$bundle"
	printf '%s\n' "${config/@MIB@/$2}" >"$bundle/config.json"
	$runtime --systemd-cgroup create --bundle "$bundle" --pid-file "$bundle/pidfile" "$1" >"$bundle/out" 2>"$bundle/errors" </dev/null &&
		$runtime --systemd-cgroup start "$1" 2>>"$bundle/errors"
	for _ in {1..100}; do [ ! -s "$bundle/out" ] || break; pause 0.05; done
	pause 0.1
	$runtime --systemd-cgroup delete --force "$1" 2>>"$bundle/errors"
	[ -s "$bundle/out" ] || { echo "$1 failed:"; cat "$bundle/errors"; } >&2
	rm -f "$bundle/config.json"
}

# worker MODE NUMBER
worker() {
	local i
	for ((i = $2; i <= count; i += workers)); do container "$1-$i" $((2 + i % 7)); done
}

# run MODE SETTING COUNT
run() {
	local mode=$1 count=$3 hog
	install -d /etc/tidemark/tidemark.conf.d
	printf '[sampling]\nbpf = %s\n' "$2" >/etc/tidemark/tidemark.conf.d/bench.conf
	systemctl restart tidemarkd.service || exit
	(while :; do :; done) &
	hog=$!
	local start=$SECONDS jobs=() i
	for ((i = 1; i <= workers; i++)); do worker "$mode" "$i" & jobs+=($!); done
	wait "${jobs[@]}"
	kill "$hog"
	sleep 12
	journalctl --quiet --sync
	journalctl --quiet --output json TIDEMARK_EVENT=exit |
		jq -r "select(.CONTAINER_ID | startswith(\"$mode-\")) | [.CONTAINER_ID, .TIDEMARK_PEAK_EXACT, .TIDEMARK_PEAK_BYTES, .TIDEMARK_SAMPLES] | join(\" \")" |
		sort >"$root/$mode.said"
	for ((i = 1; i <= count; i++)); do echo "$mode-$i $(cat "$root/$mode-$i/out")"; done | sort >"$root/$mode.known"
	join -a 1 "$root/$mode.known" "$root/$mode.said" | sort -n -k 3 | tee "out/$mode" |
		awk -v mode="$mode" -v seconds=$((SECONDS - start)) '
		{ life[NR] = $3 }
		$4 == 1 && $5 == $2 { exact++ }
		$4 == 1 && $5 != $2 { wrong++ }
		END {
			printf "bench exitpeak.%s.exact %d containers\n", mode, exact
			printf "bench exitpeak.%s.of %d containers\n", mode, NR
			printf "bench exitpeak.%s.wrong %d containers\n", mode, wrong
			printf "bench exitpeak.%s.life_p50_ms %.1f ms\n", mode, life[int((NR + 1) / 2)] / 1000
			printf "bench exitpeak.%s.life_p99_ms %.1f ms\n", mode, life[int(NR * 0.99 + 0.5)] / 1000
			printf "bench exitpeak.%s.seconds %d s\n", mode, seconds
		}'
	journalctl --quiet --output cat TIDEMARK_EVENT=fault --since "-$((SECONDS - start + 5))s" | sed 's/^/# /'
	rm -rf "$root/$mode"-*
}

run bpf auto "$1"
run fallback no "$2"
