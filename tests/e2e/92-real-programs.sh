#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The quick ones of the matrix of real programs and allocators. doc/reliability.md has the whole table.
. "$(dirname "$0")/lib.sh"
need sqlite3

top_builddir=$build
export top_builddir
for program in jq vim xz openssl curl; do
	"$source/tests/matrix/cell" $program >$program.log 2>&1
	status=$?
	if grep -q '^1\.\.0' $program.log; then
		skip "$program is the same" "$(sed -n 's/^1\.\.0 # SKIP //p' $program.log)"
	else
		check "$program is the same" sh -c "grep -v '^ok' $program.log; exit $status"
	fi
done
for library in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2.0; do
	path=$(ldconfig -p | sed -n "s/.*${library%.0}.* => //p" | head -n 1)
	if is_sanitized; then
		skip "perl is the same with $library" "the tool's sanitizer has to be the first library"
	elif [ -n "$path" ]; then
		check "perl is the same with $library" "$source/tests/matrix/cell" perl "$path"
	else
		skip "perl is the same with $library" "$library is not installed"
	fi
done
finish
