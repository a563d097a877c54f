/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_map.c - base/map.h against an array that is searched from one end to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "tests/unit/random.h"

#define KEYS 3000u

static void an_empty_map_finds_nothing(void **state)
{
	struct mt_map map = {0};
	uint32_t value = 7;

	(void)state;
	assert_false(mt_map_find(&map, 0, 0, &value));
	assert_int_equal(value, 7);
	mt_map_free(&map);
}

static void it_finds_what_was_set_last_and_nothing_else(void **state)
{
	struct mt_map map = {0};
	static struct {
		uint64_t a, b;
		uint32_t value;
		bool is_set;
	} keys[KEYS];
	uint64_t seed = 1;

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		/* Keys that differ in one half only, and a key of zeros. */
		keys[i].a = i % 3 ? i : (uint64_t)i << 48;
		keys[i].b = i % 5;
	}
	for (uint32_t step = 0; step < 20 * KEYS; step++) {
		uint32_t i = (uint32_t)random_below(&seed, KEYS);
		uint32_t value = 0;

		assert_int_equal(mt_map_find(&map, keys[i].a, keys[i].b, &value), keys[i].is_set);
		if (keys[i].is_set)
			assert_int_equal(value, keys[i].value);
		if (step % 2)
			continue;
		keys[i].is_set = true;
		keys[i].value = step;
		assert_int_equal(mt_map_set(&map, keys[i].a, keys[i].b, step), 0);
	}
	mt_map_free(&map);
}

static void the_hash_of_bytes_depends_on_each_of_them(void **state)
{
	unsigned char bytes[64] = {0};
	uint64_t plain = mt_map_hash(0, bytes, sizeof(bytes));

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 1;
		assert_true(mt_map_hash(0, bytes, sizeof(bytes)) != plain);
		bytes[i] = 0;
	}
	assert_true(mt_map_hash(1, bytes, sizeof(bytes)) != plain);
	assert_true(mt_map_hash(0, bytes, sizeof(bytes) - 1) != plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_map_finds_nothing),
	        cmocka_unit_test(it_finds_what_was_set_last_and_nothing_else),
	        cmocka_unit_test(the_hash_of_bytes_depends_on_each_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
