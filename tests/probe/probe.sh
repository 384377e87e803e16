#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# probe.sh PROBE VICTIM FAKE_JEMALLOC WORKER - the jemalloc probe and its worker on this host. Prints
# TAP. The names of facts cite the rules of the contract that they pin (A: worker, R: handshake,
# J: probe). WORKER is "none" where no static jemalloc was there to build it with.
set -uo pipefail
probe=$1 victim=$2 fake=$3 worker=$4
dir=$(mktemp -d) || exit 1
chmod 755 "$dir"
export KTSTR_CACHE_DIR=$dir/cache
unset MALLOC_CONF LD_PRELOAD KTSTR_WORKER_READY_MARKER_OVERRIDE
jobs=()
. "$(dirname "$0")/../tap.sh"
lib=$(ldconfig -p | sed -n 's/.*libjemalloc\.so\.2 .*=> //p' | head -n 1)
mib=1048576

cleanup() {
	local pid

	for pid in "${jobs[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		rm -f "/tmp/ktstr-worker-ready-$pid"
	done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

facts=()
declare -A needs=()
# fact NAME [NEEDS]: a function of that name; run only where what NEEDS names is there
fact() { facts+=("$1"); needs[$1]=${2:-}; }

missing() { # the reason why a fact cannot run, if there is one
	local need

	for need in $1; do
		case $need in
		worker) [ "$worker" != none ] || echo "no static jemalloc to build the worker with" ;;
		root) [ "$(id -u)" -eq 0 ] || echo "needs root" ;;
		lib) [ -n "$lib" ] || echo "no libjemalloc.so.2 here (Debian: libjemalloc2)" ;;
		strace) command -v strace >/dev/null || echo "no strace here" ;;
		realtime) chrt -f 1 true 2>/dev/null || echo "may not start a real-time task" ;;
		redis) command -v redis-check-rdb >/dev/null || echo "no redis here (Debian: redis-tools)" ;;
		esac
	done | head -n 1
}

run_facts() {
	local name why

	plan ${#facts[@]}
	for name in "${facts[@]}"; do
		why=$(missing "${needs[$name]}")
		if [ -n "$why" ]; then
			skip "$name" "$why"
		elif "$name" >"$dir/log" 2>&1; then
			ok "$name"
		else
			not_ok "$name" <"$dir/log"
		fi
	done
}

same() { [ "$1" = "$2" ] || { printf 'have: %s\nwant: %s\n' "$1" "$2"; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { printf 'have: %s\nwithout: %s\n' "$1" "$2"; return 1; }; }
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { echo "$1 is not in $2..$3"; return 1; }; }

# until SECONDS COMMAND...: an event that comes within milliseconds, as a rule
until_true() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "gave up waiting for: $*"; return 1; }
		sleep 0.01
	done
}

# start COMMAND...: in the background with its output in $dir/out; its pid in $pid
start() {
	: >"$dir/out"        # or the one before would be ready for it
	"$@" <"$dir/stdin" >"$dir/out" 2>"$dir/err" &
	pid=$!
	jobs+=("$pid")
}
mkfifo "$dir/stdin" && exec 8<>"$dir/stdin"
start_ready() { start "$@" && until_true 10 grep -q ready "$dir/out"; }
start_worker() { start "$worker" "$@" && until_true 10 test -e "/tmp/ktstr-worker-ready-$pid"; }
stop() { # passes on whether what came before it held
	local held=$?

	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	rm -f "/tmp/ktstr-worker-ready-$pid"
	return $held
}

