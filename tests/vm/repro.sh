#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# repro.sh KTSTR REPRO STAND-IN - what a report says of schedulers that die, and the rules about wprof.
# TAP on stdout.
set -u
ktstr=$1 program=$2 stand_in=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs KTSTR_MODE=det
unset KTSTR_WPROF_PATH
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/one_run.sh"

said() {
	tail -n 60 "$work/out" "$work/err" 2>/dev/null
}
traces() { find "$dir" -name '*.wprof.pb' | sort; }

run_test 1 exits && says '--- auto-repro ---' && says 'reproduced in a second guest: .*error on purpose' &&
	says 'trigger: scx_exit\(\) of kind 1025 \(BPF error\)' && says 'bpf_prog_[0-9a-f]+_ktstr_' &&
	says 'probed: .*do_enqueue_task' && says 'calls that concern .*\[[0-9]+\]'
check "an error that a scheduler raises is reproduced, with the way there" $?
says 'bpf_prog_[0-9a-f]+_ktstr_[a-z_]+\+0x[0-9a-f]+ \(scx_ktstr\.bpf\.c:[0-9]+\)' &&
	says 'probed callbacks: .*ktstr_dispatch \(dispatch, scx_ktstr\.bpf\.c:[0-9]+\)' &&
	! says 'not probed: .*ktstr_|first calls are missing' &&
	jq -e '(.functions | map(select(.callback and .missing == null)) | length) == 14 and .end.missed == 0' \
		"$dir/auto-repro.json" >>"$work/out" &&
	[ "$(jq '[.functions[] | select(.callback == "cgroup_set_weight").name]' -c "$dir/auto-repro.json")" = \
		'["ktstr_cgroup_set_weight"]' ]
check "the scheduler's own callbacks are probed before sched_ext calls them, with their source lines" $?
# what the machine has (two CPUs) and the source of the fixture promises
jq -e '.functions as $f | .calls | map(. + {callback: $f[.function].callback}) |
	(map(select(.callback == "dispatch")) | length > 0 and all(.args[0] == "0x0" or .args[0] == "0x1")) and
	(map(select(.callback == "dispatch" and .task)) | length > 0 and all(.before.weight > 0 and .after)) and
	(map(select(.callback == "init_task")) | length > 0 and all(.return == "0x0" and .fields_before[0] == "0x0")) and
	(map(select(.callback == "enqueue" and .before.dsq_vtime != .after.dsq_vtime)) | length > 0) and
	(map(select(.callback == "select_cpu")) | length > 0)' "$dir/auto-repro.json" >>"$work/out"
check "with their arguments, and what these point to before and after" $?
[ -s "$dir/auto-repro.txt" ] && [ -s "$dir/repro/console.log" ] &&
	jq -e '.trigger.kind == 1025 and (.calls | length > 0) and .end.unmatched_returns == 0' \
		"$dir/auto-repro.json" >>"$work/out"
check "auto-repro.txt and .json are beside its artefacts" $?
says "its trace, written by ktstr's own tracer: .*auto-repro.pb" && [ -s "$dir/auto-repro.pb" ]
check "without wprof ktstr's own tracer writes the trace, and the report says so" $?

run_test 1 stalls && says 'trigger: scx_exit\(\) of kind 1026 \(stall\)' &&
	task=$(grep 'reproduced in a second guest' "$work/out" | grep -oE 'cg_0-[0-9]\[[0-9]+\] failed to run' |
		cut -d' ' -f1) && [ -n "$task" ] &&
	grep -qF "calls that concern $task" "$work/out" && says 'queue: none → (user queue 0x1|local queue)'
check "of a stall, the calls that concern the stalled task are told" $?
says 'ktstr_enqueue\(p=cg_0-[0-9]\[[0-9]+\], enq_flags=[^)]*\) at scx_ktstr\.bpf\.c:[0-9]+; by' &&
	says '^ *at entry: p: queue none, scx.slice '
check "the scheduler's own last doings with it among them" $?

