/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_sample.c - preload/sample.c and gate.h: which blocks are drawn, and which live ones are known.
 *
 * What would be recorded is kept by a stand-in for emit.c. Weighted by collect/estimate.c, samples of known
 * allocations must give the known totals. Seeds are fixed, so what holds once holds always.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/estimate.h"
#include "preload/gate.h"
#include "preload/real.h"

static struct mt_segment segment;
static struct mt_slot slot;
struct mt_process mt_process = {.segment = &segment, .slot = &slot, .gate = &slot.gate};
__thread struct mt_tls mt_tls;
struct mt_real mt_real = {.mmap = mmap};

/* --- in place of emit.c ------------------------------------------------------------------------------ */

static _Atomic uint64_t allocs, frees, later_frees, reallocs, failed_reallocs;
static const void *last_alloc;
static bool emit_fails;

/* Nothing grows here. */
void *const volatile *mt_growth_break;
volatile uintptr_t mt_growth_break_known;
bool mt_growth_is_on;
struct mt_growth_known mt_growth_heaps[MT_GROWTH_HEAPS];

void mt_growth_look(const struct mt_caller *caller, const void *block)
{
	(void)caller;
	(void)block;
}

/* Nor is anything given back. */
void mt_release_chunk(const void *block)
{
	(void)block;
}

void mt_release_heap(const void *block)
{
	(void)block;
}

bool mt_emit_alloc(const struct mt_caller *caller, const void *block, size_t size_bytes)
{
	(void)caller;
	(void)size_bytes;
	if (emit_fails)
		return false;
	atomic_fetch_add(&allocs, 1);
	last_alloc = block;
	return true;
}

void mt_emit_free(unsigned int kind, const void *block)
{
	(void)block;
	atomic_fetch_add(&frees, 1);
	if (kind & MT_FREE_LATER)
		atomic_fetch_add(&later_frees, 1);
}

void mt_emit_realloc(unsigned int kind, const void *block)
{
	(void)kind;
	(void)block;
	atomic_fetch_add(&reallocs, 1);
}

void mt_emit_realloc_failed(const void *block)
{
	(void)block;
	atomic_fetch_add(&failed_reallocs, 1);
}

/* --- helpers ----------------------------------------------------------------------------------------- */

static const struct mt_caller nobody = {.kind = MT_KIND_MALLOC};

/* Nothing stands at a small address, and gcc would say so. */
static void *at(uintptr_t addr)
{
	volatile uintptr_t hidden = addr;

	return (void *)hidden;
}

/* A new draw, by the numbers that belong to this seed. */
static void begin(uint64_t mean_bytes, uint64_t seed)
{
	segment.sample_bytes = mean_bytes;
	segment.sample_seed = seed;
	atomic_store(&slot.gate, MT_GATE_SAMPLED);
	atomic_store(&slot.samples_lost, 0);
	mt_sample_forked();
	allocs = frees = later_frees = reallocs = failed_reallocs = 0;
}

/* True when the block was recorded. */
static bool allocate(uintptr_t addr, size_t size_bytes)
{
	uint64_t before = allocs, kept = mt_tls.sample_kept;

	if (mt_sample_passes(size_bytes)) {
		mt_sample_count_down(size_bytes);
	} else if (mt_sample_passes_kept(size_bytes)) {
		/* The call of the outer hook, and of one that it makes: one block. */
		mt_sample_count_kept((void *)addr, size_bytes, kept);
		mt_sample_count_kept((void *)addr, size_bytes, kept);
	} else {
		mt_gate_alloc(&nobody, (void *)addr, size_bytes);
	}
	return allocs != before;
}

static void release(uintptr_t addr)
{
	if (mt_sample_passes_free((void *)addr))
		return;
	mt_gate_free(MT_KIND_FREE, (void *)addr);
}

static int set_up(void **state)
{
	(void)state;
	return mt_sample_init();
}

static void nothing_is_left(void)
{
	for (size_t i = 0; i < MT_SAMPLE_FILTER_BYTES; i++)
		assert_int_equal(mt_sample_filter[i], MT_SAMPLE_CLEAR);
}

/* --- the draw ---------------------------------------------------------------------------------------- */

