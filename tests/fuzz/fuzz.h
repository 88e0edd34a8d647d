/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A fuzz target is one file with one LLVMFuzzerTestOneInput(), which fails only by ENSURE() or a sanitizer.
 * With libFuzzer, from the top of the sources:
 *     clang -std=gnu17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_edit.c \
 *         cgroups/{error,file,quantity}.c oci/{config,edit,json}.c -lyajl -lm -o fuzz_edit
 *     mkdir -p new; ./fuzz_edit -max_len=32768 new tests/fuzz/corpus/edit tests/fixtures
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
