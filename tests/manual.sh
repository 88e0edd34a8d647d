#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# manual.sh TOP TIDEMARKCTL [TIDEMARKD]: holds the sources of the manual pages against the programs. Prints TAP.
set -u
docs=$1/docs shim=$1/shim ctl=$2 daemon=${3:-}
count=0 failed=0
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

# same NAME: ok if $work/expected and $work/found are the same.
same() {
	count=$((count + 1))
	if difference=$(diff "$work/expected" "$work/found"); then
		echo "ok $count - $1"
	else
		failed=1
		echo "not ok $count - $1"
		echo "$difference" | sed 's/^/# /'
	fi
}

settings() { TIDEMARK_ROOT=$1 "$ctl" settings 2>&1; }
keys() { sed -n 's/^\([a-z0-9_]*\) =.*/\1/p; /^\[/p'; }

# "*key* = default" below "## [section]". As a settings file, these must make the same as no settings file does.
mkdir -p "$work/etc/tidemark"
sed -n 's/^## \(\[.*\]\)$/\1/p; s/^\*\([a-z0-9_]*\)\* =/\1 =/p' "$docs/tidemark.conf.5.scd" >"$work/etc/tidemark/tidemark.conf"
settings /nonexistent >"$work/defaults"

keys <"$work/defaults" >"$work/expected"
keys <"$work/etc/tidemark/tidemark.conf" >"$work/found"
same "tidemark.conf.5 has every setting, and no other, in the order of tidemarkctl settings"
cp "$work/defaults" "$work/expected"
settings "$work" >"$work/found"
same "tidemark.conf.5 has their defaults"

"$ctl" --help | sed -n 's/^  \([a-z][a-z-]*\).*/\1/p' | sort >"$work/expected"
sed -n '/^# COMMANDS/,/^# OPTIONS/s/^\*\([a-z-]*\)\*.*/\1/p' "$docs/tidemarkctl.8.scd" | sort >"$work/found"
same "tidemarkctl.8 has every command of tidemarkctl --help, and no other"

sed -n 's/^.*ROW(GUARD_[A-Z0-9_]*, [a-z0-9_]*, "\([^"]*\)".*/\1/p' "$shim/tune/decision.h" >"$work/expected"
sed -n '/passes these guards/,/^Swap/s/^\*\([a-z0-9-]*\)\*$/\1/p' "$docs/tidemark.8.scd" >"$work/found"
[ "$(wc -l <"$work/expected")" -ge 8 ] || echo "no guards found" >"$work/expected"
same "tidemark.8 has every guard, and no other, in their order"
sed -n 's/^const char \*const decision_source_names.*{\(.*\), NULL};/\1/p' "$shim/tune/decision.c" | tr -d '", ' >"$work/expected"
sed -n '/^# THE DECISION/,/passes these guards/s/^\*\([a-z]*\)\*$/\1/p' "$docs/tidemark.8.scd" | tr -d '\n' >"$work/found"
echo >>"$work/found"
same "tidemark.8 has every source of a limit, in the order of precedence"

if [ -n "$daemon" ]; then
	"$daemon" --help | sed -n 's/^  \(--[a-z]*\).*/\1/p' >"$work/expected"
	sed -n 's/^\*\(--[a-z]*\)\*.*/\1/p' "$docs/tidemarkd.8.scd" >"$work/found"
	same "tidemarkd.8 has every option of tidemarkd --help, and no other"

	grep -oh '"TIDEMARK_[A-Z0-9_]*"' "$shim/voice.c" "$shim/report/journal.c" | tr -d '"' | sort -u >"$work/expected"
	grep -oh '\*TIDEMARK_[A-Z0-9_]*\*' "$docs/tidemarkd.8.scd" | tr -d '*' | sort -u >"$work/found"
	same "tidemarkd.8 has every field of the journal, and no other"
fi
echo "1..$count"
exit $failed
