#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the examples say of themselves is right: valgrind, who knows nothing of memtrace, finds the same.
. "$(dirname "$0")/lib.sh"
need valgrind

# What the examples promise is the same for every compiler; once is enough.
case $(${CC:-cc} --version) in
*clang*) skip_all "valgrind 3.19 does not read clang's debug information" ;;
esac

for example in $(examples); do
	case $example in
	forked) continue ;; # valgrind lists the parent's blocks again in the child
	own_new) continue ;; # valgrind replaces a program's own operator new
	pvalloc) continue ;; # valgrind does not know pvalloc
	esac
	# The exit status does not count: not every call that must fail does under valgrind.
	valgrind -q --leak-check=full --show-leak-kinds=all --leak-resolution=high --num-callers=50 \
		--keep-debuginfo=yes --xml=yes --xml-file="$work/report.xml" \
		"$build/examples/$example" >/dev/null 2>&1
	# shellcheck disable=SC2046
	check "valgrind finds what $example promises" "$python" "$here/leaks.py" valgrind "$work/report.xml" $(example_sources "$example")
done
finish
