/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_merge.c - collect/merge.h: the order of events across rings; and the whole of the drain side under
 * threads that hand blocks to each other.
 */
#include <pthread.h>

#include "tests/unit/producer.h"
#include "tests/unit/random.h"

#define A 0x10000u

static struct bench bench;
static struct producer p, q;
static struct mt_process *process;

static int set_up(void **state)
{
	(void)state;
	bench_open(&bench, 100);
	bench_start(&bench, 100, &p);
	q = p;
	memset(&q.writer, 0, sizeof(q.writer));
	producer_begin(&q, 101);
	p.stamp = q.stamp = q.stamp + 100;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bench_close(&bench);
	return 0;
}

static void drain(void)
{
	bench_round(&bench);
	process = bench_process(&bench, &p);
	assert_non_null(process);
}

static void books_are_clean(uint64_t allocations, uint64_t frees)
{
	assert_int_equal(process->totals.allocations, allocations);
	assert_int_equal(process->totals.frees, frees);
	assert_int_equal(process->unmatched_frees, 0);
	assert_int_equal(process->overwritten, 0);
}

static void a_block_is_freed_after_it_was_allocated_whatever_ring_is_read_first(void **state)
{
	uint64_t start = p.stamp;

	(void)state;
	/* Back and forth, each in the order of the stamps. */
	for (uint64_t i = 0; i < 200; i++) {
		struct producer *one = i % 2 ? &p : &q, *other = i % 2 ? &q : &p;

		one->stamp = start + 10 * i;
		producer_alloc(one, A, 8, 1);
		other->stamp = start + 10 * i + 5;
		producer_free(other, A);
	}
	drain();
	books_are_clean(200, 200);
}

static void with_equal_stamps_a_live_block_is_freed_first(void **state)
{
	(void)state;
	/* p gives the address back, q gets it, and the clock has not moved. */
	producer_alloc(&p, A, 8, 1);
	p.stamp = q.stamp = p.stamp + 10;
	producer_alloc(&q, A, 9, 1);
	producer_free(&p, A);
	drain();
	books_are_clean(2, 1);
	assert_int_equal(mt_live_find(&process->live, A)->size_bytes, 9);
}

static void with_equal_stamps_a_dead_block_is_allocated_first(void **state)
{
	(void)state;
	producer_free(&p, A);
	producer_alloc(&q, A, 9, 1);
	drain();
	books_are_clean(1, 1);
}

static void with_equal_stamps_a_chain_of_hand_offs_is_followed(void **state)
{
	struct producer rings[4];
	uint64_t stamp;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		rings[i] = p;
		memset(&rings[i].writer, 0, sizeof(rings[i].writer));
		rings[i].stamp = q.stamp + 10 * i;
		producer_begin(&rings[i], 200 + i);
	}
	stamp = rings[3].stamp + 10;
	/* alloc 0, free 1, alloc 2, free 3: all at once, and then the like with the rings turned round. */
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t ring = i < 4 ? i : 7 - i;

		rings[ring].stamp = stamp + i / 4;
		if (i % 2)
			producer_free(&rings[ring], A);
		else
			producer_fixed(&rings[ring], MT_EVENT_ALLOC, MT_KIND_MALLOC, A, 8, 1, 0);
	}
	drain();
	books_are_clean(4, 4);
}

static void what_is_stamped_behind_the_cut_waits(void **state)
{
	(void)state;
	producer_alloc(&p, A, 8, 1);
	q.stamp = mt_stamp_monotonic_ns() + 300000000u;
	producer_free(&q, A);
	drain();
	books_are_clean(1, 0);
	/* What comes later in the ring of an early stamp is not kept back by it. */
	producer_alloc(&p, A + 64, 8, 1);
	drain();
	books_are_clean(2, 0);
	while (mt_stamp_monotonic_ns() < q.stamp)
		usleep(10000);
	drain();
	books_are_clean(2, 1);
}

static void a_stamp_in_the_far_future_does_not_block_for_ever(void **state)
{
	(void)state;
	producer_alloc(&p, A, 8, 1);
	p.stamp = UINT64_MAX - 10;
	producer_free(&p, A);
	drain();
	drain();
	books_are_clean(1, 0);
	assert_int_equal(process->broken_rings, 1);
	/* The writer finds room for ever after. */
	for (int i = 0; i < 4000; i++) {
		producer_free(&p, A);
		bench_round(&bench);
	}
}

