/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* libbpf has no other way to say what went wrong than to print it. What it prints between begin and end is
 * kept, as far as it is worth telling: the first warning, since what follows may be the verifier's log. */

void bpf_complaint_begin(void);

/* Returns what was kept, maybe "": valid until the next begin. */
const char *bpf_complaint_end(void);
