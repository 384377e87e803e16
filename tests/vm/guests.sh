# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # $work and $ktstr are the script's, $status and $driver are for it
#
# guests.sh - ktstr as its users run it, and the QEMUs that it starts below $work/runs: sourced by scripts.

run() { # arguments of ktstr; status in $status
	"$ktstr" "$@" >"$work/out" 2>"$work/err"
	status=$?
}

says() { grep -qF -- "$1" "$work/out" "$work/err"; }

qemus() { pgrep -f "qemu-system.*$work/runs" 2>/dev/null; }

# A dying process is a zombie or gone within moments; the bound is for a machine under load.
no_qemu() {
	local tries
	for tries in $(seq 100); do
		[ -z "$(qemus)" ] && return 0
		sleep 0.1
	done
	return 1
}

# until a guest has run for some time: in its boot, not in QEMU's start
wait_for_qemu() {
	local tries pid ticks
	for tries in $(seq 300); do
		pid=$(qemus | head -n 1)
		ticks=$(awk '{ print $14 }' "/proc/${pid:-none}/stat" 2>/dev/null)
		[ "${ticks:-0}" -gt 30 ] && return 0
		sleep 0.05
	done
	return 1
}

start() { # in the background; its pid in $driver
	"$ktstr" "$@" >"$work/out" 2>"$work/err" &
	driver=$!
	wait_for_qemu
}
