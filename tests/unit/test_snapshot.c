/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_snapshot.c - collect/snapshot.h: a live table in the order of addresses, whatever the addresses are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/snapshot.h"
#include "tests/unit/random.h"

static uint64_t seed;

static uint64_t heap_address(uint64_t turn)
{
	return 0x5500abcd0000u + turn * 32;
}

static uint64_t any_address(uint64_t turn)
{
	(void)turn;
	return 1 + random_below(&seed, (1ull << 48) - 1);
}

static uint64_t arena_address(uint64_t turn)
{
	return 0x7f0000000000u + (random_below(&seed, 8) << 26) + turn * 16;
}

static uint64_t far_address(uint64_t turn)
{
	return (turn + 1) << 36;
}

static void check(uint64_t (*address)(uint64_t turn), uint64_t count)
{
	struct mt_snapshot snapshot = {0};
	uint64_t blocks = 0, bytes = 0, check_sum = 0;

	for (uint64_t i = 0; i < count; i++) {
		bool was_live;
		struct mt_live_entry *entry = mt_live_insert(&snapshot.live, address(i), &was_live);

		assert_non_null(entry);
		if (was_live)
			continue;
		entry->size_bytes = i;
		entry->born_ns = entry->addr;
		entry->total = i % 7 ? 1 : i % 2 ? MT_LIVE_OWN : MT_LIVE_INHERITED;
		if (i % 7) {
			blocks++;
			bytes += i;
			check_sum ^= entry->addr * (i | 1);
		}
	}
	mt_snapshot_sort(&snapshot);
	assert_int_equal(snapshot.blocks, blocks);
	assert_int_equal(snapshot.live_blocks, blocks);
	assert_int_equal(snapshot.live_bytes, bytes);
	for (uint64_t i = 0; i < blocks; i++) {
		const struct mt_live_entry *entry = &snapshot.live.entries[i];

		assert_true(i == 0 || entry[-1].addr < entry->addr);
		assert_int_equal(entry->born_ns, entry->addr);
		check_sum ^= entry->addr * (entry->size_bytes | 1);
	}
	assert_int_equal(check_sum, 0);
	mt_snapshot_free(&snapshot);
}

static void blocks_come_in_the_order_of_their_addresses(void **state)
{
	static uint64_t (*const addresses[])(uint64_t) = {heap_address, any_address, arena_address,
	                                                  far_address};

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		for (uint64_t count = 0; count < 200; count++)
			check(addresses[i], count);
		check(addresses[i], addresses[i] == far_address ? 4000 : 100000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(blocks_come_in_the_order_of_their_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
