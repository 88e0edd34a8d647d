/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads all cgroups that are wanted at once, by a BPF program in the kernel. Needs a kernel with BTF and the
 * cgroup iterator (6.1), CAP_BPF and CAP_PERFMON to begin with; what follows needs bpf(2) with
 * BPF_ITER_CREATE alone. */

#include <stdint.h>

#include "cgroups/census.h"
#include "cgroups/error.h"

/* More are not counted. The array takes 32 bytes of the kernel's memory for each, 1 MiB; as much of it is
 * mapped as there are wanted. */
#define CENSUS_CGROUPS_MAX 32768

/* The program, and the array that it fills. */
struct census_taker;

/* cgroup_fd: the root of cgroup v2, borrowed. Returns 0; -ENOTSUP where it was not built in; -errno with what
 * libbpf had to say. */
int census_taker_open(int cgroup_fd, struct census_taker **ret, struct error *err);
void census_taker_close(struct census_taker *taker);

/* For census_want(). Borrowed. */
uint8_t *census_taker_wanted(struct census_taker *taker);

/* Takes the census anew; what it was before is forgotten in any case. A cgroup that comes later is not in it,
 * and one that has gone since may be. Returns 0 or -errno. */
int census_take(struct census_taker *taker, struct census *census, struct error *err);
