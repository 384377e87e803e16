#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# seeds.sh KTSTR PROGRAM... - tests hold in other interleavings than that of seed 1, which is another one on
# every machine: what travels into a guest has paths in it. KTSTR_SOAK_SEEDS ("2 3 4 5 6 7") says which.
# One test for each program and seed. TAP on stdout.
set -u
ktstr=$1
shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"

failures='.tests[] | select(.outcome.state == "pass" or .outcome.state == "skip" | not) |
	"\(.test_name) \(.outcome.state): \([.outcome.details[].text] | join("; "))"'
for program in "$@"; do
	for seed in ${KTSTR_SOAK_SEEDS:-2 3 4 5 6 7}; do
		"$ktstr" test --mode det --seed "$seed" --format json -o "$work/json" "$program" 2>"$work/log"
		status=$?
		check "${program##*/}, seed $seed" "$status" "$(jq -r "$failures" "$work/json"; tail -n 3 "$work/log")"
		rm -rf "$work/runs"
	done
done
plan
