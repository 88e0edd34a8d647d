/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads all wanted cgroups at once, by BPF programs in the kernel: a walk over all cgroups, and from then on a recount of
 * those that the walk found. Another walk follows where a cgroup is wanted newly, or has gone.
 *
 * Needs a kernel with BTF and the cgroup iterator (6.1), CAP_BPF and CAP_PERFMON to begin with. Afterwards bpf(2) with
 * BPF_ITER_CREATE and BPF_PROG_RUN is enough. */

#include <stdint.h>

#include "cgroups/census.h"
#include "cgroups/error.h"

/* More are not counted. The arrays take 72 bytes of the kernel's memory for each, 2.25 MiB. What is mapped is as much
 * as there are wanted. */
#define CENSUS_CGROUPS_MAX 32768

/* The BPF program, and the array that it fills. */
struct census_taker;

/* cgroup_fd: the root of cgroup v2, borrowed. Returns 0; -ENOTSUP if built without BPF; -errno with libbpf's
 * reason. */
int census_taker_open(int cgroup_fd, struct census_taker **ret, struct error *err);
void census_taker_close(struct census_taker *taker);

/* For census_want(). Borrowed. */
struct census_wanted *census_taker_wanted(struct census_taker *taker);

/* Takes a new census. The old one is lost, also after an error. A cgroup that was removed since may still be
 * in the census, and a cgroup that was made since is not. Returns 0 or -errno. */
int census_take(struct census_taker *taker, struct census *census, struct error *err);
