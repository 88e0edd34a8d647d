# SPDX-License-Identifier: Apache-2.0
# Sourced by each test_*.sh, which ends with done_testing. The output is TAP.
# shellcheck shell=bash disable=SC2034

set -u
PROGRAMS=/usr/libexec/tidemark
RUNTIME=${RUNTIME:-$PROGRAMS/tidemark-crun}
IMAGE=${IMAGE:-localhost/bb}
MIB=$((1 << 20))

ok() { echo "ok - $1"; }
not_ok() {
	echo "not ok - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}
comment() { printf '%s\n' "$@" | sed 's/^/# /'; }

# skip NAME WHY
skip() { echo "ok - $1 # SKIP $2"; }

# check NAME COMMAND...: ok if it succeeds; its output is shown only if not.
check() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "failed: $*" "$said"; fi
}

# is GOT WANTED NAME
is() { if [ "$1" = "$2" ]; then ok "$3"; else not_ok "$3" "got:    $1" "wanted: $2"; fi; }

# like TEXT REGEX NAME
like() { if grep -qE -- "$2" <<<"$1"; then ok "$3"; else not_ok "$3" "got:         $1" "wanted like: $2"; fi; }

# between LOW N HIGH NAME
between() {
	if [ "$1" -le "$2" ] 2>/dev/null && [ "$2" -le "$3" ]; then ok "$4"; else not_ok "$4" "got: $2" "wanted: $1 to $3"; fi
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when the time is up. A machine may be 20 times as slow as one that
# needs as long.
wait_for() {
	local deadline=$((SECONDS + 20 * $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

# ---- Containers ----

# For wait_for: containerd has no container of this name any more, or never had one.
ctr_has_deleted() { ctr containers delete "$1" || ! ctr containers info "$1"; }

# The containers of the tests bear a label, so that cleaning up leaves others alone.
# podman_run ARGUMENT...: podman run under $RUNTIME, without network. podman_run_with RUNTIME …: under another one.
podman_run_with() {
	local runtime=$1
	shift
	podman --runtime "$runtime" ${CGROUP_MANAGER:+--cgroup-manager "$CGROUP_MANAGER"} \
		run --label tidemark-test --network none "$@"
}
# use_manager systemd|cgroupfs: for all podmans from here on, also those that conmon calls.
use_manager() {
	printf '[engine]\ncgroup_manager = "%s"\n' "$1" >/run/tidemark-test.conf
	export CONTAINERS_CONF_OVERRIDE=/run/tidemark-test.conf
}
podman_run() { podman_run_with "$RUNTIME" "$@"; }

# create NAME ARGUMENT...: a container in the background, in place of one of that name; its id is in $id.
create() {
	local name=$1
	shift
	remove "$name"
	id=$(podman_run --detach --name "$name" "$@")
}

remove() { podman rm --force --time 0 --ignore "$@" >/dev/null 2>&1; }

# A program that holds MIB of memory, and then does nothing: dd reads that much at once, and waits to write it where
# nobody reads.
holds() { echo "mkfifo /tmp/never-read; sleep 1000 <>/tmp/never-read & exec dd if=/dev/zero of=/tmp/never-read bs=${1}M"; }

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

pid_of() { podman inspect --format '{{.State.Pid}}' "$1"; }
has_exited() { [ "$(podman inspect --format '{{.State.Status}}' "$1")" = exited ]; }

# cgroup_of CONTAINER: the directory of the cgroup that its first process is in.
cgroup_of() {
	local pid
	pid=$(pid_of "$1") && [ "$pid" -gt 0 ] && sed -n 's|^0::|/sys/fs/cgroup|p' "/proc/$pid/cgroup"
}

# memory_max CONTAINER: the limit that holds there, in bytes. crun under systemd makes a cgroup below the scope.
memory_max() { cat "$(cgroup_of "$1")/memory.max"; }

# ---- tidemark ----

# settings LINE...: those of this test.
settings() {
	install -d /etc/tidemark/tidemark.conf.d
	printf '%s\n' "$@" >/etc/tidemark/tidemark.conf.d/test.conf
}

# The usual policy, with less patience. settings_quick MODE LINE...
settings_quick() {
	local mode=$1
	shift
	settings '[node]' "mode = $mode" '[sampling]' 'interval = 200ms' '[tuner]' 'interval = 500ms' 'cooldown = 0s' \
		'warmup_samples = 10' 'warmup = 1s' "$@"
}

# Nothing is enforced where no daemon runs. For a test that publishes by hand, its lock is held in its place.
presence=''
presence_begin() {
	[ -z "$presence" ] || return 0
	install -d -m 700 /run/tidemark
	flock --fcntl --nonblock --no-fork /run/tidemark/daemon.lock sleep infinity &
	presence=$!
}
presence_end() {
	[ -z "$presence" ] || { kill "$presence"; wait "$presence"; } 2>/dev/null
	presence=''
}

# publish NAME LIMIT P95: a limit for the workload NAME, as the daemon would have published it, and applied.
publish() {
	systemctl --quiet is-active tidemarkd.service || presence_begin
	install -d -m 700 "/var/lib/tidemark/limits/-/$1"
	cat >"/var/lib/tidemark/limits/-/$1/$1.json" <<-END
		{"v":1,"namespace":"-","owner":"$1","container":"$1","revision":1,"changed_usec":1,
		 "recommended":{"request":$3,"limit":$2},"enforced":{"request":$3,"limit":$2},
		 "warmup":{"done":true,"since_usec":1,"samples_before":0},
		 "observed":{"samples":1000,"fresh_samples":1000,"since_usec":1,"until_usec":2,"avg":$3,"p95":$3,"max":$3},
		 "applied":$2,"written_usec":1}
	END
}

# record ID KEY, published NAME KEY: of the record, and of the limits of the workload NAME; 0 if it's not there.
record() { jq -r "$2 // 0" "/run/tidemark/containers/$1.json" 2>/dev/null || echo 0; }
published() { jq -r "$2 // 0" "/var/lib/tidemark/limits/-/$1/$1.json" 2>/dev/null || echo 0; }

# is_warm NAME, saw_limit NAME BYTES: for wait_for.
is_warm() { [ "$(published "$1" .enforced.limit)" -gt 0 ]; }
saw_limit() { [ "$(published "$1" .applied)" = "$2" ]; }

# events EVENT MATCH...: the daemon's entries of that kind, one JSON object a line.
events() {
	local event=$1
	shift
	journalctl --quiet --sync 2>/dev/null
	journalctl --quiet --output json "TIDEMARK_EVENT=$event" "$@"
}
has_event() { events "$@" | grep -q .; }

# faults SINCE: what the wrapper has had to say.
faults() {
	journalctl --quiet --sync 2>/dev/null
	journalctl --quiet --output cat --since "$1" SYSLOG_IDENTIFIER=tidemark
}
now() { date '+%F %T.%6N'; }

daemon_start() {
	presence_end
	systemctl restart tidemarkd.service
}

done_testing() {
	presence_end
	echo "# done: ${0##*/}"
}
