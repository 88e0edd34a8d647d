/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Documents in YAML, by libyaml's emitter; yaml.c is the only file that knows it, and is left out where there
 * is none.
 *
 * Whoever reads it, by the rules of YAML 1.1 (kubectl) or 1.2, finds a text to be a string with these very
 * characters: all are quoted but those of letters and a few signs that are no word of either. Amounts are
 * quantities as Kubernetes has them: exact ones whole Mi or else bytes, others rounded to be read. A text
 * that is not UTF-8 is a fault: -EILSEQ. */

#include "shim/report/document.h"

/* Returns 0 with *ret set, which document_finish() frees, or -ENOMEM. */
int yaml_new(FILE *stream, struct document **ret);
