#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a program can see of being traced: no descriptor, no child, no input taken, no symbol of the unwinder, no
# output, whatever it is started with.
. "$(dirname "$0")/lib.sh"

for mode in run preload; do
	# By a shell, so that what it holds open is in the list.
	sh -c 'ls -1 /proc/$$/fd' >plain.out
	trace_$mode "$work/fd.db" sh -c 'ls -1 /proc/$$/fd' >traced.out
	same "$mode: no descriptor is left open" plain.out traced.out

	echo "some input" | trace_$mode "$work/stdin.db" cat >traced.out
	is "$mode: standard input is the program's" "$(cat traced.out)" "some input"

	trace_$mode "$work/children.db" sh -c 'wait; ps -o comm= --ppid $$' >traced.out
	is "$mode: the program has no child that is not its own" "$(cat traced.out)" ps

	# 0, 1 and 2 closed: none of the library's descriptors may land there.
	(trace_$mode "$work/closed.db" sh -c 'exec 1>closed.out; ls -1 /proc/$$/fd' <&- >&- 2>&-)
	is "$mode: a program without standard streams runs" $? 0
	(exec <&- >&- 2>&-; sh -c 'exec 1>plain.out; ls -1 /proc/$$/fd')
	same "$mode: and finds none of ours there" plain.out closed.out


	(ulimit -S -f 0; trace_$mode "$work/limit.db" true) 2>/dev/null
	is "$mode: a program that may not write a byte into a file runs" $? 0

	# The pipe ends with the program: nobody holds its other end.
	is "$mode: a pipe ends with the program" "$(trace_$mode "$work/pipe.db" echo word | cat)" word
done

# Daemons close all descriptors that they find and open their own. Whatever the unwinder remembers of descriptors
# must not lead it to these.
cat >daemon.c <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *volatile kept;

/* From many pages of stack, so that there are many addresses to look at. */
static void __attribute__((noinline)) deep(int levels)
{
	volatile char page[5000];

	page[0] = page[4999] = (char)levels;
	kept = malloc(10);
	if (levels > 0)
		deep(levels - 1);
	page[1] = page[0];
}

static void *thread(void *argument)
{
	deep(10);
	return argument;
}

int main(void)
{
	char text[11] = "";
	pthread_t id;
	int files[8];

	kept = malloc(1);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	for (int i = 0; i < 8; i++) {
		char name[] = "own-0";

		name[4] = (char)('0' + i);
		files[i] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (write(files[i], "0123456789", 10) != 10 || lseek(files[i], 0, SEEK_SET) != 0)
			return 2;
	}
	deep(30);
	if (pthread_create(&id, NULL, thread, NULL) != 0 || pthread_join(id, NULL) != 0)
		return 3;
	for (int i = 0; i < 8; i++)
		if (lseek(files[i], 0, SEEK_CUR) != 0 || read(files[i], text, 11) != 10 ||
		    strcmp(text, "0123456789") != 0)
			return 4;
	return 0;
}
END
${CC:-cc} -g -O0 -o daemon daemon.c -lpthread || exit 99
./daemon
is "a daemon's descriptors are its own, untraced" $? 0
for mode in run preload; do
	trace_$mode "$work/daemon.db" ./daemon
	is "$mode: a daemon's descriptors are its own" $? 0
done

# C++ exceptions stay with libgcc: libunwind defines the same names.
LD_DEBUG=bindings LD_DEBUG_OUTPUT=$work/bindings trace_preload "$work/new.db" "$build/examples/new"
is "a program that throws runs" $? 0
cat bindings.* >bindings
contains "the loader's log has bindings" bindings 'binding file .*_Unwind_'
is "no name of the unwinder is bound to libunwind" \
	"$(grep 'binding file .* to .*libunwind.*`_Unwind_\|binding file .* to .*libunwind.*`backtrace' bindings |
		grep -v 'binding file [^ ]*libunwind')" ""
finish
