/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_usage.c - base/usage.h on machines of our own making, and on this process. */
#include "base/usage.h"
#include "tests/unit/root.h"

#define STATUS                                                                   \
	"Name:\tx RssAnon: 5 kB\nVmPeak:\t  900 kB\nVmSize:\t  800 kB\nVmHWM:\t" \
	"  70 kB\n"                                                              \
	"VmRSS:\t  60 kB\nRssAnon:\t  40 kB\nRssFile:\t  15 kB\nRssShmem:\t"     \
	"   5 kB\n"                                                              \
	"VmSwap:\t  3 kB\nThreads:\t7\n"
#define STAT "7 (a) R 1 (b c) S 1 7 7 0 -1 4194560 11 12 13 14 15 16 0 0 20 0 1 0 10 8 9\n"
#define MAPS                                                                        \
	"55550000-55560000 r-xp 00000000 08:01 1 /bin/x\n55560000-55581000 rw-p "   \
	"00000000 00:00 0 [heap]\n55581000-55582000 rw-p 00000000 00:00 0 [heap]\n" \
	"7ffff000-7fffffff rw-p 00000000 00:00 0 [stack]\n"

static void the_figures_are_found_by_their_names(void **state)
{
	struct mt_usage usage;

	(void)state;
	put("/proc/7/status", STATUS);
	put("/proc/7/stat", STAT);
	put("/proc/7/maps", MAPS);
	assert_int_equal(mt_usage_read(root, 7, &usage), 0);
	assert_int_equal(usage.mapped_bytes, 800 * 1024);
	assert_int_equal(usage.peak_rss_bytes, 70 * 1024);
	assert_int_equal(usage.rss_anon_bytes, 40 * 1024);
	assert_int_equal(usage.rss_file_bytes, 15 * 1024);
	assert_int_equal(usage.rss_shmem_bytes, 5 * 1024);
	assert_int_equal(usage.swap_bytes, 3 * 1024);
	assert_int_equal(usage.break_bytes, 0x22000);
	assert_int_equal(usage.minor_faults, 11);
	assert_int_equal(usage.major_faults, 13);
	assert_int_equal(mt_usage_threads(root, 7), 7);
}

static void what_is_not_said_is_not_known(void **state)
{
	struct mt_usage usage, nothing = mt_usage_nothing();

	(void)state;
	put("/proc/7/status", "VmSize:\t  800 kB\n");
	assert_int_equal(mt_usage_read(root, 7, &usage), 0);
	nothing.mapped_bytes = 800 * 1024;
	assert_true(mt_usage_is_same(&usage, &nothing));
	nothing.major_faults = 0;
	assert_false(mt_usage_is_same(&usage, &nothing));
	assert_int_equal(mt_usage_threads(root, 7), 0);
	/* No heap, in all of a short list; in one that goes on it may stand further behind. */
	put("/proc/7/maps", "55550000-55560000 r-xp 00000000 08:01 1 /bin/[heap]x\n");
	assert_int_equal(mt_usage_read(root, 7, &usage), 0);
	assert_int_equal(usage.break_bytes, 0);
}

static void a_zombie_uses_nothing_and_nobody_is_nowhere(void **state)
{
	struct mt_usage usage;

	(void)state;
	put("/proc/7/status", "Name:\tx\nState:\tZ (zombie)\n");
	assert_true(mt_usage_read(root, 7, &usage) < 0);
	assert_true(mt_usage_read(root, 8, &usage) < 0);
	assert_int_equal(mt_usage_rss(root, 8, 4096), 0);
}

static void resident_pages_are_the_second_number_of_statm(void **state)
{
	(void)state;
	put("/proc/7/statm", "200 15 9 1 0 50 0\n");
	assert_int_equal(mt_usage_rss(root, 7, 4096), 15 * 4096);
	put("/proc/7/statm", "");
	assert_int_equal(mt_usage_rss(root, 7, 4096), 0);
}

static void this_process_agrees_with_itself(void **state)
{
	struct mt_usage usage;
	uint64_t rss_bytes;

	(void)state;
	assert_int_equal(mt_usage_read("", getpid(), &usage), 0);
	rss_bytes = mt_usage_rss("", getpid(), (uint64_t)sysconf(_SC_PAGESIZE));
	assert_true(rss_bytes > 0 && usage.mapped_bytes > usage.rss_anon_bytes);
	assert_true(usage.minor_faults > 0);
	assert_int_equal(mt_usage_threads("", getpid()), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(the_figures_are_found_by_their_names),
	        TEST(what_is_not_said_is_not_known),
	        TEST(a_zombie_uses_nothing_and_nobody_is_nowhere),
	        TEST(resident_pages_are_the_second_number_of_statm),
	        TEST(this_process_agrees_with_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
