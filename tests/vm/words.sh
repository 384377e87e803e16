#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# words.sh KTSTR SUITE - what ktstr says to words that it does not understand, to files that are
# something else, and to a stdout that takes nothing. No guest runs. TAP on stdout.
set -u
ktstr=$1 suite=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export KTSTR_RUNS_DIR=$work/runs
. "$(dirname "$0")/../tap.sh"

# says STATUS WORDS ARGUMENTS...: one TAP line
says() {
	local status=$1 words=$2 have

	shift 2
	"$ktstr" "$@" >"$work/out" 2>"$work/err" </dev/null
	have=$?
	[ "$have" = "$status" ] && grep -qF -- "$words" "$work/err"
	check "ktstr $*: $words" $? "exit status $have, expected $status; $(head -n 5 "$work/err")"
}

# --- commands and options -------------------------------------------------------------------------
says 64 'there is no command "tset"; did you mean test?' tset
says 64 'there is no command "qqqqqqqq" (ktstr --help' qqqqqqqq
says 64 'test: there is no option "--durtion"; did you mean --duration?' test --durtion 3
says 64 'test: --no may be --no-template, --no-skip-mode, --no-auto-repro' test --no
says 64 'test: there is no option "-Q"' test -Qk x
says 64 'test: --jobs wants a value' test "$suite" --jobs
says 64 'test: -k wants a value' test "$suite" -k
says 64 'test: --list takes no value' test --list=yes "$suite"
says 64 'list: there is no option "--filtr"; did you mean --filter?' list --filtr x
says 64 'topo: there is no option "--jsn"; did you mean --json?' topo --jsn
says 64 'show-host: there is no option "-x"' show-host -x
says 64 'clean: there is no option "--rune"; did you mean --runs?' clean --rune
says 64 'cleanup: --parent-cgroup wants a value' cleanup --parent-cgroup
says 64 'replay: there is no option "--trace"' replay --trace
says 64 'explore: --seeds wants a value' explore "$suite" --seeds
says 64 'trace: -o wants a value' trace -o
says 64 'shell: there is no option "--exce"; did you mean --exec?' shell --exce
says 64 'stats: there is no option "--jsn"; did you mean --json?' stats --jsn
says 64 'stats compare: there is no option "--a-krnel"; did you mean --a-kernel?' stats compare --a-krnel 6
says 64 'show-thresholds: there is no option "-x"' show-thresholds -x
says 64 'kernel list: --json takes no value' kernel list --json=1
says 64 'kernel clean: --keep wants a value' kernel clean --keep
says 64 'ctprof capture: -o wants a value' ctprof capture -o
says 64 'ctprof record: there is no option "--cuont"; did you mean --count?' ctprof record --cuont 3
says 64 'ctprof show: there is no option "--limt"; did you mean --limit?' ctprof show --limt 3
says 64 'ctprof compare: --columns wants a value' ctprof compare --columns
says 64 'ctprof top: -n wants a value' ctprof top -n
says 64 'ctprof top: --interval: "0" is no number of seconds' ctprof top --interval 0

for command in test run list shell explore replay show-thresholds stats ctprof trace kernel show-host \
	template topo clean cleanup completions; do
	"$ktstr" "$command" --help >"$work/one" 2>&1 && "$ktstr" help "$command" >"$work/two" 2>&1 &&
		grep -q "^usage: ktstr $command" "$work/one" && cmp -s "$work/one" "$work/two"
	check "help $command is $command --help" $?
done

# what the tab key offers: WORD..., the last of them as typed so far
completed() {
	bash -c 'PATH=$(dirname "$1"):$PATH; source <(ktstr completions bash); shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _ktstr; echo "${COMPREPLY[*]}"' - "$ktstr" ktstr "$@"
}
[ "$(completed tem)" = template ] && [ "$(completed ctprof me)" = metric-list ]
check "completions knows commands" $?
[ "$(completed run --aut)" = --auto-repro ] && [ "$(completed ctprof show --group)" = --group-by ]
check "and options" $?
[ "$(completed run cgroup_stead)" = cgroup_steady ]
check "and scenarios" $?
says 64 'completions: of which shell? bash, zsh or fish' completions tcsh

# --- what goes only with other words --------------------------------------------------------------
says 64 'run: --scheduler-arg without --scheduler' run --scheduler-arg x cgroup_steady
says 64 'run: --scheduler-arg: eevdf is the kernel' run --scheduler eevdf --scheduler-arg x cgroup_steady
says 64 "run: --scheduler wants a program's name or path, or eevdf" run --scheduler '' cgroup_steady
says 4 'no test matches "eevdf_is_fair_to_two_cgroup"; did you mean eevdf_is_fair_to_two_cgroups?' \
	show-thresholds eevdf_is_fair_to_two_cgroup "$suite"

# --- files that are something else ----------------------------------------------------------------
echo 'a text' >"$work/text"
printf '#!/bin/sh\nexit 7\n' >"$work/script"
head -c 3000 "$suite" >"$work/part"
chmod +x "$work/script" "$work/part"
says 3 "$work is a directory, not a test program" test "$work"
says 3 "$work/text is not executable, so no test program" test "$work/text"
says 3 "(is it a test program?): $work/script: exit status 7" test "$work/script"
says 3 "(is it a test program?): $work/part: killed by SIG" test "$work/part"
says 3 'a test program has a name' test ''
one=(--exact eevdf_is_fair_to_two_cgroups "$suite")
says 3 "create $work: it is a directory" test --trace "$work" "${one[@]}"
says 3 'create /nowhere/x.pb: No such file' trace -o /nowhere/x.pb "${one[@]}"
says 3 'create /nowhere/out: No such file' test -o /nowhere/out "${one[@]}"
[ ! -e "$work/runs" ]
check "all of it is told before there is a run" $?
mkfifo "$work/fifo"
cat "$work/fifo" >"$work/read" &
"$ktstr" ctprof capture --no-heap --json -o "$work/fifo" 2>"$work/err" && wait $! && [ -p "$work/fifo" ] &&
	jq -e '.threads | length > 0' "$work/read" >/dev/null
check "ctprof capture writes to a pipe and does not replace it" $?

# --- stdout ---------------------------------------------------------------------------------------
while read -r words; do
	# shellcheck disable=SC2086 # they are words
	"$ktstr" $words >/dev/full 2>"$work/err"
	[ $? = 3 ] && grep -qE 'stdout cannot be written|write to stdout' "$work/err"
	check "ktstr $words >/dev/full is an error with words" $?
	# shellcheck disable=SC2086
	"$ktstr" $words >&- 2>"$work/err"
	[ $? = 3 ] && grep -qE 'stdout cannot be written|write to stdout' "$work/err"
	check "and so is ktstr $words >&-" $?
done <<END
--help
list
list --json
topo
show-host
ctprof metric-list
test --list $suite
END
plan
