/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_bss.c - base/bss.h on this very process, whose linker says where the bss ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bss.h"

extern char _end[]; /* of the linker: one past the bss */

static char zeroes[3 << 16];
static uint64_t page;
static uint64_t bss_end;

/* The mapping that the bss lies in. */
static struct mt_vma find(struct mt_smaps *smaps)
{
	assert_int_equal(mt_smaps_read("", getpid(), smaps), 0);
	mt_bss_bound("", getpid(), smaps);
	for (size_t i = 0; i < smaps->count; i++)
		if (smaps->vmas[i].start <= bss_end - 1 && smaps->vmas[i].end > bss_end - 1)
			return smaps->vmas[i];
	fail_msg("no mapping ends the bss");
	return (struct mt_vma){0};
}

static void map_behind(uint64_t bytes)
{
	char *behind = mmap((void *)bss_end, bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (behind == MAP_FAILED)
		skip(); /* something else is there */
	memset(behind, 1, bytes);
}

static int unmap_behind(void **state)
{
	(void)state;
	return munmap((void *)bss_end, 1 << 20);
}

static void alone_it_is_all_of_its_mapping(void **state)
{
	struct mt_smaps smaps;
	struct mt_vma vma = find(&smaps);

	(void)state;
	assert_int_equal(vma.kind, MT_VMA_BSS);
	assert_int_equal(vma.end, bss_end);
	assert_int_equal(vma.bss_end, bss_end);
	mt_smaps_free(&smaps);
}

static void it_ends_where_the_linker_says(void **state)
{
	struct mt_smaps smaps;
	struct mt_vma vma;

	(void)state;
	map_behind(page);
	vma = find(&smaps);
	assert_int_equal(vma.end, bss_end + page); /* the kernel has joined them */
	assert_int_equal(vma.bss_end, bss_end);
	assert_int_equal(vma.kind, MT_VMA_BSS);
	mt_smaps_free(&smaps);
}

static void a_mapping_that_is_mostly_something_else_is_no_bss(void **state)
{
	struct mt_smaps smaps;
	struct mt_vma vma;

	(void)state;
	map_behind(1 << 20);
	vma = find(&smaps);
	assert_int_equal(vma.end, bss_end + (1 << 20));
	assert_int_equal(vma.bss_end, bss_end);
	assert_int_equal(vma.kind, MT_VMA_ANONYMOUS);
	mt_smaps_free(&smaps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(alone_it_is_all_of_its_mapping),
	        cmocka_unit_test_teardown(it_ends_where_the_linker_says, unmap_behind),
	        cmocka_unit_test_teardown(a_mapping_that_is_mostly_something_else_is_no_bss,
	                                  unmap_behind),
	};

	page = (uint64_t)sysconf(_SC_PAGESIZE);
	bss_end = ((uintptr_t)_end + page - 1) / page * page;
	memset(zeroes, 1, sizeof(zeroes));
	return cmocka_run_group_tests_name("bss", tests, NULL, NULL);
}
