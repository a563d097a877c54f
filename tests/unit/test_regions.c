/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_regions.c - collect/regions.h against an array that says of each page whose it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collect/regions.h"

#define PAGE  4096ull
#define PAGES 200u
#define BASE  0x7f0000000000ull

static struct mt_regions regions;

static uint64_t next(uint64_t *seed, uint64_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % limit;
}

static void compare(const uint32_t *pages)
{
	uint64_t end = 0;
	uint32_t found[PAGES] = {0};

	for (size_t i = 0; i < regions.count; i++) {
		const struct mt_region *row = &regions.rows[i];

		assert_true(row->start >= end);
		assert_true(row->end > row->start);
		end = row->end;
		for (uint64_t at = row->start; at < row->end; at += PAGE)
			found[(at - BASE) / PAGE] = row->key;
	}
	assert_memory_equal(found, pages, sizeof(found));
}

static void set(uint32_t *pages, uint64_t first, uint64_t count, uint32_t value)
{
	for (uint64_t i = first; i < first + count; i++)
		pages[i] = value;
}

static void every_page_belongs_to_who_mapped_it_last(void **state)
{
	uint32_t pages[PAGES] = {0};
	uint64_t seed = 88172645463325252ull;

	(void)state;
	for (uint32_t step = 1; step < 20000; step++) {
		uint64_t first = next(&seed, PAGES), count = 1 + next(&seed, 40);
		uint64_t start = BASE + first * PAGE, bytes;

		if (first + count > PAGES)
			count = PAGES - first;
		/* Sizes need not be whole pages. */
		bytes = count * PAGE - next(&seed, PAGE);
		switch (next(&seed, 4)) {
		case 0:
			mt_regions_unmap(&regions, start, bytes, PAGE);
			set(pages, first, count, 0);
			break;
		case 1: /* a munmap that fails */
			mt_regions_unmap(&regions, start, bytes, PAGE);
			mt_regions_undo(&regions, start, bytes, PAGE);
			break;
		default:
			mt_regions_map(&regions, start, bytes, step, PAGE);
			set(pages, first, count, step);
		}
		compare(pages);
	}
	mt_regions_free(&regions);
}

/* Of the two, `regions` is the parent, at first. */
static void a_child_keeps_what_was_mapped_at_the_fork(void **state)
{
	uint32_t pages[PAGES] = {0}, of_child[PAGES], parent_pages[PAGES];
	struct mt_regions child = {0}, parent;
	uint64_t seed = 362436069ull;

	(void)state;
	for (uint32_t step = 1; step < 3000; step++) {
		uint64_t first = next(&seed, PAGES), count = 1 + next(&seed, 20);

		if (first + count > PAGES)
			count = PAGES - first;
		if (step % 3 == 0) {
			mt_regions_unmap(&regions, BASE + first * PAGE, count * PAGE, PAGE);
			set(pages, first, count, 0);
		} else {
			mt_regions_map(&regions, BASE + first * PAGE, count * PAGE, step, PAGE);
			set(pages, first, count, step);
		}
		compare(pages);
		if (step % 10 == 0) {
			mt_regions_free(&child);
			assert_int_equal(mt_regions_share(&regions, &child), 0);
			memcpy(of_child, pages, sizeof(pages));
			assert_ptr_equal(child.rows, regions.rows);
		}
		if (step < 10)
			continue;
		parent = regions;
		regions = child;
		compare(of_child);
		/* Now and then the child goes on, and the parent stays as it was. */
		if (step % 100 == 50) {
			child = parent;
			memcpy(parent_pages, pages, sizeof(pages));
			memcpy(pages, of_child, sizeof(pages));
			memcpy(of_child, parent_pages, sizeof(pages));
		} else {
			regions = parent;
		}
	}
	mt_regions_free(&child);
	mt_regions_free(&regions);
}

static void the_length_of_a_mapping_is_that_of_its_call(void **state)
{
	(void)state;
	mt_regions_map(&regions, BASE, 10 * PAGE, 7, PAGE);
	mt_regions_map(&regions, BASE + 10 * PAGE, 2 * PAGE, 8, PAGE);
	assert_int_equal(mt_regions_bytes(&regions, BASE), 10 * PAGE);
	assert_int_equal(mt_regions_bytes(&regions, BASE + 10 * PAGE), 2 * PAGE);
	assert_int_equal(mt_regions_bytes(&regions, BASE + PAGE), 0);
	assert_int_equal(mt_regions_bytes(&regions, BASE + 12 * PAGE), 0);
	mt_regions_free(&regions);
}

static void impossible_ranges_change_nothing(void **state)
{
	(void)state;
	mt_regions_map(&regions, BASE, 3 * PAGE, 7, PAGE);
	mt_regions_map(&regions, BASE, 0, 8, PAGE);
	mt_regions_map(&regions, UINT64_MAX - 5, 100, 8, PAGE);
	mt_regions_map(&regions, BASE, UINT64_MAX - 100, 8, PAGE);
	mt_regions_unmap(&regions, BASE, UINT64_MAX, PAGE);
	assert_int_equal(regions.count, 1);
	assert_int_equal(regions.rows[0].end, BASE + 3 * PAGE);
	mt_regions_free(&regions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_page_belongs_to_who_mapped_it_last),
	        cmocka_unit_test(a_child_keeps_what_was_mapped_at_the_fork),
	        cmocka_unit_test(the_length_of_a_mapping_is_that_of_its_call),
	        cmocka_unit_test(impossible_ranges_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
