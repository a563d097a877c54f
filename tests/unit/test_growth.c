/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_growth.c - collect/growth.h, anonymous.h and pins.h on heaps that were worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/anonymous.h"
#include "collect/growth.h"
#include "collect/pins.h"

#define PAGE         4096ull
#define HEAP         0x7f0000000000ull
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct mt_growth growth;

static int setup(void **state)
{
	(void)state;
	mt_growth_init(&growth);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mt_growth_free(&growth);
	return 0;
}

static struct mt_growth_sum sum_of(uint32_t node, enum mt_growth_kind kind)
{
	for (size_t i = 0; i < growth.sum_count; i++)
		if (growth.sums[i].node == node && growth.sums[i].kind == kind)
			return growth.sums[i];
	return (struct mt_growth_sum){0};
}

static void expect_sum(uint32_t node, enum mt_growth_kind kind, uint64_t calls, uint64_t grown,
                       uint64_t returned)
{
	struct mt_growth_sum sum = sum_of(node, kind);

	assert_int_equal(sum.calls, calls);
	assert_int_equal(sum.grown_bytes, grown);
	assert_int_equal(sum.returned_bytes, returned);
}

static void expect_ranges(const struct mt_growth_range *expected, size_t expected_count)
{
	struct mt_growth_range *ranges;
	size_t count;

	assert_int_equal(mt_growth_copy(&growth, &ranges, &count), 0);
	assert_int_equal(count, expected_count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(ranges[i].start, expected[i].start);
		assert_int_equal(ranges[i].end, expected[i].end);
		assert_int_equal(ranges[i].kind, expected[i].kind);
		assert_int_equal(ranges[i].node, expected[i].node);
	}
	free(ranges);
}

static void what_is_given_back_is_that_of_who_took_it_last(void **state)
{
	const struct mt_growth_range expected[] = {{0x1000, 0x5000, MT_GROWTH_BREAK, 1},
	                                           {0x5000, 0x6000, MT_GROWTH_BREAK, 3}};

	(void)state;
	mt_growth_grow(&growth, 0, 0x1000, 0x3000, 1, true);
	/* what continues the last step is part of it */
	mt_growth_grow(&growth, 0, 0x3000, 0x5000, 1, true);
	mt_growth_grow(&growth, 0, 0x5000, 0x9000, 2, true);
	assert_int_equal(growth.step_count, 2);
	assert_int_equal(mt_growth_break_end(&growth), 0x9000);
	mt_growth_shrink(&growth, 0, 0x4000);
	expect_sum(1, MT_GROWTH_BREAK, 2, 0x4000, 0x1000);
	expect_sum(2, MT_GROWTH_BREAK, 1, 0x4000, 0x4000);
	mt_growth_grow(&growth, 0, 0x4000, 0x5000, 1, true);
	mt_growth_grow(&growth, 0, 0x5000, 0x6000, 3, true);
	expect_ranges(expected, COUNT(expected));
	/* two threads, of which the second one was quicker to say so */
	mt_growth_grow(&growth, 0, 0x8000, 0xa000, 4, true);
	mt_growth_grow(&growth, 0, 0x6000, 0x8000, 5, true);
	assert_int_equal(growth.step_count, 4);
	assert_int_equal(mt_growth_break_end(&growth), 0xa000);
	expect_sum(4, MT_GROWTH_BREAK, 1, 0x2000, 0);
	expect_sum(5, MT_GROWTH_BREAK, 1, 0x2000, 0);
	/* once more what was given back unseen */
	mt_growth_grow(&growth, 0, 0x5000, 0x8000, 6, true);
	assert_int_equal(growth.step_count, 3);
	expect_sum(3, MT_GROWTH_BREAK, 1, 0x1000, 0x1000);
	expect_sum(5, MT_GROWTH_BREAK, 1, 0x2000, 0x2000);
}

