#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# broken.sh KTSTR PROGRAM - runs every test of broken.c once and compares what ktstr says of each
# with the table below. TAP on stdout.
set -u
ktstr=$1 program=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/../tap.sh"

# name | state | kind | words
table='
starved | fail | starved | starved (
crowded | fail | idle_while_waiting | CPUs stood idle while workers waited
stalled | fail | scheduler_died | runnable task stall
quit | fail | scheduler_died | error on purpose after 500 ms
not_attached | error | other | sched_ext has not enabled it after 30.0 s
expected_but_not_attached | error | other | sched_ext has not enabled it after 30.0 s
scheduled_by_another | error | other | 2 of 2 workers did not run under it
scheduler_not_found | error | other | KTSTR_SCHEDULER_BIN_NOWHERE (not set)
passes_but_should_not | fail | other | it passed, but a failure was expected
body_could_not_find_out | error | other | the moon was in the way
body_skips | skip | skip | no moon
body_is_inconclusive | inconclusive | other | nothing to judge by
body_crashes | error | other | ended without a result: killed by SIGSEGV
body_hangs | error | other | no result within 1.5 s of guest time
kernel_panics | fail | other | the kernel died during test: Kernel panic - not syncing: sysrq triggered crash
eats_all_memory | error | other | ran out of memory
powers_off | error | other | QEMU ended during test
sysctl_not_found | error | other | sysctl kernel.no_such_knob: this kernel does not have it (there is no /proc/sys/kernel/no_such_knob)
not_switched_on | fail | scheduler_died | was not switched on: command `echo 1 > /sys/kernel/no_such_scheduler`: exit status 1
not_switched_off | pass | note | scheduler sticky was not switched off: command `test -e /body_was_here && exit 3`: exit status 3
worker_misdeclared | error | other | cgroup a//b: "" in its name is no directory
'

# scheduler_not_found needs an environment without the fixture; the others find it by its folder
scheduler=$KTSTR_SCHEDULER
unset KTSTR_SCHEDULER
for name in STARVER CROWDER STALLER QUITTER UNATTACHED BYSTANDER; do
	export "KTSTR_SCHEDULER_BIN_$name=$scheduler"
done

"$ktstr" test --mode det --format json -o "$work/json" "$program" 2>"$work/log"
status=$?
rows=$(grep -c '|' <<<"$table")
plan $((rows + 3))

while IFS='|' read -r name state kind words; do
	name=${name// /} state=${state// /} kind=${kind// /} words=${words# }
	[ -n "$name" ] || continue
	have=$(jq -c --arg name "$name" '.tests[] | select(.test_name == $name) | .outcome | [.state, .details]' "$work/json")
	jq -e --arg state "$state" --arg kind "$kind" --arg words "$words" \
		'.[0] == $state and any(.[1][]; .kind == $kind) and any(.[1][]; .text | contains($words))' \
		<<<"$have" >"$work/match" 2>&1
	check "$name is $state ($kind)" $? "wanted \"$words\", have: $have"
done <<<"$table"

# of its two workers one waited all the time, for a CPU that it never got
jq -e '.tests[] | select(.test_name == "starved").outcome.stats.timeline | [.[-1], .[0]] |
	(map(.wait_ns) | .[0] - .[1]) >= 0.95 * (map(.elapsed_ns) | .[0] - .[1])' "$work/json" >"$work/match" 2>&1
check "a wait that does not end is in the timeline" $? \
	"$(jq -c '.tests[] | select(.test_name == "starved").outcome.stats.timeline' "$work/json")"

test "$(jq '.tests | length' "$work/json")" = "$rows"
check "every test of the program is in the table" $? "$(jq -c '[.tests[].test_name]' "$work/json")"
test "$status" = 3
check "errors make exit status 3" $? "exit status $status; $(tail -3 "$work/log")"
