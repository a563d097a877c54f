/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_frames.c - host/frames.h on tables of pages that were written by hand: every kind, swapped ones too. */
#include "host/frames.h"
#include "tests/unit/root.h"

#define PAGE 4096u

static struct mt_frames frames;

/* The word of page `index` in a file of words. */
static void put_word(const char *path, uint64_t index, uint64_t word)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	if (access(whole, F_OK) != 0)
		put(path, "");
	file = fopen(whole, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, (long)(index * sizeof(word)), SEEK_SET), 0);
	assert_int_equal(fwrite(&word, sizeof(word), 1, file), 1);
	fclose(file);
}

static uint64_t add(uint64_t first, uint64_t last, size_t limit)
{
	uint64_t next;

	assert_int_equal(
	        mt_frames_add(root, 7, first * PAGE, last * PAGE, PAGE, limit, &frames, &next), 0);
	return next;
}

/* By the kernel's Documentation/admin-guide/mm/pagemap.rst. */
static void bits_are_what_the_kernel_says(void **state)
{
	static const struct {
		uint64_t entry;
		uint64_t bits;
		uint64_t frame;
	} rows[] = {
	        {1ull << 63 | 1ull << 56 | 0x123, MT_PAGEMAP_PRESENT | MT_PAGEMAP_EXCLUSIVE, 0x123},
	        {1ull << 63 | 1ull << 61 | 0x500, MT_PAGEMAP_PRESENT | MT_PAGEMAP_FILE, 0x500},
	        {1ull << 63 | 1ull << 55 | 0x900, MT_PAGEMAP_PRESENT | MT_PAGEMAP_SOFT_DIRTY,
	         0x900},
	        {1ull << 63 | 1ull << 57 | 0x700, MT_PAGEMAP_PRESENT | MT_PAGEMAP_WRITE_PROTECTED,
	         0x700},
	        {1ull << 58, MT_PAGEMAP_GUARD, MT_FRAME_UNKNOWN},
	        {0, 0, MT_FRAME_UNKNOWN},
	};
	const size_t count = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (size_t i = 0; i < count; i++)
		put_word("/proc/7/pagemap", 16 + i, rows[i].entry);
	assert_int_equal(add(16, 16 + count, SIZE_MAX), (16 + count) * PAGE);
	assert_int_equal(frames.count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(frames.runs[i].start, (16 + i) * PAGE);
		assert_int_equal(frames.runs[i].pages, 1);
		assert_true(frames.runs[i].bits == rows[i].bits);
		assert_true(frames.runs[i].frame == rows[i].frame);
		assert_int_equal(frames.runs[i].node, MT_NODE_UNKNOWN);
	}
	assert_true(frames.counts_error < 0 && frames.flags_error < 0);
	assert_false(frames.frames_hidden);
}

static void swapped_pages_have_a_device_and_an_offset(void **state)
{
	(void)state;
	/* bits 0 to 4: the device; 5 to 54: where on it */
	put_word("/proc/7/pagemap", 1, 1ull << 62 | 100ull << 5 | 3);
	put_word("/proc/7/pagemap", 2, 1ull << 62 | 101ull << 5 | 3);
	put_word("/proc/7/pagemap", 3, 1ull << 62 | 102ull << 5 | 4);
	put_word("/proc/7/pagemap", 4, 1ull << 62 | 500ull << 5 | 4);
	add(1, 5, SIZE_MAX);
	assert_int_equal(frames.count, 3);
	assert_int_equal(frames.runs[0].pages, 2);
	assert_int_equal(frames.runs[0].swap_type, 3);
	assert_int_equal(frames.runs[0].swap_offset, 100);
	assert_int_equal(frames.runs[1].swap_type, 4);
	assert_int_equal(frames.runs[1].swap_offset, 102);
	assert_int_equal(frames.runs[2].swap_offset, 500);
}

static void frames_one_after_the_other_are_a_run(void **state)
{
	char text[256];

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		put_word("/proc/7/pagemap", i, 1ull << 63 | (2 + i));
		put_word("/proc/kpagecount", 2 + i, i == 3 ? 9 : 1);
		put_word("/proc/kpageflags", 2 + i, 1ull << 12 | 1ull << 22 | 1ull << 50);
	}
	add(0, 4, SIZE_MAX);
	assert_int_equal(frames.count, 2);
	assert_int_equal(frames.runs[0].pages, 3);
	assert_int_equal(frames.runs[0].frame, 2);
	assert_int_equal(frames.runs[0].mapped, 1);
	assert_int_equal(frames.runs[1].mapped, 9);
	mt_frame_flags_text(frames.runs[0].flags, text, sizeof(text));
	assert_string_equal(text, "anon thp bit50");
	mt_frame_flags_text(UINT64_MAX, text, 20);
	assert_true(strlen(text) < 20);
}

static void a_limit_stops_at_a_page(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 6; i++)
		put_word("/proc/7/pagemap", i, i % 2 ? 1ull << 63 | 7 : 0);
	assert_int_equal(add(0, 6, 3), 3 * PAGE);
	assert_int_equal(frames.count, 3);
	/* the file ends before what was asked for */
	mt_frames_free(&frames);
	assert_int_equal(add(4, 100, SIZE_MAX), 6 * PAGE);
}

static void frames_that_are_hidden_are_said_to_be(void **state)
{
	(void)state;
	put_word("/proc/7/pagemap", 0, 1ull << 63 | 1ull << 56);
	add(0, 1, SIZE_MAX);
	assert_true(frames.frames_hidden);
	assert_true(frames.runs[0].frame == MT_FRAME_UNKNOWN);
}

static void ranges_of_addresses_are_named_by_the_innermost(void **state)
{
	static const char iomem[] = "00000000-00000fff : Reserved\n00001000-0009ffff : System RAM\n"
	                            "  00002000-00002fff : Kernel code\nno line\n"
	                            "000a0000-000bffff : PCI Bus 0000:00";
	char name[64];

	(void)state;
	mt_frame_range_name(iomem, 0x1000, name, sizeof(name));
	assert_string_equal(name, "System RAM");
	mt_frame_range_name(iomem, 0x2fff, name, sizeof(name));
	assert_string_equal(name, "Kernel code");
	mt_frame_range_name(iomem, 0xa1234, name, sizeof(name));
	assert_string_equal(name, "PCI Bus 0000:00");
	mt_frame_range_name(iomem, 0xffffffff, name, sizeof(name));
	assert_string_equal(name, "");
}

static int end(void **state)
{
	mt_frames_free(&frames);
	return remove_root(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(bits_are_what_the_kernel_says),
	        TEST(swapped_pages_have_a_device_and_an_offset),
	        TEST(frames_one_after_the_other_are_a_run),
	        TEST(a_limit_stops_at_a_page),
	        TEST(frames_that_are_hidden_are_said_to_be),
	        TEST(ranges_of_addresses_are_named_by_the_innermost),
	};

	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
