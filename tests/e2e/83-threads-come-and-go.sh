#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Threads come and go by the thousand, and give back blocks in the very last of their destructors: all is counted, a few
# rings are used over and over. Longer, by hand: the same program with a larger number (doc/reliability.md).
. "$(dirname "$0")/lib.sh"
need sqlite3

${CC:-cc} -g -O1 -o comers "$source/tests/stress/comers.c" -lpthread || exit 99
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/comers.db ./comers 20000 >wanted 2>said
is "the program ends well and nothing is said" "$? $(cat said)" "0 "
figures_hold "the figures hold" comers.db
is "all is counted exactly" "$(query comers.db "
	SELECT 'allocations ' || sum(allocations) || ' frees ' || sum(frees) || ' bytes ' || sum(bytes_allocated)
	FROM total JOIN kind ON kind.id = total.kind WHERE kind.name = 'malloc'")" "$(cat wanted)"
# Main, eight at a time, and who is at its very end when the next one begins.
is "rings are used again" "$(query comers.db "SELECT rings <= 32 FROM tracing")" 1
is "threads that are in no table are counted" "$(query comers.db "
	SELECT (SELECT count(*) FROM thread) + (SELECT sum(count) FROM note WHERE kind = 'threads') >= 20001")" 1
# So many are kept; beyond, each takes the place of one that has ended and whose blocks are gone, also while a batch is
# being written.
is "they take bounded room" "$(query comers.db "SELECT count(*) <= 4096 + 64 FROM thread")" 1
finish
