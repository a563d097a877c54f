/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_peaks.c - collect/peaks.h: programs that grow and shrink in steps of a millisecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collect/peaks.h"

#define MB (1ull << 20)
#define MS 1000000ull

static struct mt_peaks peaks;
static uint64_t now_ns;
static unsigned int looks;

/* Takes a look if one is due. It takes 2 ms of which 1 is a processor's. */
static bool at(uint64_t bytes, bool is_greedy, bool is_about_to_shrink)
{
	now_ns += MS;
	if (!mt_peaks_is_due(&peaks, bytes, now_ns, is_greedy, is_about_to_shrink))
		return false;
	looks++;
	mt_peaks_looked(&peaks, bytes, 2 * MS, MS, now_ns, is_greedy);
	return true;
}

static int begin(void **state)
{
	(void)state;
	peaks = (struct mt_peaks){0};
	now_ns = 1000 * MS;
	looks = 0;
	return 0;
}

static void who_grows_is_left_to_grow(void **state)
{
	(void)state;
	for (uint64_t bytes = 16 * MB; bytes <= 256 * MB; bytes += MB)
		at(bytes, false, false);
	/* 16 to 256 MB by a half each; and one 200 ms later */
	assert_in_range(looks, 6, 9);
	/* slowly: no more than one in 200 ms */
	looks = 0;
	for (uint64_t i = 0; i < 2000; i++)
		at(256 * MB + i * 8 * MB, false, false);
	assert_in_range(looks, 5, 20);
}

static void who_asks_for_peaks_has_each(void **state)
{
	(void)state;
	for (uint64_t bytes = 16 * MB; bytes <= 256 * MB; bytes += MB / 4)
		at(bytes, true, false);
	/* 1.05 ^ 56 is 16 */
	assert_in_range(looks, 45, 58);
}

static void a_twentieth_is_no_peak(void **state)
{
	(void)state;
	assert_true(at(100 * MB, true, true));
	now_ns += 1000 * MS;
	assert_false(at(105 * MB, true, true));
	assert_true(at(106 * MB, true, true));
}

static void before_it_shrinks_it_is_looked_at(void **state)
{
	(void)state;
	assert_true(at(100 * MB, false, false));
	now_ns += 10 * MS;
	assert_false(at(120 * MB, false, false));
	assert_true(at(120 * MB, false, true));
	now_ns += 10 * MS;
	/* or when it has begun to */
	assert_false(at(140 * MB, false, false));
	assert_false(at(139 * MB, false, false));
	assert_true(at(136 * MB, false, false));
	/* but for what is no peak */
	now_ns += 10 * MS;
	assert_false(at(130 * MB, false, true));
}

static void looks_that_come_too_late_are_seldom(void **state)
{
	(void)state;
	now_ns += MS;
	assert_true(mt_peaks_is_due(&peaks, 100 * MB, now_ns, true, true));
	mt_peaks_looked(&peaks, 50 * MB, 2 * MS, MS, now_ns, true);
	assert_false(mt_peaks_may_look(&peaks, now_ns + 199 * MS, false));
	assert_true(mt_peaks_may_look(&peaks, now_ns + 200 * MS, false));
	/* while little was spent, what is about to end is looked at all the same */
	assert_true(mt_peaks_may_look(&peaks, now_ns + MS, true));
}

static void a_process_is_not_kept_waiting_for_ever(void **state)
{
	uint64_t bytes = 16 * MB;

	(void)state;
	/* looks for 20 ms come as they are, and the next one 200 ms after the last of them */
	for (int i = 0; i < 20; i++, now_ns += 2 * MS, bytes += bytes / 10)
		assert_true(at(bytes, false, true));
	for (int i = 0; i < 99; i++, now_ns += MS)
		at(bytes + bytes / 10, false, true);
	assert_int_equal(looks, 20);
	now_ns += 2 * MS;
	assert_true(at(bytes + bytes / 10, false, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(who_grows_is_left_to_grow, begin),
	        cmocka_unit_test_setup(who_asks_for_peaks_has_each, begin),
	        cmocka_unit_test_setup(a_twentieth_is_no_peak, begin),
	        cmocka_unit_test_setup(before_it_shrinks_it_is_looked_at, begin),
	        cmocka_unit_test_setup(looks_that_come_too_late_are_seldom, begin),
	        cmocka_unit_test_setup(a_process_is_not_kept_waiting_for_ever, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
