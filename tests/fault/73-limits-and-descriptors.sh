#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Limits on descriptors, processes, address space and locked memory, and a program that closes all descriptors: it does
# what it does untraced, and at most one line is said.
. "$(dirname "$0")/../e2e/lib.sh"
. "$here/trouble.sh"
# Without descriptors nothing can be looked through for leaks.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0

# quiet NAME: nothing was said and the file has all; or one line, and a file that opens, if there is one.
quiet()
{
	is "$1: at most one line is said" "$(sed 1d err)" ""
	if [ -s err ]; then
		contains "$1: it says that it is not traced, or not to the end" err "^memtrace: .*\(not traced\|incomplete\)"
	else
		figures_hold "$1: the figures hold" limit.db
		is "$1: every process is there" "$(query limit.db "SELECT count(*) FROM process")" 6
	fi
	if [ -e limit.db ]; then
		settled limit.db
		check "$1: the file opens" "$memtrace" info limit.db
	fi
}

# limited NAME COMMAND…: trouble under a limit that the shell command sets, both untraced and traced.
limited()
{
	local name=$1 wanted
	shift
	rm -f limit.db
	wanted=$(echo go | sh -c "$1 && exec ./trouble $work_to_do" 2>/dev/null)
	status=$?
	if [ $status -ne 7 ]; then
		skip "$name" "the program cannot run so even untraced"
		return
	fi
	echo go | sh -c "$1 && LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/limit.db exec ./trouble $work_to_do" >out 2>err
	is "$name: the program goes on" "$? $(cat out)" "$status $wanted"
	quiet "$name"
}

work_to_do=$usual
for count in 4 5 6 7 8 10 12 16 20; do
	limited "$count descriptors" "ulimit -n $count"
	limited "$count descriptors, which may be raised" "ulimit -S -n $count"
done
# With one thread: for others glibc is slow where it finds no space.
work_to_do="1 20000 5"
for megabytes in 40 80 120 200 400; do
	if is_sanitized; then
		skip "$megabytes MB of address space" "a sanitizer needs terabytes of it"
		continue
	fi
	limited "$megabytes MB of address space" "ulimit -v $((megabytes * 1024))"
	limited "$megabytes MB of address space, which may be raised" "ulimit -S -v $((megabytes * 1024))"
done
work_to_do=$usual
limited "no locked memory" "ulimit -l 0"
limited "4 MB in a file" "ulimit -f 8192"
limited "no second of the processor to waste" "ulimit -t 20"

# Processes: those of nobody, of whom there may be others.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && setpriv --reuid=65534 --clear-groups test -r "$library"; then
	chmod 777 . sockets
	# A user that nobody is, so that the count is known.
	# One thread, and one child at a time: with two it can do all that it does.
	work_to_do="1 20000 5"
	for processes in 1 2 3 4 5 40; do
		rm -f limit.db
		echo go | setpriv --reuid=64999 --regid=64999 --clear-groups prlimit --nproc=$processes \
			./trouble $work_to_do >plain.out 2>/dev/null
		status=$?
		echo go | setpriv --reuid=64999 --regid=64999 --clear-groups prlimit --nproc=$processes \
			env LD_PRELOAD="$library" MEMTRACE_OPTIONS=output="$work/limit.db" ./trouble $work_to_do >out 2>err
		traced=$?
		is "$processes processes: at most one line is said" "$(sed 1d err)" ""
		# The collector is three of them, so that what is enough for the program is not for both.
		case $processes in
		3 | 4) skip "$processes processes: it does what it does untraced" "there is room for the program alone" ;;
		*)
			if is_sanitized; then
				skip "$processes processes: it does what it does untraced" "a sanitizer has threads of its own"
				continue
			fi
			is "$processes processes: it does what it does untraced" "$traced $(cat out)" "$status $(cat plain.out)" ;;
		esac
		[ $processes -gt 2 ] || contains "$processes processes: it says that it is not traced" err "not traced"
	done
else
	skip "a limit on processes" "only root can become a user without any"
fi

# Every descriptor closed, and every number used for a file of its own: what is traced before and after is there.
for mode in run preload; do
	echo close | trace_$mode "$work/close.db" ./trouble $usual >out 2>err
	is "$mode, all descriptors closed: they are the program's" "$? $(cat out)" "7 ready"
	is "$mode, all descriptors closed: nothing is said" "$(cat err)" ""
	figures_hold "$mode, all descriptors closed: the figures hold" close.db
	is "$mode, all descriptors closed: every child is there" "$(query close.db "SELECT count(*) FROM process")" 6
done

# With the collector killed, too: the line has no place to go.
begin preload "$work/close.db" $usual
pause
kill -KILL "$collector"
order close
wait "$server"
is "no line goes into a file of the program's that has the number 2" "$? $(cat mine)" "7 mine alone"
server=

# A daemon: the session outlives its parent, and ends with the child.
cat >daemon.c <<'END'
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
	void *volatile kept = malloc(33);

	if (daemon(1, 0) != 0)
		return 1;
	for (int i = 0; i < 1000; i++)
		kept = malloc(44);
	return kept == NULL;
}
END
${CC:-cc} -g -O0 -o daemon daemon.c || exit 99
for mode in run preload; do
	trace_$mode "$work/daemon.db" ./daemon 2>err
	is "$mode, a daemon: it starts" "$? $(cat err)" "0 "
	is "$mode, a daemon: all its blocks are there" \
		"$(query daemon.db "SELECT sum(blocks), sum(bytes), count(DISTINCT process) FROM leak")" "1001|44033|2"
done
finish
