#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tidemarkd as a service: readiness, reload, restart, watchdog, hardening.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

dropin=/run/systemd/system/tidemarkd.service.d
trap 'remove web; rm -rf "$dropin"; systemctl daemon-reload' EXIT

daemon_property() { systemctl show --property "$1" --value tidemarkd.service; }
daemon_fault() { events fault --since "$since" --grep "$1" | grep -q .; }

settings_quick enforce
create web --memory 512m "$IMAGE" sh -c "$(holds 60)"

# ---- Readiness ----

start=$(milliseconds)
check "systemctl start succeeds" systemctl start tidemarkd.service
ready=$(($(milliseconds) - start))
comment "ready after $ready ms"
is "$(daemon_property ActiveState) $(daemon_property Type)" "active notify" "the daemon is ready once it has returned"
is "$(daemon_property StatusText)" "Following 1 containers" "and has found the container by then"
pid=$(daemon_property MainPID)
check "it listens to the kernel's log" bash -c "readlink /proc/$pid/fd/* | grep -qx /dev/kmsg"
like "$(/usr/sbin/tidemarkd 2>&1)" 'another tidemarkd is running' "a second one refuses to run"

# ---- Hardening ----

comment "$(systemd-analyze security --no-pager tidemarkd.service 2>/dev/null | tail -1)"
check "systemd-analyze security finds it well confined" systemd-analyze security --no-pager --threshold 30 tidemarkd.service
status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
is "$(status_of CapEff) $(status_of CapPrm) $(status_of NoNewPrivs)" "0000000000000004 0000000000000004 1" \
	"of root's power it keeps CAP_DAC_READ_SEARCH alone"
# systemd's filters, and one of its own behind them.
between 2 "$(status_of Seccomp_filters)" 100 "and has given up the system calls that it does not need"
is "$(journalctl --quiet --output cat TIDEMARK_EVENT=fault)" '' "without a word"
like "$(awk '/^(NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$pid/status" | xargs)" '^1 2$' "nor can it get others"
comment "$(grep -E '^(VmRSS|RssAnon)' "/proc/$pid/status" | xargs)"

# ---- Restart ----

check "the container is measured" wait_for 90 is_warm web
samples=$(published web .observed.samples)
start=$(milliseconds)
systemctl stop tidemarkd.service
took=$(($(milliseconds) - start))
comment "stopped after $took ms"
between 0 "$took" $((3000 + 20 * ready)) "it stops at once when asked"
is "$(daemon_property Result)" success "and in good order"
before=$(published web .observed.samples)
between "$samples" "$before" 100000 "what was measured last is published"
systemctl start tidemarkd.service
# Samples alone are published once in a minute, and at the end.
sleep 2
systemctl restart tidemarkd.service
between $((before + 1)) "$(published web .observed.samples)" 100000 "it goes on measuring after a restart"
check "and enforcing" is_warm web
is "$(events decision "CONTAINER_ID=$id" | wc -l)" 1 "and does not say again what it has said"

samples=$(published web .observed.samples)
kill -KILL "$(daemon_property MainPID)"
is_back() { [ "$(daemon_property NRestarts)" -gt 0 ] && [ "$(daemon_property ActiveState)" = active ]; }
check "after a crash systemd starts it again" wait_for 60 is_back
before=$(published web .written_usec)
written_again() { [ "$(published web .written_usec)" -gt "$before" ]; }
remove web
create web --memory 512m "$IMAGE" sh -c "$(holds 60)"
check "and it follows what is created then" wait_for 60 written_again
check "and what was enforced still is" is_warm web
comment "samples: $samples before the crash, $(published web .observed.samples) after it"

# ---- Reload ----

since=$(now)
settings_quick enforce '[report]' 'node_interval = 1s'
check "systemctl reload succeeds" systemctl reload tidemarkd.service
check "and the new settings hold" wait_for 30 has_event node --since "$since"
settings '[node]' 'mood = enforce'
since=$(now)
check "with a broken settings file it succeeds as well" systemctl reload tidemarkd.service
check "but the daemon says what is wrong" wait_for 30 daemon_fault 'test.conf:2'
comment "$(events fault --since "$since" | jq -r .MESSAGE)"
since=$(now)
check "and goes on with the settings that it had" wait_for 30 has_event node --since "$since"

# With nothing to fall back on it does not start.
check "it does not start with a broken settings file" bash -c '! systemctl restart tidemarkd.service'
like "$(journalctl --quiet --unit tidemarkd --output cat --since "$since")" 'tidemarkd: .*test.conf:2' "and says why"
systemctl stop tidemarkd.service
systemctl reset-failed tidemarkd.service 2>/dev/null
settings_quick enforce

# ---- Watchdog ----

install -d "$dropin"
printf '[Service]\nWatchdogSec=3\n' >"$dropin/watchdog.conf"
systemctl daemon-reload
systemctl start tidemarkd.service
pid=$(daemon_property MainPID)
wait_for 60 is_warm web
sleep 4
is "$(daemon_property MainPID)" "$pid" "it feeds the watchdog"
kill -STOP "$pid"
replaced() { [ "$(daemon_property MainPID)" -gt 0 ] && [ "$(daemon_property MainPID)" != "$pid" ] && [ "$(daemon_property ActiveState)" = active ]; }
start=$(milliseconds)
check "one that hangs is replaced" wait_for 90 replaced
comment "after $(($(milliseconds) - start)) ms"

# ---- Without inotify ----

# For the moment of its start alone: others need it, too.
instances=$(sysctl --values fs.inotify.max_user_instances)
systemctl stop tidemarkd.service
since=$(now)
sysctl --quiet fs.inotify.max_user_instances=1
check "it starts where all inotify instances are in use" systemctl start tidemarkd.service
sysctl --quiet fs.inotify.max_user_instances="$instances"
check "and says so" wait_for 30 daemon_fault 'fs.inotify.max_user_instances'
create web --memory 64m "$IMAGE" sleep 1000
check "records are read all the same" wait_for 60 has_event decision --since "$since"
check "it uses inotify again once it can" wait_for 180 daemon_fault 'seen at once again'

# ---- Alone ----

since=$(now)
podman_run_with crun --rm --memory 64m "$IMAGE" true
is "$(events fault --since "$since")" '' "a container that was created without the wrapper troubles nobody"
is "$(daemon_property ActiveState)" active "the daemon runs"

done_testing
