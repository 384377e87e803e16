#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# robust.sh KTSTR SUITE EMPTY - what users and accidents do to `ktstr test`: wrong words, signals,
# killed processes, full disks. Each must be named, and nothing may be left behind. TAP on stdout.
set -u
ktstr=$1 suite=$2 empty=$3
work=$(mktemp -d) || exit 1
export KTSTR_RUNS_DIR=$work/runs KTSTR_MODE=tcg
trap 'pkill -9 -f "$work/runs"; rm -rf "$work"' EXIT
quick=(--exact a_passing_test_may_say_something "$suite")
cold=(--no-template "${quick[@]}")        # long enough to be interrupted
kernel=$("$ktstr" kernel resolve) || { echo "Bail out! no kernel"; exit 1; }
mounts=$(wc -l </proc/self/mounts)
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/guests.sh"

left() { find "$work/runs" \( -name scratch -o -name lock \) 2>/dev/null; }

refused() { # status, words, arguments...
	local want=$1 words=$2
	shift 2
	run "$@"
	[ "$status" = "$want" ] && says "$words" && [ -z "$(qemus)$(left)" ]
}

# --- wrong words ----------------------------------------------------------------------------------
refused 64 'topology 0n1l1c1t: NUMA nodes must be 1..1024, not 0' test --topology 0n1l1c1t "$suite"
check "topology 0n1l1c1t is named" $?
refused 4 'no test matches "no_such_test"' test --exact no_such_test "$suite"
check "an unknown test name is exit status 4" $?
refused 4 'no test is linked into' test "$empty"
check "a program without tests says so" $?
KTSTR_PROGRAM=$ktstr "$empty" >"$work/out" 2>"$work/err"
[ $? = 4 ] && says 'no test is linked into'
check "and says the same by itself" $?
refused 3 '/bin/true' test /bin/true
check "a program that is no test program is named" $?
refused 3 "start $work/nothing: No such file or directory" test "$work/nothing"
check "a program that is not there is named" $?
refused 64 'there is no option "--wrong"' test --wrong "$suite"
check "an unknown option is named" $?
refused 64 'there is no command "tset"' tset
check "an unknown command is named" $?
refused 3 "$work/nothing" test --kernel "$work/nothing" "${quick[@]}"
check "a kernel that is not there is named" $?
echo 'I am a text' >"$work/text"
refused 3 "$work/text" test --kernel "$work/text" "${quick[@]}"
check "a kernel that is a text file is named" $?
head -c 2000000 "$kernel" >"$work/half"
refused 3 "$work/half" test --kernel "$work/half" "${quick[@]}"
check "half a kernel is named" $?
KTSTR_QEMU=$work/text refused 3 'no QEMU' test "${quick[@]}"
check "so is one that cannot be started" $?
KTSTR_QEMU=/bin/true refused 3 '/bin/true is no QEMU: --version says' test "${quick[@]}"
check "and a program that is none" $?
KTSTR_QEMU=$work/nothing refused 3 'no QEMU' test "${quick[@]}"
check "a QEMU that is not there is named" $?

# --- what comes out -------------------------------------------------------------------------------
run test "${quick[@]}"
[ "$status" = 0 ] && says 'note: the machine has 2 CPUs' && says '1 passed, 0 failed, 0 skipped' &&
	no_qemu && [ -z "$(left)" ]
check "success leaves no process, lock or scratch" $?
[ -s "$(find "$work/runs" -name result.json)" ] && [ -e "$(find "$work/runs" -name console.log)" ]
check "result and console are kept" $?

"$ktstr" test --format tap "${quick[@]}" >"$work/out" 2>"$work/err"
prove -e cat "$work/out" >/dev/null 2>&1
check "prove accepts the TAP" $?
run test --format junit -o "$work/x.xml" "${quick[@]}"
[ "$status" = 0 ] && [ ! -s "$work/out" ] && xmllint --noout "$work/x.xml" 2>>"$work/err"
check "-o takes the JUnit report, stdout stays empty" $?
run test --format json "${quick[@]}"
jq -e '.tests[0] | .outcome.state == "pass" and .outcome.stats.metrics.answer == 42 and .run.host_ns > 0
	and (.outcome | has("host_ns") | not)' "$work/out" >/dev/null
