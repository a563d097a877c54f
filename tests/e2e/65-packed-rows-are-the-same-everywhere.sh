#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The rows of stack, total, block and owner: what the views of the file say in the sqlite3 shell is what memtrace reads,
# row by row; packed anew by SQL they are the same; and they stay within what they may take of the file.
. "$(dirname "$0")/lib.sh"
need sqlite3

# 200 functions that call each other in an order that a generator of numbers decides; 60,000 blocks stay.
cat >many.c <<'END'
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
static uint64_t seed = 1;
static unsigned int number(unsigned int most)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(seed >> 33) % most;
}
static void *kept[60000];
static void at(unsigned int depth, unsigned int slot);
#define F(n) \
	__attribute__((noinline)) static void f##n(unsigned int depth, unsigned int slot) \
	{ \
		if (depth) \
			at(depth - 1, slot); \
		else \
			memset(kept[slot] = malloc(16 + number(200)), n, 16); \
		__asm__ volatile("" ::: "memory"); \
	}
#define TEN(n) F(n##0) F(n##1) F(n##2) F(n##3) F(n##4) F(n##5) F(n##6) F(n##7) F(n##8) F(n##9)
TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9)
#define P(n) f##n##0, f##n##1, f##n##2, f##n##3, f##n##4, f##n##5, f##n##6, f##n##7, f##n##8, f##n##9,
static void (*const functions[])(unsigned int, unsigned int) = {P(1) P(2) P(3) P(4) P(5) P(6) P(7) P(8) P(9)};
static void at(unsigned int depth, unsigned int slot)
{
	functions[number(90)](depth, slot);
	__asm__ volatile("" ::: "memory");
}
int main(void)
{
	for (unsigned int i = 0; i < 300000; i++) {
		unsigned int slot = number(60000);
		free(kept[slot]);
		/* Some stacks often, most of them once. */
		if (i % 4)
			seed = i % 16 + 7;
		at(2 + number(6), slot);
		seed = i * 2654435761u;
	}
	return 0;
}
END
check "the program is compiled" ${CC:-gcc} -g -O1 -fno-optimize-sibling-calls -o many many.c
trace_run many.db ./many >log 2>&1
is "it runs as it does untraced" $? 0

stack="SELECT id, parent, frame, cut FROM stack ORDER BY id"
total="SELECT process, stack, kind, allocations, frees, bytes_allocated, bytes_freed, peak_blocks, peak_bytes, temporary
	FROM total ORDER BY process, stack, kind"
block="SELECT snapshot, addr, size_bytes, born_ns, stack, kind, thread, class FROM block ORDER BY snapshot, addr"
owner="SELECT snapshot, kind, stack, thread, mapping, bytes, pinned_bytes, returned_bytes FROM owner
	ORDER BY snapshot, mapping, kind, stack, thread, bytes, pinned_bytes"

# rows WHO TABLE FILE: as CSV.
rows()
{
	eval "sql=\$$2"
	if [ "$1" = shell ]; then
		sqlite3 -batch -csv -noheader "$3" "$sql" | tr -d '\r'
	else
		"$memtrace" sql --format=csv "$3" "$sql" | tr -d '\r' | tail -n +2
	fi
}

sqlite3 -batch many.db "SELECT 1" >/dev/null
cp many.db anew.db
check "rows are packed anew" repack anew.db ""
for table in stack total block owner; do
	rows shell $table many.db >wanted
	check "$table: there are many" test "$(wc -l <wanted)" -gt 30
	rows tool $table many.db >got
	same "$table: the shell and memtrace say the same" wanted got
	rows shell $table anew.db >got
	same "$table: the same when it was packed by SQL, in the shell" wanted got
	rows tool $table anew.db >got
	same "$table: and in memtrace" wanted got
done
# A figure that is another one is seen by this test.
cp many.db other.db
repack other.db "UPDATE block SET size_bytes = size_bytes + 1 WHERE addr = (SELECT max(addr) FROM block)"
rows tool block many.db >wanted
rows tool block other.db >got
is "one byte more of one block is one line" "$(diff wanted got | grep -c '^>')" 1

"$memtrace" sql --format=csv many.db "SELECT count(*), sum(parent IS NOT (SELECT parent FROM stack AS one WHERE one.id = stack.id))
	FROM stack" | tr -d '\r' | tail -1 >got
is "by its id a stack is what it is in the list" "$(cat got)" "$(sqlite3 many.db "SELECT count(*) FROM stack"),0"

# Of cc1plus, with 10 million events, packs take 1.4 bytes a node, 9.6 a block and 3.9 a total.
query many.db "SELECT
	(SELECT sum(length(data)) FROM stack_pack) <= 5 * (SELECT count(*) FROM stack) + 100,
	(SELECT sum(length(data)) FROM total_pack) <= 14 * (SELECT count(*) FROM total) + 100,
	(SELECT sum(length(data)) FROM block_pack) <= 14 * (SELECT count(*) FROM block) + 100,
	(SELECT count(*) FROM stack) > 10000, (SELECT count(*) FROM total) > 10000, (SELECT count(*) FROM block) > 40000" >got
is "packs are small" "$(cat got)" "1|1|1|1|1|1"
query many.db "SELECT 20 * (SELECT count(*) FROM stack) + 20 * (SELECT count(*) FROM total) + 14 * (SELECT count(*) FROM block)
	+ 200000" >most
check "and so is the file" test "$(wc -c <many.db)" -le "$(cat most)"
finish
