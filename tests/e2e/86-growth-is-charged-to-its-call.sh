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
		# A traced process cannot be looked through for leaks.
		ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace -ff -ttt -e trace=brk,mprotect -o calls.trace -E LD_PRELOAD="$library" \
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

# --- Programs whose growth is known by construction ------------------------------------------------------
mkfifo to from
cat >known.c <<'END_C'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul

static void *volatile kept[2000];
static int count;

static void keep(size_t bytes)
{
	kept[count] = malloc(bytes);
	memset(kept[count++], 1, bytes);
}

/* 1024 pages of the break. */
__attribute__((noinline)) void fills_the_heap(void)
{
	for (int i = 0; i < 64; i++)
		keep(64 << 10);
}

__attribute__((noinline)) void fills_half_as_much(void)
{
	for (int i = 0; i < 32; i++)
		keep(64 << 10);
}

/* A chunk of its own; 500 pages of it, and that of its header. */
__attribute__((noinline)) void maps_a_chunk(void)
{
	char *block = malloc(8 << 20);

	madvise((void *)(((unsigned long)block + PAGE) & ~(PAGE - 1)), (8 << 20) - PAGE, MADV_NOHUGEPAGE);
	for (int i = 1; i <= 500; i++)
		block[i * PAGE] = 1;
	kept[count++] = block;
}

