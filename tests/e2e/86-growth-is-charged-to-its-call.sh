#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What libc's allocator takes from the kernel is charged to the call that made it do so: as many times, and as many
# bytes, as strace sees; by site and page as a program does it that says what it does.
. "$(dirname "$0")/lib.sh"

cat >busy.c <<'END_C'
/* Blocks of many sizes, replaced in a random order; by so many threads, or by main. Last, chunks of their own. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#define KEPT 4000

static void *replace(void *number)
{
	static __thread void *kept[KEPT];
	unsigned long seed = (unsigned long)number * 77 + 1;

	for (int i = 0; i < 40000; i++) {
		unsigned int at;

		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		at = (unsigned int)(seed >> 33) % KEPT;
		free(kept[at]);
		kept[at] = malloc((seed >> 40) % 1000 + 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	pthread_t threads[16];

	for (long i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, replace, (void *)i);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	if (!count)
		replace(NULL);
	for (size_t i = 0; i < 5; i++) {
		char *volatile large = malloc(200000 + i * 1000000);

		large[0] = 1;
		free(large);
	}
	mallopt(M_MMAP_THRESHOLD, 1 << 25);
	mallopt(M_TRIM_THRESHOLD, 128 << 10);
	for (int i = 0; i < 20; i++) {
		/* The break goes up, and down again. */
		char *volatile large = malloc(3000000);

		large[0] = 1;
		free(large);
	}
	/* So that what the last one gave back is seen. */
	for (char *volatile small = malloc(10); small; small = NULL)
		free(small);
	return 0;
}
END_C
${CC:-cc} -g -O1 -pthread -o busy busy.c || exit 99

# Calls that moved the break or made a part of an aligned heap accessible, and their bytes; a file of strace's a thread.
cat >calls.py <<'END'
import re, sys
HEAP = 64 << 20
lines, heaps = [], set()
for name in sys.argv[1:]:
    lines += [line.split(None, 1) for line in open(name, errors="replace")]
lines.sort(key=lambda line: float(line[0]))
end, up, up_bytes, down_bytes, calls, calls_bytes = None, 0, 0, 0, 0, 0
for _, line in lines:
    moved = re.match(r"brk\(.*\) *= (0x[0-9a-f]+)", line)
    if moved:
        now = int(moved.group(1), 16)
        change = now - (end if end is not None else now)
        up, up_bytes, down_bytes = up + (change > 0), up_bytes + max(change, 0), down_bytes + max(-change, 0)
        end = now
    opened = re.match(r"mprotect\((0x[0-9a-f]+), (\d+), PROT_READ\|PROT_WRITE\) *= 0", line)
    if opened:
        start, size = int(opened.group(1), 16), int(opened.group(2))
        if start % HEAP == 0:
            heaps.add(start)
        if start // HEAP * HEAP in heaps:
            calls, calls_bytes = calls + 1, calls_bytes + size
print(f"break|{up}|{up_bytes}|{down_bytes}")
if calls:
    print(f"heap|{calls}|{calls_bytes}|0")
END

if ! command -v strace >/dev/null || ! strace -o /dev/null true 2>/dev/null; then
	skip "as many times as strace sees" "strace is not here, or may not trace"
else
	for threads in 0 1 4; do
		rm -f calls.trace.*
		strace -ff -ttt -e trace=brk,mprotect -o calls.trace -E LD_PRELOAD="$library" \
			-E MEMTRACE_OPTIONS="output=$work/busy$threads.db" ./busy $threads >out 2>err
		is "$threads threads: the program ends well" "$? $(cat out err)" "0 "
		# shellcheck disable=SC2046
		"$python" calls.py $(sqlite3 busy$threads.db "SELECT 'calls.trace.' || tid FROM thread") >wanted
		sqlite3 busy$threads.db "SELECT kind, sum(calls), sum(grown_bytes), sum(returned_bytes) FROM growth
			WHERE kind <> 'chunk' GROUP BY kind" >got
		same "$threads threads: as often and as many bytes as strace sees" got wanted
		is "$threads threads: every one has its call" \
			"$(sqlite3 busy$threads.db "SELECT count(*) FROM growth WHERE stack IS NULL")" 0
	done
fi
finish
