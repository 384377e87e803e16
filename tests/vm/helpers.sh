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
count=0

# fact NAME STATUS WORDS COMMAND...: it ends with that status and says that
fact() {
	local name=$1 status=$2 words=$3 have

	shift 3
	"$@" >"$dir/log" 2>&1
	have=$?
	count=$((count + 1))
	if [ $have -eq "$status" ] && grep -qF -- "$words" "$dir/log"; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		echo "# exit status $have, expected $status and: $words"
		sed 's/^/# /' "$dir/log" | tail -n 20
	fi
}

run() { "$ktstr" test --mode det --exact "$1" "$payload"; }
probe_is() { KTSTR_JEMALLOC_PROBE_BINARY=$1 run J5_a_nonexistent_pid_is_fatal_without_json; }
worker_is() { KTSTR_JEMALLOC_ALLOC_WORKER_BINARY=$1 run J9_the_probe_observes_a_known_allocation; }

echo 1..6
fact j1_an_empty_variable_packs_no_probe 3 KTSTR_JEMALLOC_PROBE_BINARY probe_is ""
fact j1_a_relative_path_is_refused 3 "KTSTR_JEMALLOC_PROBE_BINARY must be an absolute path, not a/probe" probe_is a/probe
fact j1_the_program_that_the_variable_names_is_run 1 "exit code 0" probe_is "$(type -P true)"
fact a1_an_empty_variable_packs_no_worker 3 KTSTR_JEMALLOC_ALLOC_WORKER_BINARY worker_is ""
fact a1_a_missing_file_is_named 3 /no/such/worker worker_is /no/such/worker
fact a1_the_worker_that_the_variable_names_is_run 3 "exited before creating ready marker /tmp/ktstr-worker-ready-" \
	worker_is "$(type -P false)"