/*
 * How often a block of each size is drawn, against p = 1 - exp(-size / mean). Blocks of all sizes are mixed: it must not
 * matter what was allocated before. The bound is 4 standard deviations of the binomial distribution.
 */
static void blocks_are_drawn_with_the_right_probability(void **state)
{
	static const size_t sizes[] = {0, 1, 16, 100, 1000, 4096, 10000, 100000};
	const uint64_t mean = 4096, each = 400000;
	uint64_t drawn[8] = {0};

	(void)state;
	begin(mean, 1);
	for (uint64_t i = 0; i < each * 8; i++) {
		uint64_t which = i * 5 % 8;

		if (allocate(0x10000, sizes[which])) {
			drawn[which]++;
			release(0x10000);
		}
	}
	for (int i = 0; i < 8; i++) {
		double p = 1 - exp(-(double)(sizes[i] ? sizes[i] : 1) / (double)mean);
		double expected = p * (double)each;
		double deviation = sqrt((double)each * p * (1 - p));

		assert_true(fabs((double)drawn[i] - expected) <= 4 * deviation + 1e-6);
	}
	assert_int_equal(allocs, frees);
}

/*
 * The distance from one point to the next: the median is mean * log 2, the 99th percentile mean * log 100, and the
 * mean is the mean. One byte a block, so that every point is its own.
 */
static void distances_are_exponential(void **state)
{
	const uint64_t mean = 1000, count = 20000;
	uint64_t below_median = 0, above_99 = 0, bytes = 0, distance = 0, seen = 0;

	(void)state;
	begin(mean, 2);
	while (seen < count) {
		distance++;
		if (!allocate(0x20000, 1))
			continue;
		release(0x20000);
		below_median += (double)distance <= (double)mean * log(2);
		above_99 += (double)distance > (double)mean * log(100);
		bytes += distance;
		distance = 0;
		seen++;
	}
	assert_true(fabs((double)below_median - 10000) <= 4 * sqrt(20000 * .25));
	assert_true(fabs((double)above_99 - 200) <= 4 * sqrt(20000 * .01 * .99));
	assert_true(fabs((double)bytes / 20000 - 1000.5) <= 4 * 1000 / sqrt(20000));
}

static void a_seed_repeats_the_draw_and_threads_differ(void **state)
{
	uint64_t drawn[4] = {0};

	(void)state;
	/* Threads are numbered as they come; four first allocations, two seeds. */
	for (int run = 0; run < 4; run++) {
		begin(1 << 20, run % 2 ? 77 : 78);
		allocate(0x1000, 1);
		drawn[run] = mt_tls.sample_state;
	}
	assert_true(drawn[0] != drawn[1] && drawn[0] != drawn[2] && drawn[1] != drawn[3]);
}

/* --- the estimate ------------------------------------------------------------------------------------ */

/* A population whose totals are known: sizes from 8 bytes to 1 MB. */
#define POPULATION 3000

static size_t size_of(int i)
{
	static const size_t sizes[] = {8,    24,   48,    100,   256,    1000,
	                               4000, 9000, 20000, 65536, 300000, 1000000};

	/* Many small ones, few large ones. */
	return sizes[i % 100 < 60   ? i % 4
	             : i % 100 < 90 ? 4 + i % 4
	             : i % 100 < 98 ? 8 + i % 2
	                            : 10 + i % 2];
}

struct totals {
	double blocks;
	double bytes;
};

/* Estimates of one run over the population, of the size class 0 (small), 1 (middle), 2 (large) or all (-1). */
static void estimate(uint64_t mean, uint64_t seed, int class, struct totals *ret_estimate,
                     struct totals *ret_variance)
{
	memset(ret_estimate, 0, sizeof(*ret_estimate));
	memset(ret_variance, 0, sizeof(*ret_variance));
	begin(mean, seed);
	for (int i = 0; i < POPULATION; i++) {
		size_t size = size_of(i);
		struct mt_weight weight = mt_weight_of(mean, size);
		int its = size <= 100 ? 0 : size <= 9000 ? 1 : 2;

		if (!allocate(0x100000 + (uintptr_t)i * 16, size))
			continue;
		release(0x100000 + (uintptr_t)i * 16);
		if (class >= 0 && class != its)
			continue;
		ret_estimate->blocks += weight.blocks;
		ret_estimate->bytes += (double)weight.bytes;
		ret_variance->blocks += weight.blocks_variance;
		ret_variance->bytes += weight.bytes_variance;
	}
	assert_int_equal(allocs, frees);
}

