#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sixteen threads a core hand blocks to each other, whose addresses are another thread's at once: what is live at the
# end and what was counted is to the block what the program itself counted. Longer, by hand: the same program with a
# larger number of rounds (doc/reliability.md).
. "$(dirname "$0")/lib.sh"
need sqlite3

${CC:-cc} -g -O2 -o handoff "$source/tests/stress/handoff.c" -lpthread || exit 99
threads=$(($(getconf _NPROCESSORS_ONLN) * 16))
[ "$threads" -le 1024 ] || threads=1024

# handoff_is_exact NAME OPTIONS ROUNDS
handoff_is_exact()
{
	local name=$1
	rm -f handoff.db
	LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/handoff.db:$2 ./handoff "$threads" "$3" >wanted 2>said
	is "$name: the program ends well and nothing is said" "$? $(cat said)" "0 "
	figures_hold "$name: the figures hold" handoff.db
	query handoff.db "
		SELECT 'live ' || sum(blocks) || ' ' || sum(bytes) FROM leak
		WHERE stack IN (SELECT stack FROM total JOIN kind ON kind.id = total.kind
		                WHERE kind.name IN ('malloc', 'realloc'));
		SELECT 'allocations ' || sum(allocations) || ' frees ' || sum(frees) || ' bytes ' || sum(bytes_allocated)
		FROM total JOIN kind ON kind.id = total.kind WHERE kind.name IN ('malloc', 'realloc')" >got
	grep -v hand-offs wanted >counted
	same "$name: all is what the program counted" got counted
	is "$name: no block was allocated where one was live" \
		"$(query handoff.db "SELECT count(*) FROM note WHERE kind = 'overwritten'")" 0
}

handoff_is_exact "with rings as they are" depth=64 40000
handoff_is_exact "with the smallest rings" ring_kib=16 40000
finish
