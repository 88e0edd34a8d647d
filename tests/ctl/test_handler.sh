#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_handler.sh TIDEMARKCTL FIXTURES PROGRAMS BINDIR: tidemarkctl handler, with a CRI-O that prints what a file has.
# Prints TAP.
set -u
ctl=$1 fixtures=$2 programs=$3 bindir=$4
count=0 failed=0
root=$(mktemp -d) || exit
trap 'rm -rf "$root"' EXIT
export TIDEMARK_ROOT=$root

is() { # is NAME COMMAND...: ok if the command succeeds.
	count=$((count + 1))
	if "${@:2}"; then
		echo "ok $count - $1"
	else
		failed=1
		echo "not ok $count - $1"
		printf 'status %s\n%s\n%s\n' "$status" "$out" "$err" | sed 's/^/# /'
	fi
}
run() { # Leaves $status, $out and $err.
	PATH=$root/bin "$ctl" handler "$@" >"$root/out" 2>"$root/err"
	status=$?
	out=$(<"$root/out") err=$(<"$root/err")
}
good() { [ "$status" -eq 0 ] && [ -z "$err" ]; }
bad() { [ "$status" -eq 1 ] && [ -z "$out" ] && [[ $err == *"$1"* ]]; }
program() { mkdir -p "$root${1%/*}" && printf '#!/bin/sh\n' >"$root$1" && chmod 755 "$root$1"; }
# crio LINE...: a program of that name.
crio() {
	printf '%s\n' '#!/bin/sh' "$@" >"$root/bin/crio"
	chmod 755 "$root/bin/crio"
}
settings() { mkdir -p "$root/etc/tidemark" && printf '%s\n' "$@" >"$root/etc/tidemark/tidemark.conf"; }
body() { printf '%s' "${out#*$'\n\n'}"; } # without what it says in comments

# No crio but ours.
mkdir "$root/bin" && ln -s "$(command -v cat)" "$root/bin/cat"
program "$programs/tidemark-crun"
program "$programs/tidemark-runc"
program "$bindir/containerd-shim-tidemark-kata-v2"
program /usr/libexec/crio/conmon
mkdir -p "$root/opt/kata" && : >"$root/opt/kata/configuration-qemu.toml"
settings '[runtime]' 'crun = /usr/libexec/crio/crun' 'runc = /usr/libexec/crio/runc'
packages=$fixtures/crio-packages.conf

run
is "where there is no crio, it says what to do" bad 'crio is not in $PATH; --config'

run --config "$packages" crun
wanted='[crio.runtime.runtimes.tidemark-crun]
runtime_path = "'$programs'/tidemark-crun"
runtime_root = "/run/crun"
container_min_memory = "500KiB"
monitor_path = "/usr/libexec/crio/conmon"
monitor_cgroup = "system.slice"
monitor_env = [
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
]
allowed_annotations = [
	"io.containers.trace-syscall",
	"devices.crio.io",
]
privileged_without_host_devices = false'
is "crun's handler is copied, but for the path" test "$status|$(body)" = "0|$wanted"
is "without a word" good
first=$out
run --config - <"$packages"
is "crun is the default, and - is stdin" test "$out" = "$first"

run --config "$packages" runc
is "runc's is its own" test "$(body)" = '[crio.runtime.runtimes.tidemark-runc]
runtime_path = "'$programs'/tidemark-runc"
runtime_type = "oci"
runtime_root = "/run/runc"
container_min_memory = "12MiB"
monitor_path = "/usr/libexec/crio/conmon"
monitor_cgroup = "pod"
monitor_exec_cgroup = "container"
privileged_without_host_devices = false
default_annotations = {"a.example/b" = "c # {d", "e" = "f"}'
is "paths that lead around tidemark are left out, which is said" test "$err" = \
	'tidemarkctl: platform_runtime_paths is left out: it would lead around tidemark'

run --config "$packages" kata
is "kata's handler runs the shim" test "$(body)" = '[crio.runtime.runtimes.tidemark-kata]
runtime_path = "'$bindir'/containerd-shim-tidemark-kata-v2"
runtime_type = "vm"
runtime_root = "/run/vc"
runtime_config_path = "/opt/kata/configuration-qemu.toml"
privileged_without_host_devices = true'

settings
run --config "$packages" crun
is "another crun than tidemark would run is told" test "$status" -eq 0
is "with the setting that is missing" test "${err##*: }" = \
	'in tidemark.conf, [runtime] crun = /usr/libexec/crio/crun is missing'
