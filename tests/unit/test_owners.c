/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_owners.c - collect/owners.h on small address spaces whose owners were worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/owners.h"
#include "collect/pools.h"

#define PAGE  4096u
#define SITES 8u

static struct mt_owners owners;

static void find(const char *smaps_text, const struct mt_page_run *runs, size_t run_count,
                 const struct mt_owner_block *blocks, size_t block_count,
                 const struct mt_region *regions, size_t region_count)
{
	struct mt_pages pages = {.runs = (struct mt_page_run *)(uintptr_t)runs, .count = run_count};
	struct mt_smaps smaps;
	struct mt_owner_input input = {
	        .smaps = &smaps,
	        .pages = &pages,
	        .blocks = blocks,
	        .block_count = block_count,
	        .regions = regions,
	        .region_count = region_count,
	        .sites = SITES,
	        .page_bytes = PAGE,
	};
	uint64_t sum = 0, of_mappings = 0, of_one;

	assert_int_equal(mt_smaps_parse(strdup(smaps_text), &smaps), 0);
	assert_int_equal(mt_owners_find(&input, &owners), 0);
	for (size_t i = 0; i < owners.count; i++)
		sum += owners.rows[i].bytes;
	/* Whatever the case: the owners add up to what is resident, mapping by mapping. */
	for (size_t i = 0; i < smaps.count; i++) {
		of_one = 0;
		for (size_t j = 0; j < owners.count; j++)
			of_one += owners.rows[j].mapping == i ? owners.rows[j].bytes : 0;
		assert_int_equal(of_one, owners.mappings[i]);
		of_mappings += owners.mappings[i];
	}
	assert_int_equal(sum, owners.resident_bytes);
	assert_int_equal(of_mappings, owners.resident_bytes);
	sum = 0;
	for (size_t i = 0; i < MT_OWNER_KIND_COUNT; i++)
		sum += owners.kinds[i];
	assert_int_equal(sum, owners.resident_bytes);
	mt_smaps_free(&smaps);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t bytes_of(enum mt_owner_kind kind, uint32_t key)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < owners.count; i++)
		if (owners.rows[i].kind == kind && owners.rows[i].key == key)
			sum += owners.rows[i].bytes;
	return sum;
}

static int free_owners(void **state)
{
	(void)state;
	mt_owners_free(&owners);
	return 0;
}

static void a_page_is_its_blocks_and_their_slack(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x12000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {
	        {0x10000, 1000, 1}, /* page 0: 1000 of site 1, 2000 of site 2, 1096 slack */
	        {0x10400, 2000, 2},
	        {0x11010, 16, 3}, /* page 1: 16 bytes pin it */
	};

	(void)state;
	find("10000-20000 rw-p 00000000 00:00 0 [heap]\n", runs, COUNT(runs), blocks, COUNT(blocks),
	     NULL, 0);
	assert_int_equal(bytes_of(MT_OWNER_LIVE, 1), 1000);
	assert_int_equal(bytes_of(MT_OWNER_LIVE, 2), 2000);
	/* 1096 * 1000 / 3000 = 365, and the rest to the larger */
	assert_int_equal(bytes_of(MT_OWNER_SLACK, 1), 365);
	assert_int_equal(bytes_of(MT_OWNER_SLACK, 2), 731);
	assert_int_equal(bytes_of(MT_OWNER_LIVE, 3), 16);
	assert_int_equal(bytes_of(MT_OWNER_SLACK, 3), 4080);
	assert_int_equal(owners.sites[3].pinned_bytes, PAGE);
	assert_int_equal(owners.sites[1].pinned_bytes, 0);
	assert_int_equal(owners.resident_bytes, 2 * PAGE);
}

static void free_pages_of_the_heap_are_in_it_or_at_its_top(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x18000, MT_PAGE_RESIDENT},
	                                   {0x1a000, 0x1b000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {{0x12000, 100, 0}, {0x14ff0, 32, 1}};

	(void)state;
	find("10000-20000 rw-p 00000000 00:00 0 [heap]\n", runs, COUNT(runs), blocks, COUNT(blocks),
	     NULL, 0);
	/* pages 0, 1 and 3 are free; the second block lies on pages 4 and 5 */
	assert_int_equal(bytes_of(MT_OWNER_FREE, 0), 3 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_TOP, 0), 3 * PAGE);
	assert_int_equal(owners.sites[1].pinned_bytes, 2 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_LIVE, 1), 32);
}

