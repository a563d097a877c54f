/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_ring.c - wire/ring.h: one writer, one reader, records that span the end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/ring.h"
#include "wire/segment.h"

#define RECORDS 2000000u

struct shared {
	struct mt_ring ring;
	unsigned char *data;
};

static void ring_open(struct shared *shared, struct mt_ring_writer *writer)
{
	memset(shared, 0, sizeof(*shared));
	shared->ring.size_bytes = MT_RING_BYTES_MIN;
	shared->data = malloc(MT_RING_BYTES_MIN);
	memset(writer, 0, sizeof(*writer));
	writer->ring = &shared->ring;
	writer->data = shared->data;
	writer->mask = MT_RING_BYTES_MIN - 1;
}

/* The n-th record: 16 to 4096 bytes, every word a function of n and its place. */
static uint32_t record_bytes(uint32_t n)
{
	return 16 * (1 + n * 2654435761u % 256 * (n % 61 == 0) + n % 2);
}

static void *produce(void *argument)
{
	struct mt_ring_writer *writer = argument;
	uint64_t words[1024];

	for (uint32_t n = 0; n < RECORDS; n++) {
		uint32_t bytes = record_bytes(n);

		for (uint32_t i = 0; i < bytes / 8; i++)
			words[i] = (uint64_t)n << 32 | i;
		while (!mt_ring_has_space(writer, bytes))
			;
		mt_ring_put(writer, 0, words, bytes);
		mt_ring_publish(writer, bytes);
	}
	return NULL;
}

static void what_one_thread_writes_another_reads_whole_and_in_order(void **state)
{
	struct mt_ring_writer writer;
	struct shared shared;
	pthread_t producer;
	uint64_t tail = 0;

	(void)state;
	ring_open(&shared, &writer);
	assert_int_equal(pthread_create(&producer, NULL, produce, &writer), 0);
	for (uint32_t n = 0; n < RECORDS; n++) {
		uint32_t bytes = record_bytes(n);
		uint64_t words[1024];

		while (atomic_load_explicit(&shared.ring.head, memory_order_acquire) == tail)
			;
		mt_ring_get(shared.data, writer.mask, tail, words, bytes);
		for (uint32_t i = 0; i < bytes / 8; i++)
			if (words[i] != ((uint64_t)n << 32 | i))
				fail_msg("record %u, word %u: %llx", n, i,
				         (unsigned long long)words[i]);
		tail += bytes;
		atomic_store_explicit(&shared.ring.tail, tail, memory_order_release);
	}
	pthread_join(producer, NULL);
	assert_int_equal(atomic_load(&shared.ring.head), tail);
	free(shared.data);
}

static void a_full_ring_has_no_space_until_it_is_read(void **state)
{
	struct mt_ring_writer writer;
	struct shared shared;
	uint64_t unit[2] = {1, 2};

	(void)state;
	ring_open(&shared, &writer);
	for (uint32_t i = 0; i < MT_RING_BYTES_MIN / 16; i++) {
		assert_true(mt_ring_has_space(&writer, 16));
		mt_ring_put(&writer, 0, unit, 16);
		mt_ring_publish(&writer, 16);
	}
	assert_false(mt_ring_has_space(&writer, 16));
	atomic_store(&shared.ring.tail, 16);
	assert_true(mt_ring_has_space(&writer, 16));
	assert_false(mt_ring_has_space(&writer, 32));
	free(shared.data);
}

static void a_thousand_threads_find_room_for_a_ring_each(void **state)
{
	uint64_t used = 0;
	unsigned int rings = 0;

	(void)state;
	for (;;) {
		uint32_t bytes = mt_segment_ring_bytes(1024 << 10, used);

		assert_int_equal(bytes & (bytes - 1), 0);
		assert_true(bytes >= MT_RING_BYTES_MIN);
		if (used + bytes > MT_OWN_RING_DATA_BYTES)
			break;
		used += bytes;
		rings++;
	}
	assert_true(rings >= 1000);
	assert_true(rings <= MT_OWN_RINGS);
}

