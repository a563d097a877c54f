/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_live.c - collect/live.h against an array with a place for every address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/live.h"
#include "tests/unit/random.h"

/* Few addresses, so that clusters grow, shrink and wrap around the end of the table. */
#define ADDRESSES 6000u
#define STEPS     600000u

struct model {
	bool is_live;
	uint64_t size_bytes;
	uint32_t total;
};

static uint64_t address_of(uint32_t index)
{
	/* As allocators give them: near each other in two places. */
	return (index % 2 ? 0x7f0012340000u : 0x5500abcd0000u) + index / 2 * 16u;
}

static void check_all(const struct mt_live *live, const struct model *model)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < ADDRESSES; i++) {
		const struct mt_live_entry *entry = mt_live_find(live, address_of(i));

		assert_int_equal(entry != NULL, model[i].is_live);
		if (!entry)
			continue;
		count++;
		assert_true(entry->addr == address_of(i));
		assert_true(entry->size_bytes == model[i].size_bytes);
		assert_int_equal(entry->total, model[i].total);
	}
	assert_int_equal(live->count, count);
}

static void an_empty_table_finds_nothing(void **state)
{
	struct mt_live live = {0}, copy;

	(void)state;
	assert_null(mt_live_find(&live, 16));
	assert_int_equal(mt_live_copy(&live, &copy), 0);
	assert_null(mt_live_find(&copy, 16));
	mt_live_free(&copy);
	mt_live_free(&live);
}

static void it_holds_what_a_plain_array_holds(void **state)
{
	static struct model model[ADDRESSES];
	struct mt_live live = {0};
	uint64_t seed = 2;

	(void)state;
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t i = (uint32_t)random_below(&seed, ADDRESSES);
		struct mt_live_entry *entry;
		bool was_live;

		/* Phases of growing and of emptying. */
		if (random_below(&seed, 100) < (step / 50000 % 2 ? 30u : 70u)) {
			entry = mt_live_insert(&live, address_of(i), &was_live);
			assert_non_null(entry);
			assert_int_equal(was_live, model[i].is_live);
			entry->size_bytes = model[i].size_bytes = random_next(&seed);
			entry->total = model[i].total = step;
			model[i].is_live = true;
		} else {
			entry = mt_live_find(&live, address_of(i));
			assert_int_equal(entry != NULL, model[i].is_live);
			if (entry)
				mt_live_remove(&live, entry);
			model[i].is_live = false;
		}
		if (step % 20000 == 0)
			check_all(&live, model);
	}
	check_all(&live, model);
	mt_live_free(&live);
}

static void a_copy_is_independent(void **state)
{
	struct mt_live live = {0}, copy;
	bool was_live;

	(void)state;
	for (uint64_t i = 1; i <= 5000; i++)
		mt_live_insert(&live, i * 16, &was_live)->size_bytes = i;
	assert_int_equal(mt_live_copy(&live, &copy), 0);
	for (uint64_t i = 1; i <= 5000; i += 2)
		mt_live_remove(&live, mt_live_find(&live, i * 16));
	mt_live_find(&live, 32)->size_bytes = 99;
	assert_int_equal(live.count, 2500);
	assert_int_equal(copy.count, 5000);
	for (uint64_t i = 1; i <= 5000; i++)
		assert_int_equal(mt_live_find(&copy, i * 16)->size_bytes, i);
	mt_live_free(&copy);
	mt_live_free(&live);
}

static void a_table_that_is_mapped_is_like_one_that_is_not(void **state)
{
	/* Over 2 MiB of entries. */
	const uint64_t count = 200000;
	struct mt_live live = {0}, copy;
	bool was_live;

	(void)state;
	for (uint64_t i = 1; i <= count; i++)
		mt_live_insert(&live, i * 48, &was_live)->size_bytes = i;
	assert_true(live.map_bytes > 0);
	assert_int_equal(mt_live_copy(&live, &copy), 0);
	mt_live_free(&live);
	for (uint64_t i = 1; i <= count; i++) {
		struct mt_live_entry *entry = mt_live_find(&copy, i * 48);

		assert_non_null(entry);
		assert_int_equal(entry->size_bytes, i);
		mt_live_remove(&copy, entry);
	}
	assert_int_equal(copy.count, 0);
	mt_live_free(&copy);
}

/* Addresses that all met at one place of the table, if its hash were known. */
static void addresses_cannot_be_chosen_so_that_they_meet(void **state)
{
	enum { WANTED = 2000 };
	struct mt_live live = {NULL};
	uint64_t seed = 11, found = 0, farthest = 0;

	(void)state;
	while (found < WANTED) {
		uint64_t addr = random_next(&seed) >> 16;
		bool was_live;

		if ((addr ^ addr >> 15) * 0x9e3779b97f4a7c15ull >> 50)
			continue;
		assert_non_null(mt_live_insert(&live, addr, &was_live));
		found++;
	}
	for (uint64_t i = 0; i <= live.mask; i++) {
		uint64_t distance;

		if (!live.entries[i].addr)
			continue;
		distance = (i - mt_live_home(&live, live.entries[i].addr)) & live.mask;
		if (distance > farthest)
			farthest = distance;
	}
	assert_true(farthest < 200);
	mt_live_free(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_table_finds_nothing),
	        cmocka_unit_test(it_holds_what_a_plain_array_holds),
	        cmocka_unit_test(a_copy_is_independent),
	        cmocka_unit_test(a_table_that_is_mapped_is_like_one_that_is_not),
	        cmocka_unit_test(addresses_cannot_be_chosen_so_that_they_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
