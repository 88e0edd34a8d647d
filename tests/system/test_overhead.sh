#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tidemarkctl overhead, of a real QEMU whose guest RAM is anonymous, below a stand-in for kata's shim, beside a container
# of the same image under crun.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

TESTS=$PROGRAMS/tests
CGROUP=/sys/fs/cgroup
MI=1048576
# Not in /tmp, which the service has its own of.
work=$(mktemp -d /run/tidemark-test-XXXXXX)
sid=$(tr -d '\n-' </proc/sys/kernel/random/uuid)$(tr -d '\n-' </proc/sys/kernel/random/uuid)
pod=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$(tr - _ </proc/sys/kernel/random/uuid).slice
bundle=$work/$sid
leave() {
	for pid in "$bundle/qemu.pid" "$work/standin.pid"; do [ ! -e "$pid" ] || kill -9 "$(cat "$pid")"; done
	wait
	remove plain
	rm -rf "$work"
	find "$CGROUP"/kubepods* -depth -type d -exec rmdir {} +
} >/dev/null 2>&1
trap leave EXIT

# cgroup_make PATH: with the memory controller all the way.
cgroup_make() {
	local path=$CGROUP part
	for part in ${1//\// }; do
		echo +memory >"$path/cgroup.subtree_control"
		path+=/$part
		mkdir -p "$path"
	done
}
# Kata's name and arguments; QEMU is its child.
cat >"$work/shim" <<'END'
echo $$ >"$SHIM_CGROUP/cgroup.procs" || exit
qemu-system-x86_64 -name "sandbox-$SID,debug-threads=on" -machine q35,memory-backend=dimm1 -accel tcg,tb-size=16 \
	-m 128M -object memory-backend-ram,id=dimm1,size=128M,prealloc=on \
	-no-user-config -nodefaults -display none -S </dev/null >qemu.log 2>&1 &
echo $! >qemu.pid
wait
END

# record_write ID JQ: as the wrapper leaves it at a shim's start; what is particular to it by jq.
record_write() {
	install -d -m 700 /run/tidemark/containers
	jq --null-input --compact-output --arg id "$1" --arg sid "$sid" --arg bundle "$work/$1" \
		--argjson now "$(date +%s%6N)" '{v: 1, id: $id, namespace: "default", pod: {name: "web-0", uid: "u", sandbox_id: $sid},
		runtime: "kata", shim: true, vm: true, bundle: $bundle, oom_score_adj: 0,
		decision: {mode: "observe", source: "declared", reason: "declared"}, created_usec: $now} * ('"$2"')' \
		>"/run/tidemark/containers/.$1.tmp" && mv "/run/tidemark/containers/.$1.tmp" "/run/tidemark/containers/$1.json"
}
ctl() { tidemarkctl overhead "$@" 2>"$work/err"; }
# of FILTER: of the pod; for wait_for: has FILTER.
of() { ctl -o json | jq -r ".sandboxes[0] | $1"; }
has() { [ "$(of "$1")" = true ]; }

settings '[node]' 'mode = observe' '[sampling]' 'interval = 1s' '[vm]' 'interval = 2s' 'deadline = 1s'
daemon_start || exit
image=cafe0123cafe
create plain --memory 64m "$IMAGE" sleep 1000
record=/run/tidemark/containers/$id.json
jq -c ".image_ref = \"$image\"" "$record" >"$work/record" && cat "$work/record" >"$record"

cgroup_make "$pod/crio-$sid.scope"
mkdir "$bundle"
echo "unix://$work/shim.sock" >"$bundle/address"
echo 'c1 usage=41943040 inactive_file=10485760 limit=536870912' >"$work/figures"
"$TESTS/standin_shim" "$work/shim.sock" "$work/figures" &
echo $! >"$work/standin.pid"
record_write "$sid" "{sandbox: true, overhead: $((100 * MI))}"
(cd "$bundle" && SID=$sid SHIM_CGROUP=$CGROUP$pod/crio-$sid.scope exec -a /opt/kata/bin/containerd-shim-kata-v2 \
	bash "$work/shim" -namespace default -address '' -publish-binary /usr/bin/crio -id "$sid") &
echo $! >"$bundle/shim.pid"
check "the VM is read" wait_for 90 has ".vmm_anon >= $((128 * MI))"
record_write c1 "{owner: \"web\", container: \"app\", declared: 536870912, image_ref: \"$image\", decision: {limit: 536870912}}"
check "and its guest" wait_for 60 has '.guest_used == 41943040'

said=$(ctl)
comment "$said"
is "$(cat "$work/err")" "" "nothing is wrong"
like "$said" '^default/web-0 +kata +[0-9.]+Mi +[0-9.]+Mi\* +40Mi +- ' "guest RAM has a star, and what is unused is not known"
like "$said" '^1 of 1 VMs of kata needs more overhead than is declared' "too little is declared"
is "$(of '.overhead == .charge - .guest_used and .ram == null')" true "overhead is known all the same"

said=$(ctl --smaps web-0)
comment "$said"
ram=$(ctl --smaps -o json | jq '.sandboxes[0].ram')
between $((128 * MI * 98 / 100)) "$ram" $((128 * MI * 102 / 100)) "the mappings tell guest RAM to 2 %"
is "$(ctl --smaps -o json | jq '.sandboxes[0] | .unused == .ram - .guest_used')" true "and so what is unused"

said=$(ctl --compare app)
comment "$said"
like "$said" 'takes [0-9.]+Mi more of the host under kata than under crun: ' "the same image is compared"
is "$(ctl --compare "$image" -o json | jq -c '[.runtimes[] | [.runtime, .pods, .containers]]')" '[["crun",1,1],["kata",1,1]]' \
	"under both runtimes"

said=$(ctl -o runtimeclass --pods 1 --name tidemark-kata kata)
comment "$said"
like "$said" '^handler: tidemark-kata$' "a RuntimeClass is made"
like "$said" '^    memory: [0-9]*0Mi$' "with what the VM needs"
is "$(curl --silent --unix-socket /run/tidemark/http.sock http://localhost/v1/overhead | jq -r '.sandboxes[0].pod')" web-0 \
	"HTTP has it, too"
like "$(tidemarkctl status)" '^default/web/app +1 +512Mi +512Mi +30Mi ' "status shows the container in its VM"

systemctl stop tidemarkd.service
ctl >/dev/null
like "$(cat "$work/err")" 'was measured .* ago: tidemarkd does not run' "a daemon that has ended is told of"

rm -f "/run/tidemark/containers/c1.json" "/run/tidemark/containers/$sid.json"
done_testing
