/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pairs.c - pairs of malloc and free under the library's own hooks, for tests/check-instructions to count.
 *
 *	pairs PATTERN ROUNDS          a round is 1024 pairs
 *
 * The objects of libmemtrace.so are linked as they are, all but the constructor and the hooks that only it
 * makes ready; this file gives them a segment that nobody reads. So there is no second process, and nothing that is
 * counted depends on time. The stacks are those of bench/churn.c: DEPTH frames, the innermost of which choose one of
 * two call sites each.
 *
 *	plain      one stack, and the real functions: what all others have in common
 *	repeated   one stack
 *	innermost  two stacks in turn, which differ in the call of malloc itself
 *	known      1024 stacks in a scattered order, all seen before
 *	new        the same 1024 stacks; in the first round none was seen before, though each frame was
 *	sampled    one stack, and a sample of one block of 5000
 *	arena      the same in a thread whose blocks lie in an arena of its own
 *
 * What a round costs is the difference between runs of a different number of rounds. Prints the pairs of a round,
 * or "skip REASON".
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/config.h"
#include "preload/growth.h"
#include "preload/module.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/rules.h"
#include "preload/sample.h"
#include "preload/stacks.h"
#include "preload/thread.h"
#include "preload/unwind.h"
#include "preload/walk.h"

#define PAIRS   1024u
#define CHOICES 10
#define OUTER   3 /* with main, run, 10 frames that choose and the innermost: DEPTH 17 */
#define BYTES   100

struct mt_process mt_process;
static struct mt_wiped wiped;
struct mt_wiped *mt_wiped = &wiped;

/* init.c's; nothing here should switch tracing off. */
void mt_process_off(const char *why)
{
	fprintf(stderr, "pairs: tracing went off: %s\n", why);
	abort();
}

static void *(*take)(size_t) = malloc;
static void (*give)(void *) = free;

/* Bit 0 of what is left of the path chooses; the innermost frame chooses the call of malloc. */
static __attribute__((noinline)) void *descend(unsigned int path, int left)
{
	void *block;

	if (left == 0) {
		if (path & 1) {
			block = take(BYTES);
			__asm__ volatile("" : "+r"(block));
		} else {
			block = take(BYTES);
			__asm__ volatile("nop" : "+r"(block));
		}
	} else if (path & 1) {
		block = descend(path >> 1, left - 1);
		__asm__ volatile("" : "+r"(block));
	} else {
		block = descend(path >> 1, left - 1);
		__asm__ volatile("nop" : "+r"(block));
	}
	return block;
}

static __attribute__((noinline)) void *enter(unsigned int path, int left)
{
	void *block = left > 0 ? enter(path, left - 1) : descend(path, CHOICES);

	__asm__ volatile("" : "+r"(block));
	return block;
}

/* The bit of the call of malloc comes last. */
#define INNERMOST (1u << CHOICES)

enum pattern { PLAIN, REPEATED, INNERMOST_CHANGES, KNOWN, NEW, SAMPLED, ARENA, PATTERNS };
static const char *const names[] = {"plain", "repeated", "innermost", "known",
                                    "new",   "sampled",  "arena"};

static inline unsigned int path_of(enum pattern pattern, unsigned int i)
{
	switch (pattern) {
	case INNERMOST_CHANGES: return i & 1 ? INNERMOST : 0;
	case KNOWN:
	case NEW: return i * 613u % PAIRS; /* odd, so each once */
	default: return 0;
	}
}

static __attribute__((noinline)) void run(enum pattern pattern)
{
	for (unsigned int i = 0; i < PAIRS; i++)
		give(enter(path_of(pattern, i), OUTER));
}

/* From elsewhere: all stacks are others, but the code on them is the same, so its rules get known. */
static __attribute__((noinline)) void warm_up(void)
{
	for (unsigned int path = 0; path < 2 * PAIRS; path++)
		give(enter(path, OUTER));
	__asm__ volatile("");
}

/* What the constructor does, with a segment of our own for a session. */
static int set_up(char **argv)
{
	static char *const no_environment[] = {NULL};
	struct mt_segment *segment = mmap(NULL, MT_SEGMENT_BYTES, PROT_READ | PROT_WRITE,
	                                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (segment == MAP_FAILED)
		return -1;
	mt_real_init();
	mt_walk_init((uintptr_t)argv);
	mt_config_read(no_environment);
	segment->clock = MT_CLOCK_TSC;
	segment->tick = 1;               /* as while a collector reads */
	segment->ring_bytes = 16u << 20; /* all of it fits */
	mt_process.segment = segment;
	mt_process.slot = &mt_segment_slots(segment)[0];
	atomic_store(&mt_process.gate, &mt_process.slot->gate);
	mt_process.slot_generation = 1;
	mt_process.pid = getpid();
	if (mt_thread_init() || mt_stacks_init() || mt_rules_init())
		return -1;
	mt_module_init();
	atomic_store(&mt_wiped->generation, 1);
	atomic_store(&mt_process.state, MT_PROCESS_ON);
	mt_growth_init((char **)(uintptr_t)no_environment);
	mt_unwind_warm_up(NULL);
	return 0;
}

static int begin_sample(void)
{
	mt_process.segment->sample_bytes = 512 << 10;
	mt_process.segment->sample_seed = 1;
	atomic_store(&mt_process.slot->gate, MT_GATE_SAMPLED);
	if (mt_sample_init() < 0)
		return -1;
	mt_sample_let_hooks_pass();
	return 0;
}

/* Has what is counted gone the way that its pattern names? */
static bool is_as_named(enum pattern pattern)
{
	size_t *block = take(BYTES);
	bool is_foreign = block[-1] & MT_GROWTH_CHUNK_FOREIGN;

	give(block);
	if (is_foreign != (pattern == ARENA))
		return false;
	if (pattern == SAMPLED || pattern == ARENA)
		return mt_tls.sample_left != 0;
	return pattern == PLAIN || atomic_load(&mt_segment_rings(mt_process.segment)[0].head) != 0;
}

static enum pattern pattern;
static int rounds;

static void *run_all(void *ret_is_as_named)
{
	warm_up();
	for (int round = 0; round < rounds; round++)
		run(pattern);
	*(bool *)ret_is_as_named = is_as_named(pattern);
	return NULL;
}

int main(int argc, char **argv)
{
	bool is_sample, is_right = false;
	pthread_t thread;

#if !defined(__x86_64__) || !defined(__OPTIMIZE__) || defined(__clang__)
	puts("skip the budgets are those of gcc with optimisation on x86-64");
	return 0;
#endif
	while (pattern < PATTERNS && (argc != 3 || strcmp(argv[1], names[pattern]) != 0))
		pattern++;
	is_sample = pattern == SAMPLED || pattern == ARENA;
	if (pattern == PATTERNS || set_up(argv) != 0 || (is_sample && begin_sample() != 0))
		return 2;
	rounds = atoi(argv[2]);
	if (pattern == PLAIN) {
		take = mt_real.malloc;
		give = mt_real.free;
	}
	if (pattern != ARENA)
		run_all(&is_right);
	else if (pthread_create(&thread, NULL, run_all, &is_right) == 0)
		pthread_join(thread, NULL);
	if (!is_right) {
		fputs("pairs: what was counted is not what it is called\n", stderr);
		return 1;
	}
	printf("%u\n", PAIRS);
	return 0;
}
