/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_units.c - base/units.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"

static void bytes_below_a_kilobyte_are_exact(void **state)
{
	(void)state;
	assert_string_equal(mt_units_bytes(0).text, "0 B");
	assert_string_equal(mt_units_bytes(1).text, "1 B");
	assert_string_equal(mt_units_bytes(1000).text, "1000 B");
	assert_string_equal(mt_units_bytes(1023).text, "1023 B");
}

static void a_kilobyte_is_1024_bytes(void **state)
{
	(void)state;
	assert_string_equal(mt_units_bytes(1024).text, "1.0 kB");
	assert_string_equal(mt_units_bytes(1536).text, "1.5 kB");
	assert_string_equal(mt_units_bytes(10240).text, "10.0 kB");
	assert_string_equal(mt_units_bytes(102400).text, "100 kB");
	assert_string_equal(mt_units_bytes(1 << 20).text, "1.0 MB");
	assert_string_equal(mt_units_bytes(1ll << 30).text, "1.0 GB");
	assert_string_equal(mt_units_bytes(1ll << 40).text, "1.0 TB");
	assert_string_equal(mt_units_bytes(1ll << 50).text, "1.0 PB");
	assert_string_equal(mt_units_bytes(1ll << 60).text, "1.0 EB");
}

static void what_would_round_to_a_thousand_takes_the_next_unit(void **state)
{
	(void)state;
	assert_string_equal(mt_units_bytes(999 * 1024).text, "999 kB");
	assert_string_equal(mt_units_bytes(1023 * 1024).text, "1.0 MB");
	assert_string_equal(mt_units_bytes((1 << 20) - 1).text, "1.0 MB");
}

static void the_extremes_of_the_range_are_printed(void **state)
{
	(void)state;
	assert_string_equal(mt_units_bytes(INT64_MAX).text, "8.0 EB");
	assert_string_equal(mt_units_bytes(INT64_MIN).text, "-8.0 EB");
	assert_string_equal(mt_units_bytes(-1536).text, "-1.5 kB");
	assert_string_equal(mt_units_count(INT64_MAX).text, "9,223,372,036,854,775,807");
	assert_string_equal(mt_units_count(INT64_MIN).text, "-9,223,372,036,854,775,808");
	assert_true(strlen(mt_units_duration(INT64_MIN).text) > 0);
}

/* However large: at most four digits, and never off by more than rounding explains. */
static void every_size_is_within_rounding_of_what_is_printed(void **state)
{
	static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	uint64_t seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		int64_t bytes;
		double printed, unit = 1;
		char *name;
		struct mt_units units;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		bytes = (int64_t)(seed >> (1 + seed % 62));
		units = mt_units_bytes(bytes);
		printed = strtod(units.text, &name);
		for (size_t k = 0; strcmp(names[k], name + 1) != 0; k++)
			unit *= 1024;
		assert_true(printed < 1024);
		assert_true(printed * unit - (double)bytes <= 0.51 * unit);
		assert_true((double)bytes - printed * unit <= 0.51 * unit);
		if (unit > 1 && printed < 99.9)
			assert_true(printed * unit - (double)bytes <= 0.051 * unit &&
			            (double)bytes - printed * unit <= 0.051 * unit);
	}
}

static void counts_have_their_thousands_separated(void **state)
{
	(void)state;
	assert_string_equal(mt_units_count(0).text, "0");
	assert_string_equal(mt_units_count(999).text, "999");
	assert_string_equal(mt_units_count(1000).text, "1,000");
	assert_string_equal(mt_units_count(48221).text, "48,221");
	assert_string_equal(mt_units_count(1234567).text, "1,234,567");
	assert_string_equal(mt_units_count(-1234).text, "-1,234");
}

static void a_count_agrees_with_its_word(void **state)
{
	(void)state;
	assert_string_equal(mt_units_of(1, "block", "blocks").text, "1 block");
	assert_string_equal(mt_units_of(0, "block", "blocks").text, "0 blocks");
	assert_string_equal(mt_units_of(2000, "block", "blocks").text, "2,000 blocks");
}

static void durations_choose_their_unit(void **state)
{
	(void)state;
	assert_string_equal(mt_units_duration(0).text, "0 ns");
	assert_string_equal(mt_units_duration(950).text, "950 ns");
	assert_string_equal(mt_units_duration(1500).text, "1.5 us");
	assert_string_equal(mt_units_duration(1200000).text, "1.2 ms");
	assert_string_equal(mt_units_duration(3400000000).text, "3.4 s");
	assert_string_equal(mt_units_duration(125000000000).text, "2 min 05 s");
	assert_string_equal(mt_units_duration(11220000000000).text, "3 h 07 min");
}

static void shares_say_when_there_is_little_and_when_there_is_nothing(void **state)
{
	(void)state;
	assert_string_equal(mt_units_share(421, 1000).text, "42.1 %");
	assert_string_equal(mt_units_share(1000, 1000).text, "100.0 %");
	assert_string_equal(mt_units_share(0, 1000).text, "0.0 %");
	assert_string_equal(mt_units_share(1, 100000).text, "<0.1 %");
	assert_string_equal(mt_units_share(0, 0).text, "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bytes_below_a_kilobyte_are_exact),
	        cmocka_unit_test(a_kilobyte_is_1024_bytes),
	        cmocka_unit_test(what_would_round_to_a_thousand_takes_the_next_unit),
	        cmocka_unit_test(the_extremes_of_the_range_are_printed),
	        cmocka_unit_test(every_size_is_within_rounding_of_what_is_printed),
	        cmocka_unit_test(counts_have_their_thousands_separated),
	        cmocka_unit_test(a_count_agrees_with_its_word),
	        cmocka_unit_test(durations_choose_their_unit),
	        cmocka_unit_test(shares_say_when_there_is_little_and_when_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
