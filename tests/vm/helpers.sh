#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# helpers.sh KTSTR PAYLOAD - rules A1 and J1: the jemalloc programs go into a guest's /bin only from the
# absolute host path that their variable says. Prints TAP.
set -uo pipefail
ktstr=$1 payload=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export KTSTR_RUNS_DIR=$dir/runs
. "$(dirname "$0")/../tap.sh"

# ends STATUS WORDS COMMAND...: it ends with that status and says that
ends() {
	local status=$1 words=$2 have

	shift 2
	"$@" >"$dir/out" 2>&1
	have=$?
	[ $have -eq "$status" ] && grep -qF -- "$words" "$dir/out" && return
	echo "exit status $have, expected $status and: $words"
	tail -n 20 "$dir/out"
	return 1
}

run() { "$ktstr" test --mode det --exact "$1" "$payload"; }
probe_is() { KTSTR_JEMALLOC_PROBE_BINARY=$1 run J5_a_nonexistent_pid_is_fatal_without_json; }
worker_is() { KTSTR_JEMALLOC_ALLOC_WORKER_BINARY=$1 run J9_the_probe_observes_a_known_allocation; }

plan 6
fact j1_an_empty_variable_packs_no_probe ends 3 KTSTR_JEMALLOC_PROBE_BINARY probe_is ""
fact j1_a_relative_path_is_refused ends 3 "KTSTR_JEMALLOC_PROBE_BINARY must be an absolute path, not a/probe" probe_is a/probe
fact j1_the_program_that_the_variable_names_is_run ends 1 "exit code 0" probe_is "$(type -P true)"
fact a1_an_empty_variable_packs_no_worker ends 3 KTSTR_JEMALLOC_ALLOC_WORKER_BINARY worker_is ""
fact a1_a_missing_file_is_named ends 3 /no/such/worker worker_is /no/such/worker
fact a1_the_worker_that_the_variable_names_is_run ends 3 "exited before creating ready marker /tmp/ktstr-worker-ready-" \
	worker_is "$(type -P false)"