settings '[runtime]' 'crun = /usr/libexec/crio/crun'

# ---- What cannot be ----

run --config "$packages" youki
is "tidemark knows two runtimes" bad 'youki runs youki, and tidemark knows crun and runc'
run --config "$packages" default-copy
is "who inherits has no path of its own" bad 'default-copy inherits from the default runtime'
run --config "$packages" gvisor
is "a handler that is not there is told" bad 'there is no [crio.runtime.runtimes.gvisor]; one that is built in'
run --config "$packages" 'a b'
is "a handler's name is plain" bad 'small letters'
run --config "$packages" crun runc
is "one handler a time" bad 'one argument at most'
run --config "$root/none.conf"
is "a file that is not there is told" bad none.conf
rm "$root/usr/libexec/crio/conmon"
run --config "$packages"
is "a conmon that is not there is told" bad 'monitor_path = /usr/libexec/crio/conmon: No such file'
program /usr/libexec/crio/conmon
chmod 644 "$root/usr/libexec/crio/conmon"
run --config "$packages"
is "so is one that cannot be run" bad 'monitor_path = /usr/libexec/crio/conmon cannot be run'
chmod 755 "$root/usr/libexec/crio/conmon"
mv "$root$programs/tidemark-crun" "$root/aside"
run --config "$packages"
is "so is a tidemark that is not installed" bad "runtime_path = $programs/tidemark-crun: No such file"
mv "$root/aside" "$root$programs/tidemark-crun"
for text in '[crio.runtime.runtimes.crun' '[crio.runtime.runtimes]
crun = { runtime_path = "/x" }' '[crio.runtime.runtimes.crun]
runtime_path = "/x' '[crio.runtime.runtimes.crun]
monitor_env = [ "x" }' '[crio.runtime.runtimes.crun]
a = 1 # fine
b =' '[crio.runtime.runtimes.crun.default_annotations]
a = "b"' '[crio.runtime.runtimes.tidemark]
x'; do
	printf '%s\n' "$text" >"$root/broken.conf"
	run --config "$root/broken.conf"
	is "what is not understood is told with its line: ${text##*$'\n'}" bad 'broken.conf: line '
done

# ---- With CRI-O ----

crio "[ \"\$*\" = config ] && exec cat '$packages'" "[ \"\$3\" = --config-dir ] && exec cat \"\$2\"" 'exit 9'
run
is "crio config is run" test "$status|$out" = "0|$first"
mkdir -p "$root/etc/crio/crio.conf.d"
printf '[crio.runtime.runtimes.crun]\nno_sync_log = true\ncontainer_min_memory = "1MiB"\n' >"$root/etc/crio/crio.conf"
printf '[crio.runtime.runtimes.crun]\nno_sync_log = false\ncontainer_create_timeout = 300\n' \
	>"$root/etc/crio/crio.conf.d/10-crun.conf"
run
is "what crio config does not print comes from the administrator's files, the last of them" test "$(body)" = \
	"$wanted
no_sync_log = false
container_create_timeout = 300"
rm -r "$root/etc/crio"
run --write "$root/drop.conf"
is "it is written to a file" test "$status|$out|$(<"$root/drop.conf")" = "0||$first"
is "and it is said how it goes on" test "$err" = "tidemarkctl: wrote $root/drop.conf; now: systemctl restart crio"
is "that all may read" test "$(stat -c %a "$root/drop.conf")" = 644
run --write "$root/none/drop.conf"
is "where it cannot be written, that is told" bad none
crio "[ \"\$*\" = config ] && exec cat '$packages'" "exit 1"
echo old >"$root/drop.conf"
run --write "$root/drop.conf"
is "what crio does not take is not written" bad 'crio does not take'
is "and the old file stays" test "$(<"$root/drop.conf")" = old
crio "[ \"\$*\" = config ] && exit 0" "[ \"\$*\" = 'config --default' ] && exec cat '$fixtures/crio-default.conf'" 'exit 0'
run
is "what is built in is asked for by its name" test "$status" -eq 0
is "and is all that is needed" test "$(body)" = "$(sed '/monitor_path/d; s/^runtime_path.*/&\nruntime_type = "oci"/' <<<"$wanted")"
crio 'exit 1'
run
is "a crio that does not take its own is told" bad 'run it to see why'

echo "1..$count"
exit $failed
