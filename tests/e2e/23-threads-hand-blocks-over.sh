#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Many threads allocate, free each other's blocks, and come and go: no free is unmatched, no count is off.
. "$(dirname "$0")/lib.sh"

cat >program.c <<'END'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

/* Each slot is swapped by every thread: whoever takes a block out frees it. */
static _Atomic(void *) slots[64];

static void *swap(void *argument)
{
	uint32_t random = (uint32_t)(uintptr_t)argument * 2654435761u + 1;

	for (int i = 0; i < 10000; i++) {
		void *block = malloc(random >> 24);

		random = random * 1664525u + 1013904223u;
		if (random & 1)
			block = realloc(block, (random >> 20) + 1);
		free(atomic_exchange(&slots[random >> 26], block));
	}
	return NULL;
}

int main(void)
{
	pthread_attr_t small;
	pthread_t threads[8];

	/* On the smallest stack there is: the library has to get by with it. */
	pthread_attr_init(&small);
	if (pthread_attr_setstacksize(&small, 16384) != 0)
		return 2;
	for (int round = 0; round < 3; round++) {
		for (uintptr_t i = 0; i < 8; i++)
			if (pthread_create(&threads[i], i & 1 ? &small : NULL, swap, (void *)(i + 1)) != 0)
				return 1;
		for (int i = 0; i < 8; i++)
			pthread_join(threads[i], NULL);
	}
	for (int i = 0; i < 64; i++)
		free(slots[i]);
	return 0;
}
END
${CC:-cc} -g -O1 -o program program.c -lpthread || exit 99

trace_counted "$work/threads.db" "$work/counts" ./program
is "the program ends well" $? 0
figures_hold "the figures hold" threads.db
check "all is counted exactly" "$python" "$here/counts.py" compare counts threads.db
"$memtrace" leaks --format=json threads.db >leaks.json
# What the loader keeps for each thread is glibc's.
is "nothing of the program's is left" "$("$python" -c '
import json
print(sum(site["blocks"] for process in json.load(open("leaks.json"))["processes"]
          for site in process["sites"]
          if not (site["stack"][0]["module"] or "").rpartition("/")[2].startswith("ld-linux")))')" 0

# A ring of the smallest size: the writers wait for the collector again and again, and lose nothing.
rm -f counts
LD_PRELOAD="$library $count" COUNT_OUTPUT=$work/counts \
	MEMTRACE_OPTIONS=output=$work/small.db:ring_kib=16 ./program
is "with the smallest rings the program ends well" $? 0
figures_hold "with the smallest rings the figures hold" small.db
check "with the smallest rings all is counted exactly" "$python" "$here/counts.py" compare counts small.db

# Told to drop, it drops, counts what it drops, and says so.
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/drop.db:ring_kib=16:overflow=drop ./program 2>err
is "told to drop, the program ends well" $? 0
dropped=$("$memtrace" info --format=json drop.db | "$python" -c '
import json, sys
print(sum(process["dropped_events"] for process in json.load(sys.stdin)["processes"]))')
if [ "$dropped" -gt 0 ]; then
	"$memtrace" leaks drop.db >drop.txt 2>&1
	contains "the report says that events were dropped" drop.txt "dropped\|lost"
else
	skip "the report says that events were dropped" "the collector kept up: nothing was dropped"
fi
finish
