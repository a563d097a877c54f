#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Totals, the peak and temporary allocations of a program whose every allocation is known.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >program.c <<'END'
#include <stdlib.h>

static void *volatile blocks[1000];

static void *rising(int i)
{
	return malloc(100 + i); /* RISING */
}

static void *kept(int i)
{
	return calloc(1, 10 + i); /* KEPT */
}

static void temporary(void)
{
	free(malloc(64)); /* TEMPORARY */
}

int main(void)
{
	/* Up to the peak: 1000 blocks of 100 ... 1099 bytes. */
	for (int i = 0; i < 1000; i++)
		blocks[i] = rising(i);
	for (int i = 0; i < 1000; i++)
		free(blocks[i]);
	for (int i = 0; i < 50; i++)
		temporary();
	/* 20 blocks of 10 ... 29 bytes stay. */
	for (int i = 0; i < 20; i++)
		blocks[i] = kept(i);
	return 0;
}
END
${CC:-cc} -g -O0 -o program program.c || exit 99

rising=$((1000 * 100 + 999 * 1000 / 2))
kept=$((20 * 10 + 19 * 20 / 2))
for mode in run preload; do
	trace_$mode "$work/$mode.db" ./program
	is "$mode: allocations and frees" "$(query $mode.db "SELECT allocations, frees FROM process")" "1070|1050"
	is "$mode: bytes allocated and freed" "$(query $mode.db "SELECT bytes_allocated, bytes_freed FROM process")" \
		"$((rising + 50 * 64 + kept))|$((rising + 50 * 64))"
	is "$mode: the peak, its bytes and blocks" "$(query $mode.db "SELECT peak_bytes, peak_blocks FROM process")" \
		"$rising|1000"
	is "$mode: what lived at the peak, by site" "$(query $mode.db "
		SELECT sum(peak_blocks), sum(peak_bytes) FROM site WHERE peak_blocks > 0")" "1000|$rising"
	is "$mode: three sites, each with its own figures" "$(query $mode.db "
		SELECT allocations, frees, bytes_allocated, live_blocks, live_bytes FROM site
		ORDER BY bytes_allocated")" "20|0|$kept|20|$kept
50|50|3200|0|0
1000|1000|$rising|0|0"
	# Only what is freed before the next allocation of its thread: the last rising block was not.
	is "$mode: temporary allocations" "$(query $mode.db "SELECT temporary FROM process")" 51
	is "$mode: kinds" "$(query $mode.db "
		SELECT kind.name, sum(allocations) FROM total JOIN kind ON kind.id = total.kind
		WHERE kind.heap GROUP BY kind.name ORDER BY kind.name")" "calloc|20
malloc|1050"
	figures_hold "$mode: the figures hold" $mode.db
	is "$mode: the timeline ends with what is live" "$(query $mode.db "
		SELECT live_blocks, live_bytes FROM timeline ORDER BY time_ns DESC LIMIT 1")" "20|$kept"
done
finish
