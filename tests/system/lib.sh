# SPDX-License-Identifier: Apache-2.0
# Sourced by each test_*.sh, which ends with done_testing. The output is TAP.
# shellcheck shell=bash

set -u
RUNTIME=${RUNTIME:-/usr/libexec/tidemark/tidemark-crun}
IMAGE=${IMAGE:-localhost/bb}

ok() { echo "ok - $1"; }
not_ok() {
	echo "not ok - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}

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

# wait_for SECONDS COMMAND...: until it succeeds; fails when the time is up.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

# The containers of the tests bear a label, so that cleaning up leaves others alone.
# podman_run ARGUMENT...: podman run under $RUNTIME, without network. podman_run_with RUNTIME …: under another one.
podman_run_with() {
	local runtime=$1
	shift
	podman --runtime "$runtime" ${CGROUP_MANAGER:+--cgroup-manager "$CGROUP_MANAGER"} \
		run --label tidemark-test --network none "$@"
}
podman_run() { podman_run_with "$RUNTIME" "$@"; }

pid_of() { podman inspect --format '{{.State.Pid}}' "$1"; }

# cgroup_of CONTAINER: the directory of the cgroup that its first process is in.
cgroup_of() {
	local pid
	pid=$(pid_of "$1") && [ "$pid" -gt 0 ] && sed -n 's|^0::|/sys/fs/cgroup|p' "/proc/$pid/cgroup"
}

# memory_max CONTAINER: the limit that holds there, in bytes. crun under systemd makes a cgroup below the scope.
memory_max() { cat "$(cgroup_of "$1")/memory.max"; }

done_testing() { echo "# done: ${0##*/}"; }
