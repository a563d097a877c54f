#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Fibers, alternate signal stacks, the smallest thread stacks, cancelled threads, and a profiling timer whose handler
# allocates: all is counted exactly, with each way to walk a stack.
. "$(dirname "$0")/lib.sh"
need sqlite3

${CC:-cc} -g -O1 -fno-builtin -o stacks "$source/tests/stress/stacks.c" -lpthread || exit 99
${CC:-cc} -g -O1 -fno-builtin -fPIC -shared -o reentrant.so "$source/tests/stress/reentrant.c" || exit 99

for unwind in auto frame-pointer none; do
	rm -f stacks.db
	LD_PRELOAD="$library $work/reentrant.so" MEMTRACE_OPTIONS=output=$work/stacks.db:unwind=$unwind \
		./stacks 100 >wanted 2>said
	is "unwind=$unwind: the program ends well" $? 0
	check "unwind=$unwind: nothing is said" sh -c '! grep memtrace said'
	figures_hold "unwind=$unwind: the figures hold" stacks.db
	# What libc and the loader want for a thread comes from reentrant.so, too: only what is called from the program.
	is "unwind=$unwind: all of the program's is counted exactly" "$(query stacks.db "
		SELECT 'allocations ' || sum(allocations) || ' frees ' || sum(frees) || ' bytes ' || sum(bytes_allocated)
		FROM total WHERE stack IN (
			SELECT stack.id FROM stack JOIN frame ON frame.id = stack.frame JOIN module ON module.id = frame.module
			WHERE module.path LIKE '%/stacks')
		AND kind IN (SELECT id FROM kind WHERE heap)")" "$(cat wanted)"
done
finish
