#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# real.sh KTSTR PROGRAM SCX-SCHEDULERS - runs real.c with the schedulers that the script has built.
set -u
ktstr=$1 program=$2
if ! dir=$("$3" --path); then
	if [ "${KTSTR_MUST_RUN:-}" = 1 ]; then
		echo "Bail out! the kernel's example schedulers were not built: \`make setup\` builds them"
		exit 1
	fi
	echo "1..0 # SKIP the kernel's example schedulers were not built: \`make setup\` builds them"
	exit 0
fi
for path in "$dir"/scx_*; do
	name=${path##*/}
	export "KTSTR_SCHEDULER_BIN_${name^^}=$path"
done
exec "$ktstr" test --mode det --format "${FORMAT:-tap}" "$program"
