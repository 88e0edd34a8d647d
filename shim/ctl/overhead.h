/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the parts of tidemarkctl overhead share. */

#include "shim/ctl/ctl.h"
#include "shim/report/overhead.h"

/* Prints a line for each handler, and one for all of them. */
void overhead_print_handlers(const struct overhead *overhead);

/* Prints two lines for each VM, its parts and their shares; then warnings and a legend. */
void overhead_print_vms(const struct overhead *overhead);

/* Prints one VM: each part with a sentence that explains it. */
void overhead_print_parts(const struct overhead_sandbox *sandbox);

/* Compares an image under each runtime. argument: the image, or a workload or a container that runs it.
 * Returns an exit status. */
int overhead_compare(struct ctl *ctl, const struct overhead *overhead, const char *argument);

/* Prints what the RuntimeClass of each handler should declare, if at least pods_min of its pods were
 * measured. wanted: only this handler; NULL: all. name: another name for the RuntimeClass; NULL: the
 * handler's. Returns an exit status. */
int overhead_print_classes(const struct ctl *ctl, const char *wanted, const char *name, size_t pods_min);
