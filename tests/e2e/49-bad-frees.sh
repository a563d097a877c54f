#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Double, unknown and mismatched frees: counted, the block and the call named as far as they can be known, and the
# program does what it does untraced, down to libc's own message.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >bad.c <<'END'
#include <stdlib.h>
#include <string.h>
static char *volatile kept;
static __attribute__((noinline)) void *make(size_t bytes)
{
	char *block = calloc(1, bytes);
	kept = block;
	__asm__ volatile("" : "+r"(block));
	return block;
}
static __attribute__((noinline)) void drop(void *block)
{
	free(block);
	__asm__ volatile("");
}
static __attribute__((noinline)) void drop_again(void *block)
{
	free(block);
	__asm__ volatile("nop");
}
int main(int argc, char **argv)
{
	char *block = make((size_t)atoi(argv[1]));
	int offset = argc > 2 ? atoi(argv[2]) : 0;
	/* What libc says of an address inside a block depends on what stands there: zeros. */
	if (offset == 0)
		drop(block);
	if (argc > 2)
		drop_again(block + offset);
	return 0;
}
END
# Without frame pointers and optimised: the walk has to be right.
${CC:-cc} -O2 -g -w -o bad bad.c || exit 99

# What the shell says of the signal is left out.
same_words()
{
	grep -v "^Aborted\|^Segmentation fault" plain.err >plain.words
	grep -v "^Aborted\|^Segmentation fault" traced.err >traced.words
	same "$1" plain.words traced.words
}

# functions FILE COLUMN: of the first bad free's stack, up to main.
functions()
{
	"$memtrace" info --format=json "$1" >info.json || return
	"$python" -c '
import json, sys
stack = json.load(open("info.json"))["processes"][0]["bad_frees"][0][sys.argv[1]]
names = [line["function"] for line in stack or []]
print(*names[:names.index("main") + 1] if "main" in names else names)' "$2"
}

./bad 100 0 >plain.out 2>plain.err
plain=$?
trace_run "$work/double.db" ./bad 100 0 >traced.out 2>traced.err
is "a double free: libc aborts as it does" $? $plain
same_words "a double free: with its own message"
is "a double free is counted" "$(query double.db "SELECT unmatched_frees, mismatched_frees FROM process")" "1|0"
is "a double free is one" "$(query double.db "
	SELECT problem, call.name, allocated.name FROM bad_free JOIN kind AS call ON call.id = call
	JOIN kind AS allocated ON allocated.id = allocated_by")" "double|free|calloc"
is "a double free: where its block was allocated" "$(functions double.db allocated_stack)" "make main"
case $(cat plain.err) in
*tcache*) is "a double free that libc aborts in: where" "$(functions double.db stack)" "drop_again main" ;;
*) skip "a double free that libc aborts in: where" "this libc does not mark what is freed" ;;
esac
is "a double free: where it was freed before is not known" "$(functions double.db freed_stack)" ""
"$memtrace" info double.db >out
contains "info says so" out "double free: free of 0x"
contains "info says how to know more" out "free-stacks=on"

for bytes in 100 5000 200000; do
	trace_preload "$work/plain.db" ./bad $bytes >/dev/null 2>&1
	is "$bytes bytes freed once: no bad free" "$(query plain.db "
		SELECT unmatched_frees, mismatched_frees, (SELECT count(*) FROM bad_free) FROM process")" "0|0|0"
	rm -f plain.db
	# A block this large is unmapped by its free: its second one is a crash.
	./bad $bytes 0 >plain.out 2>plain.err
	plain=$?
	"$memtrace" run -q --free-stacks=on -o on.db -- ./bad $bytes 0 >traced.out 2>traced.err
	is "$bytes bytes freed twice with free_stacks=on: ends the same" $? $plain
	same_words "$bytes bytes freed twice with free_stacks=on: says the same"
	is "$bytes bytes freed twice with free_stacks=on: where again" "$(functions on.db stack)" "drop_again main"
	is "$bytes bytes freed twice with free_stacks=on: where before" "$(functions on.db freed_stack)" "drop main"
	is "$bytes bytes freed twice with free_stacks=on: where allocated" \
		"$(functions on.db allocated_stack)" "make main"
done

./bad 100 8 >plain.out 2>plain.err
plain=$?
trace_run "$work/unknown.db" ./bad 100 8 >traced.out 2>traced.err
is "a free of an unknown address: libc aborts as it does" $? $plain
same_words "a free of an unknown address: with its own message"
is "a free of an unknown address is one" "$(query unknown.db "
	SELECT problem, allocated_by, allocated_stack FROM bad_free")" "unknown||"

