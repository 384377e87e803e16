#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# records.sh KTSTR SUITE - what is left of test runs however they end, and what `ktstr stats` makes of
# it when the store is shared, damaged, older, newer or cannot be written. TAP on stdout.
set -u
ktstr=$1 suite=$2
work=$(mktemp -d) || exit 1
export KTSTR_RUNS_DIR=$work/runs KTSTR_MODE=tcg
trap 'pkill -9 -f "$work/runs"; rm -rf "$work"' EXIT
quick=(--exact a_passing_test_may_say_something "$suite")
cold=(--no-template "${quick[@]}")        # long enough to be interrupted
store=$work/runs/runs.sqlite
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/guests.sh"

newest() { # the record of the newest run
	ls -t "$work"/runs/2*/001-*/result.json | head -n 1
}
record() { jq -e "$1" "$(newest)" >/dev/null; }
rows() { sqlite3 "$store" "SELECT count(*) FROM results WHERE ${1:-1}"; }
damaged() { find "$work/runs" -name 'runs.sqlite.damaged-*' ! -name '*-wal' ! -name '*-shm' | wc -l; }

# --- however a test ends ----------------------------------------------------------------------------
run stats
[ "$status" = 3 ] && says 'there are no results yet'
check "without results stats says so" $?
KTSTR_CI=1 run test "${quick[@]}"
[ "$status" = 0 ] && record '.schema_version == 2 and .test_name == "a_passing_test_may_say_something"
	and .passed and (.skipped | not) and .run.cut_short == false and .run_source == "ci"
	and .mode == "tcg" and .seed == "1" and .host.kernel_name == "Linux"
	and .host.heap_state.allocated_bytes > 0 and .kernel_version != null
	and (.run_id | startswith("2")) and .cleanup_duration_ms != null'
check "a record says what ran, where and how it ended" $?
run test --exact demo_a_machine_that_is_too_large "$suite"
[ "$status" = 0 ] && record '.passed and .skipped and .outcome.state == "skip" and .template_key == null
	and .run_source == "local"'
check "a skipped test leaves its record" $?
run test "${quick[@]}"
record '.template_key | length > 8'
check "a clone's record names its template" $?

start test "${cold[@]}"
kill -INT "$driver"
wait "$driver"
[ $? = 130 ] && record '.run.cut_short and .outcome.state == "error" and (.passed | not)
	and .outcome.details[0].text == "interrupted during boot" and .host != null'
check "a test that Ctrl-C ended leaves its record" $?
[ "$(rows "cut_short")" = 1 ]
check "and its row" $?
start test "${cold[@]}"
kill -9 $(qemus)
wait "$driver"
record '.run.cut_short == false and .outcome.state == "error"
	and (.outcome.details[0].text | startswith("QEMU ended during boot: killed by SIGKILL"))'
check "a test whose QEMU was killed leaves its record" $?
start test "${cold[@]}"
before=$(rows)
run stats
[ "$status" = 0 ] && [ "$(rows)" = "$before" ]
check "a test that is running has no row yet" $?
kill -9 "$driver"
wait "$driver" 2>/dev/null
record '.run.cut_short and .outcome.details[0].text == "cut short: ktstr ended before the test did"'
check "a test whose ktstr was killed leaves its record" $?
run stats
[ "$status" = 0 ] && [ "$(rows)" = $((before + 1)) ] && [ "$(rows cut_short)" = 2 ]
check "and stats finds it" $?

# --- the store ----------------------------------------------------------------------------------------
all=$(find "$work/runs" -name result.json | wc -l)
run stats list
[ "$status" = 0 ] && [ "$(wc -l <"$work/out")" = $((all + 1)) ] && says ' 1 skip' && says ' 1 error'
check "stats list has every run" $?
"$ktstr" test "${quick[@]}" >"$work/out2" 2>&1 &
other=$!
run test "${quick[@]}"
wait "$other" && [ "$status" = 0 ] && [ "$(rows)" = $((all + 2)) ] && ! says 'not in the list'
check "two runs at once lose no row" $?
all=$((all + 2))

echo 'this is no database, and longer than its first bytes' >"$store"
rm -f "$store-wal" "$store-shm"
run test "${quick[@]}"
[ "$status" = 0 ] && says 'it is kept as' && [ "$(damaged)" = 1 ] && [ "$(rows)" = 1 ]
check "a damaged store is set aside by a test run, which is listed" $?
grep -q 'this is no database' "$work"/runs/runs.sqlite.damaged-*
check "as it was" $?
all=$((all + 1))
run stats list
[ "$status" = 0 ] && [ "$(rows)" = "$all" ]
check "and all its rows are made anew from the records" $?
head -c 6000 "$store" >"$work/half" && rm -f "$store-wal" "$store-shm" && cp "$work/half" "$store"
run stats list
[ "$status" = 0 ] && [ "$(damaged)" = 2 ] && [ "$(rows)" = "$all" ]
check "half a store is set aside, too" $?

