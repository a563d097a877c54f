/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_pagemap.c - base/pagemap.h on mappings of this process whose residency is known by construction. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pagemap.h"
#include "base/smaps.h"

#define PAGES 64u

static size_t page;
static int fd;

static int set_up(void **state)
{
	(void)state;
	page = (size_t)sysconf(_SC_PAGESIZE);
	fd = mt_pagemap_open("", getpid());
	return fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	return close(fd);
}

static char *map(int flags)
{
	char *start =
	        mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(start, MAP_FAILED);
	madvise(start, PAGES * page, MADV_NOHUGEPAGE);
	return start;
}

static uint64_t resident(const char *start, struct mt_pages *pages)
{
	uint64_t sum = 0;

	*pages = (struct mt_pages){0};
	assert_int_equal(
	        mt_pagemap_add(fd, (uintptr_t)start, (uintptr_t)start + PAGES * page, pages), 0);
	for (size_t i = 0; i < pages->count; i++)
		if (pages->runs[i].bits & MT_PAGE_RESIDENT)
			sum += pages->runs[i].end - pages->runs[i].start;
	return sum;
}

/* Has a page that was only read memory of its own? */
static bool is_own(const char *start)
{
	uint64_t entry = 0;

	assert_int_equal(
	        pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)start / page * sizeof(entry))),
	        sizeof(entry));
	return entry >> 56 & 1; /* mapped here alone */
}

static void touched_pages_are_resident_each_at_its_place(void **state)
{
	char *start = map(MAP_PRIVATE);
	struct mt_pages pages;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		start[i * page] = 1;
	start[20 * page] = 1;
	assert_int_equal(resident(start, &pages), 11 * page);
	assert_int_equal(pages.count, 2);
	assert_int_equal(pages.runs[0].start, (uintptr_t)start);
	assert_int_equal(pages.runs[0].end, (uintptr_t)start + 10 * page);
	assert_int_equal(pages.runs[1].start, (uintptr_t)start + 20 * page);
	assert_int_equal(pages.runs[1].bits & MT_PAGE_FILE, 0);
	mt_pages_free(&pages);
	munmap(start, PAGES * page);
}

static void the_zero_page_is_not_resident(void **state)
{
	char *start = map(MAP_PRIVATE);
	volatile char seen = 0;
	struct mt_pages pages;

	(void)state;
	for (size_t i = 0; i < PAGES; i++)
		seen = (char)(seen + start[i * page]);
	start[5 * page] = 1;
	if (is_own(start)) {
		munmap(start, PAGES * page);
		print_message("this kernel has no zero page\n");
		skip();
	}
	resident(start, &pages);
	if (pages.source != MT_PAGEMAP_SCAN) {
		mt_pages_free(&pages);
		munmap(start, PAGES * page);
		print_message("this kernel has no PAGEMAP_SCAN: the zero page cannot be told\n");
		skip();
	}
	mt_pages_free(&pages);
	assert_int_equal(resident(start, &pages), page);
	mt_pages_free(&pages);
	munmap(start, PAGES * page);
}

static void shared_memory_is_a_files(void **state)
{
	char *start = map(MAP_SHARED);
	struct mt_pages pages;

	(void)state;
	start[7 * page] = 1;
	assert_int_equal(resident(start, &pages), page);
	assert_int_not_equal(pages.runs[0].bits & MT_PAGE_FILE, 0);
	mt_pages_free(&pages);
	munmap(start, PAGES * page);
}

/* More runs than one call of the ioctl hands out. */
static void every_second_page_of_many_is_found(void **state)
{
	size_t count = 4096;
	char *start = mmap(NULL, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                   -1, 0);
	struct mt_pages pages = {0};

	(void)state;
	assert_ptr_not_equal(start, MAP_FAILED);
	madvise(start, count * page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < count; i += 2)
		start[i * page] = 1;
	assert_int_equal(
	        mt_pagemap_add(fd, (uintptr_t)start, (uintptr_t)start + count * page, &pages), 0);
	assert_int_equal(pages.count, count / 2);
	for (size_t i = 0; i < pages.count; i++) {
		assert_int_equal(pages.runs[i].start, (uintptr_t)start + i * 2 * page);
		assert_int_equal(pages.runs[i].end - pages.runs[i].start, page);
	}
	mt_pages_free(&pages);
	munmap(start, count * page);
}

