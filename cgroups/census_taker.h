/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads all wanted cgroups at once, by two BPF programs in the kernel: a walk over all cgroups, and
 * afterwards recounts of the cgroups that the walk found. The next walk comes when a cgroup is wanted newly
 * or one is gone.
 *
 * Needs a kernel with BTF and the cgroup iterator (6.1). Opening needs CAP_BPF and CAP_PERFMON; each census
 * afterwards needs only bpf(2) with BPF_ITER_CREATE and BPF_PROG_RUN. */

#include <stdint.h>

#include "cgroups/census.h"
#include "cgroups/error.h"

/* At most this many cgroups are counted. The kernel's arrays take 72 bytes for each, 2.25 MiB. Only the
 * part in use of the entries is mapped. */
#define CENSUS_CGROUPS_MAX 32768

/* The BPF programs, and the array that they fill. */
struct census_taker;

/* cgroup_fd: the root of cgroup v2, borrowed. Returns 0; -ENOTSUP if built without BPF; -errno with
 * libbpf's reason. */
int census_taker_open(int cgroup_fd, struct census_taker **ret, struct error *err);
void census_taker_close(struct census_taker *taker);

/* The table for census_want(). Borrowed; NULL if built without BPF. */
struct census_wanted *census_taker_wanted(struct census_taker *taker);

/* Takes a new census. The old one is lost, also after an error. A cgroup that was removed since may still
 * be in the census, and a cgroup that was made since is not. Returns 0 or -errno. */
int census_take(struct census_taker *taker, struct census *census, struct error *err);
