/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_smaps.c - base/smaps.h on texts as kernels of several ages write them, and on this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/smaps.h"

static int parse(const char *text, struct mt_smaps *smaps)
{
	return mt_smaps_parse(strdup(text), smaps);
}

#define LINUX_3                                                                    \
	"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon\n" \
	"Size:                328 kB\n"                                            \
	"Rss:                 200 kB\n"                                            \
	"Pss:                 100 kB\n"                                            \
	"Shared_Clean:        120 kB\n"                                            \
	"Shared_Dirty:          0 kB\n"                                            \
	"Private_Clean:        80 kB\n"                                            \
	"Private_Dirty:         0 kB\n"                                            \
	"Referenced:          200 kB\n"                                            \
	"Anonymous:             0 kB\n"                                            \
	"AnonHugePages:         0 kB\n"                                            \
	"Swap:                 12 kB\n"                                            \
	"KernelPageSize:        4 kB\n"                                            \
	"MMUPageSize:           4 kB\n"                                            \
	"Locked:                0 kB\n"                                            \
	"VmFlags: rd ex mr mw me dw \n"

static void an_old_kernel_has_fewer_fields(void **state)
{
	struct mt_smaps smaps;

	(void)state;
	assert_int_equal(parse(LINUX_3, &smaps), 0);
	assert_int_equal(smaps.count, 1);
	assert_int_equal(smaps.vmas[0].start, 0x400000);
	assert_int_equal(smaps.vmas[0].end, 0x452000);
	assert_int_equal(smaps.vmas[0].inode, 173521);
	assert_int_equal(smaps.vmas[0].device_major, 8);
	assert_int_equal(smaps.vmas[0].device_minor, 2);
	assert_string_equal(smaps.vmas[0].permissions, "r-xp");
	assert_string_equal(smaps.vmas[0].path, "/usr/bin/dbus-daemon");
	assert_string_equal(smaps.vmas[0].flags, "rd ex mr mw me dw ");
	assert_int_equal(smaps.vmas[0].kind, MT_VMA_TEXT);
	assert_int_equal(smaps.vmas[0].fields[MT_SMAPS_RSS], 200 * 1024);
	assert_int_equal(smaps.vmas[0].fields[MT_SMAPS_SWAP], 12 * 1024);
	assert_int_equal(mt_vma_unique(&smaps.vmas[0]), 80 * 1024);
	assert_true(mt_smaps_has(&smaps, MT_SMAPS_PSS));
	assert_false(mt_smaps_has(&smaps, MT_SMAPS_SWAP_PSS));
	assert_false(mt_smaps_has(&smaps, MT_SMAPS_LAZY_FREE));
	mt_smaps_free(&smaps);
}

static void fields_of_a_later_kernel_are_kept_under_their_names(void **state)
{
	struct mt_smaps smaps;

	(void)state;
	assert_int_equal(parse("1000-3000 rw-p 00000000 00:00 0 \n"
	                       "Rss:                   8 kB\n"
	                       "Exotic:                3 kB\n"
	                       "Level:                 7\n"
	                       "Words: of some kind\n"
	                       "4000-5000 rw-p 00000000 00:00 0 \n"
	                       "Rss:                   4 kB\n"
	                       "Exotic:                1 kB\n"
	                       "Level:                 9\n",
	                       &smaps),
	                 0);
	assert_int_equal(smaps.unknown_count, 2);
	assert_string_equal(smaps.unknown[0], "Exotic");
	assert_string_equal(smaps.unknown[1], "Level");
	assert_true(smaps.unknown_in_bytes[0]);
	assert_false(smaps.unknown_in_bytes[1]);
	assert_int_equal(smaps.vmas[0].fields[MT_SMAPS_KNOWN], 3 * 1024);
	assert_int_equal(smaps.vmas[1].fields[MT_SMAPS_KNOWN], 1024);
	assert_int_equal(smaps.vmas[1].fields[MT_SMAPS_KNOWN + 1], 9);
	assert_int_equal(mt_smaps_sum(&smaps, MT_SMAPS_RSS), 12 * 1024);
	mt_smaps_free(&smaps);
}

