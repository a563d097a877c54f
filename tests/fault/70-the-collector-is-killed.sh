#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The collector dies, at any moment: the program goes on at once, one line says it, and the file has what was committed.
. "$(dirname "$0")/../e2e/lib.sh"
. "$here/trouble.sh"

for mode in run preload; do
	for signal in 9 11 15; do
		name="$mode, signal $signal in the middle"
		begin $mode "$work/killed.db" $usual
		# Its core would be of no use to anybody.
		prlimit --core=0 --pid "$collector" 2>/dev/null
		order kill "$collector" $signal
		end "$name"
		said "$name" "the collector was \(killed\|told to stop\)"
		opens "$name" killed.db
		contains "$name: info says that the file is incomplete" info "incomplete"
		[ $mode = run ] || [ $signal = 15 ] || touch -d "10 minutes ago" sockets/*/socket sockets/*
		[ $mode = run ] || trace_run swept.db true
		nothing_left "$name"
	done
done

# Before the program is there.
"$memtrace" run -q -o early.db -- sh -c '
	kill -KILL "$(sqlite3 early.db "SELECT collector_pid FROM session")"
	exec ./trouble "$@"' sh $usual <in >out 2>err &
server=$!
order go
wait "$server"
is "before the program starts: it goes on" "$? $(cat out)" "7 $plain"
check "before the program starts: it has a file of its own" "$memtrace" leaks memtrace.trouble.*.db
contains "before the program starts: it says so" err "cannot be joined (.*): this program has one of its own"
server=
rm -f memtrace.trouble.*.db

# While the program waits at its end: the collector is stopped, so that it cannot finish earlier.
for mode in run preload; do
	begin $mode "$work/end.db" 1 200
	kill -STOP "$collector"
	plain_usual=$plain plain=$(echo go | ./trouble 1 200)
	order go
	sum_line
	kill -KILL "$collector"
	end "$mode, at the end"
	said "$mode, at the end" "the collector was killed"
	opens "$mode, at the end" end.db
	plain=$plain_usual
done

# While it joins: collectors that are none.
mkdir place
cp "$memtrace" "$library" place
for fault in 'exit 0' 'kill -KILL $$' 'kill -SEGV $$' 'exec true 0<&-'; do
	printf '#!/bin/sh\nulimit -c 0\n%s\n' "$fault" >place/memtrace-collect
	chmod +x place/memtrace-collect
	for mode in run preload; do
		name="$mode, a collector that does '$fault'"
		case $mode in
		run) echo go | place/memtrace run -q -o none.db -- ./trouble $usual >out 2>err ;;
		preload) echo go | LD_PRELOAD=$work/place/libmemtrace.so ./trouble $usual >out 2>err ;;
		esac
		is "$name: the program goes on" "$? $(cat out)" "7 $plain"
		said "$name" "not traced\|untraced"
	done
done
is "none of these left a file" "$(ls none.db memtrace.trouble.*.db 2>/dev/null)" ""
rm -f sockets/*/socket
rmdir sockets/* 2>/dev/null

# Under forks, at moments that differ from run to run: in the fork, in the child, in the wait for it.
for round in 1 2 3 4 5; do
	begin preload "$work/forks.db" 2 400 300
	plain_usual=$plain plain=$(echo go | ./trouble 2 400 300)
	order go
	kill -KILL "$collector"
	end "killed while forks are in flight, $round"
	said "killed while forks are in flight, $round" "the collector was killed"
	opens "killed while forks are in flight, $round" forks.db
	plain=$plain_usual
done
finish