run_test 1 stalls_silently && [ ! -e "$dir/scheduler.log" ] && says '^ *--- sched_ext dump ---' &&
	says '^ *[^ ]+\[[0-9]+\] triggered exit kind 1026:' && says 'where: *task cg_0-[0-9]\[[0-9]+\] on CPU [01]' &&
	says '^ *[0-9.]* *\.\.\. [0-9]+ more lines in sched_ext-dump\.log' &&
	grep -q '^CPU states' "$dir/sched_ext-dump.log" && grep -qE '^ *SCX_EV_' "$dir/sched_ext-dump.log" &&
	task=$(grep 'reproduced in a second guest' "$work/out" | grep -oE 'cg_0-[0-9]\[[0-9]+\] failed to run' |
		cut -d' ' -f1) && [ -n "$task" ] && grep -qF "calls that concern $task" "$work/out"
check "of a scheduler that says nothing there is sched_ext's own dump, and the stalled task" $?

run_test 1 dies && says ' reproduced in a second guest: ' && says 'dying on purpose' && says 'trigger: bpf_scx_unreg\(\)'
check "a scheduler whose process dies is found at its closed link" $?
run_test 1 never_starts && says 'the first run never reached its test' && says 'trigger: none' &&
	says "not probed: the scheduler's callbacks: it ended before it had loaded any"
check "a scheduler that does not start triggers nothing, and that is said" $?
run_test 1 exits_unasked && ! says 'auto-repro' && [ ! -e "$dir/repro" ]
check ".auto_repro = KTSTR_OFF: no second guest" $?
run_test 1 exits --no-auto-repro && ! says 'auto-repro' && [ ! -e "$dir/repro" ]
check "--no-auto-repro: no second guest" $?
run_test 0 exits_as_expected && [ ! -e "$dir/repro" ]
check "an expected death is not run again" $?
run_test 0 lives --repro --probe-stack task_tick_scx,no_such_function && [ ! -e "$dir/repro" ] &&
	grep -q 'probes were in this run: the scheduler lived' "$dir/auto-repro.txt" &&
	grep -q 'probed: .*task_tick_scx' "$dir/auto-repro.txt" &&
	grep -q 'not probed: no_such_function: this kernel has no such function' "$dir/auto-repro.txt" &&
	! grep -q 'ktstr-repro-probe: {' "$dir/scheduler.log"
check "--repro --probe-stack: probes in the one guest, as asked for" $?
"$ktstr" test --probe-stack 'a b' "$program" >"$work/out" 2>"$work/err"
[ $? = 64 ] && grep -q 'function names' "$work/err"
check "--probe-stack takes names only" $?

run_test 3 traced && says 'KTSTR_WPROF_PATH is not set'
check "a test that wants wprof says when there is none" $?
export KTSTR_WPROF_PATH=$stand_in
run_test 0 traced && file=$(traces) && [ "$(wc -l <<<"$file")" = 1 ] && [[ $file =~ /traced-[0-9a-f]{16}\.wprof\.pb$ ]] &&
	[ "$(stat -c %s "$file")" = 3000000 ] &&
	[ "$(head -c 4000 "$file" | tr -d '\n' | grep -ao 'arg <[^>]*>' | tr '\n' ' ')" = \
		'arg </bin/wprof> arg <-d> arg <500> arg <-e> arg <sched> arg <--ringbuf-size=256000> arg <--ringbuf-cnt=8> arg <-T> arg </tmp/wprof.pb> arg <-D> arg </tmp/wprof.data> ' ]
check "wprof runs with its default arguments and libraries, and its file comes whole" $?
[ "$(jq .memory_mib "$dir/result.json")" = 2048 ]
check "its guest has 2048 MiB" $?
run_test 0 traced --memory-mib 512 && [ "$(jq .memory_mib "$dir/result.json")" = 512 ] &&
	grep -q 'wprof wants a guest of 2048 MiB, this one gets 512 MiB' "$work/err"
check "an override of the memory stands, with a warning" $?
run_test 0 traced_my_way --memory-mib 512 && grep -q 'no wprof trace: the 64 bytes\|no wprof trace: the [0-9]* bytes' "$work/err" && [ -z "$(traces)" ]
check "what has not the shape of a trace is not kept, and that is said" $?
run_test 1 traced_crash --memory-mib 512 && [ "$(traces | wc -l)" = 2 ] && traces | grep -q '\.repro\.wprof\.pb$' &&
	says 'its trace, written by wprof: '
check "both guests of a crash have their wprof trace" $?
plan
