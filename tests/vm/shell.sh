#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# shell.sh KTSTR SCX TERMINAL.PY SUITE - `ktstr shell`: commands with their bytes and status, and a
# user at a terminal. TAP on stdout.
set -u
ktstr=$1 scx=$2 terminal=$3 suite=$4
work=$(mktemp -d) || exit 1
timeout=$(command -v timeout)
export KTSTR_RUNS_DIR=$work/runs KTSTR_MODE=tcg
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/guests.sh"

shell() { # status, arguments
	local want=$1
	shift
	"$timeout" 300 "$ktstr" shell "$@" >"$work/out" 2>"$work/err" </dev/null
	[ $? = "$want" ]
}
out_is() { [ "$(cat "$work/out")" = "$1" ]; }

shell 0 --exec true && out_is '' && [ ! -s "$work/err" ] && no_qemu && [ -z "$(ls "$work/runs")" ]
check "a command that succeeds says nothing and leaves nothing" $?
shell 7 --exec 'exit 7'
check "its exit status is ours" $?
shell 137 --exec 'kill -9 $$'
check "a signal is 128 and its number" $?
shell 0 --exec 'printf "a\r\n\000\377b"; printf "c\n" >&2' &&
	[ "$(od -An -tx1 "$work/out")" = ' 61 0d 0a 00 ff 62' ] && [ "$(cat "$work/err")" = c ]
check "stdout and stderr come apart, byte by byte" $?
shell 0 --exec 'dd if=/dev/zero bs=1M count=40 2>/dev/null' && [ "$(stat -c %s "$work/out")" = 41943040 ]
check "40 MiB come whole" $?
shell 0 --topology 1n1l2c1t --memory-mib 300 --exec 'nproc' && out_is 2
check "the machine is the one asked for" $?
shell 0 --test "$suite:a_passing_test_may_say_something" --exec 'nproc' && out_is 2
check "--test PROGRAM:NAME takes the test's machine" $?
shell 3 --program "$suite" --test no_such_test --exec true && says 'has no test no_such_test'
check "a test that is not there is named" $?
shell 0 -i jq --exec 'jq -n 40+2' && out_is 42
check "an included program runs with its libraries" $?
shell 3 -i "$work/nothing" --exec true && says "$work/nothing: No such file or directory"
check "an included file that is not there is named" $?
shell 0 --scheduler "$scx" --exec 'cat /sys/kernel/sched_ext/state /sys/kernel/sched_ext/root/ops' &&
	says enabled && says ktstr
check "--scheduler runs under it" $?
shell 3 --scheduler /bin/true --exec true && says 'ended before it had attached'
check "a scheduler that is none is an error" $?
shell 3 --exec-timeout 1 --exec 'sleep 100' && says 'did not end within 1.0 s' && no_qemu
check "a command that takes too long is an error" $?
shell 64 && says 'stdin is no terminal'
check "a shell wants a terminal" $?
KTSTR_BUSYBOX_PATH=$work/nothing shell 3 --exec true && says "KTSTR_BUSYBOX_PATH=$work/nothing"
check "a busybox that is not there is named" $?
(PATH=$work; shell 3 --exec true)
says 'install the package busybox-static'
check "without a busybox, the package to install is named" $?

shell 0 --dmesg --exec 'echo "from the kernel" >/dev/kmsg; echo from the command' &&
	out_is 'from the command' && grep -q '^\[ *[0-9.]*\] from the kernel$' "$work/err"
check "--dmesg puts the kernel's lines on stderr" $?
shell 3 --dmesg --no-template --exec 'echo c >/proc/sysrq-trigger' && says 'Linux version' &&
	grep -q '^\[ *[0-9.]*\] sysrq: Trigger a crash$' "$work/err"
check "with --no-template from its first to its last" $?

"$terminal" "$ktstr" >"$work/tap" 2>"$work/err"
status=$?
while read -r line; do        # its lines "ok WORDS" and "not ok WORDS", numbered on
	case $line in
	ok\ *) check "${line#ok }" 0 ;;
	not\ ok\ *) check "${line#not ok }" 1 ;;
	esac
done <"$work/tap"
[ $status = 0 ] && no_qemu
check "all of the terminal's tests ran, and no QEMU is left" $?
plan
