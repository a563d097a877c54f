/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * edges.c - a handler allocates while the first or the last of a thread is recorded, or a fork, after each instruction of it.
 *
 *	edges [STRIDE]           default 1; with reentrant.so behind the library: its handler runs inside the allocator
 *	edges STRIDE fork        children that are interrupted on their way out of fork()
 *
 * The processor's trap flag has a handler run after every instruction from a breakpoint on; after instruction N it
 * allocates, and switches the flag off. Each N, or each STRIDE-th, has a thread of its own, until one is done before its
 * N has come: threads whose first call is free(), threads whose first is malloc(), and threads that end. Prints its own
 * count, "allocations N frees N bytes N", and to stderr how many instructions there were; of children "children N
 * allocations N".
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define TRAP_FLAG 0x100
/* PTHREAD_DESTRUCTOR_ITERATIONS of glibc; the library takes its leave in the last. */
#define PASSES 4u

static atomic_ulong allocations, frees, bytes;
static pthread_key_t key;
/* Of the one thread that is interrupted. */
static volatile unsigned steps, wanted;
static volatile bool is_done, was_interrupted;
static volatile pid_t parent; /* that does not count its own instructions; 0: none is */
static unsigned passes;
static char *theirs;

static __attribute__((noinline)) char *make(size_t size)
{
	char *block = malloc(size);

	if (!block)
		abort();
	atomic_fetch_add(&allocations, 1);
	atomic_fetch_add(&bytes, size);
	return block;
}

static __attribute__((noinline)) void give_back(char *block)
{
	free(block);
	atomic_fetch_add(&frees, 1);
}

#if defined(__x86_64__)
static void on_trap(int number, siginfo_t *info, void *interrupted)
{
	greg_t *flags = &((ucontext_t *)interrupted)->uc_mcontext.gregs[REG_EFL];

	(void)number;
	(void)info;
	if (!is_done && (getpid() == parent || steps++ < wanted)) {
		*flags |= TRAP_FLAG;
		return;
	}
	*flags &= ~(greg_t)TRAP_FLAG;
	if (is_done)
		return;
	is_done = was_interrupted = true;
	give_back(make(33));
}

static void begin_steps(void)
{
	__asm__ volatile("int3" ::: "memory");
}
#else
#error "only the x86 has a flag for it"
#endif

static void *free_first(void *unused)
{
	begin_steps();
	give_back(theirs);
	is_done = true;
	return unused;
}

static void *make_first(void *unused)
{
	begin_steps();
	theirs = make(44);
	is_done = true;
	return unused;
}

/* Its key is younger than the library's: in each pass it comes after that one's destructor. */
static void on_end(void *value)
{
	if (++passes == PASSES)
		is_done = true;
	else
		pthread_setspecific(key, value);
	if (passes == PASSES - 1)
		begin_steps();
}

static void *end(void *unused)
{
	passes = 0;
	pthread_setspecific(key, &passes);
	give_back(make(55));
	return unused;
}

static void interrupt(const char *name, void *(*begin)(void *), unsigned stride)
{
	pthread_t thread;

	for (wanted = 0, was_interrupted = true; was_interrupted; wanted += stride) {
		if (begin == free_first)
			theirs = make(22);
		steps = 0;
		is_done = was_interrupted = false;
		if (pthread_create(&thread, NULL, begin, NULL) != 0)
			abort();
		pthread_join(thread, NULL);
		if (begin == make_first)
			give_back(theirs);
	}
	fprintf(stderr, "%s: %u instructions\n", name, steps);
}

static int interrupt_children(unsigned stride)
{
	unsigned children = 0, made = 0;
	char line[200];
	int status, length;
	pid_t child;

	parent = getpid();
	for (was_interrupted = true; was_interrupted; wanted += stride) {
		steps = 0;
		is_done = was_interrupted = false;
		begin_steps();
		child = fork();
		is_done = true;
		if (child == 0) {
			give_back(make(66));
			_exit(was_interrupted);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
			return 1;
		was_interrupted = WEXITSTATUS(status);
		made += 1u + was_interrupted;
		children++;
	}
	length = snprintf(line, sizeof(line), "children %u allocations %u\n", children, made);
	return write(1, line, (size_t)length) != length;
}

int main(int argc, char **argv)
{
	struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_RESTART};
	unsigned stride = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
	char line[200];
	int length;

	if (sigaction(SIGTRAP, &trap, NULL) != 0 || pthread_key_create(&key, on_end) != 0)
		return 1;
	if (argc > 2)
		return interrupt_children(stride);
	interrupt("free first", free_first, stride);
	interrupt("malloc first", make_first, stride);
	interrupt("the end", end, stride);
	length = snprintf(line, sizeof(line), "allocations %lu frees %lu bytes %lu\n", allocations,
	                  frees, bytes);
	return write(1, line, (size_t)length) != length;
}
