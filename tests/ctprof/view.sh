#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# view.sh KTSTR BUSY TOP - what `ktstr ctprof` makes of this machine: show, compare, record, and top
# (a user at a pseudo-terminal is TOP, a Python program). Prints TAP.
set -uo pipefail
ktstr=$(realpath "$1") busy=$(realpath "$2") top=$(realpath "$3")
dir=$(mktemp -d) || exit 1
chmod 755 "$dir"
mkfifo "$dir/ready"
jobs=()
. "$(dirname "$0")/../tap.sh"
jemalloc=$(ldconfig -p | sed -n 's/.*libjemalloc\.so\.2 .*=> //p' | head -n 1)

cleanup() {
	local pid

	for pid in "${jobs[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

said() {
	tail -n 5 "$dir/out" "$dir/err" 2>/dev/null | cut -c1-300
}
ctprof() { # arguments; its status in $status
	"$ktstr" ctprof "$@" >"$dir/out" 2>"$dir/err"
	status=$?
}
says() { grep -qF -- "$1" "$dir/out" "$dir/err"; }

# start NAME [WORD...]: BUSY under this name, asleep; its pid in $pid
start() {
	local name=$1

	shift
	ln -sf "$busy" "$dir/$name"
	"$dir/$name" "$@" >"$dir/ready" &
	pid=$!
	jobs+=("$pid")
	disown "$pid" # or bash tells of its death
	read -r _ <"$dir/ready"
}

# --- a change on this host ----------------------------------------------------------------------------

start kt-busy || exit 1
ctprof capture -o "$dir/a"
kill -USR1 "$pid"
sleep 2
ctprof capture -o "$dir/b"
ctprof compare "$dir/a" "$dir/b" --format csv --sections primary --columns group,threads --limit 1
test "$(sed -n 2p "$dir/out")" = "primary,kt-busy | kt-busy | $(sed -n 's/^0:://p' "/proc/$pid/cgroup"),1,2"
check "a process that starts a busy thread is the top row of compare" $?
ctprof compare "$dir/a" "$dir/b" --format csv --sort-by run_time_ns --metrics run_time_ns --group-by pcomm --columns group --limit 3
grep -q '^primary,kt-busy$' "$dir/out"
check "and among the first by CPU time" $?
kill -KILL "$pid"

words="a process that allocates with jemalloc is the top row by allocated_bytes"
if [ -z "$jemalloc" ]; then
	skip "$words" "there is no libjemalloc.so.2"
elif [ "$(id -u)" != 0 ]; then
	skip "$words" "it needs root, to ptrace"
else
	export LD_PRELOAD=$jemalloc
	start kt-alloc 64
	unset LD_PRELOAD
	ctprof capture -o "$dir/c"
	kill -USR1 "$pid"
	for _ in $(seq 100); do # until it has them; it sleeps then
		[ "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")" -gt 65536 ] && break
		sleep 0.05
	done
	ctprof capture -o "$dir/d"
	ctprof compare "$dir/c" "$dir/d" --format csv --sort-by allocated_bytes --metrics allocated_bytes \
		--columns group,delta --limit 1
	delta=$(sed -n 's/^primary,kt-alloc |[^,]*,//p' "$dir/out")
	[ "${delta:-0}" -ge 67108864 ]
	check "$words" $?
	kill -KILL "$pid"
fi

# --- what may not be read -----------------------------------------------------------------------------

as_nobody=()
[ "$(id -u)" != 0 ] || as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
cp "$ktstr" "$dir/ktstr" && chmod 755 "$dir/ktstr"
# nobody WORD...: ktstr ctprof as a user without privileges; its status in $status
nobody() {
	"${as_nobody[@]}" "$dir/ktstr" ctprof "$@" >"$dir/out" 2>"$dir/err"
	status=$?
}
# more threads than /proc is quicker for, of another user
python3 -c 'import threading, time
for i in range(700): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("ready", flush=True); time.sleep(60)' >"$dir/ready" &
jobs+=("$!") many=$!
disown "$many"
read -r _ <"$dir/ready"
nobody capture -o - --json
[ "$status" = 0 ] && says "threads from /proc in" && says "not by BPF, which would be quicker: "
check "without privileges a capture is taken from /proc, and why is said" $?
refused="of another user"
[ "$(id -u)" = 0 ] || refused=""
jq -e --argjson many "$many" --arg refused "$refused" '(.threads | map(select(.tgid == $many)) | length) == 701 and
	(.threads | map(select(.tgid == $many)) | all(.run_time_ns > 0)) and
	(.parse_summary.refused_by_file.io >= 701 or $refused == "") and .parse_summary.missing_by_file.io == 0 and
	.taskstats_summary.eperm_count >= 701 and .taskstats_summary.ok_count == 0' "$dir/out" >/dev/null
check "it has all threads, and counts what was refused" $?
grep -q "ctprof parse: .* for lack of permission (io, smaps_rollup; needs root, or CAP_SYS_PTRACE)$" "$dir/err" &&
	says "refused (delays; needs CAP_NET_ADMIN)" && ! says CONFIG_
check "what a permission keeps from us is called that, and no missing configuration" $?
kill -KILL "$many"

# in_mounts SCRIPT WORD...: with mounts of its own
in_mounts() {
	unshare -m --propagation private sh -c "$@" >"$dir/out" 2>"$dir/err"
	status=$?
}
if ! unshare -m true 2>/dev/null; then
	skip "a kernel without the files is told from a permission" "it needs root, for mounts of its own"
	skip "a /proc that hides processes is named" "it needs root, for mounts of its own"
	skip "of a process that may not be looked into there is a row" "it needs root, for mounts of its own"
	skip "a /proc that is not mounted is named" "it needs root, for mounts of its own"
else
	mkdir -p "$dir/proc/7/task/7"
	sed 's/^[0-9]*/7/' "/proc/$$/stat" >"$dir/proc/7/task/7/stat"
	cp "/proc/$$/status" "/proc/$$/sched" "/proc/$$/cgroup" "$dir/proc/7/task/7/"
	touch "$dir/proc/7/smaps_rollup"
	in_mounts 'mount --bind "$0/proc" /proc && "$0/ktstr" ctprof capture -o - --json --no-heap' "$dir"
	[ "$status" = 0 ] && says "this kernel was built without schedstat (CONFIG_SCHED_INFO), io (CONFIG_TASK_IO_ACCOUNTING)" &&
		! says "lack of permission"
	check "a kernel without the files is told from a permission" $?
	# the capture runs as nobody, the process to be seen as root
	in_mounts 'mount -t proc -o hidepid=2 proc /proc && shift && exec "$@"' "$dir" x setpriv --reuid 65534 --regid 65534 \
		--clear-groups "$dir/ktstr" ctprof capture -o - --json
	[ "$status" = 0 ] && says "/proc is mounted with hidepid" && jq -e '.threads | length < 10' "$dir/out" >/dev/null
	check "a /proc that hides processes is named" $?
	in_mounts 'mount -t proc -o hidepid=1 proc /proc && shift && exec "$@"' "$dir" x setpriv --reuid 65534 --regid 65534 \
		--clear-groups "$dir/ktstr" ctprof capture -o - --json
	jq -e --argjson shell "$$" '.threads[] | select(.tgid == $shell)' "$dir/out" >/dev/null
	check "of a process that may not be looked into there is a row" $?
	in_mounts 'mount -t tmpfs none /proc && "$0/ktstr" ctprof capture -o - --json' "$dir"
	[ "$status" = 3 ] && says "no thread in /proc: is it mounted?"
	check "a /proc that is not mounted is named" $?
fi

# --- words and formats --------------------------------------------------------------------------------

ctprof show "$dir/a" --format json
jq -e '.rows | length > 100' "$dir/out" >/dev/null && [ "$status" = 0 ]
check "show --format json is JSON" $?
ctprof show "$dir/a" --format csv --limit 0
python3 -c 'import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
assert len(rows) > 100 and {len(row) for row in rows} == {8}, rows[:2]' "$dir/out" 2>"$dir/err"
check "show --format csv has as many fields in every row" $?
ctprof show "$dir/a" --width 80
python3 -c 'import sys
section = False
for line in open(sys.argv[1]):
    section |= line.startswith("== ")
    assert not section or len(line) <= 81, line' "$dir/out" 2>"$dir/err"
check "no line of a table is wider than --width" $?
! grep -q $'\033' "$dir/out"
check "no colours but on a terminal" $?
"$ktstr" ctprof show "$dir/a" --limit 0 2>"$dir/err" | head -n 1 >"$dir/out"
[ "${PIPESTATUS[0]}" = 0 ] && [ ! -s "$dir/err" ]
check "a pager that leaves early is no error" $?
ctprof metric-list
grep -q '^run_time_ns  .*\[SCHED_INFO\]  *time on a CPU$' "$dir/out" && says cpu_efficiency
check "metric-list names both registries" $?
ctprof show "$dir/a" --metrics run_time
[ "$status" = 64 ] && says 'no metric "run_time"; `ktstr ctprof metric-list` names them'
check "a metric that is none is refused" $?
ctprof show "$dir/a" --limit -1
[ "$status" = 64 ] && says -- '--limit is a number from 0'
check "a limit that is none is refused" $?
ctprof compare "$dir/a"
[ "$status" = 64 ] && says 'and which other file?'
check "compare wants two sides" $?
echo foreign >"$dir/foreign"
ctprof compare "$dir/a" "$dir/foreign"
[ "$status" = 3 ] && says 'no ctprof snapshot: starts with 66 6f 72'
check "a foreign file is named as such" $?
jq -n '{schema_version: 1, threads: []}' | zstd -q -c >"$dir/empty"
ctprof compare "$dir/empty" "$dir/a"
[ "$status" = 0 ] && says 'no host context in the baseline; the hosts are not compared'
check "a snapshot without host and threads can be compared" $?

# --- series ---------------------------------------------------------------------------------------------

ctprof record --interval 0.2 --count 3 --no-heap -o "$dir/s"
[ "$status" = 0 ] && [ "$(zstd -dc "$dir/s" | wc -l)" = 3 ]
check "record --count 3 leaves three snapshots" $?
ctprof compare "$dir/s@first..last" --sections primary --limit 1
[ "$status" = 0 ] && says "baseline   $dir/s@first..last"
check "compare takes a range" $?
ctprof show "$dir/s@1..3" --metrics run_time_ns --limit 1 --format csv
[ "$status" = 0 ] && [ "$(tail -n 1 "$dir/out" | cut -d, -f6)" -lt 60000000000 ]
check "show of a range is what happened in it" $?
ctprof show "$dir/s@4"
[ "$status" = 3 ] && says 'there is no snapshot 4, but 3 in all'
check "a snapshot that is not there is named" $?
cp "$dir/s" "$dir/x@1"
ctprof show "$dir/x@1" --limit 1
[ "$status" = 0 ] && says 'the last of 3 snapshots'
check "a file whose name has an @ is a file" $?

# record_until SIGNAL: its status in $status, after two snapshots
record_until() {
	rm -f "$dir/u"
	"$ktstr" ctprof record --interval 0.1 --until-signal --no-heap -o "$dir/u" >"$dir/out" 2>"$dir/err" &
	pid=$!
	for _ in $(seq 200); do
		[ "$(zstd -dc "$dir/u" 2>/dev/null | wc -l)" -ge 2 ] && break
		sleep 0.05
	done
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null
	status=$?
}
for signal in INT TERM; do
	# a shell's background job ignores SIGINT, and ktstr catches it all the same
	record_until "$signal"
	[ "$status" = 0 ] && zstd -tq "$dir/u" && [ "$(zstd -dc "$dir/u" | wc -l)" -ge 2 ]
	check "record --until-signal leaves a whole file after SIG$signal" $?
done
record_until KILL
head -c -7 "$dir/u" >"$dir/v"
ctprof show "$dir/v@1" --limit 1
[ "$status" = 0 ] && says 'are no whole snapshot: its recorder was stopped hard'
check "a piece of a snapshot at the end is named and skipped" $?
ctprof record --interval 1 -o "$dir/s"
[ "$status" = 64 ] && says -- '--count N or --until-signal'
check "record wants an end" $?
ctprof record --interval 0.1 --count 2 --no-heap -o /dev/full
[ "$status" = 3 ] && says 'write /dev/full: No space left on device'
check "a full disk is named" $?

# --- top ------------------------------------------------------------------------------------------------

ctprof top </dev/null
[ "$status" = 64 ] && says 'a live view needs a terminal; --batch -n N prints plain frames'
check "top without a terminal is refused in words" $?
start kt-busy2 && kill -USR1 "$pid"
ctprof top --batch -n 2 --interval 0.5 --filter '^kt-busy2$'
[ "$status" = 0 ] && [ "$(grep -c '^kt-busy2 ' "$dir/out")" = 2 ] && [ "$(grep -c ' sorted by run_time_ns' "$dir/out")" = 2 ] &&
	! grep -q $'\033' "$dir/out"
check "top --batch prints plain frames" $?
nobody top --batch -n 1 --interval 0.3 --sort-by nonvoluntary_csw
grep -q '^kt-busy2 .* [1-9]' "$dir/out"
check "top without root shows what /proc shows" $?
while read -r line; do
	case $line in
	"ok "*) check "top: ${line#ok }" 0 ;;
	*) : >"$dir/out"; check "top: ${line#not ok }" 1 ;;
	esac
done < <(python3 "$top" "$ktstr" 2>"$dir/err"; echo "ok the user came to the end" )
plan
