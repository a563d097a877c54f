#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A library that comes and goes three hundred times: the stacks of code that stays, and those through a library that
# comes back to where it was, are told to the collector twice at most, before the first unloading and after it, so that
# neither its table of ids nor the library's ever fills.
. "$(dirname "$0")/lib.sh"

cat >plugin.c <<'END_C'
#include <stdlib.h>
__attribute__((noinline)) void *plugin(int depth)
{
	void *block = depth ? plugin(depth - 1) : malloc(77);

	__asm__ volatile("" : "+r"(block));
	return block;
}
END_C
cat >program.c <<'END_C'
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static void *descend(int depth)
{
	void *block = depth ? descend(depth - 1) : malloc(10);

	__asm__ volatile("" : "+r"(block));
	return block;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < atoi(argv[2]); i++) {
		void *library = dlopen(argv[1], RTLD_NOW);
		void *(*plugin)(int) = (void *(*)(int))dlsym(library, "plugin");

		for (int depth = 0; depth < 60; depth++)
			free(plugin(depth));
		dlclose(library);
		for (int depth = 0; depth < 60; depth++)
			free(descend(depth));
	}
	return argc != 3;
}
END_C
${CC:-cc} -g -O0 -fPIC -shared -o plugin.so plugin.c && ${CC:-cc} -g -O0 -o program program.c -ldl || exit 99
trace_preload few.db ./program ./plugin.so 20
trace_preload many.db ./program ./plugin.so 320
for file in few many; do
	is "$file: nothing is lost" "$("$memtrace" sql $file.db "SELECT sum(dropped_events) + sum(unmatched_frees) FROM process" |
		tail -n 1 | tr -d ' ')" 0
done
# Records that are neither allocation nor free: the stacks and modules that were told, and a few others.
others() { "$memtrace" sql "$1" "SELECT events - allocations - frees FROM process" | tail -n 1 | tr -d ' '; }
few=$(others few.db)
many=$(others many.db)
echo "# records beside allocations and frees: $few for 20 rounds, $many for 320"
# In each round: the modules of a new load epoch. Not sixty stacks, or twice as many.
check "what stays or comes back is not told again" test $((many - few)) -lt $((300 * 30))
# 128 stacks, in at most two places each: as many as fit into half a megabyte at the very worst.
table() { "$memtrace" sql "$1" "SELECT stack_table_bytes FROM tracing" | tail -n 1 | tr -d ' '; }
few=$(table few.db)
many=$(table many.db)
echo "# bytes of the table that were written: $few for 20 rounds, $many for 320"
check "the places of epochs that are over are used again" test "$many" -lt $((few + few / 2))
finish
