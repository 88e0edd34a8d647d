#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the daemon says of a container, from its creation to its end, with its fields and its catalog.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

trap 'remove web' EXIT

# has_fields EVENT NAME...: the last entry of that kind about the container has them all, and they are not empty.
has_fields() {
	local event=$1 entry field missing=''
	shift
	entry=$(events "$event" "${match[@]}" | tail -1)
	for field; do
		[ -n "$(jq -r ".$field // empty" <<<"$entry")" ] || missing="$missing $field"
	done
	[ -n "$entry" ] && [ -z "$missing" ] && comment "$(jq -r .MESSAGE <<<"$entry")" && return
	printf 'missing:%s\nin: %s\n' "$missing" "$entry"
	return 1
}
field() { events "$1" "${match[@]}" | tail -1 | jq -r ".$2"; }
said() {
	local said
	if said=$(has_fields "$@"); then
		ok "$1 has its fields"
		comment "${said#\# }"
	else
		not_ok "$1 has its fields" "$said"
	fi
}

settings_quick enforce
publish web $((160 * MIB)) $((60 * MIB))
daemon_start
create web --memory 512m "$IMAGE" sh -c "$(holds 100)"
match=("CONTAINER_ID=$id")
wait_for 60 has_event decision "${match[@]}"
wait_for 60 has_event prestart "${match[@]}"
wait_for 90 has_event recommendation TIDEMARK_WORKLOAD=-/web/web
identity=(CONTAINER_ID CONTAINER_NAME POD_NAMESPACE RUNTIME TIDEMARK_WORKLOAD MESSAGE MESSAGE_ID PRIORITY)
said decision "${identity[@]}" TIDEMARK_REASON TIDEMARK_MODE TIDEMARK_LIMIT_BYTES TIDEMARK_DECLARED_BYTES \
	TIDEMARK_RECOMMENDED_BYTES
is "$(field decision TIDEMARK_LIMIT_BYTES) $(field decision TIDEMARK_DECLARED_BYTES)" \
	"$(memory_max web) $((512 * MIB))" "they tell what really holds"
said prestart "${identity[@]}" TIDEMARK_PRESTART_BYTES TIDEMARK_PEAK_BYTES
is "$(field prestart TIDEMARK_PEAK_BYTES)" "$(record "$id" .prestart.peak)" "which is what the record says"
podman kill --signal KILL web >/dev/null
check "the end is told" wait_for 60 has_event exit "${match[@]}"
said exit "${identity[@]}" TIDEMARK_PEAK_BYTES TIDEMARK_WORKING_SET_MAX_BYTES TIDEMARK_LIMIT_BYTES TIDEMARK_SAMPLES \
	TIDEMARK_LIFETIME_USEC
between $((100 * MIB)) "$(field exit TIDEMARK_PEAK_BYTES)" $((160 * MIB)) "with the peak of what it held"
match=(TIDEMARK_WORKLOAD=-/web/web)
said recommendation TIDEMARK_WORKLOAD MESSAGE TIDEMARK_REQUEST_BYTES TIDEMARK_LIMIT_BYTES TIDEMARK_DECLARED_BYTES

# Killed for want of memory.
create web --memory 300m "$IMAGE" dd if=/dev/zero of=/dev/null bs=400M count=1
match=("CONTAINER_ID=$id")
wait_for 60 has_event oom "${match[@]}"
said oom "${identity[@]}" TIDEMARK_OOM_CAUSE TIDEMARK_LIMIT_BYTES TIDEMARK_RECOMMENDED_BYTES TIDEMARK_DECLARED_BYTES

# Something wrong with what is published.
systemctl stop tidemarkd.service
echo '{"v":1,' >/var/lib/tidemark/limits/-/web/web.json
create web --memory 300m "$IMAGE" sleep 600
match=("CONTAINER_ID=$id")
is "$(memory_max web)" $((300 * MIB)) "with a torn limit file the container starts as declared"
daemon_start
wait_for 60 has_event refused "${match[@]}"
said refused "${identity[@]}" TIDEMARK_FAULT TIDEMARK_DECLARED_BYTES

check "the catalog is taken in" journalctl --update-catalog
explained=$(journalctl --quiet --catalog "${match[@]}" TIDEMARK_EVENT=refused)
like "$explained" 'Subject: Container web was not tuned' "journalctl -x has its subject, with the container's name"
like "$explained" 'man:tidemark\(8\)' "and where to read more"
mapfile -t known < <(sed -n 's/^-- //p' /usr/lib/systemd/catalog/tidemark.catalog)
is "$(journalctl --list-catalog "${known[@]}" | wc -l)" ${#known[@]} "all entries are in the catalog"
unexplained=$(journalctl --quiet --output json --unit tidemarkd | jq -r 'select(.TIDEMARK_EVENT) | .MESSAGE_ID' | sort -u |
	grep -vxFf <(printf '%s\n' "${known[@]}"))
is "$unexplained" '' "and there is none for which it has nothing"
remove web

# ---- Short lives ----

# Each uses 20 MiB and ends. How many had more than nothing measured, and how many their true peak?
since=$(now) number=20
for ((i = 0; i < number; i++)); do
	podman_run --rm --memory 128m "$IMAGE" dd if=/dev/zero of=/dev/null bs=20M count=1 >/dev/null 2>&1
done
all_told() { [ "$(events exit --since "$since" | wc -l)" -ge "$number" ]; }
check "the ends of $number containers of short life are all told" wait_for 60 all_told
peaks=$(events exit --since "$since" | jq '.TIDEMARK_PEAK_BYTES // "0" | tonumber')
comment "of $number, $(awk '$1 > 0' <<<"$peaks" | wc -l) had a peak recorded, $(awk -v true=$((20 * MIB)) '$1 >= true' <<<"$peaks" | wc -l) the true one"
comment "lifetimes in ms: $(events exit --since "$since" | jq '.TIDEMARK_LIFETIME_USEC | tonumber / 1000 | floor' | sort -n | xargs)"

done_testing
