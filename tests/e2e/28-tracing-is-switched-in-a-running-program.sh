#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# start=off, memtrace start, memtrace stop: what is recorded, what is known of it, and who may switch.
. "$(dirname "$0")/lib.sh"
need sqlite3 mkfifo

# A program that does what it is told, a word a line, and answers each. It allocates nothing else.
cat >program.c <<'END_C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *blocks[26][100];

/* a: 100 blocks of a letter; f: free them; r: reallocate them */
static void work(char what, int letter, size_t size)
{
	for (int i = 0; i < 100; i++) {
		if (what == 'a')
			blocks[letter][i] = malloc(size);
		else if (what == 'r')
			blocks[letter][i] = realloc(blocks[letter][i], size);
		else
			free(blocks[letter][i]);
	}
}

static int obey(int in, int out)
{
	char line[32];
	ssize_t bytes;

	while ((bytes = read(in, line, sizeof(line))) > 0) {
		if (line[0] == 'F') { /* a child that allocates, frees what z is, and ends */
			pid_t pid = fork();

			if (pid == 0) {
				work('a', 24, 70);
				work('f', 25, 0);
				_exit(0);
			}
			waitpid(pid, NULL, 0);
		} else if (line[0] == 'X') {
			execl("/proc/self/exe", "again", (char *)NULL);
		} else if (line[0] != 'N') { /* N: nothing */
			work(line[0], line[1] - 'a', (size_t)atoi(line + 2));
		}
		if (write(out, "done\n", 5) != 5)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	/* After an execve, the answer to the line that caused it. */
	if (argc == 1 && strcmp(argv[0], "again") == 0 && write(4, "done\n", 5) != 5)
		return 1;
	return obey(3, 4);
}
END_C
${CC:-cc} -g -O0 -o program program.c || exit 99

# begin FILE OPTIONS: starts the program, $pid.
begin()
{
	rm -f to from
	mkfifo to from
	LD_PRELOAD=$library MEMTRACE_OPTIONS="output=$work/$1:$2" ./program 3<to 4>from &
	pid=$!
	server=$pid
	exec 8>to 9<from
	tell N
}

tell()
{
	echo "$1" >&8
	read -r answer <&9
	[ "$answer" = done ] || fail "the program answers"
}

end()
{
	exec 8>&-
	wait "$pid"
	is "$1: the program ends well" $? 0
	exec 9<&-
	server=
}

switch()
{
	"$memtrace" "$1" "$pid" >out 2>err
	is "$1: fine" "$? $(cat err)" "0 "
	contains "$1: says so" out "tracing of process $pid is $2; its file is $work"
}

# --- everything recorded ---------------------------------------------------------------------------------

begin full.db ""
tell a"a100"
switch stop off
tell a"b200" # in no figure
tell f"a"    # known: recorded
tell f"b"    # unknown
tell a"c300"
switch start on
tell f"c" # unknown
tell a"d400"
tell a"e500"
switch stop off
tell r"d40" # counts as a free
tell f"d"   # unknown
switch start on
tell f"e"
tell a"g50"
end full
is "full: what was allocated while tracing was on" \
	"$(query full.db "SELECT allocations, bytes_allocated FROM process")" "400|$((100 * (100 + 400 + 500 + 50)))"
is "full: all frees of known blocks are recorded" "$(query full.db "SELECT frees, bytes_freed FROM process")" \
	"300|$((100 * (100 + 400 + 500)))"
is "full: what is live is exact" "$(query full.db "SELECT live_blocks, live_bytes FROM process")" "100|5000"
is "full: frees of the rest are told apart" \
	"$(query full.db "SELECT unknown_frees, unmatched_frees FROM process")" "300|0"
is "full: the periods are there, one after the other" "$(query full.db "
	SELECT count(*), sum(ended_ns > started_ns), max(ended_ns) < (SELECT ended_ns FROM process) FROM pause")" "2|2|1"
"$memtrace" info full.db >out
is "info: a line for each period" "$(grep -c '^  off  *from .* to ' out)" 2
contains "info: says what it means" out "what was allocated then is in no figure; 300 frees of what was not live"
"$memtrace" leaks full.db >out
contains "leaks: says it, too" out "tracing was off for .*, in several parts; what was allocated then is in no figure"
"$memtrace" info --format=json full.db >out
is "info --format=json: the periods" "$("$python" -c '
import json
process, = json.load(open("out"))["processes"]
print(len(process["pauses"]), process["unknown_frees"])')" "2 300"

# --- an address that comes back --------------------------------------------------------------------------

# Freed blocks of one size are handed out again, last in, first out: the same addresses serve known and unknown blocks.
begin reuse.db ""
for round in 1 2 3; do
	tell a"a64"
	"$memtrace" stop "$pid" >out
	tell f"a"
	tell a"a64"
	"$memtrace" start "$pid" >out
	tell f"a"
done
tell a"a64"
end reuse
is "an address that comes back is known once" "$(query reuse.db "
	SELECT allocations, frees, live_blocks, unknown_frees, unmatched_frees FROM process")" "400|300|100|300|0"
is "and no block is taken for another" "$(query reuse.db "SELECT count(*) FROM note WHERE kind = 'overwritten'")" 0

# --- start=off -------------------------------------------------------------------------------------------

begin off.db "start=off"
tell a"z50"
tell a"a100"
tell a"b100"
tell f"a"
tell F # a child: as its parent, off
switch start on
tell f"b"
tell a"c30"
tell F # a child: on
end off
is "start=off: nothing before the start" "$(query off.db "
	SELECT allocations, frees, live_blocks, unknown_frees, unmatched_frees FROM process WHERE origin = 'start'")" \
	"100|0|100|100|0"
is "a child that was forked while it was off is off" "$(query off.db "
	SELECT coalesce(sum(allocations), 0) FROM process WHERE origin = 'fork' AND id IN (SELECT process FROM pause)")" 0
is "a child that was forked while it was on is on; what it frees of the unknown is unknown" "$(query off.db "
	SELECT allocations, unknown_frees, unmatched_frees FROM process
	WHERE origin = 'fork' AND id NOT IN (SELECT process FROM pause)")" "100|100|0"
is "start=off: the first period starts with the process" "$(query off.db "
	SELECT pause.started_ns = process.started_ns FROM pause JOIN process ON process.id = pause.process
	WHERE origin = 'start'")" 1

begin never.db "start=off"
tell a"a100"
tell f"a"
end never
is "never started: nothing is recorded" "$(query never.db "
	SELECT allocations, frees, unknown_frees FROM process")" "0|0|0"
is "never started: the period has no end" "$(query never.db "SELECT ended_ns IS NULL FROM pause")" 1
"$memtrace" leaks never.db >out
contains "never started: that is not 'no leaks'" out "tracing was off"

# --- execve ----------------------------------------------------------------------------------------------

begin exec.db ""
tell a"a100"
"$memtrace" stop "$pid" >out
tell X
tell a"a100"
"$memtrace" start "$pid" >out
tell a"b10"
tell X
tell a"c20"
end exec
is "what was off stays off behind an execve, what was on stays on" "$(query exec.db "
	SELECT group_concat(bytes_allocated, ' ') FROM (SELECT bytes_allocated FROM process ORDER BY id)")" \
	"10000 1000 2000"

# --- sampled ---------------------------------------------------------------------------------------------

# With a mean of 1 byte, blocks of 100 and more are all drawn.
begin sampled.db "sample=1:sample_seed=1"
tell a"a100"
switch stop off
tell a"b100"
tell f"a"
tell f"b"
switch start on
tell a"c300"
end sampled
is "sampled: the same, and no free is unknown" "$(query sampled.db "
	SELECT allocations, frees, live_blocks, unknown_frees, unmatched_frees FROM process")" "200|100|100|0|0"

# --- who and what cannot be switched ---------------------------------------------------------------------

# refused NAME PID PATTERN
refused()
{
	"$memtrace" stop "$2" >out 2>err
	is "$1: cannot" "$? $(cat out)" "125 "
	contains "$1: says why" err "$3"
}
refused "no process" 4194305 "there is no process 4194305"
sleep 1000 &
server=$!
refused "not traced" $server "process $server is not traced"
kill $server
"$memtrace" stop abc >out 2>err
is "not a pid: wrong usage" $? 2
"$memtrace" start >out 2>err
is "no pid: wrong usage" $? 2

begin refused.db "start=off"
refused "off already" "$pid" "tracing of process $pid is off already"
"$memtrace" start "$pid" >out
"$memtrace" start "$pid" >out 2>err
is "on already: cannot" $? 125
contains "on already: says so" err "tracing of process $pid is on already"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	setpriv --reuid=65534 --clear-groups "$memtrace" stop "$pid" >out 2>err
	is "another user: cannot" $? 125
	contains "another user: says so" err "process $pid"
	# Who finds the socket is told the same.
	path=$(sed -n 's/.*memfd:memtrace:\(.*\) (deleted)/\1/p' "/proc/$pid/maps" | head -n 1)
	cat >ask.py <<'END_PY'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(struct.pack("<QIIII232s", 0x4c5254434d544d4d, 1, 2, int(sys.argv[2]), 0, b""))
answer = s.recv(8192)
print(struct.unpack_from("<QIi", answer)[2], answer[16:].split(b"\0")[0].decode())
END_PY
	is "another user, at the socket itself" \
		"$(setpriv --reuid=65534 --clear-groups "$python" ask.py "$path" "$pid" 2>&1)" \
		"-1 the session belongs to another user"
	is "its own user, at the socket itself" "$("$python" ask.py "$path" "$pid")" "0 "
else
	skip "another user: cannot" "not root"
fi
end refused
"$memtrace" stop "$pid" >out 2>err
contains "ended: says so" err "there is no process $pid"
finish
