/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_ranges.c - report/ranges.c and report/idmap.c against models that look at everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/idmap.h"
#include "report/ranges.h"

static uint64_t seed = 42;

static uint64_t next_random(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 33;
}

#define COUNT 200

static void the_innermost_range_is_found(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		uint64_t starts[COUNT], ends[COUNT];
		struct mt_ranges ranges = {0};
		size_t count = next_random() % COUNT;

		for (size_t i = 0; i < count; i++) {
			starts[i] = next_random() % 1000;
			ends[i] = starts[i] + next_random() % 60;
			mt_ranges_add(&ranges, starts[i], ends[i], (uint32_t)i);
		}
		mt_ranges_sort(&ranges);
		for (uint64_t addr = 0; addr < 1070; addr++) {
			const struct mt_range *found = mt_ranges_find(&ranges, addr);
			size_t best = COUNT;

			for (size_t i = 0; i < count; i++) {
				if (addr < starts[i] || addr >= ends[i])
					continue;
				if (best == COUNT || starts[i] > starts[best] ||
				    (starts[i] == starts[best] && ends[i] < ends[best]))
					best = i;
			}
			if (best == COUNT) {
				assert_null(found);
				continue;
			}
			assert_non_null(found);
			assert_int_equal(found->start, starts[best]);
			assert_int_equal(found->end, ends[best]);
		}
		mt_ranges_free(&ranges);
	}
}

static void empty_and_inverted_ranges_hold_nothing(void **state)
{
	struct mt_ranges ranges = {0};

	(void)state;
	mt_ranges_sort(&ranges);
	assert_null(mt_ranges_find(&ranges, 0));
	mt_ranges_add(&ranges, 5, 5, 1);
	mt_ranges_add(&ranges, 9, 3, 2);
	mt_ranges_sort(&ranges);
	for (uint64_t addr = 0; addr < 12; addr++)
		assert_null(mt_ranges_find(&ranges, addr));
	mt_ranges_add(&ranges, UINT64_MAX - 1, UINT64_MAX, 3);
	mt_ranges_sort(&ranges);
	assert_int_equal(mt_ranges_find(&ranges, UINT64_MAX - 1)->index, 3);
	mt_ranges_free(&ranges);
}

static void a_map_gives_back_what_was_put(void **state)
{
	static char values[5000];
	static int64_t ids[5000];
	struct mt_idmap map = {0};

	(void)state;
	assert_null(mt_idmap_get(&map, 0));
	for (size_t i = 0; i < 5000; i++) {
		/* Dense ids, far ones, negative ones, and 0. */
		ids[i] = i % 2 ? (int64_t)i : (int64_t)(next_random() << 32) - (int64_t)i;
		mt_idmap_put(&map, ids[i], &values[i]);
	}
	mt_idmap_put(&map, ids[17], &values[0]);
	for (size_t i = 0; i < 5000; i++)
		assert_ptr_equal(mt_idmap_get(&map, ids[i]), i == 17 ? &values[0] : &values[i]);
	assert_null(mt_idmap_get(&map, 6001));
	assert_null(mt_idmap_get(&map, INT64_MIN));
	assert_int_equal(map.count, 5000);
	mt_idmap_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_innermost_range_is_found),
	        cmocka_unit_test(empty_and_inverted_ranges_hold_nothing),
	        cmocka_unit_test(a_map_gives_back_what_was_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
