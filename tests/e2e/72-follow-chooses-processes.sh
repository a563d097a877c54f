#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The option follow=: all processes, only the first, or those whose executables match a pattern. What is left out
# runs as it would, is in no table, and is counted.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >program.c <<'END2'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;

/* program [PROGRAM...]: a block of 1000 bytes; a forked child with one of 100; then the next PROGRAM. */
int main(int count, char **arguments)
{
	int status;

	kept = malloc(1000);
	if (fork() == 0) {
		kept = malloc(100);
		_exit(0);
	}
	wait(&status);
	puts(strrchr(arguments[0], '/') ? strrchr(arguments[0], '/') + 1 : arguments[0]);
	fflush(stdout);
	if (count > 1 && fork() == 0) {
		execv(arguments[1], arguments + 1);
		_exit(127);
	}
	wait(&status);
	return 5;
}
END2
${CC:-cc} -g -o one program.c || exit 99
for name in two three worker-1 worker-2; do cp one "$name"; done
chain="./two ./worker-1 ./three ./worker-2"

# recorded FILE: who is in it, with the blocks of the program's own.
recorded()
{
	query "$1" "
	SELECT group_concat(command || ' ' || origin || ' ' ||
	       (SELECT group_concat(size_bytes) FROM block JOIN snapshot ON snapshot.id = block.snapshot
	        WHERE snapshot.process = process.id AND size_bytes IN (100, 1000)), '; ')
	FROM (SELECT * FROM process ORDER BY id) AS process"
}
# chosen NAME FOLLOW WANTED LEFT_OUT
chosen()
{
	local mode
	./one $chain >plain
	for mode in run preload; do
		rm -f chosen.db
		if [ $mode = run ]; then
			"$memtrace" run -q --follow="$2" -o chosen.db -- ./one $chain >out 2>err
		else
			LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/chosen.db:follow=$2 ./one $chain >out 2>err
		fi
		is "$1, $mode: the status is the program's" $? 5
		same "$1, $mode: so is the output" plain out
		is "$1, $mode: nothing is said" "$(cat err)" ""
		is "$1, $mode: who is recorded, and what" "$(recorded chosen.db)" "$3"
		is "$1, $mode: how many images were left out" "$(query chosen.db "
			SELECT sum(count) FROM note WHERE kind = 'not-followed'")" "$4"
		is "$1, $mode: the session is complete" "$(query chosen.db "SELECT state FROM session")" complete
		figures_hold "$1, $mode: the figures hold" chosen.db
	done
}

first="one start 1000; one fork 100"
all=$first
for name in two worker-1 three worker-2; do all="$all; $name exec 1000; $name fork 100"; done
chosen "all" all "$all" ""
# Each forks a child for its block of 100 and one that becomes the next. Left out: both of one; the next three, and
# both of each; the last, and its only child.
chosen "the first" first "one start 1000" 13
# one, two and three, and both children of each.
chosen "a pattern" 'worker-*' \
	"worker-1 exec 1000; worker-1 fork 100; worker-2 exec 1000; worker-2 fork 100" 9
# worker-1 and both of its children, worker-2 and its only one.
chosen "two patterns" 't*,one' \
	"one start 1000; one fork 100; two exec 1000; two fork 100; three exec 1000; three fork 100" 5

# The first stays the first when it execs, and one that has only forked is the first no more.
"$memtrace" run -q --follow=first -o exec.db -- sh -c 'exec ./one' >/dev/null
is "the first, behind an execve: it is still recorded" "$(query exec.db "
	SELECT group_concat(command || ' ' || origin, '; ') FROM (SELECT * FROM process ORDER BY id)
	WHERE command NOT IN ('sh', 'dash', 'bash')")" "one exec"

"$memtrace" run --follow=none-of-these -o none.db -- ./one >out 2>err
is "nobody matches: the program runs" "$?" 5
contains "nobody matches: the summary says so" err "^memtrace: ./one was left out by follow="
"$memtrace" info none.db >out
contains "nobody matches: info counts them" out "Note: .*follow= leaves them out (2 times)"

# Whoever wants to look all the same can.
mkfifo ready go
cat >late.sh <<'END2'
echo "$$" >ready
read -r line <go
exec ./one
END2
"$memtrace" run -q --follow=sh,dash,bash,nobody -o late.db -- sh late.sh >/dev/null &
read -r pid <ready
is "a followed process is on" "$("$memtrace" start "$pid" 2>&1 | grep -c already)" 1
echo >go
wait
is "what it becomes is not" "$(query late.db "SELECT count(*) FROM process WHERE command = 'one'")" 0
finish
