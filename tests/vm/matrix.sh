#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# matrix.sh KTSTR PROGRAM - which scenario finds which misbehaviour: runs all of matrix.c in det and
# prints a table with the kinds that were found, "-" where a test passed.
set -u
ktstr=$1 program=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

"$ktstr" test --mode det --format json -o "$work/json" "$program" 2>"$work/log"
jq -e '.tests | length > 0' "$work/json" >/dev/null 2>&1 || { cat "$work/log" >&2; exit 3; }
jq -r '
	[.tests[] | (.test_name / "__") as [$scenario, $fault] | {scenario: $scenario, fault: $fault,
	 found: (if .outcome.state == "pass" then "-"
		 elif .outcome.state == "fail" then ([.outcome.details[].kind] - ["note", "skip"] | unique | join("+"))
		 else .outcome.state end)}] as $cells |
	($cells | map(.fault) | unique) as $faults |
	(["scenario"] + $faults | join("|")),
	($cells | group_by(.scenario)[] |
	 [.[0].scenario] + [. as $row | $faults[] as $fault | $row[] | select(.fault == $fault) | .found] | join("|"))
' "$work/json" | column -t -s '|'
