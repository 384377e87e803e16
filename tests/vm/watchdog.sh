#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# watchdog.sh KTSTR WATCHDOG - another timeout for sched_ext's watchdog, by the kernel's own words on how
# long a task had waited (guest time). TAP on stdout.
set -u
ktstr=$1 watchdog=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"

said() {
	jq -c '.tests[].outcome | [.details, .scheduler]' "$work/out" 2>/dev/null | cut -c1-4000
	tail -n 5 "$work/err"
}
run() { # status, arguments
	local want=$1 have
	shift
	timeout 300 "$ktstr" test -f json --dump never "$@" "$watchdog" >"$work/out" 2>"$work/err" </dev/null
	have=$?
	[ "$have" = "$want" ]
}
outcome() { jq -er ".tests[0].outcome | $1" "$work/out"; }
waited_ms() { outcome .scheduler.kernel_log | sed -n 's/.*failed to run for \([0-9]*\)\.\([0-9]*\)s.*/\1\2/p' | head -n 1 | sed 's/^0*//'; }
between() { [ -n "$3" ] && [ "$1" -le "$3" ] && [ "$3" -le "$2" ]; }

# the kernel looks every half of the timeout
run 1 -m det --repeat 2 --exact shorter && between 600 900 "$(waited_ms)" &&
	outcome '.scheduler.watchdog_timeout_ms == 600' >/dev/null
check "a stalled task is found after 0.6 s instead of the scheduler's own 3 s, in the same run every time" $?
run 1 -m det --exact longer && between 1500 2250 "$(waited_ms)" &&
	outcome '.scheduler.watchdog_timeout_ms == 1500' >/dev/null
check "a longer one than its own 0.3 s keeps it longer" $?
run 1 -m det --exact tests_win && between 200 300 "$(waited_ms)" &&
	outcome '.scheduler.watchdog_timeout_ms == 200' >/dev/null
check "a test's comes before its scheduler's" $?
run 0 -m det --exact fair_one && outcome '.state == "pass" and .scheduler.watchdog_timeout_ms == 300' >/dev/null
check "a fair one stays for longer than that" $?
# on a busy host it may stop dispatching before PID 1 has run again and seen it attached, which it did
run 1 -m tcg --exact shorter && between 600 2900 "$(waited_ms)" &&
	! outcome '.details[].text' | grep -q 'before it had attached'
check "tcg: the same, also when it stops before the test begins" $?
plan