static void the_reader_gives_space_back_and_wakes_the_writer(void **state)
{
	uint32_t space = atomic_load(&p.writer.ring->space);

	(void)state;
	producer_alloc(&p, A, 8, 1);
	atomic_store(&p.writer.ring->writer_waits, 1);
	drain();
	assert_int_equal(atomic_load(&p.writer.ring->tail), atomic_load(&p.writer.ring->head));
	assert_int_equal(atomic_load(&p.writer.ring->space), space + 1);
}

/* --- many threads ------------------------------------------------------------------------------------ */

#define THREADS   6u
#define ADDRESSES 64u
#define HAND_OFFS 60000u

/* An allocator of ADDRESSES addresses whose blocks any thread may free: the addresses are reused at once. */
static struct {
	pthread_mutex_t mutex;
	uint64_t idle[ADDRESSES];
	uint32_t idle_count;
	uint64_t held[ADDRESSES];
	uint32_t held_count;
	uint64_t allocations;
	uint64_t frees;
	uint32_t threads_ended;
} heap;

static uint64_t take(uint64_t *addresses, uint32_t *count, uint64_t *seed)
{
	uint32_t at;
	uint64_t addr;

	pthread_mutex_lock(&heap.mutex);
	if (!*count) {
		pthread_mutex_unlock(&heap.mutex);
		return 0;
	}
	at = (uint32_t)random_below(seed, *count);
	addr = addresses[at];
	addresses[at] = addresses[--*count];
	pthread_mutex_unlock(&heap.mutex);
	return addr;
}

static void give(uint64_t *addresses, uint32_t *count, uint64_t addr, uint64_t *counter)
{
	pthread_mutex_lock(&heap.mutex);
	addresses[(*count)++] = addr;
	++*counter;
	pthread_mutex_unlock(&heap.mutex);
}

static void *hand_over(void *argument)
{
	struct producer *producer = argument;
	uint64_t seed = producer->stamp;

	producer->stamp = 0;
	producer_begin(producer, (uint32_t)seed);
	for (uint32_t i = 0; i < HAND_OFFS; i++) {
		uint64_t addr = take(heap.idle, &heap.idle_count, &seed);

		/* As the hooks do: an allocation is published before others can get at the block ... */
		if (addr) {
			producer_alloc(producer, addr, 8 + seed % 8, 1);
			give(heap.held, &heap.held_count, addr, &heap.allocations);
		}
		addr = take(heap.held, &heap.held_count, &seed);
		/* ... and a free before the address is free. */
		if (addr) {
			producer_free(producer, addr);
			give(heap.idle, &heap.idle_count, addr, &heap.frees);
		}
	}
	producer_fixed(producer, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
	pthread_mutex_lock(&heap.mutex);
	heap.threads_ended++;
	pthread_mutex_unlock(&heap.mutex);
	return NULL;
}

static void threads_that_hand_blocks_over_leave_an_exact_ledger(void **state)
{
	struct producer producers[THREADS];
	pthread_t threads[THREADS];
	uint32_t ended;

	(void)state;
	memset(&heap, 0, sizeof(heap));
	pthread_mutex_init(&heap.mutex, NULL);
	for (uint32_t i = 0; i < ADDRESSES; i++)
		heap.idle[heap.idle_count++] = 0x5000 + 16 * i;
	for (uint32_t i = 0; i < THREADS; i++) {
		producers[i] = p;
		memset(&producers[i].writer, 0, sizeof(producers[i].writer));
		producers[i].stamp = 1000 + i;
		assert_int_equal(pthread_create(&threads[i], NULL, hand_over, &producers[i]), 0);
	}
	do {
		bench_round(&bench);
		pthread_mutex_lock(&heap.mutex);
		ended = heap.threads_ended;
		pthread_mutex_unlock(&heap.mutex);
	} while (ended < THREADS);
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	drain();
	books_are_clean(heap.allocations, heap.frees);
	assert_int_equal(process->live.count, heap.held_count);
	for (uint32_t i = 0; i < heap.held_count; i++)
		assert_non_null(mt_live_find(&process->live, heap.held[i]));
	assert_true(heap.allocations > HAND_OFFS);
	pthread_mutex_destroy(&heap.mutex);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_block_is_freed_after_it_was_allocated_whatever_ring_is_read_first),
	        TEST(with_equal_stamps_a_live_block_is_freed_first),
	        TEST(with_equal_stamps_a_dead_block_is_allocated_first),
	        TEST(with_equal_stamps_a_chain_of_hand_offs_is_followed),
	        TEST(what_is_stamped_behind_the_cut_waits),
	        TEST(a_stamp_in_the_far_future_does_not_block_for_ever),
	        TEST(the_reader_gives_space_back_and_wakes_the_writer),
	        TEST(threads_that_hand_blocks_over_leave_an_exact_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
