#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# install_test.sh BUILD_DIR SOURCE_DIR - install what was built into a folder of its own, and use it
# from there as an author of tests does. Prints TAP.
set -uo pipefail
build=$1 source=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR CFLAGS MAKEFLAGS MAKELEVEL DESTDIR
. "$(dirname "$0")/tap.sh"

# same WANT COMMAND...: its output is exactly that
same() {
	local want=$1 have

	shift
	have=$("$@") || return 1
	[ "$have" = "$want" ] || { printf '%s\ninstead of\n%s\n' "$have" "$want"; return 1; }
}

install_all() {
	meson install -C "$build" --no-rebuild --quiet --destdir "$dir/dest" &&
		PKG_CONFIG_LIBDIR=$(dirname "$(find "$dir/dest" -name ktstr.pc | grep .)") &&
		export PKG_CONFIG_LIBDIR &&
		include=$(pkg-config --variable=includedir ktstr) &&
		libdir=$(pkg-config --variable=libdir ktstr)
}

# C11 is what the oldest supported projects compile as; the macros expand only where they are used.
headers_stand_alone() {
	local header

	for header in "$include"/ktstr/*.h; do
		echo "$header"
		cc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -x c -I"$include" "$header" || return 1
		c++ -Wall -Wextra -Werror -fsyntax-only -x c++ -I"$include" "$header" || return 1
	done
}

foreign_names() {
	nm -g --defined-only "$libdir/libktstr.a" | awk 'NF == 3 && $3 !~ /^ktstr_|^main$/ { print $3 }'
}

build_example() {
	cp -r "$source/examples/first_test" "$dir/$1" &&
		make -C "$dir/$1" CC="$1" CFLAGS="-O2 -Wall -Wextra -Werror -Wl,--fatal-warnings"
}

small_enough() {
	[ "$(stat -c %s "$dir/cc/first_test")" -lt $((512 << 10)) ] || ls -l "$dir/cc/first_test"
}

needed() {
	readelf -d "$dir/cc/first_test" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

described() {
	"$dir/cc/first_test" --ktstr-describe |
		jq -r '.schema, (.tests[] | .name, .topology, (.file | sub(".*/"; "")))' | paste -sd' '
}

own_main() {
	cat >"$dir/own.c" <<-'END'
		#include <stdio.h>
		#include <ktstr/ktstr.h>
		/* names that ktstr uses inside, and must not take from others */
		int file_read = 1, log_line = 2;
		KTSTR_TEST(empty) { return 0; }
		int main(int argc, char **argv)
		{
			printf("mine %d\n", file_read + log_line);
			fflush(stdout);
			return ktstr_main(argc, argv);
		}
	END
	# shellcheck disable=SC2046 # flags are words
	cc -o "$dir/own" "$dir/own.c" $(pkg-config --cflags --libs ktstr) && "$dir/own" --list
}

no_test() {
	local status

	echo '#include <ktstr/ktstr.h>' >"$dir/none.c"
	# shellcheck disable=SC2046
	cc -o "$dir/none" "$dir/none.c" $(pkg-config --cflags --libs ktstr) || return 1
	"$dir/none" --list 2>&1
	status=$?
	[ $status -eq 4 ] || echo "exit status $status"
}

plugin() {
	nm -D --defined-only "$libdir/ktstr/ktstr-trace.so" | grep -c ' qemu_plugin_\(install\|version\)$'
}

plan 12
fact installs install_all
[ -n "${libdir:-}" ] || { echo "Bail out! nothing to look at"; exit 1; }
fact the_trace_plugin_is_where_ktstr_looks same 2 plugin
fact each_header_stands_alone_in_c_and_cxx headers_stand_alone
fact the_library_defines_only_names_of_ktstr same "" foreign_names
fact the_example_builds build_example cc
fact the_example_builds_with_clang build_example clang-19
fact the_example_lists_its_tests same $'ktstr/two_cgroups: test\nktstr/machine_has_its_shape: test' \
	"$dir/cc/first_test" --list
fact the_example_describes_its_tests same \
	"1 two_cgroups 1n1l2c1t first_test.c machine_has_its_shape 1n2l2c1t first_test.c" described
fact a_test_program_is_small same "" small_enough
fact a_test_program_needs_libc_alone same libc.so.6 needed
fact a_program_may_bring_its_own_main same $'mine 3\nktstr/empty: test' own_main
fact a_program_without_tests_says_so same \
	"ktstr: no test is linked into this program; KTSTR_TEST(name) { ... } declares one" no_test
