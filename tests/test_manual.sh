#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_manual.sh TOP TIDEMARKCTL [TIDEMARKD]: holds the sources of the manual pages against the programs. Prints TAP.
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

	grep -oh '"TIDEMARK_[A-Z0-9_]*"' "$shim/daemon/voice.c" "$shim/report/journal.c" | tr -d '"' | sort -u >"$work/expected"
	grep -oh '\*TIDEMARK_[A-Z0-9_]*\*' "$docs/tidemarkd.8.scd" | tr -d '*' | sort -u >"$work/found"
	same "tidemarkd.8 has every field of the journal, and no other"

	# "*name* (type: labels)", and what it means, in the order of the table.
	"$daemon" --metrics | awk -F'\t' '{ gsub(",", ", ", $4); print "*" $1 "* (" $2 ($4 ? ": " : "") $4 ")\n\t" $5 }' \
		>"$work/expected"
	sed -n '/^# METRICS/,/^# FILES/p' "$docs/tidemarkd.8.scd" |
		awk '/^\*[a-z_]*\* \(/ { print; getline; print }' >"$work/found"
	same "tidemarkd.8 has every metric, and no other, with its type, labels and meaning"

	# Of each expression; a histogram has its three.
	"$daemon" --metrics | awk -F'\t' '{ print $1 } $2 == "histogram" { print $1 "_bucket\n" $1 "_sum\n" $1 "_count" }' |
		sort -u >"$work/known"
	sed -n 's/^ *"expr": "\(.*\)",\{0,1\}$/\1/p' "$1/contrib/grafana/tidemark.json" |
		grep -oE '(tidemark|process)_[a-z_0-9]+' | sort -u >"$work/expected"
	comm -12 "$work/known" "$work/expected" >"$work/found"
	same "the dashboard asks for metrics that there are"

	if command -v python3 >/dev/null; then
		python3 - "$1/contrib/grafana/tidemark.json" >"$work/found" 2>&1 <<-'END'
			import json, sys
			board = json.load(open(sys.argv[1], encoding="utf-8"))
			print([v["name"] for v in board["templating"]["list"] if v["type"] == "datasource"])
			print(sum(1 for p in board["panels"] if p["type"] != "row" and not p["targets"]))
		END
		printf '%s\n' "['datasource']" 0 >"$work/expected"
		same "and is valid JSON, with a data source to choose"
	fi
fi
echo "1..$count"
exit $failed
