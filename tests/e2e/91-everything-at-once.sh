#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Libraries, forks, execs, threads and signals at once: the ledger is exact. doc/reliability.md has more minutes.
. "$(dirname "$0")/lib.sh"

[ -x "$build/tests/reliability/soak" ] || skip_all "tests/reliability/soak is not built"
top_builddir=$build
export top_builddir
check "everything at once" "$python" "$source/tests/reliability/soak.py" --seconds=3

# info reads process by process: a table that is read whole for each made ten thousand take minutes.
trace_run "$work/one.db" true
query one.db "EXPLAIN QUERY PLAN SELECT count(*) FROM thread WHERE process = 1" >plan
contains "the threads of a process are found by an index" plan "SEARCH thread"
query one.db "EXPLAIN QUERY PLAN SELECT text FROM note WHERE coalesce(process, 0) = 1" >plan
contains "so are its notes" plan "SEARCH note"
finish
