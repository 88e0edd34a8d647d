#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the machine of contrib/vm: the daemon's bench on real cgroups.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit
[ -e /etc/tidemark-lab ] || { echo "only for the machine of contrib/vm" >&2; exit 1; }
sysctl -q fs.nr_open=1048576
other=./against
[ -s "$other" ] || other=-
./bench_daemon /sys/fs/cgroup bench "$PWD/daemon_preload.so" 300 ./tidemarkd "$other" 100 1000 10000
