#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever goes wrong on our side, a container starts as it would have without us.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

leave() {
	remove web
	mountpoint --quiet /run/tidemark && umount /run/tidemark
	systemctl start systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service
}
trap leave EXIT

enforce() { settings '[node]' 'mode = enforce' "$@"; }
publish web $((400 * MIB)) $((60 * MIB))

# starts_as_declared WHAT PATTERN: a container does, its output is untouched, and the log has a line that says why.
starts_as_declared() {
	local since
	since=$(now)
	create web --memory 512m "$IMAGE" sh -c 'echo out; exec sleep 600'
	is "$(memory_max web)" $((512 * MIB)) "$1: a container starts as declared"
	is "$(podman logs web 2>&1)" out "$1: its output is its own"
	like "$(faults "$since")" "$2" "$1: the log says why"
	is "$(faults "$since" | grep -c 'as declared\|what it declares')" 1 "$1: once"
	comment "$(faults "$since")"
	check "$1: it is removed" podman rm --force --time 0 web
}

enforce 'mood = bright'
starts_as_declared "a broken settings file" 'test.conf:3: .*mood'

head -c 300000 /dev/urandom >/etc/tidemark/tidemark.conf.d/test.conf
starts_as_declared "a settings file of rubbish" 'test.conf'

enforce
mkdir -p /run/tidemark
mount -t tmpfs -o size=16k tmpfs /run/tidemark
mkdir /run/tidemark/containers
dd if=/dev/zero of=/run/tidemark/filler bs=4k >/dev/null 2>&1
starts_as_declared "/run is full" 'No space left'
mount -o remount,ro /run/tidemark
rm -f /run/tidemark/filler 2>/dev/null
starts_as_declared "/run is read-only" 'Read-only file system'
umount /run/tidemark

mkdir -p /run/tidemark
rm -rf /run/tidemark/containers
ln -s /nowhere /run/tidemark/containers
starts_as_declared "/run/tidemark/containers is no directory" '/run/tidemark/containers'
rm /run/tidemark/containers

mv /var/lib/tidemark/limits/-/web/web.json /tmp/web.json
head -c 4000 /dev/urandom >/var/lib/tidemark/limits/-/web/web.json
starts_as_declared "a limit file of rubbish" 'limits/-/web/web.json'
jq '.v = 2' /tmp/web.json >/var/lib/tidemark/limits/-/web/web.json
starts_as_declared "a limit file of a later version" 'version 2'
mv /tmp/web.json /var/lib/tidemark/limits/-/web/web.json

# The real runtime is missing: podman fails with us as it does without.
enforce '[runtime]' 'crun = /no/such/crun'
said=$(podman_run --rm "$IMAGE" true 2>&1)
status=$?
podman_run_with /no/such/crun --rm "$IMAGE" true >/tmp/without 2>&1
comment "with us: status $status, $said" "without: status $?, $(cat /tmp/without)"
between 125 "$status" 127 "no runtime: podman fails"
like "$said" 'tidemark: .*/no/such/crun' "no runtime: the message names it"
enforce
is "$(podman_run --rm --memory 512m --name web "$IMAGE" echo hello 2>&1)" hello "no runtime: all is well when it is back"

# No journal: podman must not need it itself.
quiet=(--log-driver k8s-file)
printf '[engine]\nevents_logger = "none"\n' >/tmp/no-journal.conf
export CONTAINERS_CONF_OVERRIDE=/tmp/no-journal.conf
daemon_start
start=$(milliseconds)
create web "${quiet[@]}" --memory 512m "$IMAGE" sleep 600
usual=$(($(milliseconds) - start))
is "$(memory_max web)" $((400 * MIB)) "a container is tuned"
systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service
start=$(milliseconds)
create web "${quiet[@]}" --memory 512m "$IMAGE" sleep 600
is "$(memory_max web)" $((400 * MIB)) "without the journal, too"
echo '{"v":1,' >/var/lib/tidemark/limits/-/web/web.json
create web "${quiet[@]}" --memory 512m "$IMAGE" sleep 600
is "$(memory_max web)" $((512 * MIB)) "nor does a fault that cannot be logged do harm"
between 0 $(($(milliseconds) - start)) $((20000 + 10 * usual)) "and none of them waits"
is "$(systemctl is-active tidemarkd.service)" active "the daemon runs on"
# With short queues, for what follows.
queue=$(cat /proc/sys/net/unix/max_dgram_qlen)
echo 10 >/proc/sys/net/unix/max_dgram_qlen
systemctl start systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service
echo "$queue" >/proc/sys/net/unix/max_dgram_qlen
create web "${quiet[@]}" --memory 512m "$IMAGE" sleep 600
check "and speaks again when the journal is back" wait_for 30 has_event decision "CONTAINER_ID=$id"
unset CONTAINERS_CONF_OVERRIDE

# The journal hangs, and the queue of its socket fills up.
settings '[node]' 'mood = bright'
systemctl stop tidemarkd.service
sixty_creations() {
	local start
	start=$(milliseconds)
	for ((i = 0; i < 60; i++)); do "$PROGRAMS/tidemark-crun" create --bundle /nowhere "hung-$i" >/dev/null 2>&1; done
	took=$(($(milliseconds) - start))
}
sixty_creations
usual=$took
journald=$(systemctl show --property MainPID --value systemd-journald.service)
kill -STOP "$journald"
sixty_creations
between 0 "$took" $((30000 + 10 * usual)) "a journal that hangs makes nobody wait"
kill -CONT "$journald"
check "all is well afterwards" wait_for 30 journalctl --sync

done_testing
