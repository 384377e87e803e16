# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # $work and $dir are the script's
#
# tap.sh - what test scripts print, in TAP: sourced by them. $count is how many tests there were so far.
# What a failed one has to say comes from `said`, which a script may define anew.
count=0

ok() { # NAME
	count=$((count + 1))
	echo "ok $count - $1"
}

not_ok() { # NAME; what there is to say of it on stdin
	count=$((count + 1))
	echo "not ok $count - $1"
	sed 's/^/# /'
}

skip() { # NAME WHY
	ok "$1 # SKIP $2"
}

said() { # by the last run of a program, for scripts that keep it so
	tail -n 20 "$work/out" "$work/err" 2>/dev/null
}

check() { # NAME STATUS [WORDS]: WORDS, or else what `said` prints, explain a failure
	if [ "$2" = 0 ]; then
		ok "$1"
	elif [ $# -gt 2 ]; then
		not_ok "$1" <<<"$3"
	else
		not_ok "$1" < <(said)
	fi
}

# fact NAME COMMAND...: what the command printed, into "$dir/log", is shown when it fails
fact() {
	local name=$1

	shift
	if "$@" >"$dir/log" 2>&1; then
		ok "$name"
	else
		not_ok "$name" < <(tail -n 40 "$dir/log")
	fi
}

plan() { # [COUNT], before the tests or after them
	echo "1..${1:-$count}"
}
