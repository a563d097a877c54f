/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_hostile.c - the collector against a traced side that has gone mad: whatever stands in the segment,
 * it must not crash, read outside, hang or fill its memory. To be run under a sanitizer.
 */
#include "collect/lifecycle.h"
#include "tests/unit/producer.h"
#include "tests/unit/random.h"

static struct bench bench;
static struct producer p;

static int set_up(void **state)
{
	(void)state;
	bench_open(&bench, 100);
	bench_start(&bench, 100, &p);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bench_close(&bench);
	return 0;
}

static struct mt_drain *drain_of(const struct producer *producer)
{
	struct mt_ring *rings = mt_segment_rings(bench.segment);

	return &bench.collector->drains[producer->writer.ring - rings];
}

/* Bytes that look like nothing, straight into the ring. */
static void put_raw(struct producer *producer, const void *bytes, uint32_t count)
{
	while (!mt_ring_has_space(&producer->writer, count))
		bench_round(&bench);
	mt_ring_put(&producer->writer, 0, bytes, count);
	mt_ring_publish(&producer->writer, count);
}

static void random_bytes_break_a_ring_and_nothing_else(void **state)
{
	struct producer other;
	uint64_t seed = 5;

	(void)state;
	/* A process may say what it likes of itself, even that it ends. */
	bench_join(&bench, 200, &other);
	for (uint32_t ring = 0; ring < 300; ring++) {
		struct producer mad = other;

		mad.stamp = bench.past + 1000 + ring;
		producer_begin(&mad, 1000 + ring);
		for (int i = 0; i < 20; i++) {
			uint64_t words[32];

			for (size_t w = 0; w < 32; w++)
				words[w] = random_next(&seed);
			/* Half of them start like a record that may be applied. */
			if (i % 2) {
				words[0] = mt_event_stamp_word(mad.stamp++);
				words[1] = (words[1] & ~(uint64_t)0xff) |
				           random_below(&seed, MT_EVENT_TYPES + 2);
			}
			put_raw(&mad, words, 8 * (1 + (uint32_t)random_below(&seed, 32)));
		}
		bench_round(&bench);
	}
	/* Who plays by the rules is traced all the same. */
	producer_alloc(&p, 0x777770, 10, 1);
	bench_round(&bench);
	assert_non_null(mt_live_find(&bench_process(&bench, &p)->live, 0x777770));
	assert_true(bench.collector->ledger.notes.count <= MT_NOTES_MAX + 1);
}