# status COMMAND...: its exit status; output in $dir/out and $dir/err
status() {
	timeout 20 "$@" >"$dir/out" 2>"$dir/err" </dev/null
	echo $?
}
json() { "$probe" --pid "$pid" --json "$@" >"$dir/json"; }
query() { jq -r "$@" "$dir/json"; }
fatal() { # TAG PID WORDS: exit status 1, the tag, and no JSON
	same "$(status "$probe" --pid "$2" --json)" 1 &&
		same "$(head -n 1 "$dir/err")" "ktstr-probe-fatal: $1" &&
		same "$(sed -n '2s/:.*//p' "$dir/err")" error &&
		has "$(cat "$dir/err")" "${3:-}" && same "$(cat "$dir/out")" ""
}
# No thread of $pid is traced or, but for $1, stopped.
untouched() {
	local task text

	for task in /proc/"$pid"/task/*; do
		text=$(cat "$task/status" 2>/dev/null) || continue        # it has ended
		same "$(sed -n 's/^TracerPid:[[:space:]]*//p' <<<"$text")" 0 || return 1
		has "${1:-SRD}" "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' <<<"$text")" || return 1
	done
}

# ---- the worker ----

a3_zero_bytes_is_exit_2() {
	same "$(status "$worker" 0)" 2 && has "$(cat "$dir/err")" "jemalloc-alloc-worker: "
}
fact a3_zero_bytes_is_exit_2 worker

a10_background_threads_are_exit_3() {
	same "$(MALLOC_CONF=background_thread:true status "$worker" 4096)" 3 &&
		has "$(cat "$dir/err")" "/proc/self/task has" && has "$(cat "$dir/err")" MALLOC_CONF &&
		has "$(cat "$dir/err")" background_thread
}
fact a10_background_threads_are_exit_3 worker

a3_an_unwritable_marker_is_exit_4() {
	same "$(KTSTR_WORKER_READY_MARKER_OVERRIDE=/nonexistent/m status "$worker" 4096)" 4 &&
		has "$(cat "$dir/err")" "jemalloc-alloc-worker: failed to write ready marker" &&
		same "$(cat "$dir/out")" ""
}
fact a3_an_unwritable_marker_is_exit_4 worker

a3_wrong_words_are_exit_5() {
	local words

	for words in "" x 12x -1 --chrun 99999999999999999999; do
		# shellcheck disable=SC2086 # no word, or one
		same "$(status "$worker" $words)" 5 || return 1
		has "$(cat "$dir/err")" "jemalloc-alloc-worker: " || return 1
	done
}
fact a3_wrong_words_are_exit_5 worker

a3_no_proc_is_exit_6() {
	same "$(status unshare -m sh -c "umount -l /proc && exec '$worker' 4096")" 6
}
fact a3_no_proc_is_exit_6 "worker root"

a2_churn_stands_anywhere() {
	start_worker 65536 --churn || return 1
	until_true 10 eval '[ "$(ls /proc/$pid/task | wc -l)" -gt 1 ]'
	stop
}
fact a2_churn_stands_anywhere worker

a6_churn_checks_for_no_threads() {
	MALLOC_CONF=background_thread:true start_worker --churn 65536
	stop
}
fact a6_churn_checks_for_no_threads worker

r4_r8_marker_and_line_are_to_the_letter() {
	start_worker 65536 &&
		same "$(od -c "/tmp/ktstr-worker-ready-$pid" | head -n 1)" "0000000   r   e   a   d   y  \\n" &&
		until_true 5 test -s "$dir/out" &&
		same "$(cat "$dir/out")" "jemalloc-alloc-worker ready pid=$pid bytes=65536" &&
		same "$(ls "/proc/$pid/task")" "$pid"
	stop
}
fact r4_r8_marker_and_line_are_to_the_letter worker

r3_the_environment_moves_the_marker() {
	KTSTR_WORKER_READY_MARKER_OVERRIDE=$dir/marker start "$worker" 65536
	until_true 10 test -e "$dir/marker" && same "$(ls /tmp/ktstr-worker-ready-"$pid" 2>/dev/null)" ""
	stop || return 1
	KTSTR_WORKER_READY_MARKER_OVERRIDE='' start_worker 65536
	stop
}
fact r3_the_environment_moves_the_marker worker

