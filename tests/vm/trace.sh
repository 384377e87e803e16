#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# trace.sh KTSTR TRACED SUITE TRACE_TOTALS PERFETTO_CHECK PROTO SEEDS - traces hold against the kernel's
# own counters, are read by others, do not change a run over SEEDS seeds, and judge. TAP on stdout.
set -u
ktstr=$1 traced=$2 suite=$3 totals=$4 perfetto=$5 proto=$6 seeds=$7
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/one_run.sh"

counters() { # compare what the body printed with the trace
	grep -q '^counters' "$dir/stdout.log" &&
		"$totals" "$dir/trace.raw" <"$dir/stdout.log" >"$work/out" 2>&1
}
digest() { # SEED TEST, further arguments
	local seed=$1 name=$2
	shift 2
	"$ktstr" test -m det --seed "$seed" --exact "$name" -f json "$@" "$suite" 2>>"$work/err" |
		jq -r '.tests[0].outcome_digest'
}

run 0 test -m det --exact counters --trace "$work/a.pb" "$traced" && counters && says '^25 counters compared, 0 lost'
check "det: switches, run delays and slices are the kernel's own to the last digit" $?
switches=$("$totals" --switches "$dir/trace.raw")
python3 "$perfetto" "$work/a.pb" "$switches" traced swapper/0 'marker counters' 'runnable on CPU 1' >"$work/out" 2>&1
check "the Perfetto file is read by a decoder of its own" $?
protoc --decode=pf.Trace -I"$(dirname "$proto")" "$proto" <"$work/a.pb" >"$work/text" 2>"$work/err" &&
	! grep -qE '^ *[0-9]+[:{ ]' "$work/text" && grep -q 'prev_comm: "traced"' "$work/text"
check "protoc reads it, and knows every field" $?
run 0 test -m det --exact steps --trace "$work/s.pb" "$traced" &&
	ns=$(jq '[.outcome.stats.timeline[] | select(.end | not)] | map(select(.name == "moved").elapsed_ns)[0] -
		map(select(.name == "pinned").elapsed_ns)[0]' "$dir/result.json") && [ "$ns" -gt 150000000 ] &&
	switches=$("$totals" --switches "$dir/trace.raw") &&
	python3 "$perfetto" "$work/s.pb" "$switches" 'marker steps' 'step step 1 pinned: set_cpuset' \
		'step step 2 moved: move_all_tasks' \
		"$ns ns from step 1 pinned: set_cpuset to step 2 moved: move_all_tasks" \
		'from-0 in /ktstr/from' 'from-1 in /ktstr/from' 'to-0 in /ktstr/to' \
		'from-0 in /ktstr/to' 'from-1 in /ktstr/to' >"$work/out" 2>&1
check "its steps are on a track of their own at their times, and threads tell their cgroups" $?
run 0 test -m tcg --exact counters --trace "$work/b.pb" "$traced" && counters && says ' 0 lost'
check "tcg: the same" $?

for name in fixture_crowds_cpu0 eevdf_runs_every_work_type; do
	same=0
	for seed in $(seq "$seeds"); do
		plain=$(digest "$seed" "$name")
		with=$(digest "$seed" "$name" --trace "$work/c.pb")
		[ -n "$plain" ] && [ "$plain" = "$with" ] && same=$((same + 1))
	done
	[ "$same" = "$seeds" ]
	check "$name: $same of $seeds outcomes are the same with the trace on" $?
done
cold=$(digest 1 eevdf_is_fair_to_two_cgroups --no-template)
with=$(digest 1 eevdf_is_fair_to_two_cgroups --no-template --trace "$work/c.pb")
[ -n "$cold" ] && [ "$cold" = "$with" ]
check "a cold boot is the same with the trace on" $?

run 0 test -m det --exact within_limits "$traced" && [ -s "$dir/trace.pb" ]
check "a test with trace_checks is traced, and passes within them" $?
run 1 test -m det --exact over_a_limit "$traced" &&
	says 'run delay of worker [0-9]+ \(cg_0-[0-3]\) in cg_0 was [0-9.]+ us, limit 50\.0 us' &&
	says 'p99 of [0-9]+ times run delay was' && says '^ *--- trace ---' && says 'there ran instead'
check "over them it fails, and the report says who waited for whom" $?
saved=$work/saved
cp -r "$dir" "$saved"
run 2 test -m det --exact nothing_to_judge "$traced" && says 'no worker had any'
check "nothing to judge by is inconclusive" $?
run 0 replay "$saved" && says 'the same outcome' && says '^--- trace ---' && [ -s "$dir/trace.pb" ]
check "the replay of a det failure is traced, and the same run" $?
run 0 replay --no-trace "$saved" && says 'the same outcome'
check "and without where that is not wanted (trace_checks still are)" $?
run 1 trace -o "$work/d.pb" "$saved" && says '^longest waits for a CPU' && [ -s "$work/d.pb" ]
check "ktstr trace RESULT" $?
run 0 trace -o "$work/e.pb" --exact within_limits "$traced" && says 'nothing lost' && [ -s "$work/e.pb" ]
check "ktstr trace PROGRAM" $?
run 0 test --exact on_the_host -f json "$traced" && says 'trace_checks are not judged in mode host' &&
	run 64 test --exact on_the_host --trace "$work/f.pb" "$traced"
check "on the host there is a note, and no trace" $?
run 64 test -m det --trace "$work/f.pb" "$traced" && [ ! -e "$work/f.pb" ]
check "--trace takes one test" $?
KTSTR_TRACE_PLUGIN=$work/nothing.so run 3 test -m det --exact counters --trace "$work/f.pb" "$traced" &&
	says 'nothing\.so'
check "a plugin that is not there is named" $?
plan