static void heaps_are_kept_apart_and_by_address(void **state)
{
	const uint64_t other = HEAP + MT_GROWTH_HEAP_BYTES;
	const struct mt_growth_range expected[] = {
	        {0x1000, 0x2000, MT_GROWTH_BREAK, 1},
	        {HEAP, HEAP + 0x1000, MT_GROWTH_HEAP, 3},
	        {HEAP + 0x1000, HEAP + 0x2000, MT_GROWTH_HEAP, 4},
	        {other, other + 0x3000, MT_GROWTH_HEAP, 2}};

	(void)state;
	mt_growth_grow(&growth, other, other, other + 0x3000, 2, true);
	mt_growth_grow(&growth, HEAP, HEAP, HEAP + 0x1000, 3, true);
	mt_growth_grow(&growth, 0, 0x1000, 0x2000, 1, true);
	/* memory that the kernel had been asked for before */
	mt_growth_grow(&growth, HEAP, HEAP + 0x1000, HEAP + 0x2000, 4, false);
	expect_ranges(expected, COUNT(expected));
	expect_sum(4, MT_GROWTH_HEAP, 0, 0x1000, 0);
	/* one that nothing is known of */
	mt_growth_shrink(&growth, HEAP + 2 * MT_GROWTH_HEAP_BYTES, 0);
	expect_ranges(expected, COUNT(expected));
}

static void a_chunk_goes_with_its_block(void **state)
{
	const struct mt_growth_range expected[] = {{HEAP, HEAP + 0x40000, MT_GROWTH_CHUNK, 5}};
	struct mt_live_entry chunk;

	(void)state;
	assert_true(growth.chunk_min_bytes == UINT64_MAX);
	mt_growth_map(&growth, HEAP + 16, 200000, HEAP, 0x40000, 5, true);
	assert_int_equal(growth.chunk_min_bytes, 200000);
	expect_ranges(expected, COUNT(expected));
	mt_growth_unmap(&growth, HEAP + 32, &chunk);
	assert_int_equal(chunk.addr, 0);
	mt_growth_unmap(&growth, HEAP + 16, &chunk);
	expect_ranges(NULL, 0);
	expect_sum(5, MT_GROWTH_CHUNK, 1, 0x40000, 0x40000);
	/* a realloc that failed */
	mt_growth_undo(&growth, &chunk);
	expect_ranges(expected, COUNT(expected));
	expect_sum(5, MT_GROWTH_CHUNK, 1, 0x40000, 0);
	/* its free was missed */
	mt_growth_map(&growth, HEAP + 16, 100000, HEAP, 0x20000, 6, true);
	expect_sum(5, MT_GROWTH_CHUNK, 1, 0x40000, 0x40000);
	assert_int_equal(growth.chunk_min_bytes, 100000);
	/* of a sample nobody will see the end */
	mt_growth_map(&growth, HEAP + 0x100010, 100000, HEAP + 0x100000, 0x20000, 7, false);
	expect_sum(7, MT_GROWTH_CHUNK, 1, 0x20000, 0);
	assert_int_equal(growth.chunks.count, 1);
}

static void what_overlaps_is_believed_once(void **state)
{
	(void)state;
	mt_growth_grow(&growth, HEAP, HEAP, HEAP + 0x4000, 1, true);
	mt_growth_map(&growth, HEAP + 0x1010, 1, HEAP + 0x1000, 0x1000, 2, true);
	mt_growth_map(&growth, HEAP + 0x3010, 1, HEAP + 0x3000, 0x3000, 3, true);
	{
		const struct mt_growth_range expected[] = {
		        {HEAP, HEAP + 0x4000, MT_GROWTH_HEAP, 1},
		        {HEAP + 0x4000, HEAP + 0x6000, MT_GROWTH_CHUNK, 3}};

		expect_ranges(expected, COUNT(expected));
	}
}

static void a_forked_child_has_the_heaps_and_sums_of_its_own(void **state)
{
	const struct mt_growth_range expected[] = {
	        {0x1000, 0x5000, MT_GROWTH_BREAK, 1},
	        {HEAP, HEAP + 0x2000, MT_GROWTH_HEAP, 2},
	        {HEAP + 0x5000, HEAP + 0x6000, MT_GROWTH_CHUNK, 3}};
	struct mt_growth child;

	(void)state;
	assert_int_equal(mt_growth_inherit(&growth, &child), 0);
	mt_growth_free(&child);
	mt_growth_grow(&growth, 0, 0x1000, 0x5000, 1, true);
	mt_growth_grow(&growth, HEAP, HEAP, HEAP + 0x2000, 2, true);
	mt_growth_map(&growth, HEAP + 0x5010, 100, HEAP + 0x5000, 0x1000, 3, true);
	assert_int_equal(mt_growth_inherit(&growth, &child), 0);
	mt_growth_shrink(&child, 0, 0x2000);
	mt_growth_unmap(&child, HEAP + 0x5010, NULL);
	expect_ranges(expected, COUNT(expected));
	mt_growth_free(&growth);
	growth = child;
	expect_sum(1, MT_GROWTH_BREAK, 0, 0, 0x3000);
	expect_sum(3, MT_GROWTH_CHUNK, 0, 0, 0x1000);
	expect_sum(2, MT_GROWTH_HEAP, 0, 0, 0);
	assert_int_equal(mt_growth_break_end(&growth), 0x2000);
	assert_int_equal(growth.chunk_min_bytes, 100);
}