a8_static_with_debug_information_and_no_ktstr() {
	has "$(file -b "$worker")" "statically linked" && has "$(file -b "$worker")" debug_info &&
		has "$(nm "$worker")" " je_tsd_tls" && same "$(nm "$worker" | grep -c ' ktstr_')" 0
}
fact a8_static_with_debug_information_and_no_ktstr worker

# the check for threads, then the buffer is mapped, the marker made, then the line printed; the buffer is never given back
a1_a4_a7_r5_the_order_is_to_the_letter() {
	local order

	timeout 20 strace -f -e trace=mmap,munmap,openat,write -o "$dir/strace" \
		timeout 2 "$worker" $((16 * mib)) >/dev/null 2>&1
	order=$(awk '/openat.*"\/proc\/self\/task"/ { print "check" }
		/mmap\(NULL, [12][0-9][0-9][0-9][0-9][0-9][0-9][0-9],/ { print "map" }
		/openat.*ktstr-worker-ready/ { print "marker" }
		/write\(1, "jemalloc-alloc-worker ready pid=/ { print "line" }
		/munmap\(0x[0-9a-f]+, [12][0-9][0-9][0-9][0-9][0-9][0-9][0-9]\)/ { print "unmap" }' "$dir/strace" |
		paste -sd' ')
	rm -f /tmp/ktstr-worker-ready-*
	[ "$order" = "check map marker line" ] || { echo "$order"; tail -n 20 "$dir/strace"; return 1; }
}
fact a1_a4_a7_r5_the_order_is_to_the_letter "worker strace"

# ---- the probe and the worker ----

j3_j9_it_reads_what_the_worker_allocated() {
	start_worker $((16 * mib)) && json &&
		same "$(query '[.pid, .schema_version, .interrupted, (.snapshots | length)] | @csv')" \
			"$pid,2,false,1" &&
		between "$(query ".snapshots[0].threads[] | select(.tid == $pid).allocated_bytes")" \
			$((16 * mib)) $((20 * mib)) &&
		between "$(query ".snapshots[0].threads[] | select(.tid == $pid).deallocated_bytes")" 0 $((mib - 1)) &&
		same "$(query '.snapshots[0].threads[0].comm')" ktstr-jemalloc- &&
		same "$(query '.snapshots[0].threads[0].start_time_jiffies')" \
			"$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f20)" &&
		same "$(query 'keys_unsorted | join(" ")')" \
			"pid tool_version schema_version started_at_unix_sec interrupted snapshots" && untouched
	stop
}
fact j3_j9_it_reads_what_the_worker_allocated worker

j10_j11_snapshots_at_an_interval() {
	start_worker $((16 * mib)) && json --snapshots 3 --interval-ms 50 &&
		same "$(query '.snapshots | length, (map(.timestamp_unix_sec) | . == sort),
			(map(.threads[0].allocated_bytes) | . == sort),
			(map(.elapsed_since_start_ns) | (.[2] - .[0]) >= 99000000)' | paste -sd' ')" \
			"3 true true true" &&
		same "$(query '.interval_ms, (.started_at_unix_sec <= .snapshots[0].timestamp_unix_sec)' |
			paste -sd' ')" "50 true" &&
		between "$(query '.snapshots[2].threads[0].allocated_bytes')" $((16 * mib)) $((20 * mib))
	stop
}
fact j10_j11_snapshots_at_an_interval worker

j7_j8_ten_runs_against_threads_that_end() {
	local i most=0 seen

	start_worker --churn $mib || return 1
	for i in {1..10}; do
		json || { echo "run $i: exit status $?"; stop; return 1; }
		seen=$(query '.snapshots[0].threads | length')
		[ "$seen" -gt $most ] && most=$seen
	done
	untouched
	stop || return 1
	between $most 2 1000
}
fact j7_j8_ten_runs_against_threads_that_end worker

j8_a_thousand_snapshots_of_threads_that_end() {
	start_worker --churn $mib && json --snapshots 1000 --interval-ms 1 &&
		same "$(query '.snapshots | length')" 1000 &&
		same "$(query "[.snapshots[].threads[] | select(.tid == $pid and .error)] | length")" 0 &&
		query '[.snapshots[].threads[] | .error_kind // empty] | unique - ["ptrace_seize",
			"ptrace_interrupt", "waitpid"] | length' | grep -qx 0 && untouched
	stop
}
fact j8_a_thousand_snapshots_of_threads_that_end worker

