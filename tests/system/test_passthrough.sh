#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What podman and the user see is the same with tidemark as without it, and config.json is touched only to enforce.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
dropin=/etc/containers/containers.conf.d/tidemark-test.conf
trap 'remove web session; rm -rf "$work" "$dropin"' EXIT

# As an administrator would install it.
install -D -m 644 /usr/share/tidemark/podman/tidemark.conf "$dropin"
is "$(podman_run_with tidemark-crun --rm "$IMAGE" echo hello 2>&1)" hello "podman knows tidemark-crun by the drop-in"
is "$(podman_run_with tidemark-crun --rm --cgroups=disabled "$IMAGE" echo hello 2>&1)" hello "and that it can do without cgroups"

# The runtime's own name is in some messages; ids and times differ from one container to the next.
normalize() { sed -E 's/tidemark-(crun|runc)/\1/g; s/[0-9a-f]{64}/ID/g; s/time="[^"]*"/time/; s/\r$//'; }

# try NAME COMMAND...: what it prints and its status go to the transcript.
try() {
	local name=$1 status=0
	shift
	"$@" >"$work/out" 2>"$work/err" || status=$?
	echo "$name: $status"
	normalize <"$work/out" | sed 's/^/  out: /'
	normalize <"$work/err" | sed 's/^/  err: /'
}
has_logged() { podman logs session | grep -q "$1"; }
memory_limit_in_stats() { podman stats --no-stream --format '{{.MemUsage}}' session | sed 's|.*/ *||'; }

session() {
	local runtime=$1 program
	try 'output and status' podman_run_with "$runtime" --rm "$IMAGE" sh -c 'echo out; echo err >&2; exit 7'
	try 'input' podman_run_with "$runtime" --rm --interactive "$IMAGE" cat <<<'through and through'
	try 'a terminal' podman_run_with "$runtime" --rm --tty "$IMAGE" sh -c 'test -t 0 && test -t 1 && tty'
	try 'no cgroups' podman_run_with "$runtime" --rm --cgroups=disabled "$IMAGE" echo none
	try 'no such program' podman_run_with "$runtime" --rm "$IMAGE" /no/such/program
	program='trap "echo signal" USR1; trap "echo bye; exit 5" TERM; echo up; while :; do sleep 600 & wait $!; done'
	try 'in the background' podman_run_with "$runtime" --detach --name session --memory 96m "$IMAGE" sh -c "$program"
	wait_for 60 has_logged up || echo "never came up"
	try 'exec' podman exec session sh -c 'cat /proc/1/comm; echo err >&2; exit 3'
	try 'exec with input' podman exec --interactive session cat <<<'and out'
	try 'its limit' memory_max session
	try 'stats' memory_limit_in_stats
	try 'pause' podman pause session
	try 'is paused' podman inspect --format '{{.State.Status}}' session
	try 'unpause' podman unpause session
	try 'update' podman update --memory 160m session
	try 'its new limit' memory_max session
	try 'kill' podman kill --signal USR1 session
	wait_for 60 has_logged signal || echo "no signal arrived"
	try 'stop' podman stop --time 60 session
	try 'status' podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' session
	try 'logs' podman logs session
	try 'rm' podman rm session
}

settings '[node]' 'mode = observe'
for runtime in crun runc; do
	session "$runtime" >"$work/without" 2>&1
	is "$(grep -cE '^(output and status: 7|exec: 3|  out: (through and through|and out|100663296|paused|167772160|signal|exited 5|bye))$' \
		"$work/without")" 10 "$runtime: a session with podman is what it ought to be"
	for manager in systemd cgroupfs; do
		use_manager "$manager"
		session "tidemark-$runtime" >"$work/with" 2>&1
		check "$runtime under $manager: it is the same through tidemark" diff "$work/without" "$work/with"
	done
	unset CONTAINERS_CONF_OVERRIDE
done
is "$(find /run/tidemark/containers -name '*.json' | wc -l)" 0 "no record is left when all are deleted"

# What the bundle holds, before and after us.
for runtime in crun runc; do
	cat >"$work/before-$runtime" <<-END
		#!/bin/sh
		bundle=.
		for word; do
			[ "\$last" != --bundle ] || bundle=\$word
			[ "\$word" != create ] || creates=1
			last=\$word
		done
		[ -z "\$creates" ] || cp --preserve=timestamps "\$bundle/config.json" "$work/config.json"
		exec $PROGRAMS/tidemark-$runtime "\$@"
	END
	chmod 755 "$work/before-$runtime"
done
bundle_config() { record "$id" .bundle | sed 's|$|/config.json|'; }

for runtime in crun runc; do
	RUNTIME=$work/before-$runtime
	publish web $((400 * MIB)) $((100 * MIB))

	settings '[node]' 'mode = observe'
	create web --memory 512m "$IMAGE" sleep 600
	check "$runtime: observing changes no byte of config.json" cmp "$work/config.json" "$(bundle_config)"
	is "$(stat -c %y "$(bundle_config)")" "$(stat -c %y "$work/config.json")" "$runtime: nor is it written anew"
	is "$(memory_max web)" $((512 * MIB)) "$runtime: the limit is the declared one"
	is "$(record "$id" .recommended) $(record "$id" .decision.reason)" "$((400 * MIB)) observed" \
		"$runtime: what would be right is in the record"

	settings '[node]' 'mode = enforce'
	create web --memory 512m "$IMAGE" sleep 600
	is "$(memory_max web)" $((400 * MIB)) "$runtime: enforcing lowers memory.max"
	sed -E "s/(\"limit\": ?)$((512 * MIB))/\1$((400 * MIB))/; s/(\"swap\": ?)$((1024 * MIB))/\1$((912 * MIB))/" \
		"$work/config.json" >"$work/expected"
	check "$runtime: and changes the limit and the swap beside it, no other byte" cmp "$work/expected" "$(bundle_config)"
	remove web
done

settings '[node]' 'mode = off'
create web --memory 512m "$IMAGE" sleep 600
is "$(memory_max web)" $((512 * MIB)) "with the mode off, nothing is enforced"
is "$(find /run/tidemark/containers -name '*.json' | wc -l)" 0 "nor recorded"
remove web

done_testing
