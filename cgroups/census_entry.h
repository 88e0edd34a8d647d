/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One cgroup in the array that census.bpf.c fills and census_taker.c reads. This file includes nothing,
 * since it is compiled for the kernel as well. Amounts are in pages, at most CENSUS_MOST. */

#define CENSUS_MOST    0xffffffffu /* this much or more; max_pages: no limit */
#define CENSUS_UNKNOWN 0xffffffffu /* inactive_file_pages: could not be read */

struct census_entry {
	unsigned long long id; /* the inode number of the cgroup's directory; 0: the cgroup is gone */
	unsigned current_pages, peak_pages, max_pages;
	unsigned above_max_pages; /* the parent's memory.max */
	/* Up to 2 s old: the kernel adds up memory.stat at least every 2 s. */
	unsigned inactive_file_pages;
	/* memory.pressure: total of "some", modulo 2^32, up to 2 s old. 0 without PSI. */
	unsigned pressure_usec;
};

#define CENSUS_WANTED 65536

/* A cgroup is read if the byte at its id modulo CENSUS_WANTED is not 0. Other cgroups may share the byte
 * and are read too. */
struct census_wanted {
	unsigned long long changes; /* calls of census_want() */
	unsigned char bytes[CENSUS_WANTED];
};