human_form() {
	start_worker $mib || return 1
	"$probe" --pid "$pid" >"$dir/text"
	sed -E 's/@ [0-9]+s/@ Ns/; s/bytes=[0-9]+/bytes=N/g; s/version=[0-9.]+/version=N/' "$dir/text" >"$dir/short"
	same "$(cat "$dir/short")" "pid=$pid tool_version=N
--- snapshot 1/1 @ Ns ---
tid=$pid comm=ktstr-jemalloc- allocated_bytes=N deallocated_bytes=N"
	stop
}
fact human_form worker

a_stripped_executable_is_read_through_its_debug_file() {
	cp "$worker" "$dir/w" && objcopy --only-keep-debug "$dir/w" "$dir/w.debug" &&
		strip "$dir/w" && (cd "$dir" && objcopy --add-gnu-debuglink=w.debug w) || return 1
	start "$dir/w" $((16 * mib)) && until_true 10 test -e "/tmp/ktstr-worker-ready-$pid" && json &&
		between "$(query '.snapshots[0].threads[0].allocated_bytes')" $((16 * mib)) $((20 * mib)) &&
		echo x >>"$dir/w.debug" && fatal jemalloc-not-found "$pid"
	stop
}
fact a_stripped_executable_is_read_through_its_debug_file worker

# best COMMAND...: of 20 runs, in us
best() {
	local least=100000000 i from us

	for i in {1..20}; do
		from=${EPOCHREALTIME/./}
		"$@" >/dev/null 2>&1
		us=$((${EPOCHREALTIME/./} - from))
		[ $us -lt $least ] && least=$us
	done
	echo $least
}
j12_a_run_is_cheap() { # beside the start of any program; bench/probe has the times
	start_worker $mib && between "$(best "$probe" --pid "$pid" --json)" 1 $((25 * $(best /bin/true)))
	stop
}
fact j12_a_run_is_cheap worker

# ---- fatal, and partly failed ----

j5_a_missing_process_is_fatal_without_json() { fatal pid-missing 999999999 "no such process"; }
fact j5_a_missing_process_is_fatal_without_json
a_process_without_jemalloc_is_fatal() { fatal jemalloc-not-found $$ "no jemalloc"; }
fact a_process_without_jemalloc_is_fatal
a_kernel_thread_is_fatal() { fatal readlink-failure 2 "thread of the kernel"; }
fact a_kernel_thread_is_fatal root

it_does_not_probe_itself() {
	same "$(status sh -c "exec '$probe' --json --pid \$\$")" 1 &&
		same "$(head -n 1 "$dir/err")" "ktstr-probe-fatal: self-probe-rejected"
}
fact it_does_not_probe_itself

a_zombie_is_fatal() {
	start_ready "$victim" zombie && fatal readlink-failure "$(head -n 1 "$dir/out")" zombie
	stop
}
fact a_zombie_is_fatal

usage_errors_are_exit_2() {
	local words

	for words in "" "--pid 0" "--pid x" "--pid 1 --snapshots 2" "--pid 1 --interval-ms 5" \
		"--pid 1 --snapshots 1 --interval-ms 5" "--pid 1 --snapshots 0" "--pid 1 --abort-after-ms 0" \
		"--pid 1 --snapshots 100001 --interval-ms 1" "--pid 1 --snapshots 2 --interval-ms 3600001" \
		"--pid 1 --sidecar /nonexistent" "--pid 1 --pids" "--pid 1 2"; do
		# shellcheck disable=SC2086
		same "$(status "$probe" $words)" 2 && same "$(cat "$dir/out")" "" || { echo "$words"; return 1; }
	done
}
fact usage_errors_are_exit_2