/* Many heaps' steps, and an array that says of each page who has it. */
static void random_heaps_agree_with_an_array(void **state)
{
	static uint32_t pages[3][512];
	size_t ends[3] = {0};
	uint64_t seed = 1, bytes = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t heap = (seed >> 20) % 3, change = (seed >> 30) % 20, end = ends[heap];
		uint64_t base = heap ? HEAP + heap * MT_GROWTH_HEAP_BYTES : 0;
		uint64_t start = heap ? base : PAGE;
		uint32_t node = (uint32_t)(seed >> 40) % 5 + 1;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (seed >> 63 && end + change < 512) {
			for (size_t page = end; page < end + change; page++)
				pages[heap][page] = node;
			if (change)
				mt_growth_grow(&growth, base, start + end * PAGE,
				               start + (end + change) * PAGE, node, true);
			ends[heap] = end + change;
		} else if (end >= change) {
			ends[heap] = end - change;
			mt_growth_shrink(&growth, base, start + ends[heap] * PAGE);
		}
	}
	for (size_t i = 0; i < growth.area_count; i++) {
		size_t heap = growth.areas[i].base
		                      ? (growth.areas[i].base - HEAP) / MT_GROWTH_HEAP_BYTES
		                      : 0;
		uint64_t start = heap ? growth.areas[i].base : PAGE;

		for (size_t j = 0; j < growth.areas[i].count; j++) {
			const struct mt_growth_step *step = &growth.areas[i].steps[j];

			for (uint64_t at = step->start; at < step->end; at += PAGE, bytes += PAGE)
				assert_int_equal(pages[heap][(at - start) / PAGE], step->node);
		}
	}
	assert_int_equal(bytes, (ends[0] + ends[1] + ends[2]) * PAGE);
	for (size_t i = 0; i < growth.sum_count; i++)
		bytes -= growth.sums[i].grown_bytes - growth.sums[i].returned_bytes;
	assert_int_equal(bytes, 0);
}

/* ---- anonymous pages, pins ---- */

static const char smaps_text[] = "400000-402000 r--p 00000000 08:01 7 /bin/app\n"
                                 "402000-404000 rw-p 00002000 08:01 7 /bin/app\n"
                                 "500000-510000 rw-p 00000000 00:00 0 [heap]\n"
                                 "7f0000000000-7f0000020000 rw-p 00000000 00:00 0 \n"
                                 "7f0000100000-7f0000120000 rw-p 00000000 00:00 0 \n"
                                 "7ffc00000000-7ffc00010000 rw-p 00000000 00:00 0 [stack]\n";

static const uint32_t nodes[] = {0, 11, 12, 13};

static const struct mt_region regions[] = {
        {HEAP + 0x100000, HEAP + 0x108000, MT_REGION_MMAP, 2},
        {HEAP + 0x108000, HEAP + 0x109000, MT_REGION_MEMTRACE, 0},
        {HEAP + 0x109000, HEAP + 0x10b000, MT_REGION_STACK, 9},
        {HEAP + 0x10c000, HEAP + 0x110000, MT_REGION_MMAP, 3}};

static const struct mt_growth_range ranges[] = {
        {0x501000, 0x504000, MT_GROWTH_BREAK, 1},
        {0x504000, 0x508000, MT_GROWTH_BREAK, 2},
        {HEAP, HEAP + 0x4000, MT_GROWTH_HEAP, 3},
        {HEAP + 0x4000, HEAP + 0x8000, MT_GROWTH_HEAP, 1},
        /* over the border of a mapping, and inside of it */
        {HEAP + 0x107000, HEAP + 0x109000, MT_GROWTH_CHUNK, 4},
        {HEAP + 0x10d000, HEAP + 0x10e000, MT_GROWTH_CHUNK, 5}};

static uint64_t bytes_of(const struct mt_anonymous *anonymous, enum mt_anonymous_kind kind,
                         uint32_t node)
{
	for (size_t i = 0; i < anonymous->count; i++)
		if (anonymous->rows[i].kind == kind && anonymous->rows[i].node == node)
			return anonymous->rows[i].resident_bytes;
	return 0;
}

