#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# fork while other threads allocate, _Fork, a bare clone() or clone3(), with the parent's memory or a copy of it, a
# vfork whose exec fails: no child hangs, and each process's figures are its own.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >storm.c <<'END2'
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic int is_over;
static void *volatile kept;

static void *churn(void *unused)
{
	(void)unused;
	while (!is_over) {
		char *text = strdup("some words that take a block");

		text = realloc(text, 200);
		free(text);
	}
	return NULL;
}

static void *fork_often(void *count)
{
	for (int i = 0; i < *(int *)count; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			/* Two blocks, with stacks of the child's own. */
			kept = malloc(500);
			free(kept);
			kept = malloc(700);
			_exit(i % 100);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != i % 100)
			abort();
	}
	return NULL;
}

int main(int argument_count, char **arguments)
{
	int threads = 4, forkers = 2, count = argument_count > 1 ? atoi(arguments[1]) : 50;
	pthread_t ids[6];

	for (int i = 0; i < threads; i++)
		pthread_create(&ids[i], NULL, churn, NULL);
	for (int i = 0; i < forkers; i++)
		pthread_create(&ids[threads + i], NULL, fork_often, &count);
	for (int i = 0; i < forkers; i++)
		pthread_join(ids[threads + i], NULL);
	is_over = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return 0;
}
END2
${CC:-cc} -g -O1 -pthread -o storm storm.c || exit 99
forks=${FORKS:-60}
for options in unwind=auto unwind=libunwind; do
	rm -f storm.db
	timeout 300 env LD_PRELOAD="$library" MEMTRACE_OPTIONS="output=$work/storm.db:$options" ./storm "$forks"
	is "$options: threads fork while others allocate: nobody hangs" $? 0
	is "$options: every child has its two allocations and its one block" "$(query storm.db "
		SELECT count(*) FROM process WHERE origin = 'fork' AND allocations = 2 AND frees = 1 AND
		live_blocks = 1 AND live_bytes = 700 AND end_reason = '_exit' AND unmatched_frees = 0")" $((2 * forks))
	is "$options: and nobody else is there, nor anything lost" "$(query storm.db "
		SELECT count(*), sum(dropped_events), sum(unmatched_frees) FROM process")" "$((2 * forks + 1))|0|0"
	figures_hold "$options: the figures hold" storm.db
done

cat >kinds.c <<'END2'
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;

static int body(void *inherited)
{
	free(inherited);
	kept = malloc(600);
	_exit(6);
}

/*
 * clone3() as the kernel has it, here, so that no return address is in between where the child has the parent's stack.
 * With a stack of its own, it calls body() there.
 */
static pid_t bare(uint64_t flags, void *stack, size_t bytes, void *inherited)
{
	struct clone_args arguments = {
	        .flags = flags, .exit_signal = SIGCHLD, .stack = (uintptr_t)stack, .stack_size = bytes};
	long pid = -1;

#if defined(__x86_64__)
	register void *block __asm__("r12") = inherited;
	register int (*start)(void *) __asm__("r13") = body;

	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "mov %%r12, %%rdi\n\t"
	                 "and $-16, %%rsp\n\t"
	                 "call *%%r13\n"
	                 "1:"
	                 : "=a"(pid)
	                 : "a"(SYS_clone3), "D"(&arguments), "S"(sizeof(arguments)), "r"(block), "r"(start)
	                 : "rcx", "r11", "memory");
#else
	(void)inherited;
#endif
	return (pid_t)pid;
}

static void reap(pid_t pid, int wanted)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, __WALL) != pid || status != wanted << 8)
		abort();
}