static void truth(int class, struct totals *ret_truth)
{
	memset(ret_truth, 0, sizeof(*ret_truth));
	for (int i = 0; i < POPULATION; i++) {
		size_t size = size_of(i);
		int its = size <= 100 ? 0 : size <= 9000 ? 1 : 2;

		if (class >= 0 && class != its)
			continue;
		ret_truth->blocks += 1;
		ret_truth->bytes += (double)size;
	}
}

#define RUNS 2000

/*
 * Over many draws: the mean of the estimates is the truth (to 4 standard errors of that mean); the mean of the
 * estimated variances is the variance of the estimates (to 15 %; of 2000 draws the sample variance itself has 3 % and,
 * with weights as skew as these, more); and the interval of two standard errors holds the truth as often as it should:
 * 95 % by the normal distribution, less where few samples make it skew, so 92 to 98 %.
 */
static void check_estimates(uint64_t mean, int class)
{
	struct totals known, sum = {0}, squares = {0}, variances = {0};
	int blocks_held = 0, bytes_held = 0;

	truth(class, &known);
	for (int run = 0; run < RUNS; run++) {
		struct totals got, variance;

		estimate(mean, 1000 + (uint64_t)run, class, &got, &variance);
		sum.blocks += got.blocks;
		sum.bytes += got.bytes;
		squares.blocks += (got.blocks - known.blocks) * (got.blocks - known.blocks);
		squares.bytes += (got.bytes - known.bytes) * (got.bytes - known.bytes);
		variances.blocks += variance.blocks;
		variances.bytes += variance.bytes;
		blocks_held += fabs(got.blocks - known.blocks) <= 2 * sqrt(variance.blocks);
		bytes_held += fabs(got.bytes - known.bytes) <= 2 * sqrt(variance.bytes);
	}
	print_message("mean %d class %d: blocks %.1f of %.0f, bytes %.0f of %.0f, variance ratio "
	              "%.3f %.3f, "
	              "held %.1f %% %.1f %%\n",
	              (int)mean, class, sum.blocks / RUNS, known.blocks, sum.bytes / RUNS,
	              known.bytes, variances.blocks / squares.blocks,
	              variances.bytes / squares.bytes, 100.0 * blocks_held / RUNS,
	              100.0 * bytes_held / RUNS);
	assert_true(fabs(sum.blocks / RUNS - known.blocks) <= 4 * sqrt(squares.blocks) / RUNS);
	assert_true(fabs(sum.bytes / RUNS - known.bytes) <= 4 * sqrt(squares.bytes) / RUNS);
	assert_true(fabs(variances.blocks / squares.blocks - 1) <= .15);
	assert_true(fabs(variances.bytes / squares.bytes - 1) <= .15);
	assert_true(blocks_held >= .92 * RUNS && blocks_held <= .98 * RUNS);
	assert_true(bytes_held >= .92 * RUNS && bytes_held <= .98 * RUNS);
}

static void estimates_are_unbiased_and_their_errors_are_right(void **state)
{
	(void)state;
	/* Means at which each rests on some 50 samples at least. */
	check_estimates(500, -1);
	check_estimates(500, 0);
	check_estimates(20000, 1);
	check_estimates(300000, 2);
}

/* --- the set of live samples ------------------------------------------------------------------------- */

/* With a mean of 1 byte and blocks of many, every block is drawn. */
static void begin_drawing_all(void)
{
	begin(1, 3);
}

static void frees_of_sampled_blocks_only_are_recorded(void **state)
{
	enum { COUNT = 200000 };
	static bool is_sampled[COUNT];
	uint64_t sampled = 0;

	(void)state;
	begin(1000, 4);
	for (uintptr_t i = 0; i < COUNT; i++) {
		is_sampled[i] = allocate(0x7f0000000000 + i * 48, 40);
		sampled += is_sampled[i];
	}
	assert_true(sampled > 7000 && sampled < 9000); /* 7841 are expected */
	for (uintptr_t i = 0; i < COUNT; i++) {
		uint64_t before = frees;

		release(0x7f0000000000 + i * 48);
		assert_int_equal(frees - before, is_sampled[i]);
		/* Once. */
		release(0x7f0000000000 + i * 48);
		assert_int_equal(frees - before, is_sampled[i]);
	}
	assert_int_equal(slot.samples_lost, 0);
	nothing_is_left();
}

