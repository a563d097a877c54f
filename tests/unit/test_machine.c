/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_machine.c - the readers of host/ on a small machine that was written by hand. */
#include <errno.h>

#include "host/machine.h"
#include "tests/unit/root.h"

static struct mt_machine machine;

static int end(void **state)
{
	mt_machine_free(&machine);
	return remove_root(state);
}

static void fields_are_kept_in_bytes_and_by_name(void **state)
{
	uint64_t value;

	(void)state;
	put("/proc/meminfo", "MemTotal:     1000 kB\nActive(anon):   12 kB\nHugePages_Total:    3\n"
	                     "OfTomorrow:  7 kB\nno number\nHuge: 99999999999999999999 kB\n");
	mt_machine_read(root, 0, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.meminfo.error, 0);
	assert_int_equal(machine.meminfo.count, 5);
	assert_int_equal(machine.meminfo.odd, 1);
	assert_true(mt_fields_get(&machine.meminfo, "MemTotal", &value));
	assert_int_equal(value, 1024000);
	assert_true(mt_fields_get(&machine.meminfo, "Active(anon)", &value));
	assert_int_equal(value, 12288);
	assert_true(mt_fields_get(&machine.meminfo, "HugePages_Total", &value));
	assert_int_equal(value, 3);
	assert_true(mt_fields_get(&machine.meminfo, "OfTomorrow", &value));
	assert_int_equal(value, 7168);
	assert_true(mt_fields_get(&machine.meminfo, "Huge", &value));
	assert_true(value == UINT64_MAX);
	assert_false(mt_fields_get(&machine.meminfo, "Huge:", &value));
}

static void what_is_not_there_says_why_and_keeps_nothing_away(void **state)
{
	(void)state;
	put("/proc/pressure/memory", "some avg10=1.50 avg60=0.07 avg300=100.00 total=42\n"
	                             "full avg10=0.25 avg60=0.00 avg300=0.00 total=17\n");
	mt_machine_read(root, 0, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.meminfo.error, -ENOENT);
	assert_int_equal(machine.slabs.error, -ENOENT);
	assert_int_equal(machine.zones.marks_error, -ENOENT);
	assert_int_equal(machine.zones.orders_error, -ENOENT);
	assert_int_equal(machine.swaps.error, -ENOENT);
	assert_int_equal(machine.pressure.error, 0);
	assert_int_equal(machine.pressure.some.avg10, 150);
	assert_int_equal(machine.pressure.some.avg60, 7);
	assert_int_equal(machine.pressure.some.avg300, 10000);
	assert_int_equal(machine.pressure.some.total_us, 42);
	assert_int_equal(machine.pressure.full.avg10, 25);
	assert_int_equal(machine.pressure.full.total_us, 17);
}

static void zones_have_their_marks_and_their_blocks(void **state)
{
	const struct mt_zone *zone;

	(void)state;
	put("/proc/zoneinfo",
	    "Node 1, zone   Normal\n  per-node stats\n      nr_inactive_anon 5\n"
	    "  pages free     1000\n        boost    8\n        min      10\n"
	    "        low      20\n        high     30\n        spanned  4000\n"
	    "        present  3900\n        managed  3800\n"
	    "        protection: (0, 7, 24090, 3)\n      nr_free_pages 1000\n"
	    "  pagesets\n    cpu: 0\n              count: 9\n              high:  378\n"
	    "  node_unreclaimable:  0\n");
	put("/proc/buddyinfo", "Node 1, zone   Normal      3      2      0      1 \n");
	mt_machine_read(root, 0, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.zones.count, 1);
	zone = &machine.zones.rows[0];
	assert_int_equal(zone->node, 1);
	assert_string_equal(zone->name, "Normal");
	assert_int_equal(zone->free, 1000);
	assert_int_equal(zone->boost, 8);
	assert_int_equal(zone->min, 10);
	assert_int_equal(zone->low, 20);
	assert_int_equal(zone->high, 30); /* not a processor's list's */
	assert_int_equal(zone->present, 3900);
	assert_int_equal(zone->managed, 3800);
	assert_int_equal(zone->reserve, 24090);
	assert_int_equal(zone->order_count, 4);
	/* 3 + 2 * 2 + 8 pages; of these 8 in blocks of 8 */
	assert_int_equal(mt_zone_free_from(zone, 0), 15);
	assert_int_equal(mt_zone_free_from(zone, 3), 8);
	assert_int_equal(mt_zone_unusable(zone, 3), 7 * 1000 / 15);
	assert_int_equal(mt_zone_unusable(zone, 9), 1000);
	assert_int_equal(mt_zone_unusable(zone, 0), 0);
}

