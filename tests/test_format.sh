#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_format.sh TOP: clang-format has nothing to change. Other versions than Debian 12's break lines elsewhere, so
# that the test is skipped there. Prints TAP.
set -u
cd "$1" || exit
echo 1..1
name='clang-format changes nothing'
version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if [ "$version" != 14 ]; then
	echo "ok 1 - $name # SKIP needs clang-format 14, has ${version:-none}"
	exit
fi
changes=$(find cgroups oci shim tests -name '*.[ch]' -exec clang-format --dry-run {} + 2>&1 | grep warning:)
if [ -z "$changes" ]; then
	echo "ok 1 - $name"
else
	echo "not ok 1 - $name"
	echo "$changes" | sed 's/^/# /'
	echo "$changes" | sed -n 's/^\([^:]*\):.*/\1/p' | sort -u | sed 's/^/# mend: clang-format -i /'
	exit 1
fi