static void a_block_whose_record_is_lost_is_not_known(void **state)
{
	(void)state;
	begin_drawing_all();
	emit_fails = true;
	allocate(0x5000, 1000);
	emit_fails = false;
	release(0x5000);
	assert_int_equal(frees, 0);
}

static void a_missed_free_leaves_nothing_behind(void **state)
{
	(void)state;
	begin_drawing_all();
	assert_true(allocate(0x5000, 1000));
	assert_true(allocate(0x5000, 1000));
	release(0x5000);
	release(0x5000);
	assert_int_equal(frees, 1);
}

static void a_full_set_is_counted(void **state)
{
	uint64_t lost;

	(void)state;
	begin_drawing_all();
	/* More than all places there are. */
	for (uintptr_t i = 1; i <= 1500000; i++)
		allocate(i * 16, 1000);
	lost = slot.samples_lost;
	assert_true(lost > 0);
	assert_int_equal(allocs + lost, 1500000);
	for (uintptr_t i = 1; i <= 1500000; i++)
		release(i * 16);
	assert_int_equal(frees, allocs);
	nothing_is_left();
}

/* The worst that can be: in each level all blocks have one group of places, or one of a few. */
static void many_blocks_of_one_group_are_told_apart(void **state)
{
	enum { COUNT = 600 };
	static uintptr_t addrs[COUNT];
	uintptr_t addr = 16;
	uint64_t recorded;

	(void)state;
	begin_drawing_all();
	for (int i = 0; i < COUNT; addr += 16)
		if ((addr >> 4) * 0x9e3779b97f4a7c15u >> 48 == 7)
			addrs[i++] = addr;
	for (int i = 0; i < COUNT; i++)
		allocate(addrs[i], 1000);
	recorded = allocs;
	assert_true(recorded >= 40 && recorded < COUNT);
	assert_int_equal(recorded + slot.samples_lost, COUNT);
	for (int i = 0; i < COUNT; i++)
		release(addrs[i]);
	assert_int_equal(frees, recorded);
	nothing_is_left();
}

/* More than a byte of the filter can count: from then on all that it stands for are looked at. */
static void many_blocks_of_one_byte_are_told_apart(void **state)
{
	enum { COUNT = 600, APART = MT_SAMPLE_FILTER_BYTES << MT_SAMPLE_FILTER_SHIFT };
	const uintptr_t first = 0x7f0000000510;

	(void)state;
	begin_drawing_all();
	for (uintptr_t i = 0; i < 200; i++)
		assert_true(allocate(first + i * APART, 1000));
	assert_int_equal(mt_sample_filter[5], MT_SAMPLE_CLEAR - 200);
	for (uintptr_t i = 0; i < 200; i++)
		release(first + i * APART);
	assert_int_equal(frees, 200);
	nothing_is_left();
	for (uintptr_t i = 0; i < COUNT; i++)
		assert_true(allocate(first + i * APART, 1000));
	assert_int_equal(slot.samples_lost, 0);
	for (uintptr_t i = COUNT; i-- > 0;)
		release(first + i * APART);
	assert_int_equal(frees, 200 + COUNT);
	assert_int_equal(mt_sample_filter[5], 0);
	assert_true(allocate(first, 1000));
	release(first);
	assert_int_equal(frees, 201 + COUNT);
	mt_sample_filter[5] = MT_SAMPLE_CLEAR;
	nothing_is_left();
}