__attribute__((noinline)) void maps_itself(void)
{
	char *start = mmap(NULL, 512 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(start, 512 * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < 100; i++)
		start[i * PAGE] = 1;
}

/* 1000 chunks of 1008 bytes: 246.1 pages. */
__attribute__((noinline)) void *fills_an_arena(void *unused)
{
	for (int i = 0; i < 1000; i++)
		keep(1000);
	return unused;
}

static void rest(void)
{
	puts("ready");
	fflush(stdout);
	getchar();
}

int main(void)
{
	pthread_t thread;

	fills_the_heap();
	maps_a_chunk();
	maps_itself();
	pthread_create(&thread, NULL, fills_an_arena, NULL);
	pthread_join(thread, NULL);
	rest();
	fills_half_as_much();
	rest();
	for (int i = 0; i < 64; i++)
		free(kept[i]);
	free(kept[64]);
	rest();
	return 0;
}
END_C
${CC:-cc} -g -O0 -pthread -o known known.c || exit 99

# snapshot: of the program that rests, with what the kernel says of it beside it.
snapshot()
{
	"$memtrace" snapshot "$server" >>snapshots 2>&1
	is "a snapshot is taken" $? 0
	sed -n 's/^\(RssAnon\|VmSwap\):[^0-9]*\([0-9]*\) kB/\2/p' "/proc/$server/status" >>kernel
}

# takes_three FILE [LIBRARY]: the program, and a snapshot each time that it rests.
takes_three()
{
	rm -f kernel
	LD_PRELOAD="$library $2" MEMTRACE_OPTIONS=output=$work/$1:snapshot=off ./known <to >from &
	server=$!
	exec 8>to 9<from
	for i in 1 2 3; do
		read -r answer <&9
		snapshot
		echo >&8
	done
	wait "$server"
	is "$1: the program ends well" $? 0
	server=
	exec 8>&- 9<&-
	for span in 0,1 0,2 0,3 1,2 2,3; do
		"$memtrace" top --by=growth --diff=$span --format=json "$1" >$span.json
	done
}

cat >sums.py <<'END'
import json, sqlite3, sys
def read(span):
    process, = json.load(open(span + ".json"))["processes"]
    assert sum(site["growth_bytes"] for site in process["sites"]) == process["growth_bytes"]
    return process
kernel = [int(line) * 1024 for line in open("kernel")]
db = sqlite3.connect(sys.argv[1])
for number in 1, 2, 3:
    growth = read(f"0,{number}")["growth_bytes"]
    # PAGEMAP_SCAN alone tells zero pages apart; RssAnon is a counter of which some kernels do not know the last bits
    smaps, = db.execute("SELECT sum(anonymous_bytes + swap_bytes) FROM mapping WHERE snapshot = ?", (number,)).fetchone()
    source, = db.execute("SELECT source FROM resident WHERE snapshot = ?", (number,)).fetchone()
    assert growth == smaps or source != "PAGEMAP_SCAN", (growth, smaps)
    rss_anon, swap = kernel[2 * number - 2:2 * number]
    assert abs(growth - rss_anon - swap) <= 512 << 10, (growth, rss_anon, swap)
for first, second in (1, 2), (2, 3):
    change = read(f"0,{second}")["growth_bytes"] - read(f"0,{first}")["growth_bytes"]
    assert read(f"{first},{second}")["growth_bytes"] == change, (first, second, change)
END

takes_three known.db ""
check "what grew adds up to what the kernel says" "$python" sums.py known.db
cat >known.py <<'END'
import json, sys
def read(span):
    return json.load(open(span + ".json"))["processes"][0]
def pages(process, kind, function):
    found = sum(site["growth_bytes"] for site in process["sites"]
                if site["kind"] == kind and any(frame["function"] == function for frame in site["stack"]))
    assert found % 4096 == 0
    return found // 4096
first, change, freed = read("0,1"), read("1,2"), read("2,3")
# and the page that it begins on, and what libc's own first blocks need
assert 1024 <= pages(first, "break", "fills_the_heap") <= 1034, pages(first, "break", "fills_the_heap")
assert pages(first, "chunk", "maps_a_chunk") == 501, pages(first, "chunk", "maps_a_chunk")
assert pages(first, "mapping", "maps_itself") == 100, pages(first, "mapping", "maps_itself")
# the arena's own state stands before the blocks
assert 247 <= pages(first, "heap", "fills_an_arena") <= 250, pages(first, "heap", "fills_an_arena")
# The break had been moved further than was used, for fills_the_heap: that room is used first.
used = pages(change, "break", "fills_the_heap")
assert 0 <= used <= 33, used
assert 511 <= used + pages(change, "break", "fills_half_as_much") <= 514, used
assert pages(freed, "chunk", "maps_a_chunk") == -501
assert pages(freed, "break", "fills_the_heap") == 0
known = {"fills_the_heap", "fills_half_as_much", "maps_a_chunk", "maps_itself", "fills_an_arena"}
others = sum(abs(site["growth_bytes"]) for site in change["sites"]
             if site["kind"] != "memtrace" and not known & {frame["function"] for frame in site["stack"]})
assert others <= 32 << 10, others
END
check "every call has what it made grow" "$python" known.py

"$memtrace" rss --format=json --at=3 known.db >rss.json
check "free pages are named by the call that took them, the pin by its own" "$python" -c '
import json
snapshot, = [snapshot for snapshot in json.load(open("rss.json"))["snapshots"] if snapshot["id"] == 3]
free = [owner for owner in snapshot["owners"] if owner["kind"] in ("free", "top")]
of_heap = sum(owner["bytes"] for owner in free
              if "fills_the_heap" in [frame["function"] for frame in owner["stack"]])
assert of_heap >= 990 * 4096, (of_heap, free)
pin, = [pin for pin in snapshot["pins"] if pin["kind"] == "break"]
assert pin["size_bytes"] == 64 << 10 and pin["stack"][1]["function"] == "fills_half_as_much", pin
assert pin["end"] - pin["address"] < 200 << 10, pin
pin, = [pin for pin in snapshot["pins"] if pin["kind"] == "heap"]
assert pin["size_bytes"] == 1000 and pin["stack"][1]["function"] == "fills_an_arena", pin
'
"$memtrace" rss --at=3 known.db >out
contains "as text: the pin" out "^the break cannot go down below 0x[0-9a-f]*, .*: block of 64.0 kB from keep, called by fills_half_as_much"
contains "as text: free pages" out "^ *[34].[0-9] MB .* keep .* fills_the_heap"
"$memtrace" top --by=growth known.db >out
contains "top as text: a stack" out " 2[0-9.]* MB .* break .* fills_half_as_much\| 1.9 MB .* break .* fills_half_as_much"
contains "top as text: what is no call's" out "(memtrace's own)"
contains "top as text: the sum" out "100.0 %  sum"
"$memtrace" top --by=growth --limit=1 known.db >out
contains "top as text, cut short" out "more sites: --limit=0 shows all"
"$memtrace" top --by=growth --format=csv known.db >out.csv
check "csv adds up to the same" "$python" -c '
import csv, json
rows = list(csv.DictReader(open("out.csv")))
assert sum(int(row["growth_bytes"]) for row in rows) == json.load(open("0,3.json"))["processes"][0]["growth_bytes"]
assert {row["from"] for row in rows} == {"0"} and {row["to"] for row in rows} == {"3"}
'
"$memtrace" tree --by=growth --diff=0,1 --format=json known.db >tree.json
check "the tree and its rest add up to the same" "$python" -c '
import json
process, = json.load(open("tree.json"))["processes"]
first = json.load(open("0,1.json"))["processes"][0]
rest = sum(row["growth_bytes"] for row in process["rest"])
assert sum(node["figure"] for node in process["tree"]) + rest == process["growth_bytes"] == first["growth_bytes"]
assert rest == sum(site["growth_bytes"] for site in first["sites"] if not site["stack"])
'
"$memtrace" tree --by=growth known.db >out
contains "tree as text" out "fills_half_as_much"

cat >forked.c <<'END_C'
/* What the parent wrote to is the child's, too, and stays its parent's call's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept[4];

__attribute__((noinline)) void before_the_fork(void)
{
	kept[0] = malloc(100000);
	memset(kept[0], 1, 100000);
	kept[1] = malloc(1 << 20);
	memset(kept[1], 1, 1 << 20);
}

__attribute__((noinline)) void after_the_fork(void)
{
	kept[2] = malloc(2 << 20);
	memset(kept[2], 1, 2 << 20);
}

int main(void)
{
	pid_t child;

	before_the_fork();
	child = fork();
	if (child == 0) {
		after_the_fork();
		printf("%d\n", (int)getpid());
		fflush(stdout);
		getchar();
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return 0;
}
END_C
${CC:-cc} -g -O0 -o forked forked.c || exit 99
LD_PRELOAD="$library" MEMTRACE_OPTIONS=output=$work/forked.db:snapshot=off ./forked <to >from &
server=$!
exec 8>to 9<from
read -r child <&9
"$memtrace" snapshot "$child" >out 2>err
is "a snapshot of a forked child is taken" "$? $(cat err)" "0 "
exec 8>&-
wait "$server"
is "the forked program ends well" $? 0
server=
exec 9<&-
"$memtrace" top --by=growth --format=json forked.db >forked.json
check "a forked child's memory is charged to its parent's calls and its own" "$python" -c '
import json
process, = json.load(open("forked.json"))["processes"]
def pages(kind, function):
    return sum(site["growth_bytes"] for site in process["sites"]
               if site["kind"] == kind and any(frame["function"] == function for frame in site["stack"])) / 4096
# 100,000 bytes, and what was used of the break then and since
assert 24 <= pages("break", "before_the_fork") <= 33, pages("break", "before_the_fork")
# a block and its header
assert pages("chunk", "before_the_fork") == 257, pages("chunk", "before_the_fork")
assert pages("chunk", "after_the_fork") == 513, pages("chunk", "after_the_fork")
'

jemalloc=$(ldconfig -p 2>/dev/null | sed -n 's/.*libjemalloc\.so\.2 .*=> //p' | head -n 1)
if [ -n "$jemalloc" ]; then
	takes_three jemalloc.db "$jemalloc"
	check "jemalloc: what grew adds up to what the kernel says" "$python" sums.py jemalloc.db
	check "jemalloc: its mappings are charged to the calls that made it map" "$python" -c '
import json
first = json.load(open("0,1.json"))["processes"][0]
assert not [site for site in first["sites"] if site["kind"] in ("break", "heap", "chunk")], first
# what the program has written to: 4 MB, 2 MB, 1 MB and 400 kB
mapped = sum(site["growth_bytes"] for site in first["sites"] if site["kind"] == "mapping" and site["stack"])
assert mapped >= 7 << 20, mapped
assert any("fills_the_heap" in [frame["function"] for frame in site["stack"]] for site in first["sites"])
'
else
	skip "jemalloc" "it is not here"
fi

# --- What cannot be done ---------------------------------------------------------------------------------
"$memtrace" top --by=growth --diff=7,8 known.db >out 2>err
is "snapshots that are not there: 125" "$? $(cat out)" "125 "
contains "and it is said which" err "snapshots 7 and 8"
trace_run plain.db true
for command in top tree; do
	"$memtrace" $command --diff=1,2 known.db >out 2>err
	is "$command: a difference of what else is wrong usage" $? 2
	"$memtrace" $command --by=growth --diff=1 known.db >out 2>err
	is "$command: half a difference is wrong usage" $? 2
	sqlite3 plain.db "DELETE FROM resident"
	"$memtrace" $command --by=growth plain.db >out 2>err
	is "$command: a file without a snapshot: 125" "$?" 125
	contains "$command: and what to do is said" err "memtrace rss PID"
done
finish
