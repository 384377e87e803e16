#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# table.sh KTSTR SCHEDULER [WORK_PROGRAM] - verdicts in det: every scenario of the catalogue, and with
# tests/vm/work every type of work, under EEVDF and under SCHEDULER.
set -u
ktstr=$1 scheduler=$2 work_program=${3-}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_SCHEDULER=$scheduler

verdict='if .outcome.state == "pass" then "pass" else
	.outcome.state + ": " + ([.outcome.details[].kind] - ["note"] | unique | join("+")) end'
all() { # NAME OPTIONS...
	"$ktstr" run --all --mode det --duration 0.5 --format json -o "$work/$1" "${@:2}" 2>"$work/log"
	jq -e '.tests | length > 0' "$work/$1" >/dev/null 2>&1 || { cat "$work/log" >&2; exit 3; }
}

all eevdf
all fixture --scheduler "$scheduler"
jq -rn --slurpfile a "$work/eevdf" --slurpfile b "$work/fixture" '
	["scenario", "eevdf", "fixture"], ["--------", "-----", "-------"],
	([$a[0].tests, $b[0].tests] | transpose[] |
	 [.[0].test_name] + map('"$verdict"')) | join("|")' | column -t -s '|'
[ -n "$work_program" ] || exit 0
"$ktstr" test --mode det --format json -o "$work/types" "$work_program" 2>"$work/log"
jq -e '.tests | length > 0' "$work/types" >/dev/null 2>&1 || { cat "$work/log" >&2; exit 3; }
echo
jq -r '
	["work type", "eevdf", "fixture"], ["---------", "-----", "-------"],
	([.tests[] | {type: (.test_name | sub("^[a-z]*_"; "")), on: (.test_name | sub("_.*"; "")),
		      verdict: ('"$verdict"')}] | group_by(.type)[] |
	 [.[0].type, (.[] | select(.on == "eevdf") | .verdict), (.[] | select(.on == "fixture") | .verdict)]) |
	join("|")' "$work/types" | column -t -s '|'