static void only_the_resident_part_of_a_large_block_counts(void **state)
{
	const struct mt_page_run runs[] = {{0x100000, 0x101000, MT_PAGE_RESIDENT},
	                                   {0x110000, 0x150000, MT_PAGE_RESIDENT},
	                                   {0x150000, 0x151000, MT_PAGE_SWAPPED}};
	const struct mt_owner_block blocks[] = {{0x100010, 0x100000 - 0x20, 5}};

	(void)state;
	find("100000-200000 rw-p 00000000 00:00 0 \n", runs, COUNT(runs), blocks, COUNT(blocks),
	     NULL, 0);
	assert_int_equal(bytes_of(MT_OWNER_LIVE, 5), 0x40000 + PAGE - 16);
	assert_int_equal(bytes_of(MT_OWNER_SLACK, 5), 16);
	assert_int_equal(owners.sites[5].pinned_bytes, 0x41000);
	assert_int_equal(owners.swapped_bytes, PAGE);
}

static void regions_name_what_no_block_is_in(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x20000, MT_PAGE_RESIDENT},
	                                   {0x30000, 0x34000, MT_PAGE_RESIDENT},
	                                   {0x40000, 0x42000, MT_PAGE_RESIDENT},
	                                   {0x50000, 0x51000, MT_PAGE_RESIDENT}};
	const struct mt_region regions[] = {{0x11000, 0x13000, MT_REGION_MMAP, 4},
	                                    {0x13000, 0x14000, MT_REGION_MMAP, 6},
	                                    {0x32000, 0x40000, MT_REGION_STACK, 77},
	                                    {0x50000, 0x51000, MT_REGION_MEMTRACE, 0}};

	(void)state;
	find("10000-20000 rw-p 00000000 00:00 0 \n"
	     "30000-34000 rw-p 00000000 00:00 0 \n"
	     "40000-42000 r-xp 00000000 08:01 12 /lib/x.so\n"
	     "50000-51000 rw-s 00000000 00:01 13 /memfd:memtrace (deleted)\n",
	     runs, COUNT(runs), NULL, 0, regions, COUNT(regions));
	assert_int_equal(bytes_of(MT_OWNER_MMAP, 4), 2 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_MMAP, 6), PAGE);
	assert_int_equal(owners.sites[4].mapped_bytes, 2 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_UNEXPLAINED, 0), 13 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_UNEXPLAINED, 1), 2 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_STACK, 77), 2 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_TEXT, 2), 2 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_MEMTRACE, 3), PAGE);
	assert_int_equal(owners.unexplained_bytes, 15 * PAGE);
}

static void an_allocators_mapping_without_a_block_is_free(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x14000, MT_PAGE_RESIDENT},
	                                   {0x20000, 0x24000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {{0x20800, 10, 0}};
	const struct mt_region regions[] = {{0x10000, 0x14000, MT_REGION_ALLOCATOR, 0}};

	(void)state;
	find("10000-14000 rw-p 00000000 00:00 0 \n"
	     "20000-24000 rw-p 00000000 00:00 0 \n",
	     runs, COUNT(runs), blocks, COUNT(blocks), regions, COUNT(regions));
	assert_int_equal(bytes_of(MT_OWNER_FREE, 0), 4 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_TOP, 1), 3 * PAGE);
}

static void what_holds_blocks_was_mapped_by_an_allocator(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x20000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {{0x12010, 100, 1}};
	const struct mt_region regions[] = {{0x10000, 0x18000, MT_REGION_MMAP, 4},
	                                    {0x18000, 0x20000, MT_REGION_MMAP, 5}};

	(void)state;
	find("10000-20000 rw-p 00000000 00:00 0 \n", runs, COUNT(runs), blocks, COUNT(blocks),
	     regions, COUNT(regions));
	assert_int_equal(bytes_of(MT_OWNER_FREE, 0), 7 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_MMAP, 4), 0);
	assert_int_equal(bytes_of(MT_OWNER_MMAP, 5), 8 * PAGE);
}

static void blocks_that_overlap_are_not_counted_twice(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x11000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {
	        {0x10000, 4096, 0}, {0x10100, 100, 1}, {0x10f00, 4096, 2}};

	(void)state;
	find("10000-20000 rw-p 00000000 00:00 0 \n", runs, COUNT(runs), blocks, COUNT(blocks), NULL,
	     0);
	assert_int_equal(bytes_of(MT_OWNER_LIVE, 0), PAGE);
	assert_int_equal(bytes_of(MT_OWNER_LIVE, 1), 0);
}

