#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What runs before any constructor, after the last destructor, and behind the last instruction of a function; and what
# the kernel says of a traced process: no thread and no signal handler is ours.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >first.c <<'END'
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS 1000
static void *kept;

/* Before every constructor but those of the library. */
static void first(void)
{
	char *block = calloc(7, 11);

	for (int i = 0; i < PAIRS; i++)
		free(malloc(30));
	block = realloc(block, 500);
	memset(block, 1, malloc_usable_size(block));
	kept = malloc(111);
	free(block);
}
__attribute__((section(".preinit_array"), used)) static void (*const begin)(void) = first;

extern void __libc_freeres(void);

int main(void)
{
	puts("main");
	free(kept);
	kept = malloc(222);
	fflush(stdout);
	/* libc gives back what is its own. */
	__libc_freeres();
	_Exit(7);
}
END
CC=${CC:-cc}
$CC -g -O1 -fno-builtin -Wno-implicit-function-declaration -o first first.c || exit 99
cat >library.c <<'END'
#include <stdlib.h>
void library(void) {}
static void *kept;
__attribute__((constructor)) static void begin(void)
{
	kept = malloc(111);
	for (int i = 0; i < PAIRS; i++)
		free(malloc(30));
}
END
for pairs in 50 1000; do
	# It takes libmemtrace.so's place: there is one object that may be first.
	$CC -g -O1 -fno-builtin -DPAIRS=$pairs -shared -fPIC -Wl,-z,initfirst -o library$pairs.so library.c || exit 99
	echo 'void library(void); int main(void) { library(); return 7; }' >user.c
	$CC -g -O1 -o user$pairs user.c ./library$pairs.so || exit 99
done
for mode in run preload; do
	is "$mode: the program runs" "$(trace_$mode "$work/first-$mode.db" ./first 2>said; echo $?)" "main
7"
	is "$mode: what came before the constructors is counted" "$(query "first-$mode.db" "
		SELECT (SELECT count(*) FROM block WHERE size_bytes = 222), (SELECT count(*) FROM block WHERE size_bytes = 111),
			(SELECT sum(allocations) FROM total JOIN kind ON kind.id = total.kind WHERE kind.name = 'calloc'
				AND bytes_allocated = 77), (SELECT sum(allocations) FROM total WHERE bytes_allocated = 30000),
			dropped_events, unmatched_frees
		FROM process")" "1|0|1|1000|0|0"
done
figures_hold "the figures hold" first-preload.db
for pairs in 50 1000; do
	trace_preload "$work/user$pairs.db" ./user$pairs
	is "$pairs pairs before the library's own constructor: the program runs" $? 7
done
is "50 pairs before the library's own constructor: all are counted" "$(query user50.db "
	SELECT (SELECT sum(allocations) FROM total WHERE bytes_allocated = 50 * 30),
		(SELECT count(*) FROM block WHERE size_bytes = 111), dropped_events, unmatched_frees FROM process")" "50|1|0|0"
# 2001 events, of which the log keeps as many as it keeps.
is "1000 pairs before the library's own constructor: what found no room is counted" "$(query user1000.db "
	SELECT (SELECT sum(allocations + frees) FROM total WHERE bytes_allocated % 30 = 0) + 1 + dropped_events,
		dropped_events > 0, (SELECT count(*) FROM note WHERE text LIKE '%before the library was ready%') FROM process")" \
	"2001|1|1"

# The return address of the last call is the next function's first.
cat >behind.c <<'END'
#include <setjmp.h>
#include <stdlib.h>

static jmp_buf back;
static void *volatile kept;

__attribute__((noinline, noreturn)) static void leave(void)
{
	kept = malloc(333);
	longjmp(back, 1);
}
__attribute__((noinline)) void last(void) { leave(); }
__attribute__((noinline)) void next(void) { kept = malloc(1); }
int main(int count, char **arguments)
{
	(void)arguments;
	if (setjmp(back) == 0)
		last();
	if (count > 1)
		next();
	return 0;
}
END
$CC -g -O2 -fno-builtin -fno-inline -fno-reorder-functions -fno-toplevel-reorder -falign-functions=1 -o behind behind.c || exit 99
trace_preload "$work/behind.db" ./behind
is "a call that does not return is its own function's" "$("$memtrace" leaks --format=json behind.db | "$python" -c '
import json, sys
for process in json.load(sys.stdin)["processes"]:
    for site in process["sites"]:
        names = [frame["function"] for frame in site["stack"]]
        if "leave" in names:
            print(*names[names.index("leave"):][:3])')" "leave last main"

# Threads that wait while the process ends: how their stacks were walked is counted, too.
cat >waiting.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 4

static pthread_barrier_t barrier;

static void *run(void *unused)
{
	for (int i = 0; i < 100; i++)
		free(malloc(10));
	pthread_barrier_wait(&barrier);
	pause();
	return unused;
}

int main(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	pthread_barrier_wait(&barrier);
	return 0;
}
END
$CC -g -O1 -fno-builtin -o waiting waiting.c -lpthread || exit 99
trace_preload "$work/waiting.db" ./waiting
is "threads that live to the end: every walk is counted" "$(query waiting.db "
	SELECT walk.walks - allocations - (SELECT total(calls) FROM growth WHERE stack IS NOT NULL), allocations >= 400
	FROM process JOIN walk ON walk.process = process.id")" "0.0|1"

# Threads, and what becomes of each signal.
cat >look.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];

	free(malloc(10));
	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "Threads:", 8) || !strncmp(line, "Sig", 3) || !strncmp(line, "Shd", 3))
			fputs(line, stdout);
	return 0;
}
END
$CC -g -O1 -o look look.c || exit 99
./look | grep -v SigQ >plain
for mode in run preload; do
	trace_$mode "$work/look-$mode.db" ./look 2>said | grep -v SigQ >traced
	same "$mode: the program's threads and signals are its own" plain traced
done
finish