static void caches_and_areas_come_largest_first(void **state)
{
	(void)state;
	put("/proc/slabinfo", "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize> "
	                      "<objperslab> <pagesperslab>\n"
	                      "small 5 10 64 64 1 : tunables 0 0 0 : slabdata 1 1 0\n"
	                      "dentry 90 100 192 21 2 : tunables 0 0 0 : slabdata 5 5 0\n");
	put("/proc/vmallocinfo", "0x1-0x2 8192 first+0x1/0x2 pages=1 vmalloc N0=1\n"
	                         "0x2-0x3 20480 second+0x1/0x2 pages=4 vmalloc\n"
	                         "0x3-0x4 12288 second+0x9/0x9 pages=2 vmalloc\n"
	                         "0x4-0x5 999424 third+0x1/0x2 phys=0xa0000 ioremap\n");
	mt_machine_read(root, 0, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.slabs.count, 2);
	assert_string_equal(machine.slabs.rows[0].name, "dentry");
	assert_int_equal(machine.slabs.rows[0].bytes, 5 * 2 * 4096);
	assert_int_equal(machine.slabs.rows[0].objects, 100);
	assert_int_equal(machine.slabs.rows[0].active_objects, 90);
	assert_int_equal(machine.areas.count, 3);
	assert_string_equal(machine.areas.rows[0].caller, "second");
	assert_int_equal(machine.areas.rows[0].count, 2);
	assert_int_equal(machine.areas.rows[0].bytes, 32768);
	assert_int_equal(machine.areas.rows[0].pages_bytes, 6 * 4096);
	assert_int_equal(machine.areas.rows[2].pages_bytes, 0);
}

static void callers_that_are_addresses_are_named(void **state)
{
	(void)state;
	put("/proc/vmallocinfo", "0x1-0x2 8192 0xffffffffc0001010 pages=1 vmalloc\n"
	                         "0x2-0x3 8192 0xffffffffc0001ff0 pages=3 vmalloc\n"
	                         "0x3-0x4 8192 0xffffffff00000001 pages=2 vmalloc\n"
	                         "0x4-0x5 8192 later+0x9/0x10 pages=9 vmalloc\n");
	put("/proc/kallsyms", "0000000000000000 T hidden\nffffffffc0001000 t in_module\t[tun]\n"
	                      "ffffffffc0002000 t later\t[tun]\nnonsense\n");
	mt_machine_read(root, 0, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.areas.count, 3);
	assert_string_equal(machine.areas.rows[0].caller, "later");
	assert_string_equal(machine.areas.rows[1].caller, "in_module");
	assert_int_equal(machine.areas.rows[1].pages_bytes, 4 * 4096);
	/* before all that has a name */
	assert_string_equal(machine.areas.rows[2].caller, "0xffffffff00000001");
}

static void the_tightest_group_is_found(void **state)
{
	const struct mt_group *group;
	uint64_t room;

	(void)state;
	put("/proc/42/cgroup", "0::/system/web\n");
	put("/sys/fs/cgroup/system/web/memory.current", "900\n");
	put("/sys/fs/cgroup/system/web/memory.max", "5000\n");
	put("/sys/fs/cgroup/system/web/memory.high", "max\n");
	put("/sys/fs/cgroup/system/web/memory.oom.group", "1\n");
	put("/sys/fs/cgroup/system/web/memory.events", "low 0\nhigh 2\nmax 3\noom 1\noom_kill 1\n");
	put("/sys/fs/cgroup/system/web/memory.stat", "anon 800\ninactive_file 70\n");
	put("/sys/fs/cgroup/system/memory.current", "1900\n");
	put("/sys/fs/cgroup/system/memory.max", "2000\n");
	put("/sys/fs/cgroup/system/memory.high", "1950\n");
	mt_machine_read(root, 42, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.groups.error, 0);
	assert_int_equal(machine.groups.count, 2);
	assert_string_equal(machine.groups.rows[0].path, "/system/web");
	assert_true(machine.groups.rows[0].kills_as_one);
	assert_int_equal(machine.groups.rows[0].events_max, 3);
	assert_int_equal(machine.groups.rows[0].oom_kills, 1);
	assert_int_equal(machine.groups.rows[0].stat.count, 2);
	group = mt_groups_tightest(&machine.groups, &room);
	assert_string_equal(group->path, "/system");
	assert_int_equal(room, 50);
}

