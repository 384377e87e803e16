#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# soak.sh KTSTR SUITE - the determinism matrix: the same test 20 times, on 1, 2, 4 and 16 vCPUs, under
# EEVDF and a sched_ext scheduler, on an idle host, a busy one, and four guests at a time; clones and
# cold boots. In det every row must have one outcome. KTSTR_SOAK_RUNS changes the 20. TAP on stdout.
set -u
ktstr=$1 suite=$2
runs=${KTSTR_SOAK_RUNS:-20}
work=$(mktemp -d) || exit 1
hogs=()
trap 'kill "${hogs[@]}" 2>/dev/null; rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"

row() { # words, arguments of ktstr test
	local words=$1 digests
	shift
	"$ktstr" test --mode det --repeat "$runs" --format json -o "$work/json" "$@" "$suite" 2>"$work/err"
	digests=$(jq -r '.tests[].outcome_digest' "$work/json" | sort -u | wc -l)
	if [ "$digests" = 1 ] && [ "$(jq '.tests | length' "$work/json")" = "$runs" ]; then
		ok "$words: $runs runs, one outcome"
	else
		not_ok "$words: $runs runs, $digests outcomes" < <(
			jq -r '.tests[].outcome.details[].text' "$work/json" | sort | uniq -c | head -n 5
			tail -n 3 "$work/err")
	fi
}

for topology in 1n1l1c1t 1n1l2c1t 1n1l4c1t 2n4l2c2t; do
	for test in eevdf_is_fair_to_two_cgroups fixture_is_fair_to_two_cgroups; do
		what=(--topology "$topology" --exact "$test")
		row "$topology $test, idle host" -j1 "${what[@]}"
		for _ in 1 2 3; do
			(while :; do :; done) &
			hogs+=($!)
		done
		row "$topology $test, busy host" -j1 "${what[@]}"
		kill "${hogs[@]}"
		hogs=()
		row "$topology $test, four at a time" -j4 "${what[@]}"
	done
done
for topology in 1n1l2c1t 1n1l4c1t; do
	row "$topology cold boots" --no-template --topology "$topology" --exact eevdf_is_fair_to_two_cgroups
done
plan