cat >wrong.cpp <<'END'
#include <cstdlib>
#include <new>
static void *volatile kept;
template <typename T> static T *keep(T *block) { kept = block; return block; }
static __attribute__((noinline)) void malloc_delete() { delete keep((int *)malloc(4)); }
static __attribute__((noinline)) void malloc_delete_array() { delete[] keep((int *)calloc(1, 4)); }
static __attribute__((noinline)) void new_free() { free(keep(new int)); }
static __attribute__((noinline)) void new_delete_array() { delete[] keep(new int); }
static __attribute__((noinline)) void new_array_delete() { delete keep(new int[4]); }
static __attribute__((noinline)) void new_array_free() { free(keep(new int[4])); }
static __attribute__((noinline)) void new_realloc() { free(realloc(keep(new int), 4000)); }
struct alignas(64) wide { char bytes[64]; };
static __attribute__((noinline)) void right()
{
	delete keep(new int);
	delete[] keep(new int[4]);
	delete keep(new (std::nothrow) int);
	delete[] keep(new (std::nothrow) int[4]);
	delete keep(new wide);
	delete[] keep(new wide[3]);
	delete keep(new (std::nothrow) wide);
	::operator delete(keep(::operator new(10)), std::nothrow);
	::operator delete[](keep(::operator new[](10)), std::size_t(10));
	free(keep(realloc(keep(malloc(3)), 300)));
	free(keep(aligned_alloc(64, 128)));
}
int main(int argc, char **)
{
	right();
	if (argc == 1)
		return 0;
	/* Not known to the compiler, so that there is one call of each. */
	for (int i = 0; i < argc; i++) {
		malloc_delete();
		malloc_delete_array();
		new_free();
		new_delete_array();
		new_array_delete();
		new_array_free();
		new_realloc();
	}
	return 0;
}
END
if ${CXX:-c++} -std=c++17 -O1 -g -w -o wrong wrong.cpp 2>compiler; then
	trace_preload "$work/right.db" ./wrong
	is "new and delete of every form: no bad free" "$(query right.db "
		SELECT unmatched_frees, mismatched_frees, (SELECT count(*) FROM bad_free) FROM process")" "0|0|0"
	trace_preload "$work/wrong.db" ./wrong wrong
	is "mismatched frees are counted, and are frees" "$(query wrong.db "
		SELECT mismatched_frees, unmatched_frees, allocations - frees - live_blocks FROM process")" "14|0|0"
	is "mismatched frees: each pair is named" "$(query wrong.db "
		SELECT DISTINCT allocated.name, call.name FROM bad_free JOIN kind AS call ON call.id = call
		JOIN kind AS allocated ON allocated.id = allocated_by WHERE problem = 'mismatched' ORDER BY number")" \
		"malloc|delete
calloc|delete[]
new|free
new|delete[]
new[]|delete
new[]|free
new|realloc"
	"$memtrace" run -q --free-stacks=on -o on.db -- ./wrong wrong
	"$memtrace" info --format=json on.db >info.json
	is "mismatched frees with free_stacks=on: both stacks, equal ones together" "$("$python" -c '
import json
for bad in json.load(open("info.json"))["processes"][0]["bad_frees"]:
    functions = [line["function"] for line in bad["stack"]]
    allocated = [line["function"] for line in bad["allocated_stack"]]
    where = next(name for name in functions if "_" in name)
    print(bad["count"], where, where in allocated)')" "2 malloc_delete() True
2 malloc_delete_array() True
2 new_free() True
2 new_delete_array() True
2 new_array_delete() True
2 new_array_free() True
2 new_realloc() True"
else
	skip "mismatched frees are counted" "no C++ compiler"
fi

# From the first one on stacks are asked for: of a program that goes on, the later ones have theirs.
cat >many.c <<'END'
#include <sched.h>
#include <stdlib.h>
#include <stdio.h>
void operator_delete(void *block) __asm__("_ZdlPv");
__attribute__((noinline)) void wrong(void) { operator_delete(malloc(50)); __asm__ volatile(""); }
int main(void)
{
	wrong();
	/* Until the collector has seen it, which reads at least once a second. */
	getchar();
	for (int i = 0; i < 200; i++)
		wrong();
	return 0;
}
END
if ${CC:-cc} -O1 -g -w -o many many.c -lstdc++ 2>compiler; then
	mkfifo go
	trace_preload "$work/many.db" ./many <go &
	exec 3>go
	"$python" -c '
import sqlite3, time
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    try:
        if sqlite3.connect("file:many.db?mode=ro", uri=True).execute("SELECT count(*) FROM bad_free").fetchone() == (1,):
            break
    except sqlite3.Error:
        pass
    time.sleep(0.05)'
	exec 3>&-
	wait $!
	is "many bad frees: all are counted, a hundred kept, and but for the first each has its stack" "$(query many.db "
		SELECT mismatched_frees, (SELECT count(*) FROM bad_free), (SELECT count(stack) FROM bad_free)
		FROM process")" "201|100|99"
else
	skip "many bad frees: all are counted" "no libstdc++ to link with"
fi
finish
