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
n=0

round() { # NAME OPTIONS...
	local name=$1 began=$SECONDS took
	shift
	"$ktstr" run --all --mode det --duration 0.5 --format json -o "$work/json" "$@" 2>"$work/log"
	took=$((SECONDS - began))
	n=$((n + 1))
	if jq -e '(.tests | length == 81) and all(.tests[]; .outcome.state == "pass")' "$work/json" >/dev/null; then
		echo "ok $n - all pass under $name"
	else
		echo "not ok $n - all pass under $name"
		jq -r '.tests[] | select(.outcome.state != "pass") |
			"# \(.test_name) \(.outcome.state): \([.outcome.details[].text] | join("; "))"' "$work/json"
		tail -n 5 "$work/log" | sed 's/^/# /'
	fi
	n=$((n + 1))
	# under other load the time says nothing of ktstr
	if [ "$took" -le 300 ]; then
		echo "ok $n - in $took s under $name"
	elif [ "$(awk '{ print int($2) }' /proc/loadavg)" -ge 4 ]; then
		echo "ok $n - in $took s under $name # SKIP this host has other work"
	else
		echo "not ok $n - in $took s under $name"
	fi
}

round eevdf
round the_fixture --scheduler "$scheduler"
echo "1..$n"
