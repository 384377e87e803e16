#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# steps.sh KTSTR STEPPED - captures at the ends of a test's steps: kept, named, the same in each run, and told of
# where the test fails. TAP on stdout.
set -u
ktstr=$1 program=$2
work=$(mktemp -d) || exit 1
dir=$work
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs KTSTR_MODE=det
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/one_run.sh"

run_brief() { run_test "$1" "$2" --dump never "${@:3}"; }        # status, name, arguments
compare() { "$ktstr" ctprof compare "$@" >"$work/out" 2>"$work/err"; }

run_brief 0 throttled && jq -e '.run.ctprof == {file: "steps.ctprof.zst", captures: ["backdrop: start",
	"step 1 (both free): start", "step 1 (both free): end", "step 2 (squeeze): start", "step 2 (squeeze): end",
	"backdrop: end"]}' "$dir/result.json" >>"$work/out"
check "captures are taken at both ends of every step, and the record names them" $?
file=$work/first.zst
cp "$dir/steps.ctprof.zst" "$file"
[ "$(zstd -dc "$file" | jq -s 'length')" = 6 ] &&
	zstd -dc "$file" | jq -se 'all(.threads | length > 20) and all(.threads | any(.comm == "tight-0"))' >"$work/out"
check "the file has all of them, with every thread" $?
compare "$file@4..5" --sections cgroup-stats --format csv --columns group,metric --limit 2
[ "$(sed 1d "$work/out" | cut -d, -f1-3 | sort)" = "cgroup-stats,/ktstr/tight,cpu.nr_throttled
cgroup-stats,/ktstr/tight,cpu.throttled_usec" ]
check "a cgroup that was throttled is at the top of compare" $?
compare "$file@4..5" --sort-by cpu.throttled_usec --no-cg-normalize --sections cgroup-stats --limit 1 &&
	says '^candidate .*  step 2 \(squeeze\): end$' && says '^/ktstr/tight '
check "and when it is sorted by that, and what the captures are of is said" $?
compare "$file@2..3" --sections cgroup-stats --metrics cpu.nr_throttled --group-by cgroup --format csv --columns group,delta
! sed 1d "$work/out" | grep -vE ',0?$'
check "while nothing was throttled in the step before" $?

digest=$(jq -r .outcome_digest "$dir/result.json")
run_brief 0 throttled && [ "$(jq -r .outcome_digest "$dir/result.json")" = "$digest" ] && cmp "$file" "$dir/steps.ctprof.zst" >>"$work/err"
check "in det a second run has the same outcome and the same captures, byte for byte" $?

run_brief 1 throttled_too_much && says '--- largest changes ---' &&
	says 'step 2 \(squeeze\): start to step 2 \(squeeze\): end \(ktstr ctprof compare .*/steps.ctprof.zst@4\.\.5 ' &&
	sed -n '/step 2 (squeeze): start to/,/---/p' "$work/out" | grep -A 1 '  group  *metric' | grep -q '/ktstr/tight .*throttled' &&
	says '^ *steps.ctprof.zst|console.log .*steps.ctprof.zst'
check "a test that fails shows the largest changes of the failing step" $?
run_brief 0 stepless && ! [ -e "$dir/steps.ctprof.zst" ] && grep -q 'stepless: no captures of steps: the test had no step' "$work/err" &&
	jq -e '.run.ctprof == null' "$dir/result.json" >>"$work/out"
check "a test without steps says that it has no captures" $?
KTSTR_CTPROF_AGENT_BINARY=/bin/false run_brief 0 unasked && ! [ -e "$dir/steps.ctprof.zst" ]
check "a test that did not ask for captures takes no agent along" $?
KTSTR_CTPROF_AGENT_BINARY=/bin/false run_brief 0 brief &&
	jq -e '.outcome.details[] | select(.kind == "note") | select(.text == "no captures after the first 0: the agent ended")' \
		"$dir/result.json" >>"$work/out"
check "an agent that fails costs the captures, not the test" $?
run_brief 0 brief --mode tcg && [ "$(jq -c '.run.ctprof.captures' "$dir/result.json")" = '["backdrop: start","backdrop: end"]' ]
check "captures are taken in tcg too, and without steps at the ends of the load" $?
plan
