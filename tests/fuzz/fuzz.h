/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A fuzz target is one file with one LLVMFuzzerTestOneInput(), which fails only by ENSURE() or a sanitizer.
 * docs/HACKING.md, "Fuzzers", has the commands that build it with libFuzzer.
 * An input that makes the target fail goes into tests/fuzz/corpus/<target>/, made small by -minimize_crash=1.
 * `meson test --suite fuzz` replays that directory. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENSURE(condition)                                                                             \
	do {                                                                                          \
		if (!(condition)) {                                                                   \
			(void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                      \
		}                                                                                     \
	} while (0)
