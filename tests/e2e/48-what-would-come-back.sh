#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What memtrace rss says would go back to the kernel does, when the program then does what it was said of: a site frees
# all that it has, the block at the top of the heap goes, an allocator purges.
. "$(dirname "$0")/lib.sh"

mkfifo to from

# begin ALLOCATOR COMMAND…: starts it, traced, and waits for its line. step: lets it do the next thing.
begin()
{
	local allocator=$1
	shift
	rm -f out.db
	LD_PRELOAD="$library${allocator:+ $allocator}" MEMTRACE_OPTIONS=output=$work/out.db "$@" <to >from &
	server=$!
	exec 8>to 9<from
	read -r answer <&9
}

step()
{
	echo >&8
	read -r answer <&9
}

end()
{
	exec 8>&-
	wait "$server"
	is "$1: the program ends well" $? 0
	server=
	exec 9<&-
}

snapshot()
{
	"$memtrace" rss --format=json "$server" >"$1.json" 2>err
	is "a snapshot is taken: $1" "$? $(cat err)" "0 "
}

# number NAME: of that snapshot in the file, where those of peaks come and go.
number()
{
	"$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["snapshots"][0]["id"])' "$1.json"
}

cat >program.c <<'END_C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE   4096ul
#define APART  __attribute__((noinline))
#define BLOCKS 3000

static char *small[BLOCKS], *filler[BLOCKS], *other[BLOCKS];

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
	getchar();
}

APART static char *small_block(void)
{
	return memset(malloc(64), 1, 64);
}

APART static char *other_block(void)
{
	return memset(malloc(64), 1, 64);
}

/* At least three pages. */
APART static char *fill(unsigned long bytes)
{
	return memset(malloc(bytes), 1, bytes);
}

/* Too large for the lists in which free() keeps blocks of a size. */
APART static char *on_top(void)
{
	return memset(malloc(2000), 1, 2000);
}

/* Small blocks with free memory between; every tenth has another site's block beside it. */
static void site(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		filler[i] = fill(3 * PAGE);
		small[i] = small_block();
		if (i % 10 == 0)
			other[i] = other_block();
	}
	for (int i = 0; i < BLOCKS; i++)
		free(filler[i]);
	say("built");
	for (int i = 0; i < BLOCKS; i++)
		free(small[i]);
	malloc_trim(0);
	say("freed");
}

/* 30 MB of free memory under one block. */
static void top(void)
{
	char *held = small_block(), *pin;

	for (int i = 0; i < BLOCKS; i++)
		filler[i] = fill(10000);
	pin = on_top();
	for (int i = 0; i < BLOCKS; i++)
		free(filler[i]);
	say("built");
	free(pin);
	say("freed");
	free(held);
}

/*
 * Of 100 kB that were never written, a few bytes at the end: with huge pages for the heap all of it is resident. The
 * allocator itself says how much it then has at the heap's end and keeps.
 */
static void huge(int frees)
{
	char freed[40];

	for (int i = 0; i < 200; i++) {
		filler[i] = malloc(100000);
		small[i] = small_block();
	}
	for (int i = 0; i < 200; i++)
		free(filler[i]);
	say("built");
	for (int i = 0; frees && i < 200; i++)
		free(small[i]);
	malloc_trim(0);
	sprintf(freed, "freed %zu", mallinfo2().keepcost);
	say(freed);
}

/* The same amount of free memory below and above a block, in an arena that is not the main one. */
static void *arena(void *unused)
{
	(void)unused;
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	for (int i = 0; i < 201; i++)
		filler[i] = i == 100 ? small_block() : fill(100000);
	for (int i = 0; i < 201; i++)
		if (i != 100)
			free(filler[i]);
	say("built");
	malloc_trim(0);
	say("freed");
	return NULL;
}

