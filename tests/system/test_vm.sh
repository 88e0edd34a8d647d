#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The host side of a virtual machine: a real QEMU and virtiofsd, below a stand-in for kata's shim, in cgroups as kata
# lays them out, against what the test itself has put into the guest's RAM.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# Nothing of tidemark's but the probe is needed, also not as a runtime.
RUNTIME=crun
TESTS=$PROGRAMS/tests
CGROUP=/sys/fs/cgroup
work=$(mktemp -d)
leave() {
	for pid in "$work"/*/*.pid; do [ ! -e "$pid" ] || kill -9 "$(cat "$pid")"; done
	sleep 1
	rm -rf "$work" /run/vc /run/kata
	find "$CGROUP"/kata* "$CGROUP"/kubepods* -depth -type d -exec rmdir {} +
} >/dev/null 2>&1
trap leave EXIT

# The stand-in: it has kata's name and arguments, and starts virtiofsd and QEMU as its children. In the environment:
# SID, and SHIM_CGROUP, where they all begin.
cat >"$work/shim" <<'END'
mkdir -p "$SHIM_CGROUP" && echo $$ >"$SHIM_CGROUP/cgroup.procs" || exit
if [ -e virtiofsd.args ]; then
	mapfile -t arguments <virtiofsd.args
	/usr/libexec/virtiofsd "${arguments[@]}" </dev/null >virtiofsd.log 2>&1 &
	echo $! >virtiofsd.pid
fi
mapfile -t arguments <qemu.args
qemu-system-x86_64 "${arguments[@]}" </dev/null >qemu.log 2>&1 &
echo $! >qemu.pid
mkfifo never && read -r _ <>never
END

# cgroup_make PATH: with the memory controller all the way.
cgroup_make() {
	local path=$CGROUP part
	for part in ${1//\// }; do
		echo +memory >"$path/cgroup.subtree_control"
		path+=/$part
		mkdir -p "$path"
	done
}

# sandbox_begin: a new id in $sid, its pod's slice in $slice, its bundle in $bundle.
sandbox_begin() {
	local uid
	uid=$(tr - _ </proc/sys/kernel/random/uuid)
	sid=$(cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/uuid | tr -dc 0-9a-f)
	slice=kubepods-burstable-pod$uid.slice
	pod=/kubepods.slice/kubepods-burstable.slice/$slice
	bundle=$work/$sid
	mkdir -p "$bundle" "/run/kata-containers/shared/sandboxes/$sid/shared" "/run/vc/vm/$sid"
	printf 'unix:///run/containerd/s/%s' "$sid" >"$bundle/address"
}

# qemu MIB SHARED PREALLOC ARGUMENT...: as kata calls it, but for the emulation; with -S unless told otherwise.
qemu() {
	local mib=$1 shared=$2 prealloc=$3 kind=memory-backend-ram
	shift 3
	[ "$shared" = off ] || kind=memory-backend-file,mem-path=/dev/shm
	printf '%s\n' -name "sandbox-$sid,debug-threads=on" -machine q35,memory-backend=dimm1 -accel "tcg,tb-size=${translated:-16}" \
		-m "${mib}M,slots=10,maxmem=4096M" -object "$kind,id=dimm1,size=${mib}M,share=$shared,prealloc=$prealloc" \
		-no-user-config -nodefaults -display none "$@" >"$bundle/qemu.args"
}
virtiofsd() {
	printf '%s\n' "--shared-dir=/run/kata-containers/shared/sandboxes/$sid/shared" \
		"--socket-path=/run/vc/vm/$sid/virtiofsd.sock" --cache=auto >"$bundle/virtiofsd.args"
}

# shim_start CGROUP: below the root of the tree. Sets $shim.
shim_start() {
	(cd "$bundle" && SID=$sid SHIM_CGROUP=$CGROUP$1 exec -a /opt/kata/bin/containerd-shim-kata-v2 \
		bash "$work/shim" -namespace default -address '' -publish-binary /usr/bin/crio -id "$sid") &
	shim=$!
	echo "$shim" >"$bundle/shim.pid"
	wait_for 20 test -s "$bundle/qemu.pid"
	qemu=$(cat "$bundle/qemu.pid")
}
# What kata's Go runtime leaves, and its Rust runtime.
persist() {
	mkdir -p "/run/vc/sbs/$sid"
	cat >"/run/vc/sbs/$sid/persist.json" <<-END
		{"State":"running","SandboxContainer":"$sid","HypervisorState":{"BlockIndexMap":{},"Type":"qemu",
		 "VirtiofsDaemonPid":$(cat "$bundle/virtiofsd.pid" 2>/dev/null || echo 0),"Pid":$qemu}}
	END
}
state() {
	mkdir -p "/run/kata/$sid"
	echo "{\"hypervisor\":{\"hypervisor_type\":\"qemu\",\"id\":\"$sid\",\"pid\":null,\"virtiofs_daemon_pid\":0}}" \
		>"/run/kata/$sid/state.json"
}

# probe LINE...: one of each, the last of them in $said.
probe() {
	found=$(printf '%s\n' "$@" | "$TESTS/vmm_probe" "$bundle" "$sid" 2>&1)
	said=${found##*$'\n'}
	found=${found%%$'\n'*}
}
# figure KEY: of it. amount KEY: the same, 0 where it is no number.
figure() { sed -n "s/.*\<$1=\([^ ]*\).*/\1/p" <<<"$said"; }
amount() { figure "$1" | awk '{ n = $1 } END { printf "%d", n }'; }

# settled: QEMU has put everything in its place, three times the same.
settled() {
	local last='' same=0
	for _ in {1..200}; do
		rss=$(grep -E '^Rss(Anon|Shmem)' "/proc/$qemu/status" | xargs)
		if [ "$rss" = "$last" ] && [ "$(tr -dc 0-9 <<<"$rss")" != 00 ]; then same=$((same + 1)); else same=0; fi
		[ "$same" -lt 6 ] || return 0
		last=$rss
		sleep 0.25
	done
	return 1
}

# near WANTED GOT NAME: within 2 %. The worst of them all is the bench's figure, in thousandths.
worst=0
near() {
	local off
	off=$(awk -v w="$1" -v g="$2" 'BEGIN { d = g - w; printf "%d", (w > 0 ? (d < 0 ? -d : d) * 100000 / w : 100000) }')
	[ "$off" -le "$worst" ] || worst=$off
	between $(($1 * 98 / 100)) "$2" $(($1 * 102 / 100)) "$3"
	comment "put $1, read $2: off by $(awk -v off="$off" 'BEGIN { print off / 1000 }') %"
}
machine_stop() {
	kill -9 "$shim" "$qemu" $(pgrep -P "$shim") 2>/dev/null
	wait "$shim" 2>/dev/null
}

content=$((100 * MIB))
head -c "$content" /dev/urandom >"$work/content"
load="loader,file=$work/content,addr=0x2000000,force-raw=on"

# ---- kata's Go runtime, sandbox_cgroup_only, systemd, shared RAM ----

sandbox_begin
virtiofsd
qemu 256 on off -S -device "$load"
systemd-run --quiet --scope --slice="$slice" --unit="crio-$sid" sleep 1000 &
holder=$!
wait_for 20 test -d "$CGROUP$pod/crio-$sid.scope"
shim_start "$pod/crio-$sid.scope"
kill "$holder"
check "QEMU is ready" settled
persist
probe read
comment "$found" "$said"
like "$found" "shim=$shim " "the shim is found"
like "$found" "vmm=$qemu " "the VMM is found"
is "$(grep -o 'virtiofsd=[0-9]*' <<<"$found" | sort -u | wc -l)" 2 "virtiofsd is two processes, which both are found"
like "$found" "size=$((256 * MIB)) address=/run/containerd/s/$sid" "with the size of the RAM, and the shim's address"
is "$(figure cgroups)" "$pod" "charged is the pod"
near "$content" "$(amount ram)" "shared RAM: what was put there"
near "$(amount ram)" "$(amount shmem)" "the cgroup has the same as shmem"
is "$(figure outside)" 0 "and nothing is outside"
parts=$(($(amount ram) + $(amount vmm_anon) + $(amount kernel)))
between "$parts" "$(figure charge)" $((parts + 64 * MIB)) "the charge is no less than its parts"
comment "charge less RAM, VMM's own and kernel: $(($(amount charge) - parts))"
printf '%s\n' "$said" >"$work/shared"
machine_stop
probe read
like "$found" '^none' "of a sandbox that has ended nothing is found"

# ---- the same, without sandbox_cgroup_only, anonymous RAM; QEMU is moved as it runs ----

sandbox_begin
qemu 256 off off -S -device "$load"
literal="/$slice:crio:$sid"
cgroup_make "kata_overhead/$sid"
cgroup_make "$slice:crio:$sid"
shim_start "/kata_overhead/$sid"
check "QEMU with anonymous RAM is ready" settled
persist
mkfifo "$bundle/ask" "$bundle/answer"
"$TESTS/vmm_probe" "$bundle" "$sid" <"$bundle/ask" >"$bundle/answer" 2>&1 &
probe=$!
exec 7>"$bundle/ask" 8<"$bundle/answer"
# ask LINE: the answer in $said.
ask() { echo "$1" >&7 && read -r -t 60 said <&8; }
read -r -t 60 found <&8
ask read
is "$(figure cgroups)" "/kata_overhead/$sid" "before it is moved all is charged to kata_overhead"
before=$(amount charge)
echo "$qemu" >"$CGROUP$literal/cgroup.procs"
for _ in {1..6}; do ask read; done
comment "$found" "$said"
is "$(tr , '\n' <<<"$(figure cgroups)" | sort | xargs)" "$(printf '%s\n' "/kata_overhead/$sid" "$literal" | sort | xargs)" \
	"that it was moved is noticed"
near "$before" "$(amount charge)" "its pages stay where they are charged, and count"
# Both are removed, and what was in them is in a third.
cgroup_make "kata_other/$sid"
for pid in "$shim" "$qemu"; do echo "$pid" >"$CGROUP/kata_other/$sid/cgroup.procs"; done
check "the cgroups are removed" rmdir "$CGROUP/kata_overhead/$sid" "$CGROUP$literal"
ask read
is "$(figure cgroups)" "" "no cgroup tells what was charged to them then"
between "$(amount vmm_anon)" "$(amount charge)" $(($(amount vmm_anon) + 24 * MIB)) "and it is taken by what the processes hold"
ask read
is "$(figure cgroups)" "/kata_other/$sid" "and the next reading has where they went"
is "$(figure ram)" unknown "anonymous RAM is not told in the loop"
joint=$(amount vmm_anon)
printf '%s\n' "$said" >"$work/anonymous"
ask smaps
comment "$said"
printf '%s\n' "$said" >"$work/anonymous.smaps"
near "$content" "$(amount ram)" "but by its mappings: what was put there"
near "$joint" $(($(amount ram) + $(amount vmm_anon))) "RAM and the VMM's own are what was one sum"

# It dies between two readings, or in one, and its number goes to another.
yes read 2>/dev/null | head -3000 >&7 &
for ((i = 0; i < 3000; i++)); do
	[ "$i" -ne 100 ] || kill -9 "$qemu"
	read -r -t 60 said <&8 || break
	printf '%s\n' "$said"
done >"$work/death"
comment "$(cut -c1-6 "$work/death" | sort | uniq -c | xargs)"
is "$(grep -cvE '^charge=[0-9]+ |^gone$' "$work/death")" 0 "while it dies each reading is a whole one, or says that it is gone"
is "$(tail -1 "$work/death")" gone "in the end it is gone"
for _ in {1..50}; do
	echo $((qemu - 1)) >/proc/sys/kernel/ns_last_pid
	sleep 1000 &
	reused=$!
	[ "$reused" -ne "$qemu" ] || break
	kill "$reused"
done
is "$reused" "$qemu" "a process has its number now"
ask read
is "$said" gone "which is not taken for it"
probe read
like "$found" "^shim=$shim size" "neither where persist.json still tells of it"
is "$(figure vmm_anon)" unknown "and the shim alone is read"
kill "$reused"
kill "$probe"
machine_stop

# ---- kata's Rust runtime, without sandbox_cgroup_only, shared RAM that is all there ----

sandbox_begin
qemu 300 on on -S
overhead=/kata.slice/kata-overhead.slice/runtime-rs-$sid.scope
cgroup_make "$overhead"
cgroup_make "$pod/crio-$sid.scope"
shim_start "$overhead"
echo "$qemu" >"$CGROUP$pod/crio-$sid.scope/cgroup.procs"
check "QEMU of the Rust runtime is ready" settled
state
probe read
comment "$found" "$said"
like "$found" "vmm=$qemu " "the VMM is found where state.json does not tell its PID"
near $((300 * MIB)) "$(amount ram)" "RAM that is all there"
is "$(tr , '\n' <<<"$(figure cgroups)" | sort | xargs)" "$(printf '%s\n' "$overhead" "$pod" | sort | xargs)" "both cgroups are read"
between $((300 * MIB)) "$(figure charge)" $((380 * MIB)) "and hold it, wherever it was charged"
machine_stop

# ---- cgroupfs, anonymous RAM that is all there; a daemon whose shim has died ----

sandbox_begin
qemu 200 off on -S
uid=$(cat /proc/sys/kernel/random/uuid)
pod=/kubepods/burstable/pod$uid
cgroup_make "$pod/kata_crio-$sid"
shim_start "$pod/kata_crio-$sid"
check "QEMU under cgroupfs is ready" settled
persist
probe smaps
near $((200 * MIB)) "$(amount ram)" "anonymous RAM that is all there, by its mappings"
kill -9 "$shim"
wait "$shim" 2>/dev/null
probe read
comment "$found" "$said"
like "$found" "^vmm=$qemu size" "without a shim the VMM is found by its hint, name and cgroup"
rm -rf "/run/vc/sbs/$sid"
probe read
like "$found" "^vmm=$qemu size" "and without a hint by looking at all"
is "$(figure cgroups)" "$pod" "charged is the pod's directory"
between $((200 * MIB)) "$(figure charge)" $((260 * MIB)) "with the RAM"
# A container says that it is this QEMU, from its PID namespace, in a cgroup of its own.
kill -9 "$qemu"
create forger --volume /usr:/usr:ro --volume /usr/lib:/lib:ro --volume /usr/lib64:/lib64:ro "$IMAGE" \
	bash -c "exec -a qemu-system-x86_64 /usr/bin/bash -c 'sleep 1000; :' -name sandbox-$sid"
forger=$(pid_of forger)
said=$(wait_for 10 grep -q qemu "/proc/$forger/cmdline"; tr '\0' ' ' <"/proc/$forger/cmdline")
like "$said" "^qemu-system-x86_64 .*sandbox-$sid" "a container calls itself QEMU"
probe read
like "$found" '^none' "which is not believed"
remove forger
machine_stop

# ---- a guest that boots, and whose program grows ----

mkdir -p "$work/initrd/bin" "$work/initrd/dev"
cp /bin/busybox "$work/initrd/bin/"
cat >"$work/initrd/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo READY
while read -r mib; do
	/bin/busybox dd if=/dev/zero of=/ballast.$mib bs=65536 count=$((mib * 16)) 2>/dev/null
	echo GROWN $(($(/bin/busybox wc -c </ballast.$mib) / 1048576))
done
END
chmod 755 "$work/initrd/init"
(cd "$work/initrd" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd.img"

sandbox_begin
virtiofsd
mkfifo "$bundle/console.in" "$bundle/console.out"
# With less than a kernel takes it would be translated over and over.
translated=64
# A quarter of the time is spared by not measuring, testing and shuffling what does not matter here.
qemu 512 on off -kernel "$(echo /boot/vmlinuz-*)" -initrd "$work/initrd.img" -append \
	'console=ttyS0 quiet panic=-1 nokaslr mitigations=off lpj=4000000 tsc=reliable no_timer_check cryptomgr.notests' \
	-chardev "pipe,id=console,path=$bundle/console" -serial chardev:console -no-reboot
exec 5<>"$bundle/console.in" 6<>"$bundle/console.out"
cgroup_make "$pod/kata_crio-$sid"
shim_start "$pod/kata_crio-$sid"
persist
# console WORD: waits for it.
console() {
	local line
	while read -r -t "${2:-240}" line <&6; do
		case $line in *"$1"*) return 0 ;; *panic*) break ;; esac
	done
	echo "$line"
	return 1
}
started=$SECONDS
check "a guest boots" console READY 420
if kill -0 "$qemu"; then
	comment "after $((SECONDS - started)) s"
	sleep 3
	probe read
	comment "$found" "$said"
	between $((20 * MIB)) "$(figure ram)" $((300 * MIB)) "what it needs to boot"
	# What the guest's kernel has used and freed is resident, and is what it gives out first.
	echo 64 >&5
	check "its program takes 64 MiB" console 'GROWN 64'
	probe read
	comment "$said"
	grown=$(amount ram) grown_charge=$(amount charge)
	echo 100 >&5
	check "and 100 MiB more" console 'GROWN 100'
	probe read
	comment "$said"
	near $((100 * MIB)) $(($(amount ram) - grown)) "the guest's RAM has grown by as much"
	near $((100 * MIB)) $(($(amount charge) - grown_charge)) "and so has the charge"
	is "$(figure outside)" 0 "all of it in the pod"
	printf '%s\n' "$said" >"$work/booted"
fi
machine_stop

comment "bench vm.split_error_pct $(awk -v worst="$worst" 'BEGIN { printf "%.3f", worst / 1000 }') %"
done_testing