sqlite3 "$store" 'DROP TABLE metrics; ALTER TABLE results DROP COLUMN arch; PRAGMA user_version = 0'
run stats list
[ "$status" = 0 ] && [ "$(rows "arch IS NOT NULL")" = "$all" ] && [ "$(damaged)" = 2 ]
check "a store of an earlier schema is made anew" $?
sqlite3 "$store" 'PRAGMA user_version = 7'
run stats list
[ "$status" = 3 ] && says 'has version 7, and this ktstr knows 1'
check "one of a later schema is refused in words" $?
run test "${quick[@]}"
[ "$status" = 0 ] && says 'results are kept, but not listed yet' && [ "$(rows)" = "$all" ]
check "a test runs and keeps its record all the same" $?
sqlite3 "$store" 'PRAGMA user_version = 1'
all=$((all + 1))
run stats list
[ "$(rows)" = "$all" ]
check "which is listed when the store is right again" $?

# --- what stats says ------------------------------------------------------------------------------------
first=$(sqlite3 "$store" "SELECT run_id FROM results WHERE run_source = 'ci'")
run stats show-host --run "$first"
[ "$status" = 0 ] && says 'kernel_name: Linux' && says '  allocated_bytes: '
check "show-host prints a stored host" $?
run show-host
[ "$status" = 0 ] && says 'kernel_name: Linux' && ! grep -q 'narenas: (unknown)' "$work/out"
check "show-host prints this one, and the program's own heap" $?
run show-host --json
jq -e '.heap_state | .resident_bytes >= .active_bytes and .active_bytes >= .allocated_bytes' "$work/out" >/dev/null
check "as JSON, too" $?
run stats explain --run "$first"
[ "$status" = 0 ] && says 'kernel_commit (in 1 of 1): ' && ! says 'run_id'
check "explain says why what is absent is absent" $?
run stats explain-sidecar "$first/001-a_passing_test_may_say_something" --json
jq -e '.monitor.why and (has("test_name") | not)' "$work/out" >/dev/null
check "of one result, as JSON" $?
run stats list-metrics --json
jq -e 'length == 19 and .[0] == {"name": "worst_spread", "better": "lower", "abs": 5, "rel": 0.25, "unit": "%"}' \
	"$work/out" >/dev/null
check "list-metrics has the registry" $?
run stats list-values --json
jq -e '."run-source".ci == 1 and (.kernel | length) == 1' "$work/out" >/dev/null
check "list-values counts what results differ by" $?
cp -r "$work/runs" "$work/copy"
rm -f "$work/copy"/runs.sqlite*
run stats list-values --json --dir "$work/copy"
jq -e --argjson all "$all" '."run-source" == {"archive": $all}' "$work/out" >/dev/null &&
	[ -z "$(find "$work/copy" -name 'runs.sqlite*')" ]
check "an archive is read and not written to" $?
run stats show no_such_run
[ "$status" = 3 ] && says 'there is no run "no_such_run"'
check "a run that is none is named" $?

# two results like those of a suite with numbers, one of them twice as bad
fake() { # RUN MIGRATIONS
	mkdir -p "$work/fake/$1/001-x"
	jq --arg run "$1" --argjson m "$2" '.run_id = $run | .stats = {total_migrations: $m}' \
		"$work/runs/$first"/*/result.json >"$work/fake/$1/001-x/result.json"
}
fake 20260101-1 100
fake 20260101-2 200
run stats compare --dir "$work/fake" --a-run 20260101-1 --b-run 20260101-2
[ "$status" = 1 ] && says REGRESSION && says 'summary: 1 regressions, 0 improvements, 0 unchanged'
check "compare: a regression is exit status 1" $?
run stats compare --dir "$work/fake" --a-run 20260101-2 --b-run 20260101-1
[ "$status" = 0 ] && says 'summary: 0 regressions, 1 improvements, 0 unchanged'
check "compare: an improvement is not" $?
run stats compare --dir "$work/fake" --a-run 20260101-1 --b-run 20260101-2 --threshold 150
[ "$status" = 0 ] && says '1 unchanged'
check "compare: --threshold" $?
echo '{"per_metric_percent": {"no_metric": 1}}' >"$work/policy"
run stats compare --dir "$work/fake" --a-run 20260101-1 --b-run 20260101-2 --policy "$work/policy"
[ "$status" = 3 ] && says 'there is no metric "no_metric"'
check "compare: a policy with an unknown metric is refused" $?
run stats compare --kernel 6.18
[ "$status" = 64 ] && says 'A and B are the same results'
check "compare: sides that do not differ are wrong words" $?
run stats compare --a-mode kvm --b-mode tcg
[ "$status" = 3 ] && says 'side A: no result matches'
check "compare: a side without results is named" $?

# --- an older record, and cleaning ------------------------------------------------------------------------
old=$work/old.json
jq '.schema_version = 1 | .test = .test_name | .run.id = .run_id | .run.host_kernel = "6.1"
	| del(.test_name, .run_id, .host, .passed, .stats)' "$(newest)" >"$old"
run stats show "$old"
[ "$status" = 0 ] && says 'pass  a_passing_test_may_say_something' && says 'run_id: 2'
check "a record of schema 1 is shown" $?
run replay "$old"
says 'a_passing_test_may_say_something' && { [ "$status" = 0 ] || [ "$status" = 1 ]; }
check "and replayed" $?
run clean --runs
[ "$status" = 0 ] && [ "$(rows)" = 0 ] && [ -z "$(find "$work/runs" -name result.json)" ] && [ "$(damaged)" = 2 ]
check "clean --runs takes the rows along, and keeps what was set aside" $?
plan