/* Blocks of all sizes: the first half of them all freed, of the rest every second. */
static void purge(void)
{
	int (*mallctl)(const char *, void *, size_t *, void *, size_t) =
	        (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");

	for (int i = 0; i < BLOCKS; i++)
		filler[i] = fill(16 + (unsigned long)i * 7919 % 60000);
	for (int i = 0; i < BLOCKS; i++)
		if (i < BLOCKS / 2 || i % 2)
			free(filler[i]);
	say("built");
	/* MALLCTL_ARENAS_ALL */
	if (!mallctl || mallctl("arena.4096.purge", NULL, NULL, NULL, 0) != 0)
		exit(1);
	say("freed");
}

int main(int count, char **arguments)
{
	/* Neither stdio nor anything else comes in between. */
	static char in[64], out[64];
	pthread_t thread;

	(void)count;
	setvbuf(stdin, in, _IOFBF, sizeof(in));
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	switch (arguments[1][0]) {
	case 's': site(); break;
	case 't': top(); break;
	case 'h': huge(1); break;
	case 'w': huge(0); break;
	case 'a':
		pthread_create(&thread, NULL, arena, NULL);
		pthread_join(thread, NULL);
		break;
	case 'p': purge(); break;
	}
	return 0;
}
END_C
${CC:-cc} -g -O1 -pthread -o program program.c -ldl || exit 99

cat >judge.py <<'END'
import json, sys
before, after = (json.load(open(name + ".json"))["snapshots"][0] for name in ("before", "after"))
HEAP = ("live", "slack", "free", "top", "bloat")

def of(snapshot, kinds, function=None, field="bytes"):
    return sum(owner[field] for owner in snapshot["owners"] if owner["kind"] in kinds and
               (function is None or any(frame["function"] == function for frame in owner["stack"])))

def near(got, wanted, what, percent=2):
    print(what, got, wanted)
    assert wanted > 4000000 and abs(got - wanted) * 100 <= wanted * percent, (what, got, wanted)

given_back = of(before, HEAP) - of(after, HEAP)
free = of(before, ("free", "top", "bloat"))
for snapshot in before, after:
    assert snapshot["frozen"] and sum(owner["bytes"] for owner in snapshot["owners"]) == snapshot["resident_bytes"]
if sys.argv[1] == "site":
    # malloc_trim() gives back what was free already, and what small_block alone kept
    near(given_back, free + of(before, ("live",), "small_block", "pinned_bytes"), "given back, free and pinned:")
    assert of(before, ("live",), "small_block", "pinned_bytes") > 2500 * 4096
elif sys.argv[1] == "top":
    # free() alone gives the heap's end back, but for M_TOP_PAD
    returned = of(before, ("live",), "on_top", "returned_bytes")
    near(given_back + 128 * 1024, returned, "given back and the pad, returned:")
    assert of(before, ("live",), "small_block", "returned_bytes") <= 4096
elif sys.argv[1] in ("huge", "uncached"):
    bloat = of(before, ("bloat",), "small_block")
    print("huge", before["anon_huge_bytes"], "bloat", bloat)
    assert bloat == of(before, ("bloat",)), "nobody else's"
    # a small block every 100 kB keeps one page in 25 by itself; the rest of each huge page is bloat
    assert bloat * 100 >= before["anon_huge_bytes"] * 90, (bloat, before["anon_huge_bytes"])
    said = of(before, ("free", "top")) + of(before, ("live",), "small_block", "pinned_bytes")
    kept = int(sys.argv[2])
    if sys.argv[1] == "huge":
        # Blocks in the thread's cache hold the heap's end up, and what then is left of it is resident if it was a huge page.
        assert kept <= before["trim_step_bytes"] + 4096, (kept, before["trim_step_bytes"])
        if abs(given_back - said) > abs(given_back - (said - kept)):
            said -= kept
    near(given_back, said, "given back, free and pinned:")
elif sys.argv[1] in ("whole", "arena"):
    print("of", free)
    near(given_back, before["purgeable_bytes"], "given back, said:")
    # glibc keeps the end of an arena
    assert sys.argv[1] == "whole" or free > before["purgeable_bytes"] * 1.9
elif sys.argv[1] == "purge":
    print("given back", given_back, "range", before["purgeable_bytes"], free)
    assert before["purgeable_bytes"] <= given_back <= free, (before["purgeable_bytes"], given_back, free)
    # the range says something
    assert before["purgeable_bytes"] > 30000000 and free - before["purgeable_bytes"] < free / 2
END

for case in site top arena; do
	begin "" ./program $case
	snapshot before
	step
	snapshot after
	check "$case: what was said to come back has" "$python" judge.py $case
	end $case
done

if grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null ||
	[ ! -e /sys/kernel/mm/transparent_hugepage/enabled ]; then
	skip "huge: bloat is who keeps it" "this kernel gives no huge pages"
else
	for case in huge uncached whole; do
		GLIBC_TUNABLES=glibc.malloc.hugetlb=1
		[ $case != uncached ] || GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.tcache_count=0
		export GLIBC_TUNABLES
		begin "" ./program $(echo $case | sed s/uncached/huge/)
		unset GLIBC_TUNABLES
		snapshot before
		step
		snapshot after
		if "$python" -c 'import json, sys; sys.exit(json.load(open("before.json"))["snapshots"][0]["anon_huge_bytes"] < 10000000)'; then
			check "$case: bloat is who keeps it, and comes back" "$python" judge.py $case "${answer#freed }"
			"$memtrace" rss --at="$(number before)" out.db >text
			contains "$case: huge pages are named" text "^of it in huge pages: [0-9.]* MB"
			contains "$case: so is the bloat" text "MB .* bloat  *free pages of huge pages"
		else
			skip "$case: bloat is who keeps it" "the kernel had no huge pages for the heap"
		fi
		end $case
	done
fi

jemalloc=$(ls /usr/lib/*/libjemalloc.so.2 2>/dev/null | head -n 1)
if [ -n "$jemalloc" ]; then
	# Nothing is purged before it is asked for.
	MALLOC_CONF=dirty_decay_ms:-1
	export MALLOC_CONF
	begin "$jemalloc" ./program purge
	unset MALLOC_CONF
	snapshot before
	step
	snapshot after
	check "purge: what jemalloc gives back lies in the range" "$python" judge.py purge
	"$memtrace" rss --at="$(number before)" out.db >text
	contains "the range is in the report" text "a purge by libjemalloc[^ ]* would give back [0-9.]* MB to [0-9.]* MB"
	end purge
else
	skip "purge" "jemalloc is not installed"
fi
finish
