/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* libbpf tells the reason of a failure only by printing it. Between begin and end the first warning is kept
 * and nothing is printed. Later warnings may be the whole log of the kernel's verifier, so they are
 * dropped. */

void bpf_complaint_begin(void);

/* Returns the warning, "" if there was none. It is valid until the next begin. */
const char *bpf_complaint_end(void);
