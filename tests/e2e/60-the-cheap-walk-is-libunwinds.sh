#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# unwind=verify: over real programs, and over one that makes every kind of stack, no frame of the cheap walk is
# another than libunwind's.
. "$(dirname "$0")/lib.sh"
need awk

run=$source/tests/verify/run
drain=$build/tests/verify/memtrace-collect
[ -x "$drain" ] || skip_all "tests/verify/memtrace-collect is not built"
ldconfig -p 2>/dev/null | grep -q 'libunwind\.so\.8' || skip_all "libunwind.so.8 is not installed"

top_builddir=$build
export top_builddir
for program in perl git sqlite3 cc1 shapes shapes-gcc-O0 shapes-clang-O3-lto; do
	case $program in
	cc1) needed=gcc ;;
	shapes-clang*) needed=clang++ ;;
	shapes*) needed=true ;;
	*) needed=$program ;;
	esac
	if ! command -v $needed >/dev/null; then
		skip "$program: the two walks are the same" "$needed is not installed"
		continue
	fi
	check "$program: the two walks are the same" sh "$run" $program
done
finish
