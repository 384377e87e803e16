#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tracer.sh KTSTR TRACED SUITE TRACE_TOTALS TRACE_COMPARE PERFETTO_CHECK - the BPF tracer in a guest against
# the kernel's own counters, and against the QEMU plugin in the same run. TAP on stdout.
set -u
ktstr=$1 traced=$2 suite=$3 totals=$4 compare=$5 perfetto=$6
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
unset KTSTR_TRACER KTSTR_TRACER_RING_KIB KTSTR_GUEST_TRACER_BINARY
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/one_run.sh"

# Compare what the body printed of its tasks with the BPF tracer's records. When it sums up all switches,
# other CPUs go on between the tracer's mark and the sum: that one is compared through the plugin.
counters() {
	grep '^counters task' "$dir/stdout.log" | "$totals" "$dir/trace-bpf.raw" >"$work/out" 2>&1 &&
		says '^24 counters compared, 0 lost'
}
digest() { jq -r .outcome_digest "$dir/result.json"; }

# The way from the tracepoint to the switch is some 7 us of emulation; in between it may be another
# CPU's turn.
run 0 test -m det --exact counters --tracer both --trace "$work/a.pb" "$traced" && both=$(digest) &&
	"$compare" "$dir/trace.raw" "$dir/trace-bpf.raw" 20000 2000000 <"$dir/stdout.log" >"$work/out" 2>&1 &&
	says '^[0-9]{3,} switches and 6 tasks compared.*; 0 wrong'
check "det: the BPF tracer and the plugin tell the same of one run" $?
sed -n 's/^/# /p' "$work/out"
counters
check "the BPF tracer's switches, run delays and slices are the kernel's own" $?
run 0 test -m det --exact counters --tracer bpf --trace "$work/b.pb" "$traced" && [ "$(digest)" = "$both" ] &&
	[ ! -e "$dir/trace.raw" ] && jq -e '.tracer == "bpf"' "$dir/result.json" >>"$work/out"
check "without the plugin it is the same run" $?
python3 "$perfetto" "$work/b.pb" "$("$totals" --switches "$dir/trace-bpf.raw")" traced swapper/0 \
	'marker counters' 'runnable on CPU 1' >"$work/out" 2>&1
check "its Perfetto file is read by a decoder of its own" $?
KTSTR_TRACER=bpf KTSTR_TRACER_RING_KIB=64 run 0 test -m tcg --exact counters --trace "$work/c.pb" "$traced" && counters
check "tcg: the same, read while the test runs" $?

KTSTR_TRACER_RING_KIB=4 run 2 trace -m det --tracer bpf -o "$work/d.pb" --exact within_limits "$traced" &&
	says '[1-9][0-9]* events are missing in the trace, so trace_checks are not judged' &&
	says '^recorded by BPF programs in the guest' && says '[1-9][0-9]* events LOST'
check "what a small ring loses is told, and nothing is judged by the rest" $?
run 1 test -m det --dump never --tracer bpf --exact over_a_limit "$traced" && says 'recorded by BPF programs' &&
	says 'run delay of worker [0-9]+ \(cg_0-[0-3]\) in cg_0 was [0-9.]+ us, limit 50\.0 us' &&
	says 'repeat: .* --tracer bpf --trace over_a_limit\.pb$'
check "limits are judged, and the command that repeats it has the tracer" $?
saved=$work/saved
cp -r "$dir" "$saved"
KTSTR_TRACER=plugin run 0 replay "$saved" && says 'the same outcome' && says '^recorded by BPF programs' &&
	jq -e '.test == "over_a_limit"' "$dir"/*.failure-dump.json >>"$work/out" && [ ! -e "$dir/dump/trace.stream" ]
check "a replay has the tracer again, and so has the run for its dump" $?
run 0 test -m det --tracer bpf --trace "$work/e.pb" --exact fixture_stops_dispatching "$suite" &&
	[ "$("$totals" --switches "$dir/trace-bpf.raw")" -gt 100 ]
check "under a scheduler that runs nobody the tracer still tells everything" $?

KTSTR_GUEST_TRACER_BINARY=/bin/false run 3 test -m det --dump never --tracer bpf --exact counters \
	--trace "$work/f.pb" "$traced" && says 'trace: the tracer in the guest: the tracer ended: exit status 1$'
check "a tracer that does not begin is an error with its reason" $?
kernel=$("$ktstr" kernel list 2>/dev/null | awk '/6\.18/ {print $1; exit}')
cache=${KTSTR_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ktstr}/kernels/$kernel
mkdir -p "$work/cache/kernels/$kernel"
ln -s "$cache/vmlinuz" "$cache/kernel.json" "$work/cache/kernels/$kernel"
grep -v '^CONFIG_DEBUG_INFO_BTF=' "$cache/config" >"$work/cache/kernels/$kernel/config"
KTSTR_CACHE_DIR=$work/cache run 3 test -m det --tracer bpf --exact counters --trace "$work/g.pb" "$traced" &&
	says 'no tracer in the guest: kernel .* lacks CONFIG_DEBUG_INFO_BTF .*, which BPF programs need'
check "a kernel without type information is named before it boots" $?
run 3 test -m kvm --tracer plugin --exact counters --trace "$work/h.pb" "$traced" &&
	says 'the QEMU plugin sees nothing of guests under KVM; use --tracer bpf' && run 64 test --tracer x "$traced"
check "who cannot trace is told who can" $?
plan
