#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# dump.sh KTSTR DUMPED BROKEN - failure dumps hold what the guests themselves said, and leave runs in
# det as they are. TAP on stdout.
set -u
ktstr=$1 dumped=$2 broken=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/one_run.sh"
# the names under which broken.c declares the fixture
for name in STARVER STALLER QUITTER; do
	export "KTSTR_SCHEDULER_BIN_$name=$KTSTR_SCHEDULER"
done

said() {
	tail -n 20 "$work/out" "$work/err" 2>/dev/null
	[ -n "${dump:-}" ] && [ -s "$dump" ] && jq -c 'del(.maps, .vcpu_regs)' "$dump" | cut -c1-3000
}
run_dumped() { # status, arguments: the dump's path in $dump
	local status
	run "$1" test "${@:2}"
	status=$?
	dump=$(echo "$dir"/*.failure-dump.json)
	return $status
}
holds() { jq -e "$@" "$dump" >/dev/null 2>>"$work/err"; }

run_dumped 3 -m det --exact spins_and_hangs "$dumped" && [ -s "$dump" ] &&
	holds '.schema == "single" and .is_placeholder == false and .problems == []'
check "det: a body that hangs is looked at" $?
spins=$(sed -n 's/^spins //p' "$dir/stdout.log" | jq -sc sort)
hangs=$(sed -n 's/^hangs //p' "$dir/stdout.log")
holds --argjson spins "$spins" '[.tasks[] | select(.comm == "spins") | .pid] | sort == $spins'
check "det: its children are the tasks of that name" $?
# PID 1 may have been woken there to stop the guest
holds --argjson spins "$spins" '.runqueues[-1] as $rq |
	[.tasks[] | select(.pid as $pid | $spins | index($pid))] as $three | [.tasks[] | select(.on_cpu)] as $on |
	$rq.cfs_nr_queued == 3 and $rq.nr_running == 3 + $rq.rt_nr_running and
	all($three[]; .state == "runnable" and .cpu == $rq.cpu and .class == "fair") and
	([$on[] | select(.cpu == $rq.cpu) | .pid] == [$rq.curr.pid])'
check "det: three of them are on the last CPU, and its current task is the one that is on it" $?
holds --argjson pid "$hangs" '.tasks[] | select(.pid == $pid) | .state == "sleeping" and (.on_cpu | not) and .comm == "dumped"'
check "det: the body sleeps" $?
says '^ *--- failure dump ---' && says 'frozen because the test ran out of its time' &&
	says 'waits: spins \(pid [0-9]+\), fair'
check "det: the report says so" $?
# on a host that is busy, emulation of its own time may leave a body none to begin with
run_dumped 3 -m tcg --exact spins_and_hangs "$dumped" && holds '.is_placeholder == false and .problems == [] and
	any(.tasks[]; .comm == "dumped") and (.runqueues | length) == 2'
check "tcg: a body that hangs is looked at, and then ended by PID 1" $?

run_dumped 1 -m det --exact starved -f json "$broken" && [ -s "$dump" ]
tid=$(jq '.tests[0].outcome.workers[] | select(.iterations == 0 or .work_units == 0) | .tid' "$work/out")
[ -n "$tid" ] && holds --argjson tid "$tid" '.tasks[] | select(.pid == $tid) |
	.state == "runnable" and (.on_cpu | not) and .class == "ext" and .scx.dsq == null and .cgroup == "/ktstr/cg_0" and .comm == "cg_0-1"'
check "the starved worker is runnable, on no CPU and in no queue" $?
holds '.scheduler.name == "ktstr" and .scheduler.watchdog_timeout_ms == 30000 and any(.dsqs[]; .id == "0x1")'
check "the scheduler, its watchdog and its queue are there" $?
holds '.maps[] | select(.name == ".rodata.config") | .entries[0].value.config | .starve_comm == "cg_0-1" and .slice_ns == 5000000 and .cpu_count == 2'
check "its variables have their names and values" $?
holds '(.vcpu_regs | length) == 2 and all(.vcpu_regs[]; .rip and .cr3 and .at)'
check "both CPUs have registers" $?
cp "$dump" "$work/one"
digest=$(jq -r '.tests[0].outcome_digest' "$work/out")
run_dumped 1 -m det --exact starved -f json --dump never "$broken" && [ ! -e "$dump" ] &&
	[ "$(jq -r '.tests[0].outcome_digest' "$work/out")" = "$digest" ]
check "det: the same failure without a dump" $?
run_dumped 1 -m det --exact starved "$broken" && [ "$(jq .guest_ns "$dump")" = "$(jq .guest_ns "$work/one")" ]
check "det: the second dump is of the same moment" $?

same_again() { # the test: another run's dump is the same to the last byte
	cp "$dump" "$work/one"
	run_dumped 1 -m det --exact "$1" -f json "$2" && cmp "$dump" "$work/one" 2>>"$work/err"
}
run_dumped 1 -m det --exact quit -f json "$broken" && holds '.reason == "sched_ext is about to put the scheduler out" and
	.scheduler.exit_message == "ktstr: error on purpose after 500 ms" and .scheduler.exit_kind == 1025 and
	(.maps[] | select(.name == ".rodata.config") | .entries[0].value.config.error_after_ns == 500000000) and
	(.maps[] | select(.name == ".data.state") | .entries[0].value.state.message == "")'
check "an error is looked at before the scheduler has been told of it" $?
holds 'any(.vcpu_regs[]; .at == "irq_work_queue+0x0") and all(.tasks[] | select(.cgroup == "/ktstr/cg_0"); .class == "ext")'
check "by then its tasks are still its own" $?
digest=$(jq -r '.tests[0].outcome_digest' "$work/out")
same_again quit "$broken"
check "det: the second dump of it is the same to the last byte" $?
run_dumped 1 -m det --exact quit -f json --dump never "$broken" && [ "$(jq -r '.tests[0].outcome_digest' "$work/out")" = "$digest" ]
check "det: the same failure without a dump" $?
run_dumped 1 -m det --exact quit -f json --dump always "$broken" && [ ! -e "$dir/dump" ] && cmp "$dump" "$work/one" 2>>"$work/err" &&
	[ "$(jq -r '.tests[0].outcome_digest' "$work/out")" = "$digest" ]
check "det: looked at in the run that is judged, it is the same dump, and the run goes on as it did" $?
run_dumped 1 -m tcg --exact quit -f json "$broken"
holds '.reason == "sched_ext is about to put the scheduler out" and .scheduler.exit_kind == 1025 and
	any(.vcpu_regs[]; .at == "irq_work_queue+0x0") and all(.tasks[] | select(.cgroup == "/ktstr/cg_0"); .class == "ext")'
check "tcg: an error is looked at before anything is done about it" $?
run_dumped 1 -m det --exact stalled -f json "$broken" && holds '.reason == "sched_ext is about to put the scheduler out" and
	([.tasks[] | select(.cgroup == "/ktstr/cg_0" and .class == "ext" and .state == "runnable" and (.on_cpu | not) and .scx.dsq == null)] | length == 2)'
check "a stall leaves both workers runnable and off their CPUs" $?
jq -e --arg message "$(jq -r .scheduler.exit_message "$dump")" '.tests[0].outcome.scheduler.kernel_log |
	contains("sched_ext: ktstr: " + $message + "\n")' "$work/out" >/dev/null
check "det: the run that was looked at is the one that was judged: one task waited for one time in both" $?
run_dumped 1 -m det --exact dies -f json "$dumped" && holds '.reason == "the scheduler leaves before the test has ended" and
	.scheduler.exit_kind == 0 and ([.tasks[] | select(.cgroup == "/ktstr/cg_0" and .class == "ext")] | length == 2)'
check "a scheduler whose process ends is looked at while it still has its tasks" $?
run_dumped 1 -m det --exact kernel_panics "$broken" && holds '.reason == "the kernel died" and any(.runqueues[]; .curr.comm == "broken")'
check "a kernel that died is looked at, and who killed it was running" $?

run_dumped 0 -m det --exact passes -f json --dump always "$dumped" && holds '[.tasks[] | select(.cgroup == "/ktstr/cg_0")] | length == 2'
check "--dump always: a test that passes, at the end of its load" $?
digest=$(jq -r '.tests[0].outcome_digest' "$work/out")
run_dumped 0 -m det --exact passes -f json "$dumped" && [ ! -e "$dump" ] && [ "$(jq -r '.tests[0].outcome_digest' "$work/out")" = "$digest" ]
check "det: it is the same run without, and leaves no dump" $?
# what its clocks make of a busy host is not judged here: it has a result, so it went on
run_dumped 0 -m tcg --exact passes -f json --dump always "$dumped"
jq -e '.tests[0].outcome | .state != "error" and (.workers | length) == 2' "$work/out" >/dev/null &&
	holds '[.tasks[] | select(.cgroup == "/ktstr/cg_0")] | length == 2'
check "tcg: a guest that was looked at goes on" $?
run_dumped 1 -m det --no-template --exact kernel_panics --topology 2n2l2c1t --memory-mib 4096 "$broken" &&
	holds '.is_placeholder == false and (.runqueues | length) == 4 and any(.runqueues[]; .curr.comm == "broken")'
check "two nodes and memory above 4 GiB, booted from cold" $?
run_dumped 64 -m det --dump perhaps "$dumped"
check "--dump perhaps is wrong usage" $?
plan
