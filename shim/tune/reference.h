/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What other right-sizers would recommend, to compare in a replay. Never enforced. Pure. Bytes. */

#include <stdint.h>

#include "shim/tune/tide.h"

/* Robusta KRR's "simple" strategy: the highest of 14 days × 1.15, rounded up to the next Mi. */
uint64_t reference_krr(const uint64_t peaks_bytes[static TIDE_DAYS]);

/* The target of the Kubernetes VerticalPodAutoscaler: the 90th percentile of the daily peaks × 1.15. A peak
 * weighs half as much with each day that has passed. The histogram's buckets begin at 10 MB and grow by 5 %.
 * VPA's floor of 250 MiB a pod is left out. Only 14 days are remembered; all days before would weigh
 * 1/16384. */
uint64_t reference_vpa(const uint64_t peaks_bytes[static TIDE_DAYS]);