/* A good stream, written to memory first; then with one field changed after the other. */
static void records_with_wrong_fields_do_no_harm(void **state)
{
	uint64_t seed = 6;

	(void)state;
	for (uint32_t round = 0; round < 1500; round++) {
		struct producer mad = p;
		unsigned char *last;
		uint64_t before;

		if (round % 250 == 0 && round) {
			tear_down(state);
			set_up(state);
		}
		memset(&mad.writer, 0, sizeof(mad.writer));
		mad = p;
		memset(&mad.writer, 0, sizeof(mad.writer));
		mad.stamp = bench.past + 1000 * (round + 1);
		producer_begin(&mad, 1000 + round);
		before = mad.writer.head;
		switch (round % 8) {
		case 0: producer_alloc(&mad, 16 * round + 16, 10, 1); break;
		case 1: producer_free(&mad, 16 * round); break;
		case 2: producer_stack(&mad, round, 0x1000 + round); break;
		case 3: {
			char module[sizeof(struct mt_module_payload) + 8] = {0};

			producer_large(&mad, MT_EVENT_MODULE, 1, 0, module, sizeof(module));
			break;
		}
		case 4:
			producer_fixed(&mad, MT_EVENT_THREAD_BEGIN, 0, 7, p.slot, p.generation, 0);
			break;
		case 5: producer_fixed(&mad, MT_EVENT_FORK, 0, 0, round, 0, 0); break;
		case 6: producer_fixed(&mad, MT_EVENT_MAP, MT_KIND_MMAP, 4096, 4096, 1, 0); break;
		case 7:
			producer_fixed(&mad, MT_EVENT_REALLOC, MT_KIND_REALLOC, 16 * round, 0, 0,
			               0);
			break;
		}
		/* One to four bits of it are turned. */
		last = mad.writer.ring->offset_bytes + (unsigned char *)bench.segment;
		for (uint64_t i = random_below(&seed, 4); i < 4; i++) {
			uint64_t bit = random_below(&seed, (mad.writer.head - before) * 8);

			last[before + bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
		bench_round(&bench);
		bench_round(&bench);
	}
}

static void an_impossible_head_breaks_the_ring(void **state)
{
	static const uint64_t heads[] = {
	        7, MT_RING_BYTES_MIN * 2, UINT64_MAX, UINT64_MAX - 7, 1ull << 63,
	};

	(void)state;
	bench_round(&bench);
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct producer mad = p;

		memset(&mad.writer, 0, sizeof(mad.writer));
		producer_ring(&mad, MT_RING_BYTES_MIN);
		bench_round(&bench);
		atomic_store(&mad.writer.ring->head, heads[i]);
		bench_round(&bench);
		assert_non_null(drain_of(&mad)->broken);
		bench_round(&bench);
	}
}

static void a_head_that_goes_back_breaks_the_ring(void **state)
{
	(void)state;
	bench_round(&bench);
	assert_null(drain_of(&p)->broken);
	atomic_store(&p.writer.ring->head, MT_EVENT_UNIT);
	bench_round(&bench);
	assert_non_null(drain_of(&p)->broken);
}

static void a_ring_outside_of_the_segment_is_not_read(void **state)
{
	static const struct {
		uint64_t offset_bytes;
		uint32_t size_bytes;
	} places[] = {
	        {0, MT_RING_BYTES_MIN},
	        {MT_SEGMENT_DATA_AT + 8, MT_RING_BYTES_MIN},
	        {MT_SEGMENT_DATA_AT, MT_RING_BYTES_MIN + 16},
	        {MT_SEGMENT_DATA_AT, 0},
	        {MT_SEGMENT_DATA_AT, 16},
	        {MT_SEGMENT_BYTES - MT_RING_BYTES_MIN + 4096, MT_RING_BYTES_MIN},
	        {UINT64_MAX - 4095, MT_RING_BYTES_MIN},
	        {MT_SEGMENT_DATA_AT, 1u << 31},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		uint32_t index = atomic_fetch_add(&bench.segment->ring_count, 1);
		struct mt_ring *ring = &mt_segment_rings(bench.segment)[index];

		ring->offset_bytes = places[i].offset_bytes;
		ring->size_bytes = places[i].size_bytes;
		atomic_store(&ring->head, 64);
		atomic_store(&ring->state, MT_RING_OWNED);
		bench_round(&bench);
		assert_non_null(bench.collector->drains[index].broken);
	}
	/* More rings than there can be. */
	atomic_store(&bench.segment->ring_count, UINT32_MAX);
	bench_round(&bench);
	assert_int_equal(bench.collector->drain_count, MT_RINGS);
}

static void a_place_that_changes_afterwards_is_not_looked_at_again(void **state)
{
	(void)state;
	bench_round(&bench);
	p.writer.ring->offset_bytes = UINT64_MAX - 15;
	p.writer.ring->size_bytes = 1u << 31;
	producer_alloc(&p, 0x777770, 10, 1);
	bench_round(&bench);
	assert_non_null(mt_live_find(&bench_process(&bench, &p)->live, 0x777770));
}

static void slots_full_of_nonsense_make_no_processes_of_the_wrong_kind(void **state)
{
	struct mt_slot *slots = mt_segment_slots(bench.segment);
	uint64_t seed = 7;
	uint32_t known = 0;

	(void)state;
	bench_round(&bench);
	for (uint32_t i = 0; i < MT_SLOTS; i++) {
		if (i == p.slot)
			continue;
		slots[i].pid = (uint32_t)random_next(&seed);
		slots[i].parent_slot = (uint32_t)random_next(&seed) >> random_below(&seed, 32);
		slots[i].parent_generation = (uint32_t)random_below(&seed, 3);
		slots[i].fork_serial = random_next(&seed);
		slots[i].begin_stamp = random_next(&seed) >> random_below(&seed, 64);
		atomic_store(&slots[i].generation, (uint32_t)random_next(&seed));
		atomic_store(&slots[i].state, (uint32_t)random_below(&seed, 5));
	}
	atomic_store(&bench.segment->slot_count, (uint32_t)random_next(&seed) | MT_SLOTS);
	atomic_fetch_add(&bench.segment->slot_claims, 1);
	for (int i = 0; i < 5; i++)
		bench_round(&bench);
	for (uint32_t i = 0; i < MT_SLOTS; i++) {
		const struct mt_process *process = bench.collector->ledger.by_slot[i];

		if (!process || i == p.slot)
			continue;
		known++;
		assert_string_equal(process->origin, "fork");
		assert_int_equal(process->id, 0);
	}
	assert_true(known > 0);
}

static void a_frame_count_beyond_the_limit_breaks_the_ring(void **state)
{
	static uint64_t pcs[MT_EVENT_PAYLOAD_MAX / 8];

	(void)state;
	producer_large(&p, MT_EVENT_STACK, 5, MT_CUT_NONE, pcs, sizeof(pcs));
	bench_round(&bench);
	assert_non_null(drain_of(&p)->broken);
}

static void a_length_that_reaches_behind_the_head_breaks_the_ring(void **state)
{
	struct mt_event_large large = {.word = mt_event_word(MT_EVENT_STACK, 0, 0),
	                               .length_bytes = 4000};

	(void)state;
	put_raw(&p, &large, sizeof(large));
	bench_round(&bench);
	assert_non_null(drain_of(&p)->broken);
}

static void rings_that_share_a_place_are_not_both_read(void **state)
{
	uint32_t index = atomic_fetch_add(&bench.segment->ring_count, 1);
	struct mt_ring *ring = &mt_segment_rings(bench.segment)[index];

	(void)state;
	bench_round(&bench);
	/* The whole data area, of which a part is known to be the first one's. */
	ring->offset_bytes = MT_SEGMENT_DATA_AT;
	ring->size_bytes = MT_RING_DATA_BYTES;
	atomic_store(&ring->state, MT_RING_OWNED);
	bench_round(&bench);
	assert_non_null(bench.collector->drains[index].broken);
	producer_alloc(&p, 0x777770, 10, 1);
	bench_round(&bench);
	assert_non_null(mt_live_find(&bench_process(&bench, &p)->live, 0x777770));
}

static void a_ring_is_not_forgotten_when_there_are_said_to_be_fewer(void **state)
{
	uint32_t known;

	(void)state;
	bench_round(&bench);
	known = bench.collector->drain_count;
	assert_ptr_equal(drain_of(&p)->process, bench_process(&bench, &p));
	atomic_store(&bench.segment->ring_count, 0);
	bench_round(&bench);
	assert_int_equal(bench.collector->drain_count, known);
}

static void a_thread_that_begins_in_a_settled_process_is_nobodys(void **state)
{
	struct mt_process *process;

	(void)state;
	bench_round(&bench);
	process = bench_process(&bench, &p);
	mt_mailbox_post(&bench.collector->mail, &(struct mt_mail){.type = MT_MAIL_GONE,
	                                                          .slot = p.slot,
	                                                          .generation = p.generation,
	                                                          .stamp = p.stamp,
	                                                          .status = 0,
	                                                          .signal = MT_MAIL_UNKNOWN});
	bench_round(&bench);
	bench_round(&bench);
	assert_true(process->is_settled);
	assert_null(drain_of(&p)->process);
	producer_begin(&p, 4711);
	producer_alloc(&p, 0x777770, 10, 1);
	bench_round(&bench);
	assert_null(drain_of(&p)->process);
	assert_true(bench.collector->ledger.orphans > 0);
}

static void a_thousand_records_with_one_stamp_are_all_applied(void **state)
{
	enum { RINGS = 1000 };
	static struct producer mad[RINGS];
	uint64_t before;

	(void)state;
	bench_round(&bench);
	before = bench_process(&bench, &p)->totals.allocations;
	for (uint32_t i = 0; i < RINGS; i++) {
		mad[i] = p;
		memset(&mad[i].writer, 0, sizeof(mad[i].writer));
		mad[i].stamp = bench.past + 1000;
		producer_begin(&mad[i], 1000 + i);
	}
	bench_round(&bench);
	for (uint32_t i = 0; i < RINGS; i++) {
		mad[i].stamp = bench.past + 2000;
		producer_alloc(&mad[i], 0x1000000 + 64 * i, 10, 1);
	}
	bench_round(&bench);
	assert_int_equal(bench_process(&bench, &p)->totals.allocations - before, RINGS);
}

static void copies_for_forks_have_a_limit(void **state)
{
	struct mt_forks *forks = &bench.collector->ledger.forks;
	struct mt_fork *copy;

	(void)state;
	forks->bytes_max = 1 << 16;
	for (uint64_t i = 0; i < 500; i++)
		producer_alloc(&p, 0x10000 + 16 * i, 10, 1);
	for (uint64_t serial = 0; serial < 500; serial++) {
		producer_fixed(&p, MT_EVENT_FORK, 0, 0, serial, 0, 0);
		bench_round(&bench);
		assert_true(forks->bytes <= forks->bytes_max);
		assert_true(forks->round_bytes <= forks->bytes_max);
	}
	assert_true(forks->given_up > 0);
	/* The newest is there, the oldest has gone. */
	copy = mt_forks_take(forks, p.slot, p.generation, 499);
	assert_non_null(copy);
	assert_int_equal(copy->blocks, 500);
	mt_fork_free(copy);
	assert_null(mt_forks_take(forks, p.slot, p.generation, 0));
	/* As many as anybody likes in one round: what they take is bounded, too. */
	for (uint64_t serial = 1000; serial < 1400; serial++)
		producer_fixed(&p, MT_EVENT_FORK, 0, 0, serial, 0, 0);
	bench_round(&bench);
	assert_true(forks->round_bytes <= forks->bytes_max);
	assert_true(forks->bytes <= forks->bytes_max);
}

static void full_books_take_no_more_and_say_so(void **state)
{
	struct mt_ledger *ledger = &bench.collector->ledger;
	struct mt_process *process;
	uint64_t allocations;

	(void)state;
	producer_alloc(&p, 0x10000, 10, 1);
	bench_round(&bench);
	process = bench_process(&bench, &p);
	allocations = process->totals.allocations;
	mt_ledger_weigh(ledger);
	assert_false(ledger->is_full);
	ledger->bytes_max = 1000;
	mt_ledger_weigh(ledger);
	assert_true(ledger->is_full);
	assert_string_equal(ledger->notes.rows[ledger->notes.count - 1].kind, "limit");
	for (uint32_t i = 0; i < 100; i++) {
		producer_alloc(&p, 0x20000 + 16 * i, 10, 1);
		producer_stack(&p, 10 + i, 0x3000 + i);
	}
	producer_free(&p, 0x10000);
	bench_round(&bench);
	assert_int_equal(process->totals.allocations, allocations);
	assert_int_equal(process->totals.frees, 1);
	assert_int_equal(process->out_of_memory, 200);
	assert_null(drain_of(&p)->broken);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(random_bytes_break_a_ring_and_nothing_else),
	        TEST(records_with_wrong_fields_do_no_harm),
	        TEST(an_impossible_head_breaks_the_ring),
	        TEST(a_head_that_goes_back_breaks_the_ring),
	        TEST(a_ring_outside_of_the_segment_is_not_read),
	        TEST(a_place_that_changes_afterwards_is_not_looked_at_again),
	        TEST(slots_full_of_nonsense_make_no_processes_of_the_wrong_kind),
	        TEST(a_frame_count_beyond_the_limit_breaks_the_ring),
	        TEST(a_length_that_reaches_behind_the_head_breaks_the_ring),
	        TEST(rings_that_share_a_place_are_not_both_read),
	        TEST(a_ring_is_not_forgotten_when_there_are_said_to_be_fewer),
	        TEST(a_thread_that_begins_in_a_settled_process_is_nobodys),
	        TEST(a_thousand_records_with_one_stamp_are_all_applied),
	        TEST(copies_for_forks_have_a_limit),
	        TEST(full_books_take_no_more_and_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