/* 2 MB at 0x200000 are one huge page, of which three pages hold blocks. */
static void free_pages_of_a_huge_page_are_its_blocks_bloat(void **state)
{
	const struct mt_page_run runs[] = {
	        {0x200000, 0x400000, MT_PAGE_RESIDENT | MT_PAGE_HUGE},
	        {0x400000, 0x600000, MT_PAGE_RESIDENT | MT_PAGE_HUGE},
	        {0x600000, 0x610000, MT_PAGE_RESIDENT},
	};
	const struct mt_owner_block blocks[] = {
	        {0x200000, 3 * PAGE, 1}, /* 509 pages of bloat: 3/4 to site 1, 1/4 to 2 */
	        {0x203000, PAGE, 2},
	        {0x500000, 16, 3}, /* alone in its huge page */
	};
	const struct mt_region pool = {0x200000, 0x700000, MT_REGION_POOL, 0};
	const uint64_t huge = 512 * PAGE;

	(void)state;
	find("200000-700000 rw-p 00000000 00:00 0 \n", runs, COUNT(runs), blocks, COUNT(blocks),
	     NULL, 0);
	assert_int_equal(bytes_of(MT_OWNER_BLOAT, 1), 508 * PAGE / 4 * 3);
	assert_int_equal(bytes_of(MT_OWNER_BLOAT, 2), 508 * PAGE / 4);
	assert_int_equal(bytes_of(MT_OWNER_BLOAT, 3), 511 * PAGE);
	assert_int_equal(owners.sites[1].pinned_bytes, 3 * PAGE);
	assert_int_equal(owners.sites[2].pinned_bytes, PAGE);
	assert_int_equal(owners.sites[3].pinned_bytes, huge);
	assert_int_equal(owners.kinds[MT_OWNER_TOP], 16 * PAGE);
	/* libc's: all below the last block, and of an arena nothing above it */
	assert_int_equal(owners.purgeable_bytes, (508 + 256) * PAGE);
	mt_owners_free(&owners);
	/* Of jemalloc's memory, 7 pages next to a block may be kept for others of its size. */
	find("200000-700000 rw-p 00000000 00:00 0 \n", runs, COUNT(runs), blocks, COUNT(blocks),
	     &pool, 1);
	assert_int_equal(owners.kinds[MT_OWNER_FREE], 16 * PAGE);
	assert_int_equal(owners.purgeable_bytes,
	                 (508 - 7) * PAGE + (256 - 7) * PAGE + (255 - 7) * PAGE + 16 * PAGE);
}

static void a_site_returns_what_it_holds_up(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x20000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {
	        {0x10000, 100, 1}, /* pages 1 to 3 are free below both */
	        {0x14000, 100, 2}, /* and 5 to 8 above this one ... */
	        {0x19000, 100, 3}, /* ... which this alone keeps from the top */
	        {0x1b000, 100, 3},
	};

	(void)state;
	find("10000-20000 rw-p 00000000 00:00 0 [heap]\n", runs, COUNT(runs), blocks, COUNT(blocks),
	     NULL, 0);
	for (size_t i = 0; i < owners.count; i++) {
		const struct mt_owner *row = &owners.rows[i];

		if (row->kind != MT_OWNER_LIVE)
			continue;
		/* two pages with blocks, four below, one between, four above */
		assert_int_equal(row->returned_bytes, row->key == 3 ? 11 * PAGE : PAGE);
	}
	assert_int_equal(bytes_of(MT_OWNER_TOP, 0), 4 * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_FREE, 0), 8 * PAGE);
	assert_int_equal(owners.purgeable_bytes, 12 * PAGE);
	assert_int_equal(owners.trim_step_bytes, PAGE);
}

