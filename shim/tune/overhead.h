/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a pod's virtual machine costs, from one reading of the host's side and the answers of the guest. Pure.
 *
 * Overhead is the host's charge to the pod's cgroups minus what the pod's containers use in the guest.
 * Overhead may be negative: the two are never read at the same moment, and guest RAM in huge pages is not
 * charged to the pod's cgroups. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERHEAD_UNKNOWN UINT64_MAX

/* The host's side at one moment. */
struct overhead_host {
	uint64_t at_usec;
	uint64_t charge_bytes; /* the pod's cgroups' charge */
	/* Guest RAM that is resident. OVERHEAD_UNKNOWN: not told apart from the VMM's own memory. */
	uint64_t ram_bytes;
};

/* The guest's side. {0} is a guest without containers; containers are added one by one. */
struct overhead_guest {
	uint64_t used_bytes;
	uint64_t first_usec, last_usec; /* time of the first and the last answer; 0: none */
	bool is_unknown;                /* a container's use was not answered */
};
void overhead_add_use(struct overhead_guest *guest, uint64_t used_bytes, uint64_t at_usec);
void overhead_add_unknown(struct overhead_guest *guest);

struct overhead_split {
	/* The guest's side is known, and with it all members but apart_usec. */
	bool is_known;
	uint64_t apart_usec; /* most time between the host's reading and a guest's answer */
	uint64_t used_bytes; /* all containers together */
	int64_t overhead_bytes;
	bool unused_is_known;
	/* Guest RAM that is resident but used by no container: kernel, agent, freed memory that was not given
	 * back. */
	int64_t unused_bytes;
};

/* Readings more than apart_max_usec apart are not compared: the guest's side is then unknown. */
void overhead_split(const struct overhead_host *host, const struct overhead_guest *guest,
		    uint64_t apart_max_usec, struct overhead_split *ret);

/* The part of the overhead that a RuntimeClass has to declare. The kubelet limits a pod to the sum of its
 * containers' limits and the declared overhead. Memory that containers used and freed, and the guest did not
 * give back, fits in their limits. Page cache of the host (droppable_bytes) is dropped before anything is
 * killed. most_used_bytes: the most that the containers have used at once so far. */
int64_t overhead_fixed(uint64_t charge_bytes, uint64_t droppable_bytes, uint64_t most_used_bytes);

/* ---- Over the pods of a handler ---- */

/* The most pods that are looked at. */
#define OVERHEAD_PODS_MAX 128

/* The q-quantile by nearest rank, rounded up: always a value of the list. q in (0, 1], n in [1,
 * OVERHEAD_PODS_MAX]. */
int64_t overhead_quantile(const int64_t values[], size_t n, double q);

/* overhead.podFixed of a RuntimeClass: the 95th percentile, rounded up to the next 10Mi. 0 without pods, or
 * if the percentile is negative. */
uint64_t overhead_recommend(const int64_t fixed_bytes[], size_t n);

/* What a guest needs to boot: 1.25 times the 95th percentile of what guests had resident before their first
 * container, rounded up to the next MiB; at least least_bytes. Entries of 0 are unknown and skipped. */
uint64_t overhead_floor(const uint64_t boot_bytes[], size_t n, uint64_t least_bytes);

/* ---- Against what is declared ---- */

enum overhead_fit {
	OVERHEAD_FITS,
	OVERHEAD_TOO_SMALL, /* less is declared than was measured: the pod may be OOM-killed */
	OVERHEAD_WASTEFUL,  /* more than waste_ratio of the declared overhead was not needed */
};

/* most_fixed_bytes: the highest overhead_fixed() of the pod's life so far, so that a verdict does not come
 * and go with the readings. settled: the pod has run for so long that little more is expected; before,
 * nothing is wasteful. */
enum overhead_fit overhead_judge(int64_t most_fixed_bytes, uint64_t declared_bytes, double waste_ratio,
				 bool settled);
