/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_stamp.c - collect/stamp.h: from stamps to time, never backwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "collect/stamp.h"

static void a_later_stamp_never_gets_an_earlier_time(void **state)
{
	struct mt_stamps stamps;
	uint64_t start, before = 0, before_ns = 0;

	(void)state;
	mt_stamp_start(&stamps, mt_stamp_choose(""));
	start = mt_stamp_monotonic_ns();
	while (mt_stamp_monotonic_ns() - start < 300000000u) {
		uint64_t stamp = mt_stamp_read(stamps.clock);
		uint64_t ns;

		mt_stamp_tick(&stamps);
		ns = mt_stamp_ns(&stamps, stamp);
		assert_true(ns >= before_ns);
		/* Also what is read late, on a piece that has gone. */
		assert_true(mt_stamp_ns(&stamps, before) <= ns);
		before = stamp;
		before_ns = ns;
	}
}

static void the_time_is_that_of_the_kernels_clock(void **state)
{
	struct mt_stamps stamps;
	uint64_t start;

	(void)state;
	mt_stamp_start(&stamps, mt_stamp_choose(""));
	start = mt_stamp_monotonic_ns();
	while (mt_stamp_monotonic_ns() - start < 300000000u) {
		uint64_t before_ns = mt_stamp_monotonic_ns() - stamps.origin_ns;
		uint64_t ns = mt_stamp_ns(&stamps, mt_stamp_read(stamps.clock));
		uint64_t after_ns = mt_stamp_monotonic_ns() - stamps.origin_ns;

		mt_stamp_tick(&stamps);
		/* To a millisecond: the first slope is measured in a fifth of one. */
		assert_true(ns + 1000000 > before_ns && ns < after_ns + 1000000);
	}
}

static void stamps_of_the_monotonic_clock_are_nanoseconds(void **state)
{
	struct mt_stamps stamps;

	(void)state;
	mt_stamp_start(&stamps, MT_CLOCK_MONOTONIC);
	assert_int_equal(mt_stamp_ns(&stamps, stamps.origin_ns + 12345), 12345);
	assert_int_equal(mt_stamp_ns(&stamps, stamps.origin_ns), 0);
	assert_int_equal(mt_stamp_ticks(&stamps, 1000), 1000);
	/* Before the origin there is no time. */
	assert_int_equal(mt_stamp_ns(&stamps, stamps.origin_ns - 5), 0);
	assert_int_equal(mt_stamp_ns(&stamps, 0), 0);
}

static void put_clocksource(const char *root, const char *name)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "mkdir -p %s/sys/devices/system/clocksource/clocksource0",
	         root);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path),
	         "%s/sys/devices/system/clocksource/clocksource0/current_clocksource", root);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "%s\n", name);
	fclose(out);
}

static void the_tsc_is_used_only_where_the_kernel_uses_it(void **state)
{
	char root[] = "/tmp/memtrace-test-XXXXXX", command[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(mt_stamp_choose(root), MT_CLOCK_MONOTONIC);
	put_clocksource(root, "kvm-clock");
	assert_int_equal(mt_stamp_choose(root), MT_CLOCK_MONOTONIC);
	put_clocksource(root, "tsc-early");
	assert_int_equal(mt_stamp_choose(root), MT_CLOCK_MONOTONIC);
	put_clocksource(root, "tsc");
#if defined(__x86_64__)
	assert_int_equal(mt_stamp_choose(root), MT_CLOCK_TSC);
#else
	assert_int_equal(mt_stamp_choose(root), MT_CLOCK_MONOTONIC);
#endif
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_later_stamp_never_gets_an_earlier_time),
	        cmocka_unit_test(the_time_is_that_of_the_kernels_clock),
	        cmocka_unit_test(stamps_of_the_monotonic_clock_are_nanoseconds),
	        cmocka_unit_test(the_tsc_is_used_only_where_the_kernel_uses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