int main(int count, char **arguments)
{
	const char *how = count > 1 ? arguments[1] : "";
	static char stack[65536] __attribute__((aligned(16)));
	void *inherited = malloc(60);
	pid_t pid;

	kept = malloc(1000);
	if (!strcmp(how, "_Fork")) {
		if ((pid = _Fork()) == 0)
			body(inherited);
		reap(pid, 6);
	} else if (!strcmp(how, "syscall")) {
		if ((pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)) == 0)
			body(inherited);
		reap(pid, 6);
	} else if (!strcmp(how, "clone")) {
		reap(clone(body, stack + sizeof(stack), SIGCHLD, inherited), 6);
	} else if (!strcmp(how, "clone3")) {
		reap(bare(0, NULL, 0, inherited), 6);
	} else if (!strcmp(how, "clone3-vfork")) {
		reap(bare(CLONE_VM | CLONE_VFORK, stack, sizeof(stack), inherited), 6);
		return 0;
	} else if (!strcmp(how, "clone3-vm")) {
		/* Nobody touches anything of the thread's until it has ended. */
		reap(bare(CLONE_VM, stack, sizeof(stack), inherited), 6);
		return 0;
	} else if (!strcmp(how, "vfork")) {
		if ((pid = vfork()) == 0) {
			/* The parent's, all of it; and its _exit ends nothing. */
			kept = malloc(700);
			execl("./no-such-program", "no-such-program", NULL);
			execlp("no-such-program", "no-such-program", NULL);
			_exit(127);
		}
		reap(pid, 127);
		kept = malloc(800);
	} else if (!strcmp(how, "nested")) {
		/* Each generation forks the next, and frees what the first one had. */
		for (int i = 0; i < 20; i++) {
			if ((pid = fork()) != 0) {
				reap(pid, 0);
				exit(0);
			}
			kept = malloc(600);
		}
		free(inherited);
		exit(0);
	}
	free(inherited);
	return 0;
}
END2
${CC:-cc} -g -O1 -o kinds kinds.c || exit 99

# told FILE: origin, own blocks, bytes, inherited, given back, how it ended
told()
{
	query "$1" "SELECT group_concat(origin || ' ' || live_blocks || ' ' || live_bytes || ' ' || inherited_blocks ||
		' ' || inherited_frees || ' ' || unmatched_frees || ' ' || end_reason, '; ')
		FROM (SELECT * FROM process ORDER BY id)"
}
clones=
vms=
if [ "$(uname -m)" = x86_64 ]; then clones=clone3 vms="clone3-vfork clone3-vm"; else skip "clone3()" "it needs assembly for this machine"; fi
for mode in run preload; do
	for how in _Fork syscall clone vfork nested $clones $vms; do
		trace_$mode "$work/$how-$mode.db" ./kinds $how
		is "$mode, $how: the status is the program's" $? 0
	done
	is "$mode, _Fork: what the child had of its parent is told apart" "$(told "_Fork-$mode.db")" \
		"start 1 1000 0 0 0 exit; fork 1 600 2 1 0 _exit"
	# Nobody has said when it began: its own is exact, what it gave back of its parent's matches nothing.
	for how in syscall clone $clones; do
		is "$mode, $how: what the child has is its own" "$(told "$how-$mode.db")" \
			"start 1 1000 0 0 0 exit; fork 1 600 0 0 1 _exit"
		is "$mode, $how: and a note says what is not known" "$(query "$how-$mode.db" "
			SELECT count(*) FROM note WHERE text LIKE '%what this child inherited is not known%'")" 1
	done
	is "$mode, vfork: all is the parent's, who goes on" "$(told "vfork-$mode.db")" \
		"start 3 2500 0 0 0 exit"
	# In the parent's memory all is the parent's, also what is given back there.
	for how in $vms; do
		is "$mode, $how: all is the parent's" "$(told "$how-$mode.db")" "start 2 1600 0 0 0 exit"
	done
	is "$mode, 20 generations: each has one block more to inherit" "$(query "nested-$mode.db" "
		SELECT group_concat(inherited_blocks || ' ' || live_blocks || ' ' || inherited_frees, '; ')
		FROM (SELECT * FROM process ORDER BY id LIMIT 2 OFFSET 19)")" "20 1 0; 21 1 1"
done
finish
