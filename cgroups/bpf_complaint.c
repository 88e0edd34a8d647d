/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/bpf_complaint.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

static char complaint[160];
static libbpf_print_fn_t printed_by;

static int on_complaint(enum libbpf_print_level level, const char *format, va_list args)
{
	/* "Failed to bump RLIMIT_MEMLOCK" is never the reason: newer kernels do not have this limit for
	 * BPF. */
	if (level == LIBBPF_WARN && !complaint[0] && !strstr(format, "Failed to bump")) {
		(void)vsnprintf(complaint, sizeof complaint, format, args);
		complaint[strcspn(complaint, "\n")] = '\0';
	}
	return 0;
}

void bpf_complaint_begin(void)
{
	complaint[0] = '\0';
	printed_by = libbpf_set_print(on_complaint);
}

const char *bpf_complaint_end(void)
{
	(void)libbpf_set_print(printed_by);
	return complaint;
}
