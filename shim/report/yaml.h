/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Documents in YAML, by libyaml's emitter. Only yaml.c knows libyaml, and is not built without it.
 *
 * A reader gets each text back as a string of the same characters, by the rules of YAML 1.1 (kubectl) and of
 * 1.2. For this a text is quoted, unless it begins with a letter, has only letters, digits and a few signs,
 * and is no word of YAML. A text that is not UTF-8 is a fault: -EILSEQ.
 *
 * Amounts are Kubernetes quantities. Exact ones are in whole Mi, or in bytes. Others are
 * rounded for people. */

#include "shim/report/document.h"

/* stream is borrowed. Returns 0 with *ret, which document_finish() frees, or -ENOMEM. */
int yaml_new(FILE *stream, struct document **ret);
