#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh KTSTR SCHEDULER - `ktstr run`: which scenarios, what is changed of them, and that a stored
# result is replayed with all of it. TAP on stdout.
set -u
ktstr=$1 scheduler=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs KTSTR_MODE=det
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/guests.sh"

record() { jq -e "$1" "$(ls -t "$work"/runs/2*/*/result.json | head -n 1)" >/dev/null; }

# --- which ------------------------------------------------------------------------------------------
run run cgroup_stedy
[ "$status" = 4 ] && says 'there is no scenario "cgroup_stedy"; did you mean cgroup_steady?'
check "a mistyped name is told with the nearest one" $?
run run cgroup_steady qqqqqqqqqqqqqqqq
[ "$status" = 4 ] && says 'there is no scenario "qqqqqqqqqqqqqqqq" (`ktstr list` names them)' &&
	[ ! -e "$work/runs" ]
check "and stops the others before anything starts" $?
run run --filter no_such_scenario
[ "$status" = 4 ] && says 'no test matches "no_such_scenario"'
check "a filter that nothing matches is told" $?
run run
[ "$status" = 64 ] && says 'which scenarios?'
check "none at all is wrong usage" $?
run run --all cgroup_steady
[ "$status" = 64 ]
check "so are names beside --all" $?
run run --host --topology 1n1l1c1t cgroup_steady
[ "$status" = 64 ] && says "the topology is this machine's"
check "the host's shape is not chosen" $?
run list --filter overlap
[ "$status" = 0 ] && [ "$(grep -c '^  cgroup_' "$work/out")" = 4 ]
check "list names what a filter leaves" $?
run list --json
[ "$status" = 0 ] && jq -e 'length == 81 and (map(.name) | unique | length == 81) and
	all(.what != "" and .topology != "" and .category != "")' "$work/out" >/dev/null
check "there are 81, each with a name of its own" $?

# --- what is changed of them ------------------------------------------------------------------------
run run --work-type SpinWiat cgroup_steady
[ "$status" = 64 ] && says SpinWait
check "a mistyped work type is told with the nearest one" $?
run run --topology 1n1l2c1t --duration 0.2 --work-type PipeIo cgroup_load_imbalance
record '[.outcome.workers[] | select(.cgroup == "light") | .wake_count] == [0] and
	([.outcome.workers[] | select(.cgroup == "heavy" and .wake_count > 0)] | length == 16)'
check "a work type of pairs is not taken by a single worker, but by 16" $?
run run --topology 1n1l2c1t --duration 0.2 --workers 2 --work-type PipeIo cgroup_steady
[ "$status" = 0 ] && record '(.outcome.workers | length == 4) and all(.outcome.workers[]; .wake_count > 0)'
check "and one whose groups fit is" $?
run run --topology 1n1l2c1t --duration 0.2 --workers 2 --scheduler "$scheduler" \
	--scheduler-arg --slice-us --scheduler-arg 5000 cgroup_steady
[ "$status" = 0 ] && record '.scheduler == "scx-ktstr" and all(.outcome.workers[]; .ext_enabled)'
check "another scheduler schedules, with its arguments" $?

# --- again ------------------------------------------------------------------------------------------
result=$(ls -t "$work"/runs/2*/*/result.json | head -n 1)
jq -e '.options == ["--scheduler", $scheduler, "--scheduler-arg", "--slice-us", "--scheduler-arg", "5000",
	"--duration-ms", "200", "--workers", "2"]' --arg scheduler "$scheduler" "$result" >"$work/out" 2>&1
check "a record has what was changed" $?
run replay "$result"
[ "$status" = 0 ] && says 'the same outcome' &&
	record '.scheduler == "scx-ktstr" and .duration_ms == 200 and (.outcome.workers | length == 4)'
check "and a replay changes it, too" $?
jq '.options = ["--workers", "2"]' "$result" >"$work/fewer.json"
run replay "$work/fewer.json"
[ "$status" = 1 ] && says 'another outcome'
check "without it another outcome is found" $?
jq '.options = ["--output", "/dev/null"]' "$result" >"$work/bad.json"
run replay "$work/bad.json"
[ "$status" = 3 ] && says "the result's option"
check "no other options are taken from a record" $?
jq '.options = [1]' "$result" >"$work/bad.json"
run replay "$work/bad.json"
[ "$status" = 3 ] && says "the result's options are not words"
check "nor what is no word" $?
plan
