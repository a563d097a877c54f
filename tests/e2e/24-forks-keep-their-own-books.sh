#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Children, grandchildren, a vfork, children that end in every way: each process has its own figures.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >program.c <<'END'
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static void *volatile kept;

static void reap(pid_t pid)
{
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		abort();
}

int main(void)
{
	char *arguments[] = {"true", NULL};
	void *inherited[100];
	pid_t pid;

	for (int i = 0; i < 100; i++)
		inherited[i] = malloc(10);
	/* Ten children with as many blocks of their own as their number, each with a child of its own. */
	for (int i = 1; i <= 10; i++) {
		if ((pid = fork()) == 0) {
			for (int k = 0; k < i; k++)
				free(inherited[k]);
			for (int k = 0; k < i; k++)
				kept = malloc(1000);
			if ((pid = fork()) == 0) {
				kept = malloc(7);
				_exit(0);
			}
			reap(pid);
			if (i == 3)
				raise(SIGKILL);
			if (i == 4)
				_exit(9);
			exit(0);
		}
		reap(pid);
	}
	if ((pid = vfork()) == 0) {
		execlp("true", "true", NULL);
		_exit(127);
	}
	reap(pid);
	if (posix_spawnp(&pid, "true", NULL, NULL, arguments, environ) != 0)
		abort();
	reap(pid);
	for (int i = 0; i < 100; i++)
		free(inherited[i]);
	return 0;
}
END
${CC:-cc} -g -O0 -o program program.c || exit 99

trace_counted "$work/forks.db" "$work/counts" ./program
is "the program ends well" $? 0
figures_hold "the figures hold" forks.db
check "all is counted exactly" "$python" "$here/counts.py" compare counts forks.db
is "every process is in the file" \
	"$(query forks.db "SELECT count(*) FROM process WHERE command = 'program'")" 21
is "and both programs that it started" \
	"$(query forks.db "SELECT count(*) FROM process WHERE command = 'true'")" 2
is "the children have their own blocks" "$(query forks.db "
	SELECT group_concat(live_blocks, ' ') FROM (SELECT live_blocks FROM process
	WHERE origin = 'fork' AND live_bytes >= 1000 ORDER BY live_blocks)")" "1 2 3 4 5 6 7 8 9 10"
is "what they freed of their parent's is told apart" "$(query forks.db "
	SELECT group_concat(inherited_frees, ' ') FROM (SELECT inherited_frees FROM process
	WHERE inherited_frees > 0 ORDER BY inherited_frees)")" "1 2 3 4 5 6 7 8 9 10"
is "what they inherited is the parent's" "$(query forks.db "
	SELECT count(*), min(inherited_blocks), max(inherited_bytes) FROM process
	WHERE origin = 'fork' AND live_bytes >= 1000")" "10|100|1000"
is "the grandchildren have one block each" "$(query forks.db "
	SELECT count(*), sum(live_bytes) FROM process WHERE live_blocks = 1 AND live_bytes = 7")" "10|70"
is "one was killed" "$(query forks.db "
	SELECT count(*) FROM process WHERE end_reason = 'vanished' OR exit_signal = 9")" 1
is "one ended with 9" "$(query forks.db "SELECT end_reason FROM process WHERE exit_status = 9")" _exit
is "every child knows its parent" "$(query forks.db "
	SELECT count(*) FROM process child JOIN process parent ON parent.id = child.parent
	WHERE child.origin = 'fork'")" 20
is "the parent lost nothing" "$(query forks.db "
	SELECT live_blocks, allocations FROM process WHERE origin = 'start'")" "0|100"
finish
