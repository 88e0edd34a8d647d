#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container is resized in place: what is asked for is what it declares from then on, and the decision is made again.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'remove web; rm -rf "$work"' EXIT

has_decision() { events decision "CONTAINER_ID=$id" "TIDEMARK_DECLARED_BYTES=$1" | grep -q .; }

for place in {crun,runc}-{systemd,cgroupfs}; do
	runtime=${place%-*}
	use_manager "${place#*-}"
	# On the way to us, how podman calls.
	cat >"$work/seen-$runtime" <<-END
		#!/bin/sh
		case " \$* " in *" update "*) echo "\$*" >"$work/update" ;; esac
		exec $PROGRAMS/tidemark-$runtime "\$@"
	END
	chmod 755 "$work/seen-$runtime"
	RUNTIME=$work/seen-$runtime

	settings '[node]' 'mode = enforce' '[tuner]' 'interval = 1h'
	publish web $((160 * MIB)) $((100 * MIB))
	daemon_start
	create web --memory 512m "$IMAGE" sh -c "$(holds 100)"
	is "$(memory_max web)" $((160 * MIB)) "$place: a tuned container"
	wait_for 60 saw_limit web $((160 * MIB))
	holds_its_memory() { [ "$(cat "$(cgroup_of web)/memory.current")" -gt $((100 * MIB)) ]; }
	check "$place: which holds its memory" wait_for 60 holds_its_memory

	check "$place: it is resized" podman update --memory 400m web
	comment "podman calls: $(sed -E 's/[0-9a-f]{64}/ID/g' "$work/update")"
	is "$(memory_max web)" $((160 * MIB)) "$place: the tuned limit stays"
	is "$(record "$id" .declared)" $((400 * MIB)) "$place: what was asked for is what it declares"
	between 1 "$(record "$id" .updated_usec)" $((($(date +%s) + 1) * 1000000)) "$place: the record says when"
	check "$place: the journal has it" wait_for 60 has_decision $((400 * MIB))

	check "$place: it gets less processor" podman update --cpus 0.5 web
	is "$(memory_max web)" $((160 * MIB)) "$place: which leaves its memory alone"
	is "$(record "$id" .declared)" $((400 * MIB)) "$place: and what it declares"

	check "$place: it is resized below the tuned limit" podman update --memory 144m web
	is "$(memory_max web)" $((144 * MIB)) "$place: and never gets more than it asks for"

	# What is published would kill it.
	systemctl stop tidemarkd.service
	publish web $((64 * MIB)) $((32 * MIB))
	check "$place: it is resized with no daemon" podman update --memory 300m web
	between $((100 * MIB)) "$(memory_max web)" $((160 * MIB)) "$place: it gets no less than it uses"
	like "$(record "$id" .decision.reason)" '\+in-use' "$place: and the reason says so"
	is "$(podman inspect --format '{{.State.Status}}' web)" running "$place: so it lives on"

	settings '[node]' 'mode = observe'
	check "$place: it is resized while we observe" podman update --memory 200m web
	is "$(memory_max web)" $((200 * MIB)) "$place: and gets what it asks for"
	remove web
done

done_testing
