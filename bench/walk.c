/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk.c - what a walk costs: the cheap one against unw_backtrace(), in one process, alternated.
 *
 *	walk [STACKS [DEPTH [CHOICES [SHAPES]]]]     default 300000 17 10 0
 *
 * As in churn.c a path is DEPTH frames deep, and its CHOICES innermost frames choose one of two call sites each;
 * with SHAPES 1 one of two functions, whose frames differ in size. Prints ns a stack, the median of the rounds, without the descent itself.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "preload/walk.h"
#include "tests/unit/loaded.h"

#define ROUNDS 9
#define LIMIT  128

static struct mt_tail tail;
static long stacks = 300000;
static int depth = 17, choices = 10, shapes;
static uint64_t sum;

static __attribute__((noinline)) void leaf_nothing(void)
{
	__asm__ volatile("");
}

static __attribute__((noinline)) void leaf_walk(void)
{
	uintptr_t *frame = __builtin_frame_address(0);
	struct mt_step start = {frame[1], (uintptr_t)(frame + 2), frame[0]};
	struct mt_walk walk;

	mt_walk_take(&tail, &start, LIMIT, 0, &walk);
	sum += walk.hash;
}

static __attribute__((noinline)) void leaf_unw(void)
{
	void *frames[LIMIT];

	sum += (uint64_t)unw_backtrace(frames, LIMIT);
}

static void (*const leaves[])(void) = {leaf_nothing, leaf_walk, leaf_unw};
static const char *const names[] = {"the descent alone", "rules and tail", "unw_backtrace"};
#define KINDS (sizeof(leaves) / sizeof(*leaves))

static __attribute__((noinline)) void descend(unsigned int path, int left, void (*leaf)(void))
{
	if (left <= 0) {
		leaf();
	} else if (path & 1) {
		descend(path >> 1, left - 1, leaf);
	} else {
		descend(path >> 1, left - 1, leaf);
		__asm__ volatile("nop");
	}
	__asm__ volatile("");
}

static void descend_shapes(unsigned int path, int left, void (*leaf)(void));

static __attribute__((noinline)) void small(unsigned int path, int left, void (*leaf)(void))
{
	descend_shapes(path, left, leaf);
	__asm__ volatile("");
}

static __attribute__((noinline)) void large(unsigned int path, int left, void (*leaf)(void))
{
	volatile char room[56];

	room[0] = 0;
	(void)room[0];
	descend_shapes(path, left, leaf);
	__asm__ volatile("");
}

static inline __attribute__((always_inline)) void descend_shapes(unsigned int path, int left,
                                                                 void (*leaf)(void))
{
	if (left <= 0)
		leaf();
	else if (path & 1)
		small(path >> 1, left - 1, leaf);
	else
		large(path >> 1, left - 1, leaf);
}

static __attribute__((noinline)) void enter(unsigned int path, int left, void (*leaf)(void))
{
	if (left > 0)
		enter(path, left - 1, leaf);
	else
		(shapes ? small : descend)(path, choices, leaf);
	__asm__ volatile("");
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double run(void (*leaf)(void))
{
	uint64_t state = 88172645463325252u;
	double begin = now_ns();

	for (long i = 0; i < stacks; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		enter((unsigned int)(state >> 32), depth - choices - 4, leaf);
	}
	return (now_ns() - begin) / (double)stacks;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

int main(int argc, char **argv)
{
	double ns[KINDS][ROUNDS];

	if (argc > 1)
		stacks = atol(argv[1]);
	if (argc > 2)
		depth = atoi(argv[2]);
	if (argc > 3)
		choices = atoi(argv[3]);
	if (argc > 4)
		shapes = atoi(argv[4]);
	mt_walk_init((uintptr_t)argv);
	if (mt_rules_init() != 0)
		return 1;
	for (int round = -1; round < ROUNDS; round++)
		for (unsigned int kind = 0; kind < KINDS; kind++) {
			double taken = run(leaves[kind]);

			if (round >= 0)
				ns[kind][round] = taken;
		}
	for (unsigned int kind = 0; kind < KINDS; kind++) {
		qsort(ns[kind], ROUNDS, sizeof(double), compare);
		printf("%-20s %7.1f ns a stack\n", names[kind],
		       ns[kind][ROUNDS / 2] - (kind ? ns[0][ROUNDS / 2] : 0));
	}
	return sum == 0;
}
