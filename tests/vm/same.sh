#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# same.sh KTSTR SUITE [TOPOLOGY...] - in det, clones of two templates that were made apart and a cold
# boot are one run: a busy host beside the second template. 2 CPUs when no topology is given. TAP.
set -u
ktstr=$1 suite=$2
shift 2
[ $# -gt 0 ] || set -- 1n1l2c1t
cache=${KTSTR_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ktstr}
work=$(mktemp -d) || exit 1
hogs=()
trap 'kill "${hogs[@]}" 2>/dev/null; rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"

digest() { # cache, arguments of ktstr test: the outcome's digest, or why there is none
	mkdir -p "$work/$1"
	[ -e "$work/$1/kernels" ] || ln -s "$cache/kernels" "$work/$1/kernels"
	KTSTR_CACHE_DIR=$work/$1 "$ktstr" test --mode det --format json -o "$work/json" "${@:2}" "$suite" 2>"$work/err" &&
		jq -r '.tests[0].outcome_digest' "$work/json" && return
	tail -n 1 "$work/err"
}

for topology; do
	for test in eevdf_is_fair_to_two_cgroups fixture_is_fair_to_two_cgroups; do
		what=(--topology "$topology" --exact "$test")
		a=$(digest a "${what[@]}")
		for _ in 1 2 3; do
			(while :; do :; done) &
			hogs+=($!)
		done
		b=$(digest b "${what[@]}")
		kill "${hogs[@]}"
		hogs=()
		cold=$(digest cold --no-template "${what[@]}")
		if [[ $a == sha256:* && $a == "$b" && $a == "$cold" ]]; then
			ok "$topology $test: two templates and a cold boot are one run"
		else
			not_ok "$topology $test: template $a, another $b, cold boot $cold" </dev/null
		fi
	done
	rm -rf "$work"/{a,b}/templates
done
plan
