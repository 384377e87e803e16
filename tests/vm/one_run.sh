# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # $work, $ktstr and $program are the script's, $dir is for it
#
# one_run.sh - for scripts that look at one run of ktstr after the other: sourced by them.

run() { # STATUS ARGUMENTS...: output in $work/out and $work/err, the first test's directory in $dir
	local want=$1 have
	shift
	rm -rf "$work/runs"
	timeout 600 "$ktstr" "$@" >"$work/out" 2>"$work/err" </dev/null
	have=$?
	dir=$(echo "$work"/runs/*/001-*)
	[ "$have" = "$want" ]
}

run_test() { # STATUS NAME ARGUMENTS...: this test of $program
	run "$1" test --exact "$2" "${@:3}" "$program"
}

says() { grep -qE -- "$1" "$work/out"; }
