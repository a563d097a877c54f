#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A collector that is slow makes the program slow, and loses nothing; one that hangs is given up. What waits 10 s here
# runs side by side.
. "$(dirname "$0")/../e2e/lib.sh"

# aside NAME: runs the function NAME in a folder of its own, in the background.
aside()
{
	mkdir "$work/$1"
	(
		work=$work/$1
		cd "$work" || exit 99
		. "$here/trouble.sh"
		"$1"
		echo "# end"
	) >"$work/$1.tap" 2>&1 &
}

# ashore NAME: takes over what it found.
ashore()
{
	local line
	while read -r line; do
		case $line in
		"ok "*) pass "${line#ok * - }" ;;
		"not ok "*) fail "${line#not ok * - }" ;;
		*) echo "$line" ;;
		esac
	done <"$work/$1.tap"
	contains "$1: it came to its end" "$work/$1.tap" "^# end"
}

# Its ring is full, in every thread; then it goes on without.
in_the_middle()
{
	options=:ring_kib=64
	begin preload "$work/hung.db" $usual
	kill -STOP "$collector"
	order go
	end "hung in the middle"
	said "hung in the middle" "has not moved for 10 s"
	kill -CONT "$collector"
	settled hung.db
	opens "hung in the middle" hung.db
	contains "hung in the middle: info says what is missing" info "stopped tracing: the collector had not moved for 10 s"
	nothing_left "hung in the middle"
}

# By run, which says it in its place.
in_the_middle_of_run()
{
	options=:ring_kib=64
	begin run "$work/hung.db" $usual
	kill -STOP "$collector"
	order go
	sum_line
	kill -CONT "$collector"
	end "run, hung in the middle"
	said "run, hung in the middle" "did not move for 10 s"
	opens "run, hung in the middle" hung.db
	nothing_left "run, hung in the middle"
}

# All processes wait, but one for all of them.
at_the_end()
{
	plain=$(echo go | ./trouble 1 200 5)
	begin preload "$work/hung.db" 1 200 5
	kill -STOP "$collector"
	order go
	end "hung at the end"
	said "hung at the end" "has not moved for 10 s"
	kill -CONT "$collector"
	settled hung.db
	opens "hung at the end" hung.db
	# All that it had published is there, only later.
	is "hung at the end: nothing is missing" \
		"$(sqlite3 hung.db "SELECT count(*), sum(dropped_events), state FROM process, session")" "6|0|complete"
	nothing_left "hung at the end"
}

in_the_join()
{
	mkdir place
	cp "$library" place
	# Reads the question, and never answers.
	printf '#!/bin/sh\nexec sleep 1000\n' >place/memtrace-collect
	chmod +x place/memtrace-collect
	echo go | LD_PRELOAD=$work/place/libmemtrace.so ./trouble $usual >out 2>err
	is "hung in the join: the program goes on" "$? $(cat out)" "7 $plain"
	said "hung in the join" "no answer came in time"
}

for part in in_the_middle in_the_middle_of_run at_the_end in_the_join; do
	aside $part
done

. "$here/trouble.sh"

# What exit_wait= says is enough.
plain_usual=$plain plain=$(echo go | ./trouble 1 200)
options=:exit_wait=1
begin preload "$work/short.db" 1 200
kill -STOP "$collector"
order go
end "exit_wait=1"
said "exit_wait=1" "not finished within exit_wait"
kill -CONT "$collector"
settled short.db
opens "exit_wait=1" short.db
nothing_left "exit_wait=1"
plain=$plain_usual

# asleep PID: all its threads sleep, so they wait for space most likely; too early would do no harm.
asleep()
{
	while [ -e "/proc/$1/status" ] && cat "/proc/$1"/task/*/status 2>/dev/null | grep -q '^State:.*R'; do :; done
}

options=:ring_kib=16
begin counted "$work/slow.db" $usual
kill -STOP "$collector"
order go
for pause in 1 2 3 4 5; do
	asleep "$server"
	kill -CONT "$collector"
	kill -STOP "$collector"
done
kill -CONT "$collector"
end "a slow collector"
is "a slow collector: nothing is said" "$(cat err)" ""
figures_hold "a slow collector: the figures hold" slow.db
check "a slow collector: every call is there" "$python" "$here/counts.py" compare counts slow.db
nothing_left "a slow collector"

options=:ring_kib=16:overflow=drop
begin counted "$work/drop.db" $usual
kill -STOP "$collector"
order go
sum_line
kill -CONT "$collector"
end "overflow=drop"
settled drop.db
# Calls that reached the allocator, and what the file has of them.
calls=$("$python" "$here/counts.py" show counts | awk '{ sum += $3 + $4 } END { print sum }')
is "overflow=drop: what is missing is counted" \
	"$(sqlite3 drop.db "SELECT sum(dropped_events) > 0, sum(allocations + frees + own_allocations + own_frees
		+ inherited_frees + unmatched_frees + dropped_events) >= $calls FROM process")" "1|1"
opens "overflow=drop" drop.db
contains "overflow=drop: info says it" info "events were not written"

wait
for part in in_the_middle in_the_middle_of_run at_the_end in_the_join; do
	ashore $part
done
finish
