/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_rates.c - the rates of report/system.h between two readings of a machine that was written by hand. */
#include "report/system.h"
#include "tests/unit/root.h"

static struct mt_machine before, after;

static void put_process(const char *rss, const char *swap, const char *level)
{
	char text[128];

	snprintf(text, sizeof(text), "VmRSS:\t %s kB\nVmSwap:\t %s kB\n", rss, swap);
	put("/proc/7/status", text);
	put("/proc/7/oom_score", "700\n");
	put("/proc/7/cgroup", "0::/a\n");
	put("/sys/fs/cgroup/a/memory.current", level);
}

static void what_happens_is_counted_by_the_second(void **state)
{
	struct mt_rates rates;

	(void)state;
	put("/proc/vmstat", "pgfault 1000\npgmajfault 5\npswpin 10\npswpout 20\npgscan_direct 1\n"
	                    "pgscan_kswapd 100\npgsteal_kswapd 70\ncompact_stall 3\noom_kill 1\n");
	put_process("100", "4", "1000000\n");
	mt_machine_read(root, 7, 4096, MT_MACHINE_BRIEF, &before);
	put("/proc/vmstat", "pgfault 1250\npgmajfault 7\npswpin 11\npswpout 24\npgscan_direct 3\n"
	                    "pgscan_kswapd 130\npgsteal_kswapd 80\ncompact_stall 4\noom_kill 2\n");
	put_process("90", "8", "3000000\n");
	mt_machine_read(root, 7, 4096, MT_MACHINE_BRIEF, &after);
	/* half a second */
	rates = mt_rates_between(&before, &after, 500000000);
	assert_true(rates.has_counters && rates.has_process);
	assert_int_equal(rates.faults, 500);
	assert_int_equal(rates.major_faults, 4);
	assert_int_equal(rates.swap_in, 2 * 4096);
	assert_int_equal(rates.swap_out, 8 * 4096);
	assert_int_equal(rates.direct, 4 * 4096);
	assert_int_equal(rates.scanned, 64 * 4096);
	assert_int_equal(rates.stolen, 20 * 4096);
	assert_int_equal(rates.compact_stalls, 2);
	assert_int_equal(rates.oom_kills, 2);
	/* 10 kB less resident, 4 kB more in swap */
	assert_int_equal(rates.process_growth, -12 * 1024);
	assert_int_equal(rates.group_growth[0], 4000000);
}

static void one_reading_has_no_rates(void **state)
{
	struct mt_rates rates;

	(void)state;
	put("/proc/vmstat", "pgfault 1000\n");
	before = mt_machine_nothing(4096);
	mt_machine_read(root, 0, 4096, MT_MACHINE_BRIEF, &after);
	rates = mt_rates_between(&before, &after, 500000000);
	assert_false(rates.has_counters || rates.has_process);
	assert_int_equal(rates.faults, 0);
	rates = mt_rates_between(&after, &after, 0);
	assert_int_equal(rates.elapsed_ns, 0);
	assert_false(rates.has_counters);
}

static int end(void **state)
{
	mt_machine_free(&before);
	mt_machine_free(&after);
	return remove_root(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_happens_is_counted_by_the_second, make_root,
	                                        end),
	        cmocka_unit_test_setup_teardown(one_reading_has_no_rates, make_root, end),
	};

	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
