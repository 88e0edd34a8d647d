#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the machine of contrib/vm: the sampler's bench on real cgroups.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit
[ -e /etc/tidemark-lab ] || { echo "only for the machine of contrib/vm" >&2; exit 1; }
sysctl -q fs.nr_open=1048576
./bench_sampler /sys/fs/cgroup bench