static void pass_nothing_before_it_is_allowed(void)
{
	enum { COUNT = 100000 };
	uint64_t kept;

	begin(1000, 11);
	for (uintptr_t i = 0; i < COUNT; i++) {
		allocate(0x7f0000000000 + i * 48, 40);
		assert_int_equal(mt_tls.sample_left, 0);
		release(0x7f0000000000 + i * 48);
	}
	/* p = 1 - exp(-0.04) = 0.0392: 3921, give or take 4 * 61. */
	assert_true(allocs > 3921 - 244 && allocs < 3921 + 244);
	assert_int_equal(frees, allocs);
	nothing_is_left();
	kept = mt_tls.sample_kept;
	assert_true(mt_sample_passes_kept(kept));
	/* What operator new has left for its malloc is to be taken, and what is memtrace's own recorded. */
	mt_tls.outer_kind = MT_KIND_NEW;
	assert_false(mt_sample_passes_kept(kept));
	mt_tls.outer_kind = 0;
	mt_tls.own = true;
	assert_false(mt_sample_passes_kept(kept));
	mt_tls.own = false;
	mt_sample_let_hooks_pass();
	assert_true(kept > 0);
	assert_int_equal(mt_tls.sample_left, kept);
	assert_true(mt_sample_passes(kept));
	assert_false(mt_sample_passes(kept + 1));
}

/* In a child: what is allowed once stays so. */
static void hooks_pass_nothing_before_they_may(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pass_nothing_before_it_is_allowed();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	mt_sample_let_hooks_pass();
}

static void a_realloc_is_a_free_unless_it_fails(void **state)
{
	struct mt_gate_realloc begun;

	(void)state;
	begin_drawing_all();
	assert_true(allocate(0x5000, 1000));
	begun = mt_gate_realloc_begin(at(0x5000));
	mt_gate_realloc_failed(begun, at(0x5000));
	assert_int_equal(reallocs, 1);
	assert_int_equal(failed_reallocs, 1);
	begun = mt_gate_realloc_begin(at(0x5000));
	/* Meanwhile another thread may get the old address. */
	assert_true(allocate(0x5000, 1000));
	mt_gate_realloc_done(begun, at(0x5000));
	assert_int_equal(reallocs, 2);
	release(0x5000);
	assert_int_equal(frees, 1);
	release(0x5000);
	assert_int_equal(frees, 1);
	/* Of what was not sampled, nothing is said. */
	begun = mt_gate_realloc_begin(at(0x6000));
	mt_gate_realloc_failed(begun, at(0x6000));
	assert_int_equal(reallocs, 2);
	assert_int_equal(failed_reallocs, 1);
}

static void temporary_means_freed_before_any_next_allocation(void **state)
{
	(void)state;
	begin_drawing_all();
	assert_true(allocate(0x5000, 1000));
	release(0x5000);
	assert_int_equal(later_frees, 0);
	begin(1 << 30, 5);
	while (!allocate(0x5000, 1 << 20))
		;
	/* Not sampled, but allocated. */
	assert_false(allocate(0x6000, 1));
	release(0x5000);
	assert_int_equal(later_frees, 1);
}

static void own_blocks_are_always_recorded_and_leave_the_draw_alone(void **state)
{
	uint64_t left, own;

	(void)state;
	begin(1 << 30, 6);
	allocate(0x5000, 1);
	left = mt_tls.sample_left;
	own = mt_thread_begin_own();
	assert_true(allocate(0x6000, 1000));
	mt_thread_end_own(own);
	assert_int_equal(mt_tls.sample_left, left);
	release(0x6000);
	assert_int_equal(frees, 1);
}

