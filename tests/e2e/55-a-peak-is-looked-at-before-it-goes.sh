#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A peak that is over at once is explained all the same: the library tells the collector before memory goes back. Held to
# getrusage(), by programs that take 64 MB and give them back without a pause.
. "$(dirname "$0")/lib.sh"

cat >burst.c <<'END_C'
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MB     (1ul << 20)
#define APART  __attribute__((noinline))
#define BLOCKS 660

static char *volatile blocks[BLOCKS];

APART static char *take(size_t bytes)
{
	return memset(malloc(bytes), 1, bytes);
}

APART static char *map(size_t bytes)
{
	char *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memset(start, 1, bytes);
}

int main(int count, char **arguments)
{
	struct rusage usage;
	char *start;

	(void)count;
	switch (arguments[1][0]) {
	case 'c': /* a chunk of its own */
		free(take(64 * MB));
		break;
	case 's': /* several of them */
		for (int i = 0; i < 64; i++)
			blocks[i] = take(MB);
		for (int i = 0; i < 64; i++)
			free(blocks[i]);
		break;
	case 'f': /* all goes with the last one */
	case 'b': /* each goes by itself */
		mallopt(M_MMAP_THRESHOLD, 1 << 30);
		for (int i = 0; i < BLOCKS; i++)
			blocks[i] = take(100 << 10);
		for (int i = 0; i < BLOCKS; i++)
			free(blocks[arguments[1][0] == 'f' ? i : BLOCKS - 1 - i]);
		break;
	case 'u':
		munmap(map(64 * MB), 64 * MB);
		break;
	case 'm':
		madvise(map(64 * MB), 64 * MB, MADV_DONTNEED);
		break;
	case 'r':
		start = map(64 * MB);
		mremap(start, 64 * MB, MB, MREMAP_MAYMOVE);
		break;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld\n", usage.ru_maxrss);
	return 0;
}
END_C
${CC:-cc} -g -O1 -o burst burst.c || exit 99

cat >judge.py <<'END'
import json, sys
most, function = int(sys.argv[1]) * 1024, sys.argv[2]
snapshot = max(json.load(open("rss.json"))["snapshots"], key=lambda snapshot: snapshot["resident_bytes"])
print(snapshot["reason"], snapshot["resident_bytes"], "of", most)
assert most > 64 << 20 and snapshot["resident_bytes"] >= 0.95 * most
owned = sum(owner["bytes"] for owner in snapshot["owners"] if any(frame["function"] == function for frame in owner["stack"]))
assert owned >= 0.95 * (64 << 20), owned
END

# traced CASE FUNCTION: runs it, and judges what is said of its peak
traced()
{
	"$memtrace" run -q -o "$1.db" -- ./burst "$1" >said 2>err
	status=$?
	"$memtrace" rss --format=json "$1.db" >rss.json 2>/dev/null &&
		"$python" judge.py "$(cat said)" "$2" >/dev/null 2>&1
}

MEMTRACE_OPTIONS=snapshot=peak
export MEMTRACE_OPTIONS
while read -r case function what; do
	# On a machine that is busy with something else a collector comes too late now and then.
	for attempt in 1 2 3 4 5; do
		traced "$case" "$function" && break
	done
	is "$what: it runs" "$status $(cat err)" "0 "
	check "$what: the peak is explained within 5 %" "$python" judge.py "$(cat said)" "$function"
done <<END
c take a chunk of its own
s take several
f take heap, from below
b take heap, from above
u map munmap
m map madvise
r map mremap
END
unset MEMTRACE_OPTIONS
finish