static void an_event_s_word_gives_back_what_was_put_in(void **state)
{
	uint64_t word = mt_event_word(MT_EVENT_ALLOC, MT_KIND_NEW_ARRAY, 0x7fffdeadbeefu);

	(void)state;
	assert_int_equal(mt_event_type(word), MT_EVENT_ALLOC);
	assert_int_equal(mt_event_kind(word), MT_KIND_NEW_ARRAY);
	assert_int_equal(mt_event_addr(word), 0x7fffdeadbeefu);
	assert_int_equal(mt_event_bytes(MT_EVENT_STAMP, 0), 8);
	assert_int_equal(mt_event_bytes(MT_EVENT_FREE, 0), 8);
	assert_int_equal(mt_event_bytes(MT_EVENT_ALLOC, 0), 16);
	assert_int_equal(mt_event_bytes(MT_EVENT_ALLOC_WIDE, 0), 24);
	assert_int_equal(mt_event_bytes(MT_EVENT_EXIT, 0), sizeof(struct mt_event_fixed));
	assert_int_equal(mt_event_bytes(MT_EVENT_STACK, 8), 32);
	assert_int_equal(mt_event_bytes(MT_EVENT_STACK, 9), 40);
	assert_int_equal(mt_event_bytes(MT_EVENT_NONE, 0), 0);
	assert_int_equal(mt_event_bytes(MT_EVENT_TYPES, 0), 0);
}

static void a_stamp_is_the_one_nearest_to_now(void **state)
{
	static const uint64_t nows[] = {
	        0, 1, UINT64_C(1) << 55, UINT64_C(1) << 56, UINT64_C(3) << 56, UINT64_MAX};
	static const int64_t distances[] = {0, 1, -1, 1000, INT64_C(1) << 54, -(INT64_C(1) << 54)};

	(void)state;
	for (size_t i = 0; i < sizeof(nows) / sizeof(nows[0]); i++)
		for (size_t k = 0; k < sizeof(distances) / sizeof(distances[0]); k++) {
			uint64_t stamp = nows[i] + (uint64_t)distances[k];
			uint64_t word = mt_event_stamp_word(stamp);

			assert_int_equal(mt_event_type(word), MT_EVENT_STAMP);
			assert_true(mt_event_stamp(word, nows[i]) == stamp);
		}
}

static void an_allocation_takes_the_form_that_has_room_for_it(void **state)
{
	static const struct {
		uint64_t size_bytes;
		uint32_t flags, bytes;
	} cases[] = {{0, 0, 16},
	             {UINT32_MAX, 0, 16},
	             {UINT32_MAX + UINT64_C(1), 0, 24},
	             {8, MT_ALLOC_OWN, 24},
	             {UINT64_C(1) << 47, 1, 24}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char data[64] = {0};
		struct mt_ring_writer writer = {.data = data, .mask = sizeof(data) - 1, .head = 56};
		struct mt_event_fixed seen;
		uint64_t narrow[2];

		assert_int_equal(mt_ring_put_fixed(&writer, 0,
		                                   mt_event_word(MT_EVENT_ALLOC, 1, 0x10),
		                                   cases[i].size_bytes, 0x89abcdef, cases[i].flags),
		                 cases[i].bytes);
		if (cases[i].bytes == 16) {
			mt_ring_get(data, sizeof(data) - 1, 56, narrow, sizeof(narrow));
			assert_true(narrow[0] == mt_event_word(MT_EVENT_ALLOC, 1, 0x10));
			assert_true(narrow[1] ==
			            (UINT64_C(0x89abcdef) << 32 | cases[i].size_bytes));
			continue;
		}
		mt_ring_get(data, sizeof(data) - 1, 56, &seen, sizeof(seen));
		assert_true(seen.word == mt_event_word(MT_EVENT_ALLOC_WIDE, 1, 0x10));
		assert_true(seen.size_bytes == cases[i].size_bytes && seen.stack == 0x89abcdef &&
		            seen.flags == cases[i].flags);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_one_thread_writes_another_reads_whole_and_in_order),
	        cmocka_unit_test(a_full_ring_has_no_space_until_it_is_read),
	        cmocka_unit_test(a_thousand_threads_find_room_for_a_ring_each),
	        cmocka_unit_test(an_event_s_word_gives_back_what_was_put_in),
	        cmocka_unit_test(a_stamp_is_the_one_nearest_to_now),
	        cmocka_unit_test(an_allocation_takes_the_form_that_has_room_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