static void a_forked_child_knows_the_blocks_and_draws_by_itself(void **state)
{
	uint64_t numbers;
	int status;
	pid_t pid;

	(void)state;
	begin_drawing_all();
	assert_true(allocate(0x5000, 1000));
	numbers = mt_tls.sample_state;
	pid = fork();
	if (pid == 0) {
		mt_sample_forked();
		release(0x5000);
		allocate(0x6000, 1000);
		_exit(frees == 1 && mt_tls.sample_state != numbers ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	release(0x5000);
	assert_int_equal(frees, 1);
}

/* Blocks go through all hands: each is freed by the thread after the one that allocated it. */
enum { THREADS = 4, HANDED = 300000, QUEUE = 64 };

static _Atomic uintptr_t handed[THREADS][QUEUE];

static void *hand_over(void *index)
{
	unsigned int self = (unsigned int)(uintptr_t)index,
	             previous = (self + THREADS - 1) % THREADS;
	for (unsigned int i = 0, taken = 0; i < HANDED || taken < HANDED;) {
		uintptr_t addr;

		if (i < HANDED && !atomic_load(&handed[self][i % QUEUE])) {
			/* An address is used again when it has been freed. */
			addr = 0x100000 + (self * QUEUE + i % QUEUE) * 32;

			mt_gate_alloc(&nobody, (void *)addr, 100);
			atomic_store(&handed[self][i % QUEUE], addr);
			i++;
		}
		addr = taken < HANDED ? atomic_load(&handed[previous][taken % QUEUE]) : 0;
		if (addr) {
			release(addr);
			atomic_store(&handed[previous][taken % QUEUE], 0);
			taken++;
		}
	}
	return NULL;
}

static void blocks_may_be_freed_by_another_thread(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	begin(500, 7);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hand_over, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* p = 1 - exp(-1/5) = 0.18: of 1.2 million 217 523, give or take 4 * 422. */
	assert_true(allocs > 217523 - 1688 && allocs < 217523 + 1688);
	assert_int_equal(frees, allocs);
	assert_int_equal(slot.samples_lost, 0);
	nothing_is_left();
}

/* --- the gate ---------------------------------------------------------------------------------------- */

static void filter_as_without_a_sample(bool is_without)
{
	mt_sample_filter_mask = is_without ? 0 : MT_SAMPLE_FILTER_BYTES - 1;
	mt_sample_filter[0] = is_without ? 0 : MT_SAMPLE_CLEAR;
}

static void the_gate_lets_through_what_its_table_says(void **state)
{
	(void)state;
	begin_drawing_all();
	filter_as_without_a_sample(true);
	atomic_store(&slot.gate, 0);
	assert_true(allocate(0x5000, 10));
	release(0x5000);
	assert_int_equal(frees, 1);
	atomic_store(&slot.gate, MT_GATE_STOPPED);
	assert_false(allocate(0x5000, 10));
	release(0x5000);
	assert_int_equal(frees, 2);
	assert_true(mt_gate_realloc_begin(at(0x5000)).is_recorded);
	atomic_store(&slot.gate, MT_GATE_STOPPED | MT_GATE_UNUSED);
	assert_false(allocate(0x5000, 10));
	release(0x5000);
	assert_int_equal(frees, 2);
	assert_false(mt_gate_realloc_begin(at(0x5000)).is_recorded);
	filter_as_without_a_sample(false);
	/* Sampled: what was sampled before the stop is known still, and only that. */
	atomic_store(&slot.gate, MT_GATE_SAMPLED);
	assert_true(allocate(0x5000, 1000));
	atomic_store(&slot.gate, MT_GATE_SAMPLED | MT_GATE_STOPPED);
	assert_false(allocate(0x6000, 1000));
	release(0x6000);
	assert_int_equal(frees, 2);
	release(0x5000);
	assert_int_equal(frees, 3);
}

static void what_is_not_recorded_counts_as_decided(void **state)
{
	(void)state;
	begin(1 << 30, 8);
	allocate(0x5000, 1);
	assert_int_equal(mt_tls.trail[(mt_tls.trail_end - 1) % MT_TRAIL], 0x5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(hooks_pass_nothing_before_they_may),
	        cmocka_unit_test(blocks_are_drawn_with_the_right_probability),
	        cmocka_unit_test(distances_are_exponential),
	        cmocka_unit_test(a_seed_repeats_the_draw_and_threads_differ),
	        cmocka_unit_test(estimates_are_unbiased_and_their_errors_are_right),
	        cmocka_unit_test(frees_of_sampled_blocks_only_are_recorded),
	        cmocka_unit_test(a_block_whose_record_is_lost_is_not_known),
	        cmocka_unit_test(a_missed_free_leaves_nothing_behind),
	        cmocka_unit_test(a_realloc_is_a_free_unless_it_fails),
	        cmocka_unit_test(temporary_means_freed_before_any_next_allocation),
	        cmocka_unit_test(own_blocks_are_always_recorded_and_leave_the_draw_alone),
	        cmocka_unit_test(a_forked_child_knows_the_blocks_and_draws_by_itself),
	        cmocka_unit_test(blocks_may_be_freed_by_another_thread),
	        cmocka_unit_test(the_gate_lets_through_what_its_table_says),
	        cmocka_unit_test(what_is_not_recorded_counts_as_decided),
	        cmocka_unit_test(many_blocks_of_one_group_are_told_apart),
	        cmocka_unit_test(many_blocks_of_one_byte_are_told_apart),
	        cmocka_unit_test(a_full_set_is_counted),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