check "JSON keeps outcome and run apart" $?
run test --format json -o /dev/full "${quick[@]}"
[ "$status" = 3 ] && says 'No space left on device'
check "an output that is full is an error" $?

"$ktstr" test "${quick[@]}" 2>"$work/err" | head -c 1 >"$work/out"
[ "${PIPESTATUS[0]}" = 3 ] && says 'write the pretty report: Broken pipe' && no_qemu && [ -z "$(left)" ]
check "a reader that leaves ends the run in order" $?
"$ktstr" test "${quick[@]}" >&- 2>"$work/err"
[ $? = 3 ] && says 'write the pretty report: Bad file descriptor' && [ -z "$(left)" ]
check "a stdout that is closed is an error, and no file of ours is taken for it" $?
run test --topology 1n1l1024c1t "${quick[@]}"
[ "$status" = 3 ] && says 'this host has'
check "a machine that was asked for and cannot be had is an error" $?
skipped=(--exact demo_a_machine_that_is_too_large "$suite")
run test "${skipped[@]}"
[ "$status" = 0 ] && says 'SKIP' && says 'this host has'
check "one that a test declares is skipped" $?
run test --no-skip-mode "${skipped[@]}"
[ "$status" = 1 ] && says 'this host has' && says 'it was skipped, which --no-skip-mode does not allow'
check "and with --no-skip-mode that is a failure" $?

# --- accidents ------------------------------------------------------------------------------------
start test "${cold[@]}"
kill -INT "$driver"
wait "$driver"
[ $? = 130 ] && no_qemu && [ -z "$(left)" ] && says '0 passed, 0 failed, 0 skipped'
check "Ctrl-C ends guests, reports what finished, exits 130" $?

start test "${cold[@]}"
kill -TERM "$driver"
sleep 0.02
kill -TERM "$driver"
wait "$driver"
[ $? = 130 ] && no_qemu && [ -z "$(left)" ] && says '0 passed, 0 failed, 0 skipped'
check "a signal that comes twice at once, as from timeout(1), is one" $?

start test "${cold[@]}"
kill -9 "$driver"
wait "$driver" 2>/dev/null
no_qemu
check "QEMU dies with a driver that was killed" $?
[ -n "$(left)" ]
check "(and something was left to sweep)" $?
run test "${quick[@]}"
[ "$status" = 0 ] && [ -z "$(left)" ]
check "the next start sweeps what it left" $?

start test "${cold[@]}"
kill -9 $(qemus)
wait "$driver"
[ $? = 3 ] && says 'QEMU ended during boot: killed by SIGKILL' && [ -z "$(left)" ]
check "a QEMU that was killed is an error that says so" $?

KTSTR_BOOT_TIMEOUT_S=1 run test "${cold[@]}"
[ "$status" = 3 ] && says "stage boot did not end within 1 s" && says "init never spoke" && no_qemu
check "a boot that takes too long is named with its stage" $?

cat >"$work/other-machine" <<'EOF'
#!/bin/bash
exec qemu-system-x86_64 "${@/sockets=1,cores=2/sockets=2,cores=1}"
EOF
chmod +x "$work/other-machine"
KTSTR_QEMU=$work/other-machine refused 3 \
	'the guest is not the machine that was asked for: CPU 0: sharing its L3: 0 in the guest, 0-1 asked for' test "${cold[@]}"
check "a machine of another shape is no place for a test" $?

if unshare -m true 2>/dev/null; then
	mkdir "$work/tiny"
	unshare -m bash -c 'mount -t tmpfs -o size=64k tmpfs "$1/tiny" || exit 99
		KTSTR_CACHE_DIR=$1/tiny "$2" test --kernel "$3" "${@:4}" >"$1/out" 2>"$1/err"
		status=$?
		[ -z "$(find "$1/tiny/templates" -mindepth 1 -type d; find "$1/tiny/init" -type f)" ] || exit 98
		exit $status' bash "$work" "$ktstr" "$kernel" "${quick[@]}"
	[ $? = 0 ] && says 'No space left on device' && says 'booting from cold' && no_qemu && [ -z "$(left)" ]
	check "a full cache directory is named, keeps nothing that is not whole, and the test runs" $?
