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

# C++ exceptions stay with libgcc: libunwind defines the same names.
LD_DEBUG=bindings LD_DEBUG_OUTPUT=$work/bindings trace_preload "$work/new.db" "$build/examples/new"
is "a program that throws runs" $? 0
cat bindings.* >bindings
contains "the loader's log has bindings" bindings 'binding file .*_Unwind_'
is "no name of the unwinder is bound to libunwind" \
	"$(grep 'binding file .* to .*libunwind.*`_Unwind_\|binding file .* to .*libunwind.*`backtrace' bindings |
		grep -v 'binding file [^ ]*libunwind')" ""
finish
