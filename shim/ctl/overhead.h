/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the parts of tidemarkctl overhead share. */

#include "shim/ctl/ctl.h"
#include "shim/report/overhead.h"

/* A line a handler, and one for all. */
void overhead_print_handlers(const struct overhead *overhead);

/* Two lines a VM, its parts and their shares; and what there is to know of them. */
void overhead_print_vms(const struct overhead *overhead);

/* One VM, a sentence a part. */
void overhead_print_parts(const struct overhead_sandbox *sandbox);

/* The image of a workload, a container or an image under each runtime. Returns an exit status. */
int overhead_compare(struct ctl *ctl, const struct overhead *overhead, const char *argument);

/* What the RuntimeClass of each handler should declare, or of the wanted one, which may go by another name
 * (NULL: its own), if so many of its pods were measured. Returns an exit status. */
int overhead_print_classes(const struct ctl *ctl, const char *wanted, const char *name, size_t pods_min);
