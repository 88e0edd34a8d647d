/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What census.bpf.c leaves of a cgroup for census_taker.c. Without includes, since it is compiled for the
 * kernel, too. Amounts in pages, at most CENSUS_MOST. */

#define CENSUS_MOST    0xffffffffu /* so much or more; of max_pages: no limit */
#define CENSUS_UNKNOWN 0xffffffffu /* of inactive_file_pages, where it was not to be read */

struct census_entry {
	unsigned long long id; /* the inode number of the cgroup's directory */
	unsigned current_pages, peak_pages, max_pages;
	unsigned above_max_pages; /* memory.max of the cgroup above */
	/* As the kernel has added it up last, every 2 s at least. */
	unsigned inactive_file_pages;
	unsigned pressure_usec; /* memory.pressure's total of "some", modulo 2^32, up to 2 s old; 0 without
				   PSI */
};

/* Only those are counted whose byte here, that of the low bits of their id, is not 0. Others may share it. */
#define CENSUS_WANTED 65536
