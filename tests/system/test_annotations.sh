#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a pod's author asks for by annotations, what the node allows of it by namespace, and what a new image changes.
# podman writes annotations as CRI-O does: a container that bears CRI-O's is one of a pod to us.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

trap 'remove pod twin' EXIT
declared=$((512 * MIB))

# pod NAMESPACE OWNER [KEY=VALUE...] -- ARGUMENT...: a container "app" of a pod of that owner, with these annotations.
pod() {
	local namespace=$1 owner=$2 name=${POD:-pod} annotations=()
	shift 2
	for key in "io.kubernetes.pod.namespace=$namespace" "io.kubernetes.pod.name=$owner-6d4b75cb6d-hwpqx" \
		io.kubernetes.pod.uid=0b1c2d3e io.kubernetes.container.name=app io.kubernetes.cri-o.ContainerType=container; do
		annotations+=(--annotation "$key")
	done
	while [ "$1" != -- ]; do
		annotations+=(--annotation "$1")
		shift
	done
	shift
	since=$(now)
	create "$name" --memory 512m "${annotations[@]}" "$@"
}
sleeps() { pod "$@" -- "$IMAGE" sleep 600; }

profile() { jq -r "$2 // 0" "/var/lib/tidemark/limits/$1/app.json" 2>/dev/null || echo 0; }
# publish_pod NAMESPACE OWNER LIMIT: as publish of lib.sh does for a container without a pod; applied was what is declared.
publish_pod() {
	publish "$2" "$3" $((60 * MIB))
	install -d -m 700 "/var/lib/tidemark/limits/$1/$2"
	jq -c --arg namespace "$1" --argjson applied "$declared" '
		.namespace = $namespace | .container = "app" | .applied = $applied' "/var/lib/tidemark/limits/-/$2/$2.json" \
		>"/var/lib/tidemark/limits/$1/$2/app.json"
}
reason() { record "$id" .decision.reason; }
# one_line KEY FAULT NAME: the wrapper had just this to say.
one_line() {
	local said
	said=$(faults "$since")
	is "$(grep -c . <<<"$said")" 1 "$3: one line in the journal"
	like "$said" "^container $id: its annotation $1 is ignored: .*$2" "$3: which names key and fault"
}
silent() { is "$(faults "$since")" '' "$1"; }

systemctl stop tidemarkd.service
settings '[node]' 'mode = enforce' '[guards]' 'max_change = 100 %' \
	'[namespace "quiet-*"]' 'mode = observe' '[namespace "closed"]' 'allow = none' '[namespace "roomy"]' 'allow_raise = yes'
for namespace in shop quiet-1 closed roomy; do publish_pod "$namespace" web $((160 * MIB)); done
publish_pod shop shared $((192 * MIB))

# ---- mode ----

sleeps shop web
is "$(memory_max pod)" $((160 * MIB)) "a pod without annotations gets its profile"
is "$(record "$id" .namespace)/$(record "$id" .owner)/$(record "$id" .container)" shop/web/app "by the names that CRI-O gives"
sleeps shop web tidemark.dev/mode=observe
is "$(memory_max pod) $(reason)" "$declared observed" "mode observe: as declared, and the record says what would be right"
sleeps shop web tidemark.dev/mode=off
is "$(memory_max pod)" "$declared" "mode off: as declared"
check "and without a record" test ! -e "/run/tidemark/containers/$id.json"
sleeps shop web tidemark.dev/mode=enforce
is "$(memory_max pod)" $((160 * MIB)) "mode enforce: as the node does"
sleeps quiet-1 web tidemark.dev/mode=enforce
is "$(memory_max pod) $(reason)" "$declared observed" "mode enforce where the node observes, by its namespace: as the node does"
silent "none of these is a fault"

# ---- overrides ----

