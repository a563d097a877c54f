#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# count.so, which memtrace is held to, is right itself: it counts what valgrind counts.
. "$(dirname "$0")/lib.sh"
need valgrind sqlite3

# The variables that load count.so are part of what a program copies: valgrind's run has as many bytes.
counted()
{
	local name=$1
	shift
	rm -f counts
	LD_PRELOAD=$count COUNT_OUTPUT=$work/counts "$@" >/dev/null
	got=$("$python" "$here/counts.py" show counts | cut -d' ' -f3-)
	wanted=$(valgrind --run-libc-freeres=no --run-cxx-freeres=no "$@" 2>&1 >/dev/null |
		sed -n 's/,//g; s/.*total heap usage: \([0-9]*\) allocs \([0-9]*\) frees \([0-9]*\) bytes.*/\1 \2 \3/p')
	is "$name: allocations, frees, bytes" "$got" "$wanted"
}

counted "every C call but those that valgrind does not know" "$build/examples/clean"
counted "four threads" "$build/examples/threads"
counted "ls of a folder" ls "$source/examples"
counted "a sqlite3 query" sqlite3 :memory: \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
	 SELECT count(*), group_concat(i) FROM n GROUP BY i % 7 ORDER BY random();"

LD_PRELOAD=$count COUNT_OUTPUT=$work/forked "$build/examples/forked"
is "a forked child has a row of its own" \
	"$("$python" "$here/counts.py" show forked | cut -d' ' -f2-)" "forked 2 1 52
forked 1 1 21"
finish