else
	skip "a full cache directory is named, and the test runs" "no mount namespaces here"
fi

# --- templates ------------------------------------------------------------------------------------
export KTSTR_CACHE_DIR=$work/cache
own=(--kernel "$kernel" "${quick[@]}")
ram() { find "$work/cache/templates" -name "ram0" 2>/dev/null; }
unfinished() { find "$work/cache/templates" -name '.new-*' 2>/dev/null; }

start test "${own[@]}"
kill -9 "$driver"
wait "$driver" 2>/dev/null
no_qemu && [ -n "$(unfinished)" ] && [ -z "$(ram | grep -v .new-)" ]
check "a killed run leaves no template that looks whole" $?
"$ktstr" test "${own[@]}" >"$work/out2" 2>&1 &
other=$!
run test "${own[@]}"
wait "$other" && [ "$status" = 0 ] && [ "$(ram | wc -l)" = 1 ] && [ -z "$(unfinished)" ]
check "two runs at once make one template and share it" $?
before=$(stat -c %Y.%i "$(ram)")
run test "${own[@]}"
[ "$status" = 0 ] && [ "$(stat -c %Y.%i "$(ram)")" = "$before" ]
check "a third clones it and leaves it as it is" $?
truncate -s 1M "$(ram)"
run test "${own[@]}"
[ "$status" = 0 ] && says 'is damaged (its files have other sizes' && [ "$(stat -c %s "$(ram)")" = $((2048 << 20)) ]
check "a truncated template is made anew, and a line says so" $?
echo '{}' >"$(dirname "$(ram)")/template.json"
run test "${own[@]}"
[ "$status" = 0 ] && says 'is damaged'
check "a foreign template is made anew" $?
run template list
[ "$status" = 0 ] && says '1n1l2c1t' && says ' tcg '
check "template list names it" $?
run clean --templates
[ "$status" = 0 ] && [ -z "$(ram)" ]
check "clean --templates removes it" $?
unset KTSTR_CACHE_DIR

# --- the same again -------------------------------------------------------------------------------
digest() {
	"$ktstr" test --mode det --format json --exact fixture_is_fair_to_two_cgroups "$@" "$suite" \
		2>"$work/err" | tee "$work/out" | jq -r '.tests[0].outcome_digest'
}
run test --mode det "${quick[@]}"        # the template
one=$(digest)
(while :; do :; done) & hog=$!
(while :; do :; done) & hog2=$!
two=$(digest) three=$(digest)
kill "$hog" "$hog2"
[ -n "$one" ] && [ "$one" != null ] && [ "$one" = "$two" ] && [ "$one" = "$three" ]
check "in det an idle and a busy host give one outcome" $?
one=$(digest --no-template) two=$(digest --no-template)
[ -n "$one" ] && [ "$one" != null ] && [ "$one" = "$two" ]
check "and two cold boots do" $?

run test --mode det --repeat 12 "${quick[@]}"
[ "$status" = 0 ] && says '12 passed, 0 failed'
check "twelve rounds in det are one run" $?
run explore --mode det --seeds 7..9 --exact eevdf_is_fair_to_two_cgroups "$suite"
says '3 seeds: ' && says ' 3 different outcomes'
check "three seeds are three runs" $?
result=$(find "$work/runs" -path '*003-eevdf*' -name result.json | tail -n 1)
run replay "$result"
[ "$status" = 0 ] && says 'the same outcome'
check "a stored result with its seed and disturber is replayed" $?
sed -i 's/"idle_ns": /"idle_ns": 1/' "$result"
run replay "$result"
[ "$status" = 1 ] && says 'the first difference: stats.window.idle_ns'
check "and a difference is named" $?

[ "$(wc -l </proc/self/mounts)" = "$mounts" ] && no_qemu
check "nothing is mounted, no QEMU runs" $?
plan
