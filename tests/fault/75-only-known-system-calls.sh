#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# After start-up the library makes no system calls that the program does not make untraced but futex, and one getpid at
# the end and gettid at the start of a thread. By strace, and by a filter that kills.
. "$(dirname "$0")/../e2e/lib.sh"
. "$here/trouble.sh"
# A traced process cannot be looked through for leaks.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0

for mode in run preload; do
	echo prison | trace_$mode "$work/prison.db" ./trouble $usual >out 2>err
	is "$mode, under a filter that kills: the program goes on" "$? $(cat out)" "7 $plain"
	is "$mode, under a filter that kills: nothing is said" "$(cat err)" ""
	figures_hold "$mode, under a filter that kills: the figures hold" prison.db
	is "$mode, under a filter that kills: every child is there" \
		"$(query prison.db "SELECT count(*), sum(allocations) > 60000 FROM process")" "6|1"
done
options=:ring_kib=16
echo prison | trace_preload "$work/prison.db:ring_kib=16" ./trouble $usual >out 2>err
is "with rings that fill up: the program goes on" "$? $(cat out)" "7 $plain"
figures_hold "with rings that fill up: the figures hold" prison.db

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	# calls FILE MARK: the names of the system calls after the mark of all that is not the collector.
	calls()
	{
		"$python" - "$1" "$2" <<'END'
import re, sys
parent, names, seen, collectors = {}, set(), False, set()
for line in open(sys.argv[1], errors="replace"):
    pid, _, rest = line.partition(" ")
    rest = rest.strip()
    if 'memtrace-collect"' in rest and rest.startswith("execve"):
        collectors.add(pid)
    match = re.match(r"(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed>)", rest)
    if not match:
        continue
    child = re.search(r"= (\d+)$", rest)
    if match.group(1) in ("clone", "clone3", "fork", "vfork") and child and pid in collectors:
        collectors.add(child.group(1))
    if sys.argv[2] in rest:
        seen = True
    if seen and pid not in collectors:
        names.add(match.group(1))
print("\n".join(sorted(names)) if seen else "the mark is missing")
END
	}

	# held NAME MARK COMMAND…: what is new when traced.
	held()
	{
		local name=$1 mark=$2
		shift 2
		strace -f -o plain.trace "$@" >/dev/null 2>&1 </dev/null
		strace -f -o traced.trace -E LD_PRELOAD="$library" -E MEMTRACE_OPTIONS=output="$work/calls.db" \
			"$@" >/dev/null 2>&1 </dev/null
		calls plain.trace "$mark" >plain.calls
		calls traced.trace "$mark" >traced.calls
		check "$name: the program's own calls are seen" test "$(wc -l <plain.calls)" -gt 5
		printf '%s\n' futex getpid gettid >allowed
		sort -u plain.calls allowed >wanted
		is "$name: no other system calls" "$(comm -13 wanted traced.calls)" ""
	}

	# The mark is a path that the program asks for when it has started up.
	echo go >go
	held "a threaded program" /the/mark sh -c 'exec ./trouble 3 5000 <go'
	held "a program that forks" /the/mark sh -c 'exec ./trouble 1 2000 5 <go'
	cat >work.py <<'END'
import os, threading
# What would be imported later is there now: what follows is work, not start-up.
import json, re, collections
os.access("/the/mark", os.F_OK)
def work(number):
    table = {str(i): [i] * (i % 50) for i in range(3000)}
    return json.loads(json.dumps(table)), re.findall("[0-9]+", "1 22 333" * 100)
threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
work(0)
END
	held "python3 with threads" /the/mark "$python" work.py
	if command -v perl >/dev/null; then
		held "perl" /the/mark perl -e '-e "/the/" . "mark"; my %h; $h{$_} = [1 .. $_ % 50] for 1 .. 3000; print scalar keys %h; kill 0, 0; sleep 0'
	fi
else
	skip "no other system calls" "strace is not there, or not allowed"
fi
finish
