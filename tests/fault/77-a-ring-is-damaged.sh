#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A program writes over memtrace's shared memory. Its collector leaves the ring alone, and the program neither waits for
# what it will not read, nor is it kept at its end.
. "$(dirname "$0")/../e2e/lib.sh"

cat >scribble.c <<'END_C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/segment.h"

/* The segment, as the kernel shows it among the mappings. */
static struct mt_segment *find(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	struct mt_segment *found = NULL;
	unsigned long start, end;
	char line[4096];

	while (maps && !found && fgets(line, sizeof(line), maps))
		if (strstr(line, "memfd:memtrace") && sscanf(line, "%lx-%lx", &start, &end) == 2 &&
		    end - start == MT_SEGMENT_BYTES)
			found = (struct mt_segment *)start;
	return found;
}

int main(int argc, char **argv)
{
	struct mt_segment *segment = find();
	struct mt_ring *ring = segment ? mt_segment_rings(segment) : NULL;
	void *volatile block = NULL;

	if (!segment || argc < 2)
		return 99;
	/* No writer leaves its head there; then the collector's next look at the ring is awaited, by what it gives back. */
	if (strcmp(argv[1], "head") == 0) {
		uint64_t head = atomic_load(&ring->head) | 1;

		atomic_store(&ring->head, head);
		while (atomic_load(&ring->tail) != head)
			;
	}
	for (int i = 0; i < 100000; i++) {
		free(block);
		block = malloc(10);
	}
	puts("done");
	return 7;
}
END_C
${CC:-cc} -g -O1 -std=gnu11 -I"$source" -o scribble scribble.c || exit 99

# A wait for the end would be one of ten minutes.
timeout -s KILL 20 env LD_PRELOAD="$library" MEMTRACE_OPTIONS=output=$work/head.db:exit_wait=600:ring_kib=16 ./scribble head >out 2>err
is "its head: the program goes on, and ends" "$? $(cat out)" "7 done"
is "its head: one line is said" "$(wc -l <err)" 1
contains "its head: it says what" err "^memtrace: .*damaged"
check "its head: the file opens" "$memtrace" info head.db
"$memtrace" info head.db >info
contains "its head: info says what is missing" info "ring was left alone"
finish
