#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A handler that allocates interrupts a thread at each instruction of its first event, and of its end, where rings are
# claimed and given back: all is counted exactly, nothing is dropped, no ring is harmed. And a child on its way out of fork().
. "$(dirname "$0")/lib.sh"
need sqlite3
[ "$(uname -m)" = x86_64 ] || skip_all "only this processor's trap flag is known"

${CC:-cc} -g -O1 -fno-builtin -o edges "$source/tests/stress/edges.c" -lpthread || exit 99
${CC:-cc} -g -O1 -fno-builtin -fPIC -shared -o reentrant.so "$source/tests/stress/reentrant.c" || exit 99

# How its stacks are walked makes most of the instructions of a first malloc, and none of the others.
for unwind in none=3 auto=40; do
	rm -f edges.db
	LD_PRELOAD="$library $work/reentrant.so" MEMTRACE_OPTIONS=output=$work/edges.db:unwind=${unwind%=*} \
		./edges "${unwind#*=}" >wanted 2>said
	is "unwind=$unwind: the program ends well" $? 0
	check "unwind=$unwind: nothing is said" sh -c '! grep memtrace said'
	figures_hold "unwind=$unwind: the figures hold" edges.db
	is "unwind=$unwind: no ring was harmed" "$(query edges.db "SELECT count(*) FROM note WHERE kind = 'broken-ring'")" 0
	# What libc and the loader want for a thread comes from reentrant.so, too: only what is called from the program.
	is "unwind=$unwind: all of the program's is counted exactly" "$(query edges.db "
		SELECT 'allocations ' || sum(allocations) || ' frees ' || sum(frees) || ' bytes ' || sum(bytes_allocated)
		FROM total WHERE stack IN (
			SELECT stack.id FROM stack JOIN frame ON frame.id = stack.frame JOIN module ON module.id = frame.module
			WHERE module.path LIKE '%/edges')
		AND kind IN (SELECT id FROM kind WHERE heap)")" "$(cat wanted)"
done

# A handler that comes while the child claims its slot has nowhere to write to: what it does is counted as dropped, its
# malloc and its free. But there is one child, not two, and it knows what it inherited.
rm -f edges.db
LD_PRELOAD="$library $work/reentrant.so" MEMTRACE_OPTIONS=output=$work/edges.db ./edges 5 fork >wanted 2>said
is "children: the program ends well, and nothing is said" "$? $(cat said)" "0 "
check "children: the file is whole" "$memtrace" info edges.db
is "children: each is there once, with all that it did or the number of what is missing" "$(query edges.db "
	SELECT 'children ' || count(*) || ' allocations ' || (sum(allocations) + sum(dropped_events) / 2)
	FROM process WHERE origin = 'fork'")" "$(cat wanted)"
is "children: no inheritance is lost" "$(query edges.db "SELECT count(*) FROM note WHERE kind = 'fork'")" 0
finish