static void a_heap_with_huge_pages_is_cut_by_them(void **state)
{
	const struct mt_page_run runs[] = {{0x200000, 0x800000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {
	        {0x250000, 100, 1},
	        {0x300000, 100, 2}, /* two huge pages are free above, counted from the end */
	};

	(void)state;
	find("200000-800000 rw-p 00000000 00:00 0 [heap]\n"
	     "VmFlags: rd wr mr mw me ac hg \n",
	     runs, COUNT(runs), blocks, COUNT(blocks), NULL, 0);
	assert_int_equal(owners.trim_step_bytes, 0x200000);
	/* to 0x301000 all but two pages; from 0x400000 all */
	assert_int_equal(owners.purgeable_bytes, (0x101 - 2 + 0x400) * PAGE);
	assert_int_equal(bytes_of(MT_OWNER_TOP, 0), 0x4ff * PAGE);
	for (size_t i = 0; i < owners.count; i++) {
		const struct mt_owner *row = &owners.rows[i];

		if (row->kind == MT_OWNER_LIVE)
			assert_int_equal(row->returned_bytes, row->key == 2 ? 0x401 * PAGE : PAGE);
	}
}

static void find_step(const char *smaps, uint64_t step_bytes)
{
	const struct mt_page_run runs[] = {{0x10000, 0x20000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {{0x11000, 100, 1}};

	find(smaps, runs, COUNT(runs), blocks, COUNT(blocks), NULL, 0);
	assert_int_equal(owners.trim_step_bytes, step_bytes);
	mt_owners_free(&owners);
}

/* The first two as a program's with glibc.malloc.hugetlb=1 was; of 512 breaks one ends at 2 MiB by itself. */
static void huge_pages_that_were_asked_for_are_seen_by_their_flag(void **state)
{
	(void)state;
	find_step("10000-210000 rw-p 00000000 00:00 0 [heap]\n"
	          "VmFlags: rd wr mr mw me ac hg \n",
	          0x200000);
	find_step("10000-210000 rw-p 00000000 00:00 0 [heap]\n"
	          "VmFlags: rd wr mr mw me ac hg \n"
	          "210000-400000 rw-p 00000000 00:00 0 [heap]\n"
	          "VmFlags: rd wr mr mw me ac \n",
	          0x200000);
	find_step("10000-2000000 rw-p 00000000 00:00 0 [heap]\n"
	          "VmFlags: rd wr mr mw me ac \n",
	          PAGE);
}

static void a_break_of_two_mappings_has_one_end(void **state)
{
	const char smaps[] = "10000-14000 rw-p 00000000 00:00 0 [heap]\n"
	                     "14000-20000 rw-p 00000000 00:00 0 [heap]\n";
	const struct mt_page_run runs[] = {{0x10000, 0x20000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block blocks[] = {{0x11000, 100, 1}, {0x16000, 100, 2}};

	(void)state;
	find(smaps, runs, COUNT(runs), blocks, COUNT(blocks), NULL, 0);
	assert_int_equal(owners.kinds[MT_OWNER_FREE], 5 * PAGE);
	assert_int_equal(owners.kinds[MT_OWNER_TOP], 9 * PAGE);
	mt_owners_free(&owners);
	/* and without the second block */
	find(smaps, runs, COUNT(runs), blocks, 1, NULL, 0);
	assert_int_equal(owners.kinds[MT_OWNER_FREE], PAGE);
	assert_int_equal(owners.kinds[MT_OWNER_TOP], 14 * PAGE);
	assert_int_equal(owners.purgeable_bytes, 15 * PAGE);
}

static void the_break_is_an_allocators_if_blocks_live_in_it(void **state)
{
	const struct mt_page_run runs[] = {{0x10000, 0x20000, MT_PAGE_RESIDENT}};
	const struct mt_owner_block malloc_s[] = {{0x10010, 100, 1}, {0x14010, 100, 1}};
	const struct mt_owner_block inside[] = {{0x16000, 100, 1}};
	const struct mt_region regions[] = {{0x14000, 0x18000, MT_REGION_BREAK, 5}};

	(void)state;
	/* its first page is half malloc's */
	find("10000-20000 rw-p 00000000 00:00 0 [heap]\n", runs, COUNT(runs), malloc_s,
	     COUNT(malloc_s), regions, COUNT(regions));
	assert_int_equal(bytes_of(MT_OWNER_MMAP, 5), 3 * PAGE);
	mt_owners_free(&owners);
	find("10000-20000 rw-p 00000000 00:00 0 [heap]\n", runs, COUNT(runs), inside, COUNT(inside),
	     regions, COUNT(regions));
	assert_int_equal(owners.kinds[MT_OWNER_MMAP], 0);
}

static void a_library_that_hands_its_mappings_out_is_an_allocator(void **state)
{
	/* Of module 2, one holds a block; module 3 maps for itself, and 0 may be the program. */
	struct mt_region regions[] = {
	        {0x10000, 0x20000, MT_REGION_MMAP, 1}, {0x20000, 0x30000, MT_REGION_MMAP, 2},
	        {0x30000, 0x40000, MT_REGION_MMAP, 3}, {0x40000, 0x50000, MT_REGION_MMAP, 4},
	        {0x50000, 0x60000, MT_REGION_MMAP, 5},
	};
	const uint32_t modules[] = {2, 2, 3, 0, 0};
	const struct mt_owner_block blocks[] = {
	        {0x8000, 16, 1}, {0x24000, 16, 1}, {0x44000, 16, 1}};

	(void)state;
	assert_int_equal(mt_pools_mark(regions, COUNT(regions), modules, blocks, COUNT(blocks)), 0);
	assert_int_equal(regions[0].kind, MT_REGION_POOL);
	assert_int_equal(regions[1].kind, MT_REGION_POOL);
	assert_int_equal(regions[2].kind, MT_REGION_MMAP);
	assert_int_equal(regions[3].kind, MT_REGION_MMAP);
	assert_int_equal(regions[4].kind, MT_REGION_MMAP);
}

static uint64_t next(uint64_t *seed, uint64_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % limit;
}

/* Random address spaces: find() itself holds the sums against each other. */
static void it_always_adds_up(void **state)
{
	uint64_t seed = 88172645463325252ull;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct mt_page_run runs[64];
		struct mt_owner_block blocks[256];
		struct mt_region regions[16];
		size_t run_count = 0, block_count = 0, region_count = 0;
		uint64_t at = 0x10000;

		while (run_count < 64 && at < 0x200000) {
			uint64_t pages = 1 + next(&seed, 5);

			runs[run_count++] = (struct mt_page_run){at, at + pages * PAGE,
			                                         next(&seed, 8) ? MT_PAGE_RESIDENT
			                                                        : MT_PAGE_SWAPPED};
			if (!next(&seed, 4))
				runs[run_count - 1].bits |= MT_PAGE_HUGE;
			at += (pages + next(&seed, 3)) * PAGE;
		}
		for (at = 0x10000 + next(&seed, 5000); block_count < 256 && at < 0x200000;) {
			uint64_t size = next(&seed, 10) ? next(&seed, 900) : next(&seed, 30000);

			blocks[block_count++] =
			        (struct mt_owner_block){at, size, (uint32_t)next(&seed, SITES)};
			at += (next(&seed, 20) ? size : size / 2) + 16 * next(&seed, 400);
		}
		for (at = 0x10000; region_count < 16; region_count++) {
			uint64_t start = at + next(&seed, 9) * PAGE;

			at = start + (1 + next(&seed, 20)) * PAGE;
			regions[region_count] =
			        (struct mt_region){start, at, (enum mt_region_kind)next(&seed, 7),
			                           (uint32_t)next(&seed, SITES)};
		}
		find("10000-80000 rw-p 00000000 00:00 0 [heap]\n"
		     "80000-90000 rw-p 00000000 00:00 0 \n"
		     "90000-a0000 r-xp 00000000 08:01 1 /bin/x\n"
		     "100000-230000 rw-p 00000000 00:00 0 \n",
		     runs, run_count, blocks, block_count, regions, region_count);
		mt_owners_free(&owners);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(a_page_is_its_blocks_and_their_slack, free_owners),
	        cmocka_unit_test_teardown(free_pages_of_the_heap_are_in_it_or_at_its_top,
	                                  free_owners),
	        cmocka_unit_test_teardown(only_the_resident_part_of_a_large_block_counts,
	                                  free_owners),
	        cmocka_unit_test_teardown(regions_name_what_no_block_is_in, free_owners),
	        cmocka_unit_test_teardown(an_allocators_mapping_without_a_block_is_free,
	                                  free_owners),
	        cmocka_unit_test_teardown(what_holds_blocks_was_mapped_by_an_allocator,
	                                  free_owners),
	        cmocka_unit_test_teardown(blocks_that_overlap_are_not_counted_twice, free_owners),
	        cmocka_unit_test_teardown(free_pages_of_a_huge_page_are_its_blocks_bloat,
	                                  free_owners),
	        cmocka_unit_test_teardown(a_heap_with_huge_pages_is_cut_by_them, free_owners),
	        cmocka_unit_test_teardown(huge_pages_that_were_asked_for_are_seen_by_their_flag,
	                                  free_owners),
	        cmocka_unit_test_teardown(a_break_of_two_mappings_has_one_end, free_owners),
	        cmocka_unit_test_teardown(a_site_returns_what_it_holds_up, free_owners),
	        cmocka_unit_test_teardown(the_break_is_an_allocators_if_blocks_live_in_it,
	                                  free_owners),
	        cmocka_unit_test(a_library_that_hands_its_mappings_out_is_an_allocator),
	        cmocka_unit_test(it_always_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