static void growth_comes_before_mappings(void **state)
{
	const struct mt_growth_range expected[] = {
	        ranges[0],
	        ranges[1],
	        ranges[2],
	        ranges[3],
	        {HEAP + 0x100000, HEAP + 0x107000, MT_GROWTH_MAPPING, 12},
	        ranges[4],
	        {HEAP + 0x10c000, HEAP + 0x10d000, MT_GROWTH_MAPPING, 13},
	        ranges[5],
	        {HEAP + 0x10e000, HEAP + 0x110000, MT_GROWTH_MAPPING, 13}};
	struct mt_growth_range *growers;
	size_t count;

	(void)state;
	assert_int_equal(mt_anonymous_growers(ranges, COUNT(ranges), regions, COUNT(regions), nodes,
	                                      &growers, &count),
	                 0);
	assert_int_equal(count, COUNT(expected));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(growers[i].start, expected[i].start);
		assert_int_equal(growers[i].end, expected[i].end);
		assert_int_equal(growers[i].kind, expected[i].kind);
		assert_int_equal(growers[i].node, expected[i].node);
	}
	free(growers);
}

/* The input for runs of pages and blocks; free its growers and smaps. */
static struct mt_owner_input input_of(struct mt_smaps *smaps, const struct mt_pages *pages,
                                      const struct mt_owner_block *blocks, size_t block_count)
{
	struct mt_owner_input input = {.smaps = smaps,
	                               .pages = pages,
	                               .blocks = blocks,
	                               .block_count = block_count,
	                               .regions = regions,
	                               .region_count = COUNT(regions),
	                               .sites = COUNT(nodes),
	                               .page_bytes = PAGE};
	struct mt_growth_range *growers;

	assert_int_equal(mt_smaps_parse(strdup(smaps_text), smaps), 0);
	assert_int_equal(mt_anonymous_growers(ranges, COUNT(ranges), regions, COUNT(regions), nodes,
	                                      &growers, &input.grower_count),
	                 0);
	input.growers = growers;
	return input;
}

static void every_anonymous_page_is_somebodys(void **state)
{
	struct mt_page_run runs[] = {{0x400000, 0x402000, MT_PAGE_RESIDENT | MT_PAGE_FILE},
	                             {0x402000, 0x403000, MT_PAGE_RESIDENT}, /* written to */
	                             {0x403000, 0x404000, MT_PAGE_RESIDENT | MT_PAGE_FILE},
	                             {0x500000, 0x506000, MT_PAGE_RESIDENT},
	                             {0x506000, 0x50a000, MT_PAGE_SWAPPED},
	                             {HEAP + 0x3000, HEAP + 0x5000, MT_PAGE_RESIDENT},
	                             {HEAP + 0x8000, HEAP + 0x9000, MT_PAGE_RESIDENT},
	                             {HEAP + 0x106000, HEAP + 0x111000, MT_PAGE_RESIDENT},
	                             {0x7ffc00008000, 0x7ffc00009000, MT_PAGE_RESIDENT}};
	struct mt_pages pages = {.runs = runs, .count = COUNT(runs)};
	struct mt_smaps smaps;
	struct mt_owner_input input = input_of(&smaps, &pages, NULL, 0);
	struct mt_anonymous anonymous;
	uint64_t resident = 0, swapped = 0;

	(void)state;
	assert_int_equal(mt_anonymous_find(&input, &anonymous), 0);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_FILE, 0), PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_BREAK, 1), 3 * PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_BREAK, 2), 2 * PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_HEAP, 3), PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_HEAP, 1), PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_MAPPING, 12), PAGE);
	/* what memtrace says of its own comes before what is said to have grown there */
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_CHUNK, 4), PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_MEMTRACE, 0), PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_STACK, 0), 3 * PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_MAPPING, 13), 3 * PAGE);
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_CHUNK, 5), PAGE);
	/* before the heap's first growth; behind a heap; between two mappings, and behind them */
	assert_int_equal(bytes_of(&anonymous, MT_ANONYMOUS_OTHER, 0), 4 * PAGE);
	for (size_t i = 0; i < anonymous.count; i++) {
		resident += anonymous.rows[i].resident_bytes;
		swapped += anonymous.rows[i].swapped_bytes;
	}
	assert_int_equal(resident, 22 * PAGE);
	assert_int_equal(swapped, 4 * PAGE);
	mt_anonymous_free(&anonymous);
	free((void *)(uintptr_t)input.growers);
	mt_smaps_free(&smaps);
}