sleeps shop web 'tidemark.dev/overrides={"app":{"limit":"200Mi"}}'
is "$(memory_max pod) $(reason)" "$((200 * MIB)) override" "an override is applied"
sleeps shop web 'tidemark.dev/overrides={"app":{"limit":"1Gi"}}'
is "$(memory_max pod) $(reason)" "$declared override+declared" "one above what is declared is not"
is "$(record "$id" '.decision.steps.declared')" "$declared" "the record keeps what the guard made of it"
sleeps roomy web 'tidemark.dev/overrides={"app":{"limit":"1Gi"}}'
is "$(memory_max pod) $(reason)" "$((1024 * MIB)) override" "but where the namespace has leave"
sleeps shop web 'tidemark.dev/overrides={"app":{"limit":"20Mi"}}'
is "$(memory_max pod) $(reason)" "$((60 * MIB)) override+p95" "one below the 95th percentile stops there"
sleeps closed web 'tidemark.dev/overrides={"app":{"limit":"200Mi"}}' tidemark.dev/mode=off
is "$(memory_max pod) $(reason)" "$((160 * MIB)) enforced" "where annotations are not allowed they mean nothing"
silent "and none of these is a fault"

# ---- workload ----

sleeps shop alpha tidemark.dev/workload=shared
is "$(memory_max pod)" $((192 * MIB)) "a pod of another owner shares the profile that it names"
POD=twin sleeps shop beta tidemark.dev/workload=shared
is "$(memory_max twin)" $((192 * MIB)) "and so does a second one"
remove twin
sleeps other alpha tidemark.dev/workload=shared
is "$(memory_max pod)" "$declared" "but one of another namespace does not"
is "$(record "$id" .namespace)/$(record "$id" .owner)" other/shared "its profile is one of its own namespace"

# ---- Bad values ----

sleeps shop web tidemark.dev/workload=../quiet-1/web
is "$(memory_max pod)" $((160 * MIB)) "a workload with a path in it: the pod's own profile"
one_line tidemark.dev/workload 'not a name' "the workload"
sleeps shop web tidemark.dev/mode=$'off\n\e[31m'
is "$(memory_max pod)" $((160 * MIB)) "a mode that is none: the node's"
one_line tidemark.dev/mode 'is not off, observe or enforce' "the mode"
sleeps shop web 'tidemark.dev/overrides={"app":{"limit":"-1"}}'
is "$(memory_max pod)" $((160 * MIB)) "an override that is no size: the profile"
one_line tidemark.dev/overrides '-1 is no size' "the override"
sleeps shop web 'tidemark.dev/overrides={"app":'
is "$(memory_max pod)" $((160 * MIB)) "an override that is no JSON: the profile"
one_line tidemark.dev/overrides 'not JSON' "the override"

# A sandbox's config.json, in which CRI-O writes the author's annotations last.
sleeps shop web io.kubernetes.cri-o.KubeName=x 'tidemark.dev/overrides={"app":{"limit":"200Mi"}}'
is "$(memory_max pod) $(record "$id" .sandbox)" "$declared true" "a sandbox is not tuned, whatever it is said to be"

# ---- Another image ----

presence_end
settings_quick enforce 'warmup = 20s'
daemon_start
image() { pod shop imaged "io.kubernetes.cri-o.ImageRef=$1" -- "$IMAGE" sh -c "$2"; }
at=shop/imaged
warm() { [ "$(profile $at .enforced.limit)" -gt "$1" ]; }
image aaaa "$(holds 100)"
is "$(memory_max pod)" "$declared" "the first container of a workload gets what it declares"
check "its image is measured until it is warm" wait_for 120 warm $((200 * MIB))
image aaaa "$(holds 100)"
first=$(memory_max pod)
between $((358 * MIB)) "$first" $((359 * MIB)) "the next one is a step nearer to the profile"
like "$(tidemarkctl explain "$id")" "at most 30 % away from the 512Mi applied before, unless a floor or what was seen asks for more: 358Mi" \
	"and explain says so, with its number"
old=$(profile $at .recommended.limit)

image bbbb "sleep 600"
is "$(memory_max pod) $(reason)" "$declared observed" "one of another image gets what it declares"
restarted() { [ "$(profile $at .image_ref)" = bbbb ] && [ "$(profile $at .enforced.limit)" = 0 ]; }
check "whose warm-up begins anew" wait_for 30 restarted
is "$(profile $at .warmup.done)" 0 "and is not over"
between "$old" "$(profile $at .recommended.limit)" "$declared" "the old recommendation stays as a floor"
image bbbb "sleep 600"
is "$(memory_max pod) $(reason)" "$declared observed" "the second one of the new image also gets what it declares"
between "$old" "$(profile $at .recommended.limit)" "$declared" "and the floor still holds"
check "until it is warm, too" wait_for 180 warm 0
image bbbb "sleep 600"
like "$(reason)" '^enforced' "then it is tuned"

done_testing