j6_all_failed_still_prints_json() {
	# a tracer of its own keeps everybody else out
	start_ready env LD_PRELOAD="$fake" "$victim" threads 1 || return 1
	local target=$pid
	start strace -f -qq -o /dev/null -p "$target"
	until_true 10 eval "! grep -q 'TracerPid:.0$' /proc/$target/task/*/status"
	same "$(status "$probe" --pid "$target" --json)" 1 &&
		same "$(jq -r '[.snapshots[0].threads[].error_kind] | unique | join(" ")' "$dir/out")" ptrace_seize &&
		has "$(jq -r '.snapshots[0].threads[0].error' "$dir/out")" "process $pid traces it already" &&
		same "$(head -n 1 "$dir/err")" "ktstr-probe-all-failed: single" &&
		same "$(status "$probe" --pid "$target" --json --snapshots 2 --interval-ms 1)" 1 &&
		same "$(cat "$dir/err")" "ktstr-probe-all-failed: multi
all threads failed probe in every snapshot"
	stop || return 1
	pid=$target
	stop
}
fact j6_all_failed_still_prints_json strace

another_users_process_needs_privilege_and_says_so() {
	cp "$probe" "$dir/probe" && chmod 755 "$dir/probe"
	start sleep 60
	same "$(status setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/probe" --pid "$pid")" 1 &&
		same "$(head -n 1 "$dir/err")" "ktstr-probe-fatal: readlink-failure" &&
		has "$(cat "$dir/err")" CAP_SYS_PTRACE && has "$(cat "$dir/err")" ptrace_scope
	stop
}
fact another_users_process_needs_privilege_and_says_so root

# ---- interruption ----

interrupted_runs_keep_what_they_have() {
	local signal

	start_ready env LD_PRELOAD="$fake" "$victim" threads 2 || return 1
	for signal in INT TERM; do
		"$probe" --pid "$pid" --json --snapshots 100 --interval-ms 50 >"$dir/json" 2>"$dir/err" &
		sleep 0.3
		kill -$signal $!
		wait $!
		same $? 0 && same "$(query .interrupted)" true &&
			between "$(query '.snapshots | length')" 1 99 || { stop; return 1; }
	done
	json --snapshots 100 --interval-ms 50 --abort-after-ms 300 2>"$dir/err"
	same $? 0 && same "$(cat "$dir/err")" "ktstr-probe-deadline: abort after 300ms" &&
		same "$(query .interrupted)" true && between "$(query '.snapshots | length')" 1 99 && untouched
	stop
}
fact interrupted_runs_keep_what_they_have

# ---- the sidecar ----

sidecars_are_appended_to() {
	start_ready env LD_PRELOAD="$fake" "$victim" threads 1 || return 1
	echo '{"test_name": "x", "metrics": [{"payload_index": 0}], "passed": 1.5}' >"$dir/side"
	json --sidecar "$dir/side" && json --sidecar "$dir/side" &&
		same "$(jq -c '[.test_name, .passed, [.metrics[].payload_index], .metrics[1].exit_code]' \
			"$dir/side")" '["x",1.5,[0,1,2],0]' &&
		same "$(jq -c '.metrics[1].metrics[] | select(.name ==
			"jemalloc_probe.snapshots.0.threads.0.allocated_bytes")
			| [.value, .polarity, .unit, .source]' "$dir/side")" '[1000000,"LowerBetter","bytes","Json"]' &&
		same "$(jq '[.metrics[1].metrics[] | select(.value | type != "number")] | length' "$dir/side")" 0
	stop
}
fact sidecars_are_appended_to

parallel_sidecars_lose_nothing() {
	local i runs=()

	start_ready env LD_PRELOAD="$fake" "$victim" threads 1 || return 1
	echo '{}' >"$dir/side"
	for i in {1..8}; do
		"$probe" --pid "$pid" --sidecar "$dir/side" >/dev/null 2>&1 &
		runs+=($!)
	done
	wait "${runs[@]}"
	same "$(jq -c '[.metrics[].payload_index]' "$dir/side")" '[0,1,2,3,4,5,6,7]'
	stop
}
fact parallel_sidecars_lose_nothing