static void each_kind_of_mapping_is_told(void **state)
{
	static const struct {
		const char *line;
		enum mt_vma_kind kind;
		const char *owner;
	} rows[] = {
	        {"1000-2000 r--p 00000000 fe:00 7   /bin/a\n", MT_VMA_RODATA, "/bin/a"},
	        {"2000-3000 r-xp 00001000 fe:00 7   /bin/a\n", MT_VMA_TEXT, "/bin/a"},
	        {"3000-4000 rw-p 00002000 fe:00 7   /bin/a\n", MT_VMA_DATA, "/bin/a"},
	        {"4000-5000 rw-p 00000000 00:00 0 \n", MT_VMA_BSS, "/bin/a"},
	        {"5000-6000 rw-p 00000000 00:00 0 \n", MT_VMA_ANONYMOUS, ""},
	        {"6000-7000 rw-p 00000000 00:00 0   [heap]\n", MT_VMA_HEAP, "[heap]"},
	        {"8000-9000 rw-s 00000000 00:01 9   /memfd:x (deleted)\n", MT_VMA_SHARED,
	         "/memfd:x (deleted)"},
	        {"9000-a000 rw-s 00000000 00:01 9   /SYSV00000000 (deleted)\n", MT_VMA_SHARED,
	         "/SYSV00000000 (deleted)"},
	        {"a000-b000 rw-s 00000000 fe:00 9   /var/lib/x y\n", MT_VMA_FILE, "/var/lib/x y"},
	        {"b000-c000 rw-s 00000000 00:05 9   /dev/nvidia0\n", MT_VMA_DEVICE, "/dev/nvidia0"},
	        {"c000-d000 rw-p 00000000 00:00 0   [stack]\n", MT_VMA_STACK, "[stack]"},
	        {"d000-e000 r-xp 00000000 00:00 0   [vdso]\n", MT_VMA_KERNEL, "[vdso]"},
	};
	char text[4096] = "";
	struct mt_smaps smaps;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		strcat(text, rows[i].line);
	assert_int_equal(parse(text, &smaps), 0);
	assert_int_equal(smaps.count, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < smaps.count; i++) {
		assert_int_equal(smaps.vmas[i].kind, rows[i].kind);
		assert_string_equal(smaps.vmas[i].owner, rows[i].owner);
	}
	mt_smaps_free(&smaps);
}

static void what_overlaps_was_moved_meanwhile_and_counts_once(void **state)
{
	struct mt_smaps smaps;

	(void)state;
	assert_int_equal(parse("1000-3000 rw-p 00000000 00:00 0 \nRss: 8 kB\n"
	                       "2000-4000 rw-p 00000000 00:00 0 \nRss: 4 kB\n"
	                       "3000-4000 rw-p 00000000 00:00 0 \nRss: 2 kB\n",
	                       &smaps),
	                 0);
	assert_int_equal(smaps.count, 2);
	assert_int_equal(smaps.vmas[0].fields[MT_SMAPS_RSS], 8192);
	assert_int_equal(smaps.vmas[1].fields[MT_SMAPS_RSS], 2048);
	mt_smaps_free(&smaps);
}

static void what_is_no_smaps_is_refused(void **state)
{
	static const char *const texts[] = {
	        "Rss: 8 kB\n",
	        "1000 rw-p\n",
	        "1000-2000 rw\n",
	        "2000-1000 rw-p 00000000 00:00 0 \n",
	        "1000-2000 rw-p 00000000 00:00 99999999999999999999 \n",
	        "11111111111111111-2 rw-p 00000000 00:00 0 \n",
	        "1000-2000 rw-p 00000000 00:00 0 \nRss\n",
	        "1000-2000 rw-p 00000000 00:00 0 \nRss: 9999999999999999999 kB\n",
	        "\n",
	};
	struct mt_smaps smaps;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_true(parse(texts[i], &smaps) < 0);
	assert_int_equal(parse("", &smaps), 0);
	assert_int_equal(smaps.count, 0);
	mt_smaps_free(&smaps);
}

static void a_mapping_of_ours_has_what_we_touched(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *start =
	        mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mt_smaps smaps;
	uint64_t found = 0;

	(void)state;
	assert_ptr_not_equal(start, MAP_FAILED);
	/* Its own mapping, and no huge page. */
	assert_int_equal(mprotect(start, page, PROT_NONE), 0);
	assert_int_equal(mprotect(start + 63 * page, page, PROT_NONE), 0);
	madvise(start, 64 * page, MADV_NOHUGEPAGE);
	for (size_t i = 10; i < 20; i++)
		start[i * page] = 1;
	assert_int_equal(mt_smaps_read("", getpid(), &smaps), 0);
	for (size_t i = 0; i < smaps.count; i++)
		if (smaps.vmas[i].start == (uintptr_t)start + page)
			found = smaps.vmas[i].fields[MT_SMAPS_RSS];
	assert_int_equal(found, 10 * page);
	mt_smaps_free(&smaps);
	munmap(start, 64 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_old_kernel_has_fewer_fields),
	        cmocka_unit_test(fields_of_a_later_kernel_are_kept_under_their_names),
	        cmocka_unit_test(each_kind_of_mapping_is_told),
	        cmocka_unit_test(what_overlaps_was_moved_meanwhile_and_counts_once),
	        cmocka_unit_test(what_is_no_smaps_is_refused),
	        cmocka_unit_test(a_mapping_of_ours_has_what_we_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
