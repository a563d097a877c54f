/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.c - allocations on stacks of every kind, while a timer's handler allocates too.
 *
 *	stacks [ROUNDS]          default 300; with reentrant.so behind the library: its handler runs inside the allocator
 *
 * Fibers (swapcontext) on blocks of 16 KiB, signals on an alternate stack, threads on the smallest stack there is,
 * threads that are cancelled and give back their block in a cleanup handler; SIGPROF a thousand times a second of
 * processor time. Prints its own count: "allocations N frees N bytes N".
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES 16384u
#define FIBERS      8

static atomic_ulong allocations, frees, bytes, profiled, on_alternate;
static ucontext_t scheduler, fibers[FIBERS];
static char *fiber_blocks[FIBERS];

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

static void on_profile(int number)
{
	(void)number;
	atomic_fetch_add(&profiled, 1);
	give_back(make(33));
}

static void on_user(int number)
{
	(void)number;
	atomic_fetch_add(&on_alternate, 1);
	give_back(make(44));
}

/* Each takes what the one before it left, in turn. */
static void fiber(int which, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		char *block = make(50 + (size_t)which);

		swapcontext(&fibers[which], &scheduler);
		give_back(fiber_blocks[which]);
		fiber_blocks[which] = block;
	}
}

static void run_fibers(int rounds)
{
	char *stacks = mmap(NULL, FIBERS * STACK_BYTES, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < FIBERS; i++) {
		fiber_blocks[i] = make(9);
		getcontext(&fibers[i]);
		fibers[i].uc_stack.ss_sp = stacks + (size_t)i * STACK_BYTES;
		fibers[i].uc_stack.ss_size = STACK_BYTES;
		fibers[i].uc_link = &scheduler;
		makecontext(&fibers[i], (void (*)(void))fiber, 2, i, rounds);
	}
	for (int round = 0; round <= rounds; round++)
		for (int i = 0; i < FIBERS; i++)
			swapcontext(&scheduler, &fibers[i]);
	for (int i = 0; i < FIBERS; i++)
		give_back(fiber_blocks[i]);
	munmap(stacks, FIBERS * STACK_BYTES);
}

static void *run_small(void *rounds)
{
	for (intptr_t i = 0; i < (intptr_t)rounds; i++)
		give_back(make(60 + (size_t)i % 7));
	return NULL;
}

static void clean_up(void *block)
{
	give_back(block);
}

static void *run_cancelled(void *barrier)
{
	char *block = make(70);

	pthread_cleanup_push(clean_up, block);
	pthread_barrier_wait(barrier);
	for (;;)
		pause();
	pthread_cleanup_pop(1);
	return NULL;
}

static void run_threads(int rounds)
{
	pthread_barrier_t barrier;
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, &small, run_small, (void *)(intptr_t)rounds) != 0)
		abort();
	pthread_join(thread, NULL);
	if (pthread_create(&thread, NULL, run_cancelled, &barrier) != 0)
		abort();
	pthread_barrier_wait(&barrier);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	static char alternate[65536];
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction user = {.sa_handler = on_user, .sa_flags = SA_ONSTACK | SA_RESTART};
	struct sigaction profile = {.sa_handler = on_profile, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	int rounds = argc > 1 ? atoi(argv[1]) : 300;
	char line[200];
	int length;

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &user, NULL);
	sigaction(SIGPROF, &profile, NULL);
	setitimer(ITIMER_PROF, &often, NULL);
	for (int i = 0; i < 20; i++) {
		run_fibers(rounds);
		run_threads(rounds);
		for (int j = 0; j < rounds; j++)
			raise(SIGUSR1);
	}
	/* Until there was one at least. */
	while (profiled == 0)
		give_back(make(80));
	setitimer(ITIMER_PROF, &never, NULL);
	length = snprintf(line, sizeof(line), "allocations %lu frees %lu bytes %lu\n", allocations,
	                  frees, bytes);
	fprintf(stderr, "profiled %lu alternate %lu\n", profiled, on_alternate);
	return write(1, line, (size_t)length) != length;
}
