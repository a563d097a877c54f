#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# memtrace rss of programs that rest: of one whose residency is known by construction, each site's figures to the page;
# of Debian's programs, the sum to the byte and nearly nothing unexplained.
. "$(dirname "$0")/lib.sh"

mkfifo to from

# begin FILE COMMAND…: starts it, traced, and waits for its line. Snapshots are taken when asked for, and not else.
begin()
{
	local file=$1
	shift
	LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/$file:snapshot=off "$@" <to >from &
	server=$!
	exec 8>to 9<from
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

cat >built.c <<'END_C'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul

static char *volatile kept[4096];
static pthread_barrier_t barrier;

/* A thousand pages, a hundred of them written. */
__attribute__((noinline)) void partly_touched(void)
{
	char *block = malloc(1000 * PAGE);

	madvise((void *)(((unsigned long)block + PAGE) & ~(PAGE - 1)), 999 * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < 100; i++)
		block[i * PAGE] = 1;
	kept[0] = block;
}

/* One small block on each of 512 pages: what lay between them is freed. */
__attribute__((noinline)) char *small_block(void)
{
	return malloc(64);
}

__attribute__((noinline)) char *filler(void)
{
	return malloc(PAGE - 64 - 32);
}

__attribute__((noinline)) void pins(void)
{
	char *fill[513];

	for (int i = 0; i < 512; i++) {
		fill[i] = filler();
		memset(fill[i], 1, PAGE - 64 - 32);
		kept[1 + i] = small_block();
		memset(kept[1 + i], 1, 64);
	}
	for (int i = 0; i < 512; i++)
		free(fill[i]);
}

/* 300 pages, every third one written. */
__attribute__((noinline)) void mapped(void)
{
	char *start = mmap(NULL, 300 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(start, 300 * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < 300; i += 3)
		start[i * PAGE] = 1;
	munmap(start + 297 * PAGE, 3 * PAGE);
}

__attribute__((noinline)) void shared(void)
{
	char *start = mmap(NULL, 50 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(start, 1, 20 * PAGE);
}

static void *deep(void *unused)
{
	volatile char frame[40 * PAGE];

	for (unsigned int i = 0; i < sizeof(frame); i += PAGE)
		frame[i] = 1;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

int main(void)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	partly_touched();
	pins();
	mapped();
	shared();
	pthread_create(&thread, NULL, deep, NULL);
	pthread_setname_np(thread, "deep");
	pthread_barrier_wait(&barrier);
	puts("ready");
	fflush(stdout);
	getchar();
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	return 0;
}
END_C
${CC:-cc} -g -O0 -pthread -o built built.c || exit 99

cat >sites.py <<'END'
import json, sys
snapshot = json.load(open(sys.argv[1]))["snapshots"][0]
PAGE = 4096

def of(kind, function):
    owners = [owner for owner in snapshot["owners"]
              if owner["kind"] == kind and any(frame["function"] == function for frame in owner["stack"])]
    return sum(owner["bytes"] for owner in owners), sum(owner["pinned_bytes"] for owner in owners)

# A block of its own mapping: its first page has the allocator's header, too.
live, pinned = of("live", "partly_touched")
assert 99 * PAGE <= live <= 101 * PAGE and pinned >= live, (live, pinned)
# What lies on a page that one small block alone holds is that block's slack.
live, pinned = of("live", "small_block")
slack, _ = of("slack", "small_block")
assert live == 512 * 64, live
assert 500 * PAGE <= live + slack <= 514 * PAGE, (live, slack)
assert 500 * PAGE <= pinned <= 514 * PAGE, pinned
assert of("live", "filler") == (0, 0)
assert of("mmap", "mapped")[0] == 99 * PAGE, of("mmap", "mapped")
assert of("mmap", "shared")[0] == 20 * PAGE, of("mmap", "shared")
stacks = {owner["thread"]: owner["bytes"] for owner in snapshot["owners"] if owner["kind"] == "stack"}
deep = [bytes for tid, bytes in stacks.items() if tid != snapshot["pid"]]
# its 40 pages, and what the thread's start, its own data and its ring's code needed
assert len(deep) == 1 and 40 * PAGE <= deep[0] <= 48 * PAGE, stacks
END
cat >proof.py <<'END'
import json, sys
for snapshot in json.load(open(sys.argv[1]))["snapshots"]:
    assert snapshot["frozen"], snapshot["frozen"]
    assert snapshot["source"] in ("PAGEMAP_SCAN", "pagemap")
    total = sum(owner["bytes"] for owner in snapshot["owners"])
    assert total == snapshot["resident_bytes"], (total, snapshot["resident_bytes"])
    if snapshot["source"] == "PAGEMAP_SCAN":
        assert total == snapshot["smaps_rss_bytes"], (total, snapshot["smaps_rss_bytes"])
    unexplained = sum(owner["bytes"] for owner in snapshot["owners"] if owner["kind"] == "unexplained")
    assert unexplained == snapshot["unexplained_bytes"]
    assert snapshot["attributed_bytes"] + unexplained == total
    assert unexplained * 200 <= total, (unexplained, total)
END

# proof NAME: takes a snapshot, checks its sums.
proof()
{
	"$memtrace" rss --format=json "$server" >rss.json 2>err
	is "$1: a snapshot is taken" "$? $(cat err)" "0 "
	check "$1: it adds up, next to nothing is unexplained" "$python" proof.py rss.json
}

begin built.db ./built
proof built
check "built: every site has what it touched" "$python" sites.py rss.json
"$memtrace" rss "$server" >text
is "text is fine" $? 0
contains "and says that it adds up" text "to the byte what smaps says\|changed meanwhile"
end built
"$memtrace" rss --format=json built.db >stored.json
check "both snapshots are in the file" "$python" -c '
import json
stored = json.load(open("stored.json"))["snapshots"]
assert [snapshot["id"] for snapshot in stored][:2] == [1, 2], stored
assert stored[0]["resident_bytes"] == json.load(open("rss.json"))["snapshots"][0]["resident_bytes"]
'
is "mapping by mapping" "$(sqlite3 built.db 'SELECT count(*) FROM mapping JOIN resident USING (snapshot)
	WHERE source = "PAGEMAP_SCAN" AND mapping.resident_bytes <> rss_bytes')" 0

"$memtrace" maps --format=json --at=1 built.db >maps.json
check "the mappings are in the file, too" "$python" -c '
import json
mapped, stored = json.load(open("maps.json")), json.load(open("stored.json"))["snapshots"][0]
assert mapped["totals"]["rss_bytes"] == stored["smaps_rss_bytes"]
assert mapped["mappings"][-1]["path"] == "[vsyscall]" or mapped["mappings"][-1]["path"] == "[vdso]"
'

begin python.db "$python" -c '
import sys, threading
held = {i: str(i) * 3 for i in range(50000)}
for i in range(0, 50000, 2):
    del held[i]
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()'
proof python3
end python3

# What is said to be free is what malloc_trim(0) then gives back.
cat >trim.py <<'END'
import ctypes, sys
held = [bytes(100 + i % 900) for i in range(40000)]
for i in range(40000):
    if i % 50:
        held[i] = None
print("ready", flush=True)
sys.stdin.readline()
ctypes.CDLL(None).malloc_trim(0)
print("trimmed", flush=True)
sys.stdin.readline()
END
PYTHONMALLOC=malloc
export PYTHONMALLOC
begin trim.db "$python" trim.py
unset PYTHONMALLOC
proof "before malloc_trim"
mv rss.json before.json
echo >&8
read -r answer <&9
proof "after malloc_trim"
check "malloc_trim gives back what was free, within 2 %" "$python" -c '
import json
before, after = (json.load(open(name))["snapshots"][0] for name in ("before.json", "rss.json"))
free = sum(owner["bytes"] for owner in before["owners"] if owner["kind"] in ("free", "top"))
# of the heap: the call itself needs pages of libffi
def heap(snapshot):
    return sum(owner["bytes"] for owner in snapshot["owners"] if owner["kind"] in ("live", "slack", "free", "top"))
given_back = heap(before) - heap(after)
assert free > 10000000, free
assert abs(given_back - free) * 50 <= free, (given_back, free)
'
end "malloc_trim"
"$memtrace" rss --diff=1,2 --format=json trim.db >diff.json
check "the difference of two snapshots adds up to the change" "$python" -c '
import json
diff = json.load(open("diff.json"))
before, after = (json.load(open(name))["snapshots"][0]["resident_bytes"] for name in ("before.json", "rss.json"))
assert diff["change_bytes"] == after - before < 0, diff["change_bytes"]
assert sum(owner["change_bytes"] for owner in diff["owners"]) == diff["change_bytes"]
assert diff["owners"][0]["kind"] in ("free", "top"), diff["owners"][0]
'
"$memtrace" rss --diff=1,2 trim.db >out
contains "as text, too" out "^ *-[0-9.]* MB *sum"
"$memtrace" rss --diff=1,9 trim.db >out 2>err
is "a snapshot that is not there: 125" $? 125
"$memtrace" rss --diff=1 trim.db >out 2>err
is "half a difference is wrong usage" $? 2

if command -v perl >/dev/null; then
	begin perl.db perl -e '$| = 1; my %held = map { $_ => [1 .. 5] } 1 .. 20000; print "ready\n"; <STDIN>'
	proof perl
	end perl
fi

LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/sampled.db:sample=512K ./built <to >from &
server=$!
exec 8>to 9<from
read -r answer <&9
"$memtrace" rss "$server" >out 2>err
is "of a sampled heap, nothing is made up" $? 125
contains "and the reason is said" err "sample="
end sampled

# --- What cannot be done ---------------------------------------------------------------------------------
"$memtrace" rss >out 2>err
is "no operand is wrong usage" $? 2
"$memtrace" rss 999999999 >out 2>err
is "no such process: 125" $? 125
contains "and says so" err "no process 999999999"
MEMTRACE_OPTIONS=snapshot=off trace_run plain.db true
"$memtrace" rss plain.db >out 2>err
is "a file without a snapshot: 125" $? 125
contains "and says what to do" err "memtrace rss PID"
"$memtrace" rss --at=77 built.db >out 2>err
is "no such snapshot: 125" $? 125
sleep 1000 &
server=$!
"$memtrace" rss "$server" >out 2>err
is "a process that is not traced is fine" "$? $(cat err)" "0 "
contains "and it is said" out "not traced"
"$memtrace" snapshot "$server" >out 2>err
is "but no snapshot of it can be taken" $? 125
kill "$server"
finish