static void groups_of_the_first_version_are_known(void **state)
{
	const struct mt_group *group;
	uint64_t room;

	(void)state;
	put("/proc/42/cgroup", "4:cpu,memory:/web\n0::/\n");
	put("/sys/fs/cgroup/memory/web/memory.usage_in_bytes", "700\n");
	put("/sys/fs/cgroup/memory/web/memory.limit_in_bytes", "1000\n");
	put("/sys/fs/cgroup/memory/web/memory.failcnt", "12\n");
	put("/sys/fs/cgroup/memory/web/memory.oom_control",
	    "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	mt_machine_read(root, 42, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.groups.count, 2);
	assert_true(machine.groups.rows[0].is_first);
	assert_int_equal(machine.groups.rows[0].events_max, 12);
	assert_int_equal(machine.groups.rows[0].oom_kills, 2);
	assert_true(machine.groups.rows[1].max == MT_LIMIT_NONE);
	group = mt_groups_tightest(&machine.groups, &room);
	assert_string_equal(group->path, "/web");
	assert_int_equal(room, 300);
}

static void limits_and_victims_are_those_of_proc(void **state)
{
	(void)state;
	put("/proc/42/limits",
	    "Limit                     Soft Limit           Hard Limit           Units\n"
	    "Max data size             1048576              unlimited            bytes\n"
	    "Max stack size            8388608              unlimited            bytes\n"
	    "Max address space         unlimited            unlimited            bytes\n");
	put("/proc/42/status",
	    "Name:\tweb\nVmSize:\t 100 kB\nVmData:\t 60 kB\nVmRSS:\t 80 kB\nVmSwap:\t 4 kB\n");
	put("/proc/42/oom_score", "700\n");
	put("/proc/42/oom_score_adj", "-17\n");
	put("/proc/42/comm", "web\n");
	put("/proc/7/oom_score", "900\n");
	put("/proc/7/comm", "larger\n");
	put("/proc/7/status", "VmRSS:\t 8000 kB\n");
	put("/proc/2/oom_score", "0\n"); /* the kernel's */
	put("/proc/2/status", "Name:\tkthreadd\n");
	mt_machine_read(root, 42, 4096, MT_MACHINE_WHOLE, &machine);
	assert_true(machine.rlimits.is_known[MT_RLIMIT_DATA]);
	assert_int_equal(machine.rlimits.limits[MT_RLIMIT_DATA], 1048576);
	assert_int_equal(machine.rlimits.used[MT_RLIMIT_DATA], 61440);
	assert_true(machine.rlimits.limits[MT_RLIMIT_AS] == MT_LIMIT_NONE);
	assert_false(machine.rlimits.is_known[MT_RLIMIT_MEMLOCK]);
	assert_int_equal(machine.victims.count, 2);
	assert_string_equal(machine.victims.rows[0].command, "larger");
	assert_int_equal(machine.victims.rows[1].adj, -17);
	assert_int_equal(machine.process.rss_bytes, 81920);
	assert_int_equal(machine.process.swap_bytes, 4096);
}

static void swaps_and_pools_are_read(void **state)
{
	(void)state;
	put("/proc/swaps",
	    "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	    "/dev/vda2                               partition\t1000\t\t250\t\t-2\n"
	    "/dev/zram0                              partition\t2000\t\t500\t\t100\n");
	put("/sys/block/zram0/mm_stat", "512000 100000 120000 0 0 0 0 0 0\n");
	put("/sys/module/zswap/parameters/enabled", "Y\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "10\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "4\n");
	mt_machine_read(root, 0, 4096, MT_MACHINE_WHOLE, &machine);
	assert_int_equal(machine.swaps.count, 2);
	assert_int_equal(machine.swaps.rows[0].used_bytes, 256000);
	assert_int_equal(machine.swaps.rows[0].priority, -2);
	assert_true(machine.swaps.rows[1].is_zram);
	assert_int_equal(machine.swaps.rows[1].zram_data_bytes, 512000);
	assert_int_equal(machine.swaps.rows[1].zram_memory_bytes, 120000);
	assert_true(machine.swaps.zswap_enabled);
	assert_string_equal(machine.hugepages.enabled, "madvise");
	assert_int_equal(machine.hugepages.pool_count, 1);
	assert_int_equal(machine.hugepages.pools[0].total, 10);
	assert_int_equal(machine.hugepages.pools[0].free, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(fields_are_kept_in_bytes_and_by_name, make_root,
	                                        end),
	        cmocka_unit_test_setup_teardown(what_is_not_there_says_why_and_keeps_nothing_away,
	                                        make_root, end),
	        cmocka_unit_test_setup_teardown(zones_have_their_marks_and_their_blocks, make_root,
	                                        end),
	        cmocka_unit_test_setup_teardown(caches_and_areas_come_largest_first, make_root,
	                                        end),
	        cmocka_unit_test_setup_teardown(callers_that_are_addresses_are_named, make_root,
	                                        end),
	        cmocka_unit_test_setup_teardown(the_tightest_group_is_found, make_root, end),
	        cmocka_unit_test_setup_teardown(groups_of_the_first_version_are_known, make_root,
	                                        end),
	        cmocka_unit_test_setup_teardown(limits_and_victims_are_those_of_proc, make_root,
	                                        end),
	        cmocka_unit_test_setup_teardown(swaps_and_pools_are_read, make_root, end),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