static void the_last_block_pins_a_heap(void **state)
{
	struct mt_page_run runs[] = {{0x500000, 0x50c000, MT_PAGE_RESIDENT},
	                             {0x50c000, 0x50e000, MT_PAGE_SWAPPED},
	                             {HEAP, HEAP + 0x6000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {{0x501010, 100, 1},
	                                        {0x504ff0, 32, 2},
	                                        {HEAP + 0x1010, 100, 3},
	                                        /* in no heap */
	                                        {HEAP + 0x100010, 64, 1}};
	struct mt_pages pages = {.runs = runs, .count = COUNT(runs)};
	struct mt_smaps smaps;
	struct mt_owner_input input = input_of(&smaps, &pages, blocks, COUNT(blocks));
	struct mt_pins pins;

	(void)state;
	assert_int_equal(mt_pins_find(&input, &pins), 0);
	assert_int_equal(pins.count, 2);
	assert_int_equal(pins.rows[0].kind, MT_GROWTH_BREAK);
	assert_int_equal(pins.rows[0].start, 0x500000);
	assert_int_equal(pins.rows[0].end, 0x510000);
	assert_int_equal(pins.rows[0].block.addr, 0x504ff0);
	/* it ends on the sixth page */
	assert_int_equal(pins.rows[0].above_bytes, 6 * PAGE);
	assert_int_equal(pins.rows[1].kind, MT_GROWTH_HEAP);
	assert_int_equal(pins.rows[1].end, HEAP + 0x8000);
	assert_int_equal(pins.rows[1].block.site, 3);
	assert_int_equal(pins.rows[1].above_bytes, 4 * PAGE);
	mt_pins_free(&pins);
	free((void *)(uintptr_t)input.growers);
	mt_smaps_free(&smaps);
}

static void free_pages_are_theirs_for_whom_they_were_taken(void **state)
{
	struct mt_page_run runs[] = {{0x500000, 0x50a000, MT_PAGE_RESIDENT},
	                             {HEAP, HEAP + 0x9000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {{0x505010, 100, 1}};
	struct mt_pages pages = {.runs = runs, .count = COUNT(runs)};
	struct mt_smaps smaps;
	struct mt_owner_input input = input_of(&smaps, &pages, blocks, COUNT(blocks));
	struct mt_owners owners;
	uint64_t free_bytes[16] = {0}, top_bytes[16] = {0};

	(void)state;
	assert_int_equal(mt_owners_find(&input, &owners), 0);
	for (size_t i = 0; i < owners.count; i++) {
		if (owners.rows[i].kind == MT_OWNER_FREE)
			free_bytes[owners.rows[i].node] += owners.rows[i].bytes;
		if (owners.rows[i].kind == MT_OWNER_TOP)
			top_bytes[owners.rows[i].node] += owners.rows[i].bytes;
	}
	/* 500 to 501, before the first growth */
	assert_int_equal(free_bytes[0], PAGE);
	/* 501 to 504; and the second half of the other heap, where no block lives */
	assert_int_equal(free_bytes[1], 3 * PAGE + 4 * PAGE);
	/* 504 to 505, as 505 has a block */
	assert_int_equal(free_bytes[2], PAGE);
	assert_int_equal(free_bytes[3], 4 * PAGE);
	assert_int_equal(top_bytes[2], 2 * PAGE);
	/* behind all that was seen to grow */
	assert_int_equal(top_bytes[0], 2 * PAGE);
	assert_int_equal(owners.unexplained_bytes, PAGE);
	mt_owners_free(&owners);
	free((void *)(uintptr_t)input.growers);
	mt_smaps_free(&smaps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_is_given_back_is_that_of_who_took_it_last,
	                                        setup, teardown),
	        cmocka_unit_test_setup_teardown(heaps_are_kept_apart_and_by_address, setup,
	                                        teardown),
	        cmocka_unit_test_setup_teardown(a_chunk_goes_with_its_block, setup, teardown),
	        cmocka_unit_test_setup_teardown(what_overlaps_is_believed_once, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_forked_child_has_the_heaps_and_sums_of_its_own,
	                                        setup, teardown),
	        cmocka_unit_test_setup_teardown(random_heaps_agree_with_an_array, setup, teardown),
	        cmocka_unit_test(growth_comes_before_mappings),
	        cmocka_unit_test(every_anonymous_page_is_somebodys),
	        cmocka_unit_test(the_last_block_pins_a_heap),
	        cmocka_unit_test(free_pages_are_theirs_for_whom_they_were_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