static uint64_t resident_between(const struct mt_pages *pages, const char *start, size_t bytes)
{
	uint64_t sum = 0, from = (uintptr_t)start, to = from + bytes;

	for (size_t i = 0; i < pages->count; i++) {
		const struct mt_page_run *run = &pages->runs[i];

		if ((run->bits & MT_PAGE_RESIDENT) && run->start < to && run->end > from)
			sum += (run->end < to ? run->end : to) -
			       (run->start > from ? run->start : from);
	}
	return sum;
}

static void one_look_finds_the_pages_of_all_mappings(void **state)
{
	char *start = map(MAP_PRIVATE), *other = map(MAP_SHARED);
	struct mt_pages pages = {0};
	int r;

	(void)state;
	memset(start, 1, 9 * page);
	memset(other, 1, 4 * page);
	r = mt_pagemap_add_all(fd, &pages);
	if (r == -ENOTTY) {
		print_message("this kernel has no PAGEMAP_SCAN\n");
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(pages.source, MT_PAGEMAP_SCAN);
	assert_int_equal(resident_between(&pages, start, PAGES * page), 9 * page);
	assert_int_equal(resident_between(&pages, other, PAGES * page), 4 * page);
	mt_pages_free(&pages);
	munmap(start, PAGES * page);
	munmap(other, PAGES * page);
}

/* As on a kernel before 6.7: the zero page counts. */
static void an_old_kernels_pagemap_tells_all_but_the_zero_page(void **state)
{
	char *start = map(MAP_PRIVATE);
	volatile char seen;
	struct mt_pages pages = {.source = MT_PAGEMAP_READ};

	(void)state;
	memset(start, 1, 3 * page);
	seen = start[10 * page];
	(void)seen;
	assert_int_equal(
	        mt_pagemap_add(fd, (uintptr_t)start, (uintptr_t)start + PAGES * page, &pages), 0);
	assert_int_equal(pages.source, MT_PAGEMAP_READ);
	assert_string_equal(mt_pagemap_source_name(pages.source), "pagemap");
	assert_int_equal(resident_between(&pages, start, 3 * page), 3 * page);
	assert_int_equal(resident_between(&pages, start, PAGES * page), 4 * page);
	mt_pages_free(&pages);
	munmap(start, PAGES * page);
}

static void what_is_removed_is_gone_and_nothing_else(void **state)
{
	struct mt_pages pages = {
	        .runs = malloc(3 * sizeof(*pages.runs)), .count = 3, .capacity = 3};

	(void)state;
	pages.runs[0] = (struct mt_page_run){0x1000, 0x3000, MT_PAGE_RESIDENT};
	pages.runs[1] = (struct mt_page_run){0x3000, 0x8000, MT_PAGE_HUGE};
	pages.runs[2] = (struct mt_page_run){0x9000, 0xb000, MT_PAGE_RESIDENT};
	/* out of the middle of one, which becomes two */
	assert_int_equal(mt_pages_remove(&pages, 0x4000, 0x6000), 0);
	assert_int_equal(pages.count, 4);
	assert_int_equal(pages.runs[1].end, 0x4000);
	assert_int_equal(pages.runs[2].start, 0x6000);
	assert_int_equal(pages.runs[2].end, 0x8000);
	assert_int_equal(pages.runs[2].bits, MT_PAGE_HUGE);
	/* the end of one, one whole, the start of one */
	assert_int_equal(mt_pages_remove(&pages, 0x2000, 0x7000), 0);
	assert_int_equal(pages.count, 3);
	assert_int_equal(pages.runs[0].end, 0x2000);
	assert_int_equal(pages.runs[1].start, 0x7000);
	/* where nothing is */
	assert_int_equal(mt_pages_remove(&pages, 0x8000, 0x9000), 0);
	assert_int_equal(mt_pages_remove(&pages, 0xc000, 0xd000), 0);
	assert_int_equal(pages.count, 3);
	assert_int_equal(mt_pages_remove(&pages, 0, 0x10000), 0);
	assert_int_equal(pages.count, 0);
	mt_pages_free(&pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(touched_pages_are_resident_each_at_its_place),
	        cmocka_unit_test(the_zero_page_is_not_resident),
	        cmocka_unit_test(shared_memory_is_a_files),
	        cmocka_unit_test(every_second_page_of_many_is_found),
	        cmocka_unit_test(one_look_finds_the_pages_of_all_mappings),
	        cmocka_unit_test(an_old_kernels_pagemap_tells_all_but_the_zero_page),
	        cmocka_unit_test(what_is_removed_is_gone_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
