#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# explore.sh KTSTR RACY BROKEN - `ktstr explore` finds the seeds that show a race, and each of them shows it
# again, exactly, whenever it is replayed. KTSTR_EXPLORE_SEEDS (40) seeds are explored, and each that
# fails is replayed KTSTR_EXPLORE_REPLAYS (2) times. What no seed can change is told once. Prints TAP.
set -uo pipefail
ktstr=$1 racy=$2 broken=$3
seeds=${KTSTR_EXPLORE_SEEDS:-40} replays=${KTSTR_EXPLORE_REPLAYS:-2}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export KTSTR_RUNS_DIR=$dir/runs
. "$(dirname "$0")/../tap.sh"

# results whose state is $1
results() {
	find "$KTSTR_RUNS_DIR" -name result.json -exec \
		jq -r --arg state "$1" 'select(.outcome.state == $state) | input_filename' {} +
}

explored() {
	"$ktstr" explore --mode det --seeds "1..$seeds" "$racy" >"$dir/explored" 2>&1
	[ $? -eq 1 ] || { cat "$dir/explored"; return 1; }
}

# some seeds show it and some do not: it would be no race otherwise
some_seeds_show_it() {
	failed=$(results fail | wc -l) passed=$(results pass | wc -l)
	echo "# $failed of $seeds seeds failed" >&3
	[ "$failed" -gt 0 ] && [ "$passed" -gt 0 ] && [ $((failed + passed)) -eq "$seeds" ] ||
		{ cat "$dir/explored"; return 1; }
}

each_has_a_command() {
	[ "$(grep -c -- "--seed" "$dir/explored")" -ge "$(results fail | wc -l)" ] ||
		{ cat "$dir/explored"; return 1; }
}

replayed() {
	local result i

	for result in $failing; do
		for ((i = 0; i < replays; i++)); do
			"$ktstr" replay "$result" || return 1
		done
	done
}

# explore_broken STATUS TEST: into "$dir/broken"
explore_broken() {
	env -u KTSTR_SCHEDULER "$ktstr" explore --mode det --seeds 5..8 --exact "$2" "$broken" \
		>"$dir/broken" 2>&1
	[ $? -eq "$1" ] || { cat "$dir/broken"; return 1; }
}

# told COUNT WORDS: so many lines have them
told() {
	[ "$(grep -cF -- "$2" "$dir/broken")" -eq "$1" ] || { echo "not $1 times: $2"; cat "$dir/broken"; return 1; }
}

missing_program() {
	local records

	records=$(find "$KTSTR_RUNS_DIR" -name result.json | wc -l)
	explore_broken 3 scheduler_not_found && told 1 "no seed can run: test scheduler_not_found: scheduler nowhere" &&
		told 0 "seed 5" && [ "$(find "$KTSTR_RUNS_DIR" -name result.json | wc -l)" -eq "$records" ]
}

same_error() {
	explore_broken 3 body_could_not_find_out && told 1 "the moon was in the way" && told 1 "--seed 5" &&
		told 0 "--seed 6" && told 1 "the same for 3 more: seeds 6 to 8" && told 1 "4 seeds: 0 failed, 4 without"
}

same_failure() {
	explore_broken 1 kernel_panics && told 4 "Kernel panic" && told 1 "--seed 8" && told 0 "the same for"
}

exec 3>&1
plan 7
fact explore_reports_that_seeds_fail explored
fact some_seeds_show_the_race some_seeds_show_it
fact each_failing_seed_has_a_command each_has_a_command
failing=$(results fail)
fact each_failing_seed_fails_the_same_way_when_replayed replayed
fact a_program_that_is_missing_ends_it_before_the_first_seed missing_program
fact an_error_that_all_seeds_have_is_told_once same_error
fact failures_of_all_seeds_are_each_told same_failure
