#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# catalogue.sh KTSTR SCHEDULER - the whole catalogue in det, 0.5 s each, passes under EEVDF and under
# the fixture, and one round of it takes no more than 5 minutes of a host with 2 idle CPUs. TAP on stdout.
set -u
ktstr=$1 scheduler=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"

round() { # NAME OPTIONS...
	local name=$1 began=$SECONDS took
	shift
	"$ktstr" run --all --mode det --duration 0.5 --format json -o "$work/json" "$@" 2>"$work/log"
	took=$((SECONDS - began))
	if jq -e '(.tests | length == 81) and all(.tests[]; .outcome.state == "pass")' "$work/json" >/dev/null; then
		ok "all pass under $name"
	else
		not_ok "all pass under $name" < <(
			jq -r '.tests[] | select(.outcome.state != "pass") |
				"\(.test_name) \(.outcome.state): \([.outcome.details[].text] | join("; "))"' "$work/json"
			tail -n 5 "$work/log")
	fi
	# under other load the time says nothing of ktstr
	if [ "$took" -le 300 ]; then
		ok "in $took s under $name"
	elif [ "$(awk '{ print int($2) }' /proc/loadavg)" -ge 4 ]; then
		skip "in $took s under $name" "this host has other work"
	else
		not_ok "in $took s under $name" </dev/null
	fi
}

round eevdf
round the_fixture --scheduler "$scheduler"
plan
