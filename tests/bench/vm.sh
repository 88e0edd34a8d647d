#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the machine of contrib/vm: a sample of a VM sandbox on a real cgroup, and how right its split is.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit
[ -e /etc/tidemark-lab ] || { echo "only for the machine of contrib/vm" >&2; exit 1; }
mkdir /sys/fs/cgroup/bench && ./bench_vm vm.emulated /sys/fs/cgroup/bench || exit
install -D -t /usr/libexec/tidemark/tests vmm_probe
lab-image
bash ./test_vm.sh >test.log 2>&1
grep '^not ok' test.log && exit 1
sed -n 's/^# \(bench .*\)/\1/p' test.log
