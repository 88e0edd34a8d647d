/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What other right-sizers would give, for comparison in a replay: never enforced. Pure. Bytes. */

#include <stdint.h>

#include "shim/tune/tide.h"

/* Robusta KRR's "simple" strategy: the highest of 14 days × 1.15, up to the next Mi. */
uint64_t reference_krr(const uint64_t peaks_bytes[static TIDE_DAYS]);

/* The target of the Kubernetes VerticalPodAutoscaler: of the peaks of each day, weighed by half for each day that
 * has passed, the 90th percentile in a histogram whose buckets begin at 10 MB and grow by 5 %, × 1.15. Its floor of
 * 250 MiB a pod is left out. Only 14 days are remembered here; all that lie before would weigh 1/16384. */
uint64_t reference_vpa(const uint64_t peaks_bytes[static TIDE_DAYS]);
