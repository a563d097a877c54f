#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Threads that are cancelled asynchronously, at whatever instruction of an allocation they are: the others go on, and
# what they allocate is counted exactly.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >cancelled.c <<'END'
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 400
#define CALLS   50

static _Atomic int is_running;

static void *churn(void *unused)
{
	int before;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
	is_running = 1;
	for (;;) {
		void *volatile block = malloc(20);

		block = realloc(block, 40);
		free(block);
	}
	return unused;
}

int main(void)
{
	static void *volatile blocks[CALLS];
	int cancelled = 0;

	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		void *result;

		is_running = 0;
		if (pthread_create(&thread, NULL, churn, NULL) != 0)
			return 1;
		while (!is_running)
			;
		for (volatile int step = 0; step < i * 37 % 4000; step++)
			;
		pthread_cancel(thread);
		pthread_join(thread, &result);
		cancelled += result == PTHREAD_CANCELED;
		/* Nobody else calls this. */
		for (int j = 0; j < CALLS; j++)
			blocks[j] = aligned_alloc(64, 64);
		for (int j = 0; j < CALLS; j++)
			free(blocks[j]);
	}
	printf("%d %d %d\n", cancelled, THREADS * CALLS, THREADS * CALLS * 64);
	return 7;
}
END
# Behind the library an allocator without locks, so that one which a cancelled thread holds stops nobody.
${CC:-cc} -g -O1 -fno-builtin -o cancelled cancelled.c -lpthread || exit 99
${CC:-cc} -g -O1 -fno-builtin -fPIC -shared -o reentrant.so "$source/tests/stress/reentrant.c" || exit 99
for unwind in auto none; do
	rm -f cancelled.db
	LD_PRELOAD="$library $work/reentrant.so" MEMTRACE_OPTIONS=output=$work/cancelled.db:unwind=$unwind:ring_kib=16 \
		./cancelled >wanted 2>said
	is "unwind=$unwind: the program ends well" "$? $(cut -d ' ' -f 1 wanted)" "7 400"
	is "unwind=$unwind: nothing is said" "$(cat said)" ""
	is "unwind=$unwind: what is not cancelled is counted exactly" "$(query cancelled.db "
		SELECT sum(allocations) || ' ' || sum(bytes_allocated) || ' ' || sum(frees)
		FROM total JOIN kind ON kind.id = total.kind WHERE kind.name = 'aligned_alloc' OR kind.name = 'memalign'")" \
		"$(cut -d ' ' -f 2,3 wanted) $(cut -d ' ' -f 2 wanted)"
	is "unwind=$unwind: no ring is broken, nothing was dropped" "$(query cancelled.db "
		SELECT sum(dropped_events) || ' ' || (SELECT count(*) FROM note WHERE kind = 'broken-ring') FROM process")" "0 0"
done
finish
