#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Where the file goes: the default name, relative and missing paths, a file that is there already.
. "$(dirname "$0")/lib.sh"
need sqlite3
program=$build/examples/leaky
plain=$("$program")

# leaks_of FILE: what the file says, or that it is no file of ours.
leaks_of()
{
	query "$1" "SELECT sum(blocks), sum(bytes) FROM leak" 2>&1
}
# 2 + 3 + 1 blocks; 10 + 192 + 800 bytes: the LEAK comments of examples/leaky.c
leaks="6|1002"

mkdir default && cd default || exit 99
"$memtrace" run -q -- "$program" >/dev/null
settled memtrace.leaky.*.db
is "run: the default name" "$(ls | sed 's/[0-9][0-9]*/PID/')" memtrace.leaky.PID.db
is "run: the file is right" "$(leaks_of memtrace.leaky.*.db)" "$leaks"
rm -f ./*
LD_PRELOAD=$library "$program" >/dev/null &
pid=$!
wait $pid
settled memtrace.leaky.*.db
is "LD_PRELOAD: the default name has the command and the pid" "$(ls)" "memtrace.leaky.$pid.db"
is "LD_PRELOAD: the file is right" "$(leaks_of "memtrace.leaky.$pid.db")" "$leaks"
cd ..

mkdir folder
trace_run folder/relative.db "$program" >/dev/null
is "run: a relative path is taken from the working folder" "$(leaks_of folder/relative.db)" "$leaks"
trace_preload folder/relative2.db "$program" >/dev/null
is "LD_PRELOAD: a relative path is taken from the working folder" "$(leaks_of folder/relative2.db)" "$leaks"
trace_run folder/moved.db sh -c "cd / && exec $program" >/dev/null
settled folder/moved.db
is "a program that changes its folder does not move the file" "$(ls folder)" "moved.db
relative.db
relative2.db"

trace_run no/such/folder/file.db "$program" >out 2>err
is "run: a path in no folder lets the program run" "$? $(cat out)" "0 $plain"
contains "run: it is named" err "no/such/folder"
trace_preload no/such/folder/file.db "$program" >out 2>err
is "LD_PRELOAD: a path in no folder lets the program run" "$? $(cat out)" "0 $plain"
contains "LD_PRELOAD: it is named" err "no/such/folder"
"$memtrace" run -o "" -- "$program" >out 2>err
is "run: an empty path is wrong usage" $? 2
is "run: nothing was run" "$(cat out)" ""

# Ours: an explicit name replaces it.
trace_run ours.db "$build/examples/clean"
is "a file of another run is there" "$(leaks_of ours.db)" "|"
trace_run ours.db "$program" >/dev/null
is "run: an explicit name replaces a memtrace file" "$(leaks_of ours.db)" "$leaks"
trace_preload ours.db "$build/examples/clean"
is "LD_PRELOAD: an explicit name replaces a memtrace file" "$(leaks_of ours.db)" "|"

ln -s ours.db link.db
trace_run link.db "$program" >/dev/null
is "run: a link stands for the file that it leads to" "$(leaks_of ours.db) $(readlink link.db)" "$leaks ours.db"
trace_preload link.db "$build/examples/clean"
is "LD_PRELOAD: a link stands for the file that it leads to" "$(leaks_of ours.db) $(readlink link.db)" "| ours.db"

# Before SQLite has opened it, too: a program may do that with the first thing that it does.
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	trace_preload at.db perl -e 'rename "at.db", "folder/moved-at-once.db" or die'
	settled folder/moved-at-once.db
	query folder/moved-at-once.db "SELECT state, (SELECT count(*) FROM process WHERE end_reason = 'exit') FROM session"
	ls at.db* folder/moved-at-once.db-* 2>/dev/null
	rm -f at.db* folder/moved-at-once.db*
done >out 2>&1
is "a program that moves the file at once moves the whole of it" "$(sort out | uniq -c | sed 's/^ *//')" "12 complete|1"
for i in 1 2 3 4 5 6; do
	trace_preload at.db perl -e 'unlink "at.db" or die'
	sleep 0.1
	ls at.db* 2>/dev/null
done >out 2>&1
is "a program that removes the file is told, and nothing is left of it" "$(cut -c1-60 out | sort | uniq -c | sed 's/^ *//')" \
	"6 memtrace: the file could not be written to the end: it is in"

# Not ours: never.
echo "my own notes" >notes.txt
sqlite3 other.db "CREATE TABLE accounts(a); INSERT INTO accounts VALUES (1);"
: >empty
for file in notes.txt other.db; do
	cp "$file" before
	trace_run "$file" "$program" >out 2>err
	is "run: a foreign file ($file) lets the program run" "$? $(cat out)" "0 $plain"
	contains "run: it is named ($file)" err "$file"
	same "run: it is untouched ($file)" before "$file"
	trace_preload "$file" "$program" >out 2>err
	is "LD_PRELOAD: a foreign file ($file) lets the program run" "$? $(cat out)" "0 $plain"
	contains "LD_PRELOAD: it is named ($file)" err "$file"
	same "LD_PRELOAD: it is untouched ($file)" before "$file"
done
trace_run "$work/folder" "$program" >out 2>err
is "run: a folder as the file lets the program run" "$? $(cat out)" "0 $plain"
contains "run: the folder is named" err "$work/folder"
is "the folder is still there" "$(ls folder | wc -l)" 3
finish