a_sidecar_that_cannot_be_appended_to_is_exit_3() {
	start_ready env LD_PRELOAD="$fake" "$victim" threads 1 || return 1
	echo '{"metrics": [' >"$dir/side"
	same "$(status "$probe" --pid "$pid" --json --sidecar "$dir/side")" 3 &&
		same "$(jq '.snapshots | length' "$dir/out")" 1 && same "$(cat "$dir/side")" '{"metrics": ['
	stop || return 1
	echo '{"metrics": []}' >"$dir/side"
	same "$(status "$probe" --pid 999999999 --sidecar "$dir/side")" 1 &&
		same "$(cat "$dir/side")" '{"metrics": []}'
}
fact a_sidecar_that_cannot_be_appended_to_is_exit_3

# ---- jemalloc in shared objects ----

expected() { jq -nc --argjson n "$1" '[range($n + 1) | [1000000 + ., .]]'; }
numbers() { # of the last snapshot; a thread that could not be read says why
	query -c "[.snapshots[-1].threads[] | [.allocated_bytes, .deallocated_bytes, (.error_kind, .error | values)]] | sort"
}

a_stripped_shared_object_is_asked_once() {
	rm -rf "$KTSTR_CACHE_DIR"
	start_ready env LD_PRELOAD="$fake" "$victim" threads 3 && json &&
		same "$(numbers)" "$(expected 3)" &&
		same "$(cat "$KTSTR_CACHE_DIR"/jemalloc-offsets/*)" "1 200 216" &&
		json && same "$(numbers)" "$(expected 3)" &&
		sed -i s/216/208/ "$KTSTR_CACHE_DIR"/jemalloc-offsets/* && json &&
		same "$(numbers)" "[[1000000,0],[1000001,0],[1000002,0],[1000003,0]]" &&
		echo junk >"$(echo "$KTSTR_CACHE_DIR"/jemalloc-offsets/*)" && json &&
		same "$(numbers)" "$(expected 3)"
	stop
}
fact a_stripped_shared_object_is_asked_once

dynamic_tls_is_found_through_the_dtv() {
	start_ready "$victim" threads 3 "$fake" && json && same "$(numbers)" "$(expected 3)"
	stop
}
fact dynamic_tls_is_found_through_the_dtv

a_thousand_threads() {
	start_ready env LD_PRELOAD="$fake" "$victim" threads 1000 && json --snapshots 2 --interval-ms 1 &&
		same "$(numbers | md5sum)" "$(expected 1000 | md5sum)" &&
		same "$(query '[.snapshots[0].threads[] | select(.comm == "t500")]
			| map([.allocated_bytes, .deallocated_bytes] | @csv) | join(" ")')" "1000500,500" && untouched
	stop
}
fact a_thousand_threads

a_stopped_process_is_read_and_stays_stopped() {
	start_ready env LD_PRELOAD="$fake" "$victim" threads 3 && kill -STOP "$pid" &&
		until_true 5 untouched T && json && same "$(numbers)" "$(expected 3)" && untouched T &&
		kill -CONT "$pid" && until_true 5 untouched S
	stop
}
fact a_stopped_process_is_read_and_stays_stopped

a_process_without_its_first_thread() {
	start_ready env LD_PRELOAD="$fake" "$victim" orphan 2 && until_true 5 grep -q '^State:.Z' /proc/"$pid"/status &&
		json && same "$(query '[.snapshots[0].threads[] | .allocated_bytes // .error] | sort | @csv')" \
		'0,1000001,1000002,"the thread has ended"'
	stop
}
fact a_process_without_its_first_thread

executing_the_same_file_anew_is_followed() {
	start_ready env LD_PRELOAD="$fake" "$victim" exec 300 "$victim" threads 2 &&
		json --snapshots 20 --interval-ms 50 &&
		same "$(query '.snapshots | length')" 20 && same "$(numbers)" "$(expected 2)"
	stop
}
fact executing_the_same_file_anew_is_followed

# so often that samples meet all that there is of execve() and of a start
executing_anew_at_any_moment_is_followed() {
	local words=()

	for _ in {1..30}; do words+=("$victim" exec 5); done
	start_ready env LD_PRELOAD="$fake" "${words[@]}" "$victim" threads 2 &&
		json --snapshots 100 --interval-ms 3 && same "$(query '[.snapshots[].threads[].error_kind | values] | length')" 0 &&
		until_true 10 eval '[ "$(ls "/proc/$pid/task" | wc -l)" -eq 3 ]' && sleep 0.1 && json &&
		same "$(numbers)" "$(expected 2)"
	stop
}
fact executing_anew_at_any_moment_is_followed

# beside a real-time task it gets 50 ms of every second of its CPU
a_thread_that_waits_for_a_cpu_is_waited_for() {
	start_ready env LD_PRELOAD="$fake" taskset -c 0 "$victim" gaps 1 || { stop; return 1; }
	taskset -c 0 chrt -f 1 bash -c 'ulimit -t 10; while :; do :; done' &
	jobs+=("$!")
	sleep 0.1
	json && sleep 0.1 && json && same "$(numbers)" "[[0,0]]"
	stop
	local held=$?
	kill -KILL "${jobs[-1]}"
	wait "${jobs[-1]}" 2>/dev/null
	return $held
}
fact a_thread_that_waits_for_a_cpu_is_waited_for realtime

executing_another_file_is_fatal() {
	start_ready env LD_PRELOAD="$fake" "$victim" exec 300 sleep 20
	same "$(status "$probe" --pid "$pid" --json --snapshots 100 --interval-ms 20)" 1 &&
		same "$(head -n 1 "$dir/err")" "ktstr-probe-fatal: exe-identity-changed" && same "$(cat "$dir/out")" ""
	stop
}
fact executing_another_file_is_fatal

a_process_that_ends_between_samples_is_fatal() {
	start_ready env LD_PRELOAD="$fake" "$victim" exec 200 true
	(sleep 0.1 && kill -KILL "$pid") &
	same "$(status "$probe" --pid "$pid" --snapshots 100 --interval-ms 20)" 1 &&
		has "$(cat "$dir/err")" "ktstr-probe-fatal: pid-missing"
	stop
}
fact a_process_that_ends_between_samples_is_fatal

preloaded_jemalloc_of_the_distribution() {
	start env LD_PRELOAD="$lib" sleep 60
	until_true 5 grep -q jemalloc /proc/"$pid"/maps && sleep 0.1 && json &&
		between "$(query '.snapshots[0].threads[0].allocated_bytes')" 1000 $mib && untouched
	stop
}
fact preloaded_jemalloc_of_the_distribution lib

redis_under_load() {
	local before after

	# by its other name: redis-tools has the program, redis-server would start a service on the host
	start bash -c 'exec -a redis-server redis-check-rdb "$@"' - --port 0 --unixsocket "$dir/redis" --dir "$dir" --save '' --daemonize no
	until_true 10 redis-cli -s "$dir/redis" ping >/dev/null && json || { stop; return 1; }
	before=$(query ".snapshots[0].threads[] | select(.tid == $pid).allocated_bytes")
	for i in {1..2000}; do echo "SET key:$i $(printf '%01000d' "$i")"; done |
		redis-cli -s "$dir/redis" >/dev/null &
	local load=$!
	json --snapshots 5 --interval-ms 20
	wait $load
	json && after=$(query ".snapshots[0].threads[] | select(.tid == $pid).allocated_bytes") &&
		between $((after - before)) 2000000 1000000000 &&
		between "$(query '.snapshots[0].threads | length')" 4 10 &&
		same "$(redis-cli -s "$dir/redis" get key:2000 | wc -c)" 1001 && untouched
	stop
}
fact redis_under_load redis

other_namespaces() {
	local inner

	rm -rf "$KTSTR_CACHE_DIR"
	mkdir -p "$dir/hidden"
	# the object is on a file system that only the target sees
	start_ready unshare --mount --pid --fork --kill-child --mount-proc sh -c "
		mount -t tmpfs none '$dir/hidden' && cp '$fake' '$dir/hidden/libx.so' &&
		LD_PRELOAD='$dir/hidden/libx.so' exec '$victim' threads 2" || return 1
	inner=$(cat "/proc/$pid/task/$pid/children")
	inner=${inner% }
	[ ! -e "$dir/hidden/libx.so" ] && "$probe" --pid "$inner" --json >"$dir/json" &&
		same "$(numbers)" "$(expected 2)" &&
		same "$(ls "$KTSTR_CACHE_DIR/jemalloc-offsets" 2>/dev/null)" ""
	stop        # and with it the namespace: unshare --kill-child
}
fact other_namespaces root

another_users_process() {
	cp "$fake" "$dir/libfake.so" && cp "$victim" "$dir/victim" && chmod 755 "$dir/libfake.so" "$dir/victim"
	start_ready setpriv --reuid=65534 --regid=65534 --clear-groups \
		env LD_PRELOAD="$dir/libfake.so" "$dir/victim" threads 2 && json && same "$(numbers)" "$(expected 2)" &&
		cp "$probe" "$dir/probe" && chmod 755 "$dir/probe" &&
		setpriv --reuid=65534 --regid=65534 --clear-groups env KTSTR_CACHE_DIR=/nonexistent \
			"$dir/probe" --pid "$pid" --json >"$dir/json" && same "$(numbers)" "$(expected 2)"
	stop
}
fact another_users_process root

# What a hostile object tries while the helper has it loaded.
the_helper_is_confined() {
	cat >"$dir/hostile.c" <<-'END'
		#include <errno.h>
		#include <fcntl.h>
		#include <stddef.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <unistd.h>
		static __thread unsigned long numbers[4];
		__attribute__((constructor)) static void attack(void)
		{
			if (getenv("HARMLESS"))
				return;
			if (open(FILE_TO_HARM, O_WRONLY | O_CREAT, 0644) >= 0) puts("wrote");
			if (unlink(FILE_TO_HARM) == 0) puts("unlinked");
			if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0) puts("socket");
			if (fork() >= 0) puts("forked");
			if (open("/etc/shadow", O_RDONLY) >= 0) puts("read a secret");
			fflush(stdout);
		}
		int mallctl(const char *name, void *old, size_t *s, void *n, size_t ns)
		{
			void *where = &numbers[strcmp(name, "thread.allocatedp") == 0 ? 0 : 2];
			if (FOREVER) for (;;) ;
			memcpy(old, &where, sizeof(where));
			return 0;
		}
	END
	echo precious >"$dir/precious"
	cc -shared -fPIC -s -DFOREVER=0 -DFILE_TO_HARM="\"$dir/precious\"" -o "$dir/hostile.so" "$dir/hostile.c" &&
		cc -shared -fPIC -s -DFOREVER=1 -DFILE_TO_HARM="\"$dir/precious\"" -o "$dir/endless.so" "$dir/hostile.c" ||
		return 1
	start_ready env HARMLESS=1 LD_PRELOAD="$dir/hostile.so" "$victim" threads 0 && json &&
		same "$(query '.snapshots[0].threads[0].allocated_bytes')" 0 && same "$(cat "$dir/precious")" precious
	stop || return 1
	start_ready env HARMLESS=1 LD_PRELOAD="$dir/endless.so" "$victim" threads 0 &&
		fatal jemalloc-in-dso "$pid" "jemalloc is in $dir/endless.so"
	stop
}
fact the_helper_is_confined root

nothing_is_left_behind() {
	same "$(pgrep -f 'ktstr-jemalloc-helper' | wc -l)" 0 && same "$(pgrep -x ktstr-jemalloc- -P $$ | wc -l)" 0
}
fact nothing_is_left_behind

run_facts
