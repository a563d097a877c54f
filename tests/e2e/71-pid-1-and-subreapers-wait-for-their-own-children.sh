#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A program that orphans come back to (PID 1 of a PID namespace, a subreaper) waits until it has no child left: the
# collector is none. And what PID 1 leaves behind, though the kernel kills everything with it, is whole.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >init.c <<'END2'
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;
static volatile sig_atomic_t children_died;

static void count(int signal)
{
	(void)signal;
	children_died++;
}

/* init N: starts N children, each of which leaves an orphan; waits until there is nobody left, of others' children, too. */
int main(int argument_count, char **arguments)
{
	int wanted = atoi(arguments[1]), reaped = 0, why, held[2];
	char nothing;

	if (argument_count > 2) {
		/* It becomes a subreaper, and then the program that is traced. */
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		if (strcmp(arguments[2], "subreaper") == 0) {
			setenv("LD_PRELOAD", arguments[3], 1);
			execl(arguments[0], arguments[0], arguments[1], NULL);
		}
	}
	signal(SIGCHLD, count);
	if (pipe(held) != 0)
		return 2;
	for (int i = 0; i < wanted; i++) {
		if (fork() == 0) {
			if (fork() == 0)
				kept = malloc(11);
			_exit(0);
		}
	}
	kept = malloc(1234);
	for (;;) {
		pid_t pid = i_wait(reaped);

		if (pid > 0)
			reaped++;
		else if (errno != EINTR)
			break;
	}
	why = errno;
	close(held[1]);
	while (read(held[0], &nothing, 1) < 0 && errno == EINTR)
		;
	printf("%d reaped, then %s, %s\n", reaped, strerrorname_np(why),
	       children_died <= reaped ? "no other signal" : "a signal too much");
	return reaped == 2 * wanted ? 0 : 1;
}
END2
# Every one of the family, in turn.
sed 's/^static volatile sig_atomic_t.*/&\n\nstatic pid_t i_wait(int turn)\n{\n	siginfo_t info;\n	int status;\n\n	switch (turn % 5) {\n	case 0: return wait(\&status);\n	case 1: return waitpid(-1, \&status, 0);\n	case 2: return wait3(\&status, 0, NULL);\n	case 3: return wait4(-1, \&status, 0, NULL);\n	default: return waitid(P_ALL, 0, \&info, WEXITED) == 0 ? info.si_pid : -1;\n	}\n}/' init.c >waits.c
sed -i 's/#include <sys\/wait.h>/#include <sys\/resource.h>\n&/' waits.c
${CC:-cc} -g -o init waits.c || exit 99

said="10 reaped, then ECHILD, no other signal"
holds()
{
	is "$1: it waits for all of its own, and for nobody else" "$2" "0 $said"
	is "$1: nothing is said" "$(cat err)" ""
	is "$1: the session is complete" "$(query "$3" "SELECT state FROM session")" complete
	is "$1: its own block is in the file" "$(query "$3" "
		SELECT end_reason, exit_status FROM process JOIN snapshot ON snapshot.process = process.id
		JOIN block ON block.snapshot = snapshot.id WHERE block.size_bytes = 1234")" "exit|0"
	is "$1: so are its children's and their orphans'" "$(query "$3" "
		SELECT count(*) FROM process WHERE live_bytes = 11 AND live_blocks = 1")" 5
}

if unshare -pf true 2>/dev/null; then
	timeout 60 unshare -pf env LD_PRELOAD="$library" MEMTRACE_OPTIONS=output="$work/pid1.db" ./init 5 >out 2>err
	# env is PID 1 first: what it execs finds the session, and is PID 1 next.
	holds "PID 1" "$? $(cat out)" pid1.db
	timeout 60 unshare -pf --mount-proc env LD_PRELOAD="$library" \
		MEMTRACE_OPTIONS=output="$work/proc.db" ./init 5 >out 2>err
	holds "PID 1 with a /proc of its own" "$? $(cat out)" proc.db
	timeout 60 unshare -pf "$memtrace" run -q -o "$work/run.db" -- ./init 5 >out 2>err
	# The orphans are not the program's there.
	is "memtrace run as PID 1: the program has its own children" "$? $(cat out)" \
		"1 5 reaped, then ECHILD, no other signal"
	is "memtrace run as PID 1: the file is whole" "$(query run.db "
		SELECT state, (SELECT count(*) FROM block WHERE size_bytes = 1234) FROM session")" "complete|1"
	timeout 60 unshare -pf sh -c "trap : TERM; LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/under.db \
		./init 5; exit \$?" >out 2>err
	is "under a PID 1 that is not traced" "$?" 1
	# It goes without waiting for the orphans, and the collector with it: the program had waited for its own data.
	is "under a PID 1 that is not traced: the program is in the file, whole" "$(query under.db "
		SELECT end_reason, exit_status FROM process JOIN snapshot ON snapshot.process = process.id
		JOIN block ON block.snapshot = snapshot.id WHERE block.size_bytes = 1234")" "exit|1"
else
	skip "PID 1" "no PID namespace can be made here"
fi

MEMTRACE_OPTIONS=output=$work/subreaper.db timeout 60 "$work/init" 5 subreaper "$library" >out 2>err
holds "a subreaper" "$? $(cat out)" subreaper.db

finish
