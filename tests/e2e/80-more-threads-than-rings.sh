#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# More threads at once than there are rings: those that find none share one, and nothing is lost.
. "$(dirname "$0")/lib.sh"
need sqlite3

${CC:-cc} -g -O1 -o crowd "$source/tests/stress/crowd.c" -lpthread || exit 99

# crowd_is_exact NAME OPTIONS THREADS ROUNDS
crowd_is_exact()
{
	local name=$1
	rm -f crowd.db
	LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/crowd.db:$2 ./crowd "$3" "$4" >wanted 2>said
	status=$?
	[ $status -ne 77 ] || { skip "$name" "$3 threads are not to be had here"; return; }
	is "$name: the program ends well and nothing is said" "$status $(cat said)" "0 "
	figures_hold "$name: the figures hold" crowd.db
	# Allocations of libc's own for a thread (its TLS) are calloc's; the program's are malloc's and realloc's.
	is "$name: all is counted exactly" "$(query crowd.db "
		SELECT 'allocations ' || sum(allocations) || ' frees ' || sum(frees) || ' bytes ' || sum(bytes_allocated) ||
		       ' threads ' || (SELECT count(*) FROM thread)
		FROM total JOIN kind ON kind.id = total.kind WHERE kind.name IN ('malloc', 'realloc')")" "$(cat wanted)"
}

crowd_is_exact "2600 threads" depth=16 2600 30
# 1408 rings at the most, as wire/segment.h hands out 64 MiB.
is "those without a ring are counted" "$(query crowd.db "
	SELECT sum(count) > 1100 AND sum(count) < 2600 FROM note WHERE kind = 'shared-ring'")" 1
crowd_is_exact "2600 threads and the smallest rings" ring_kib=16 2600 30
"$memtrace" info crowd.db >info.txt 2>&1
contains "info says that threads shared a ring" info.txt "shared one"
finish
