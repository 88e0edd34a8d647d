/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a pod's virtual machine costs, from a reading of the host's side and the answers of the guest. Pure.
 *
 * Overhead is what the host charges to the pod's cgroups less what its containers use in the guest. It is
 * signed: the two are never read at the same moment, and not all of a guest's RAM need be charged there (huge
 * pages are not). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERHEAD_UNKNOWN UINT64_MAX

/* The host's side at one moment. */
struct overhead_host {
	uint64_t at_usec;
	uint64_t charge_bytes; /* to the pod's cgroups */
	uint64_t ram_bytes; /* guest RAM that is resident; OVERHEAD_UNKNOWN where it cannot be told apart */
};

/* The guest's side: {0} is a guest without containers, which are added one by one. */
struct overhead_guest {
	uint64_t used_bytes;
	uint64_t first_usec, last_usec; /* of what it has answered; 0: nothing */
	bool is_unknown;                /* of some container the guest has not answered */
};
void overhead_add_use(struct overhead_guest *guest, uint64_t used_bytes, uint64_t at_usec);
void overhead_add_unknown(struct overhead_guest *guest);

struct overhead_split {
	bool is_known;       /* that of the guest is: all of these but apart_usec */
	uint64_t apart_usec; /* at most, between the host's reading and the guest's */
	uint64_t used_bytes; /* by the containers */
	int64_t overhead_bytes;
	bool unused_is_known;
	int64_t unused_bytes; /* guest RAM that is resident, and no container's: kernel, agent, freed and not
				 given back */
};

/* What is farther apart than apart_max_usec is not compared: the guest's side is then unknown. */
void overhead_split(const struct overhead_host *host, const struct overhead_guest *guest,
		    uint64_t apart_max_usec, struct overhead_split *ret);

/* What of it a RuntimeClass has to declare. The kubelet limits a pod to the sum of its containers' limits and
 * the declared overhead, so what containers have used and freed, and the guest has not given back, fits in
 * their limits; and page cache of the host is dropped before anything is killed. most_used_bytes: the most
 * that the containers have used at once so far. */
int64_t overhead_fixed(uint64_t charge_bytes, uint64_t droppable_bytes, uint64_t most_used_bytes);

/* ---- Over the pods of a handler ---- */

/* At most so many are looked at. */
#define OVERHEAD_PODS_MAX 128

/* The q-quantile by nearest rank, up: a value of the list. q in (0, 1]; n at least 1, and at most
 * OVERHEAD_PODS_MAX. */
int64_t overhead_quantile(const int64_t values[], size_t n, double q);

/* overhead.podFixed of a RuntimeClass: the 95th percentile up to the next 10Mi; 0 for no pods, or if it is
 * negative. */
uint64_t overhead_recommend(const int64_t fixed_bytes[], size_t n);

/* What a guest needs to boot: a quarter more than the 95th percentile of what guests had resident before
 * their first container, up to the next MiB, and least_bytes at least. Entries of 0 are not known. */
uint64_t overhead_floor(const uint64_t boot_bytes[], size_t n, uint64_t least_bytes);

/* ---- Against what is declared ---- */

enum overhead_fit {
	OVERHEAD_FITS,
	OVERHEAD_TOO_SMALL, /* what is declared is less than what was measured: the pod may be OOM-killed */
	OVERHEAD_WASTEFUL,  /* more than the waste's share of what is declared was not needed */
};

/* most_fixed_bytes: the highest overhead_fixed() of the pod's life so far, so that no verdict comes and goes
 * with the readings. settled: it has run for long enough that little more is to be expected; nothing is
 * wasteful before. */
enum overhead_fit overhead_judge(int64_t most_fixed_bytes, uint64_t declared_bytes, double waste_ratio,
				 bool settled);
