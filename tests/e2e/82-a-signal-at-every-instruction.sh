#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A handler that allocates at every single instruction of an allocation, in the hooks, the walk and the ring's writer:
# all is exact. A handler that leaves by siglongjmp from any of them: what follows is exact.
. "$(dirname "$0")/lib.sh"
need sqlite3
[ "$(uname -m)" = x86_64 ] || skip_all "stepping is for x86-64"

${CXX:-c++} -std=c++17 -g -O1 -fno-builtin -o steps "$source/tests/stress/steps.cc" || exit 99
${CC:-cc} -g -O1 -fno-builtin -fPIC -shared -o reentrant.so "$source/tests/stress/reentrant.c" || exit 99

# stepped MODE NAME: runs it; its count is in `wanted`.
stepped()
{
	LD_PRELOAD="$library $work/reentrant.so" MEMTRACE_OPTIONS=output=$work/$1.db ./steps "$1" >wanted 2>said
	is "$2: the program ends well" $? 0
	sed 's/^/# /' said
	check "$2: nothing is said" sh -c '! grep memtrace said'
}

stepped exact "an allocating handler"
figures_hold "an allocating handler: the figures hold" exact.db
is "an allocating handler: all is counted exactly" "$(query exact.db "
	SELECT 'allocations ' || allocations || ' frees ' || frees || ' bytes ' || bytes_allocated || ' live ' || live_blocks
	FROM process")" "$(cat wanted)"
is "an allocating handler: no block was allocated where one was live" \
	"$(query exact.db "SELECT count(*) FROM note WHERE kind IN ('overwritten', 'broken-ring')")" 0
stepped jump "a handler that jumps out"
is "a handler that jumps out: what follows is counted exactly" "$(query jump.db "
	SELECT 'memalign ' || sum(allocations) || ' frees ' || sum(frees) || ' bytes ' || sum(bytes_allocated)
	FROM total JOIN kind ON kind.id = total.kind WHERE kind.name = 'memalign'")" "$(cat wanted)"
is "a handler that jumps out: no ring is broken" \
	"$(query jump.db "SELECT count(*) FROM note WHERE kind = 'broken-ring'")" 0
finish
