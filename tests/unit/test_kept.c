/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_kept.c - host/kept.h and host/cgroup.h on machines of our own making: what is kept, and that it comes back. */
#include <errno.h>

#include "host/cgroup.h"
#include "host/kept.h"
#include "tests/unit/root.h"

static struct mt_kept kept;

static void read_machine(void)
{
	mt_kept_free(&kept);
	assert_int_equal(mt_kept_read(root, 7, &kept), 0);
}

/* -1: there is no such row. */
static int64_t value_of(const char *source, const char *name)
{
	for (size_t i = 0; i < kept.count; i++)
		if (strcmp(kept.rows[i].source, source) == 0 &&
		    strcmp(kept.rows[i].name, name) == 0)
			return kept.rows[i].value;
	return -1;
}

static void the_machine_is_read_in_bytes_and_counts(void **state)
{
	(void)state;
	put("/proc/meminfo",
	    "MemTotal:       16309784 kB\nDirty:                 0 kB\nHugePages_Free:"
	    "        5\nnonsense\n:\nNoNumber: x kB\n");
	put("/proc/pressure/memory", "some avg10=1.05 avg60=0.00 avg300=12.30 total=4711\n"
	                             "full avg10=0.07 avg60=0.00 avg300=0.00 total=99\n");
	read_machine();
	assert_int_equal(value_of("meminfo", "MemTotal"), 16309784ll * 1024);
	assert_int_equal(value_of("meminfo", "Dirty"), 0);
	assert_int_equal(value_of("meminfo", "HugePages_Free"), 5);
	assert_int_equal(value_of("pressure", "some avg10"), 105);
	assert_int_equal(value_of("pressure", "some avg300"), 1230);
	assert_int_equal(value_of("pressure", "some total"), 4711);
	assert_int_equal(value_of("pressure", "full avg10"), 7);
	assert_int_equal(value_of("pressure", "full total"), 99);
	assert_int_equal(kept.count, 3 + 8);
}

static void groups_of_the_second_version_are_read(void **state)
{
	(void)state;
	put("/proc/7/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.stat", "anon 4096\nfile 8192\npgfault 77\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	put("/sys/fs/cgroup/a/b/memory.high", "1048576\n");
	put("/sys/fs/cgroup/a/b/memory.current", "12345\n");
	put("/sys/fs/cgroup/a/memory.max", "1\n");
	read_machine();
	assert_int_equal(value_of("cgroup stat", "anon"), 4096);
	assert_int_equal(value_of("cgroup stat", "pgfault"), 77);
	assert_true(value_of("cgroup", "memory.max") == INT64_MAX);
	assert_int_equal(value_of("cgroup", "memory.high"), 1048576);
	assert_int_equal(value_of("cgroup", "memory.current"), 12345);
	assert_int_equal(value_of("cgroup path", "/a/b"), 0);
	assert_int_equal(value_of("cgroup path", "/a"), 1);
	assert_int_equal(value_of("cgroup", "../memory.max"), 1);
	assert_int_equal(kept.count, 9);
}

static void groups_of_the_first_version_are_read(void **state)
{
	(void)state;
	put("/proc/7/cgroup", "9:name=systemd:/\n8:memory:/a\n7:cpu,cpuacct:/\n0::/\n");
	put("/sys/fs/cgroup/memory/a/memory.stat", "cache 4096\n");
	put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "555\n");
	read_machine();
	assert_int_equal(value_of("cgroup stat", "cache"), 4096);
	/* as large as can be said in whole pages: none */
	assert_true(value_of("cgroup", "memory.limit_in_bytes") == INT64_MAX);
	assert_int_equal(value_of("cgroup", "memory.usage_in_bytes"), 555);
}

/* Its own path is that of the host, which is not to be seen. */
static void a_container_sees_its_group_as_the_root(void **state)
{
	char *file;
	char wanted[256];

	(void)state;
	put("/proc/7/cgroup", "8:memory:/docker/abc\n");
	put("/sys/fs/cgroup/memory/memory.stat", "cache 1\n");
	file = mt_cgroup_find(root, 7, "memory.stat", "memory.stat");
	snprintf(wanted, sizeof(wanted), "%s/sys/fs/cgroup/memory/memory.stat", root);
	assert_non_null(file);
	assert_string_equal(file, wanted);
	free(file);
	assert_null(mt_cgroup_find(root, 7, "memory.events", "memory.oom_control"));
	assert_null(mt_cgroup_find(root, 8, "memory.stat", "memory.stat"));
}

static void a_machine_without_any_of_it_has_no_rows(void **state)
{
	char *text;

	(void)state;
	read_machine();
	assert_int_equal(kept.count, 0);
	/* Too many lines, and a line that is too long. */
	text = malloc(200000);
	assert_non_null(text);
	*text = '\0';
	for (int i = 0; i < 3000; i++)
		sprintf(text + strlen(text), "Name%d: 1 kB\n", i);
	memset(text + strlen(text), 'x', 10000);
	put("/proc/meminfo", text);
	free(text);
	read_machine();
	assert_int_equal(kept.count, MT_KEPT_ROWS_MAX);
	mt_kept_free(&kept);
}

/* ---- There and back ---- */

#define ZONEINFO                                                                                   \
	"Node 1, zone   Normal\n  pages free     1000\n        boost    8\n        min      10\n"  \
	"        low      20\n        high     30\n        present  3900\n        managed  3800\n" \
	"        protection: (0, 7, 24090, 3)\n"

static struct mt_machine machine;

static void read_back(void)
{
	read_machine();
	mt_machine_free(&machine);
	assert_int_equal(mt_kept_machine(&kept, 7, 4096, &machine), 0);
}

static void zones_counters_and_settings_come_back(void **state)
{
	const struct mt_zone *zone;
	uint64_t value;

	(void)state;
	put("/proc/zoneinfo", ZONEINFO);
	put("/proc/buddyinfo", "Node 1, zone   Normal      3      2      0      1 \n");
	put("/proc/vmstat", "nr_free_pages 9\npgfault 70\npgscan_direct 5\n");
	put("/proc/meminfo", "MemTotal: 8 kB\nHugePages_Total: 3\n");
	put("/proc/sys/vm/overcommit_memory", "2\n");
	read_back();
	assert_int_equal(machine.zones.count, 1);
	zone = &machine.zones.rows[0];
	assert_int_equal(zone->node, 1);
	assert_string_equal(zone->name, "Normal");
	assert_int_equal(zone->free, 1000);
	assert_int_equal(zone->boost, 8);
	assert_int_equal(zone->min, 10);
	assert_int_equal(zone->low, 20);
	assert_int_equal(zone->high, 30);
	assert_int_equal(zone->managed, 3800);
	assert_int_equal(zone->reserve, 24090);
	assert_int_equal(zone->order_count, 4);
	assert_int_equal(zone->orders[0], 3);
	assert_int_equal(zone->orders[3], 1);
	assert_true(zone->has_marks && zone->has_orders);
	assert_true(mt_fields_get(&machine.vmstat, "pgscan_direct", &value) && value == 5);
	assert_false(mt_fields_get(&machine.vmstat, "nr_free_pages", &value));
	assert_true(mt_fields_get(&machine.meminfo, "MemTotal", &value) && value == 8192);
	assert_true(machine.meminfo.rows[0].is_bytes && !machine.meminfo.rows[1].is_bytes);
	assert_true(machine.has_setting[MT_SETTING_overcommit_memory]);
	assert_int_equal(machine.settings[MT_SETTING_overcommit_memory], 2);
	assert_false(machine.has_setting[MT_SETTING_swappiness]);
	assert_int_equal(machine.slabs.error, -ENODATA);
	assert_int_equal(machine.groups.error, -ENODATA);
}

static void groups_limits_and_pools_come_back(void **state)
{
	const struct mt_group *group;
	uint64_t room;

	(void)state;
	put("/proc/7/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.current", "900\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	put("/sys/fs/cgroup/a/b/memory.stat", "anon 800\ninactive_file 70\n");
	put("/sys/fs/cgroup/a/b/memory.events", "high 2\nmax 3\noom_kill 1\n");
	put("/sys/fs/cgroup/a/memory.current", "1900\n");
	put("/sys/fs/cgroup/a/memory.max", "2000\n");
	put("/proc/7/limits", "Max data size             1048576              unlimited\n"
	                      "Max address space         unlimited            unlimited\n");
	put("/proc/7/status", "VmSize:\t 100 kB\nVmData:\t 60 kB\nVmRSS:\t 80 kB\n");
	put("/proc/7/oom_score", "700\n");
	put("/proc/7/oom_score_adj", "-17\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "10\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "4\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	read_back();
	assert_int_equal(machine.groups.count, 2);
	assert_string_equal(machine.groups.rows[0].path, "/a/b");
	assert_true(machine.groups.rows[0].max == MT_LIMIT_NONE);
	assert_true(machine.groups.rows[0].peak == MT_LIMIT_UNKNOWN);
	assert_int_equal(machine.groups.rows[0].events_max, 3);
	assert_int_equal(machine.groups.rows[0].oom_kills, 1);
	assert_int_equal(mt_group_reclaimable(&machine.groups.rows[0]), 70);
	group = mt_groups_tightest(&machine.groups, &room);
	assert_non_null(group);
	assert_string_equal(group->path, "/a");
	assert_int_equal(room, 100);
	assert_int_equal(machine.rlimits.limits[MT_RLIMIT_DATA], 1048576);
	assert_int_equal(machine.rlimits.used[MT_RLIMIT_DATA], 61440);
	assert_true(machine.rlimits.limits[MT_RLIMIT_AS] == MT_LIMIT_NONE);
	assert_false(machine.rlimits.is_known[MT_RLIMIT_STACK]);
	assert_int_equal(machine.process_error, 0);
	assert_int_equal(machine.process.rss_bytes, 81920);
	assert_int_equal(machine.process.score, 700);
	assert_int_equal(machine.process.adj, -17);
	assert_int_equal(machine.hugepages.pool_count, 1);
	assert_int_equal(machine.hugepages.pools[0].page_bytes, 2097152);
	assert_int_equal(machine.hugepages.pools[0].total, 10);
	assert_int_equal(machine.hugepages.pools[0].free, 4);
	assert_string_equal(machine.hugepages.enabled, "madvise");
}

/* A file may be anybody's. */
static void rows_that_make_no_sense_do_no_harm(void **state)
{
	static const struct {
		const char *source;
		const char *name;
		int64_t value;
	} rows[] = {
	        {"zone", "0 Normal order 99", 1},
	        {"zone", "99999 Normal low", -5},
	        {"zone", "Normal", 1},
	        {"zone", "0 Normal order 3", INT64_MIN},
	        {"cgroup path", "/x", 1000000},
	        {"cgroup path", "/x", -1},
	        {"cgroup path", "/deep", 31},
	        {"cgroup", "../../memory.max", -1},
	        {"cgroup", "memory.events", 1},
	        {"huge pages", "enabled aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1},
	        {"huge pages", "99999999999999999999 total", 1},
	        {"pressure", "some avg10", INT64_MAX},
	        {"limit", "stack", -1},
	        {"nothing", "known", 1},
	};

	(void)state;
	mt_kept_free(&kept);
	mt_machine_free(&machine);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mt_kept_add(&kept, rows[i].source, rows[i].name, rows[i].value),
		                 0);
	for (uint64_t page_bytes = 1; page_bytes < 100; page_bytes++) {
		char name[32];

		snprintf(name, sizeof(name), "%d total", (int)page_bytes);
		mt_kept_add(&kept, "huge pages", name, 1);
	}
	assert_int_equal(mt_kept_machine(&kept, 7, 4096, &machine), 0);
	assert_int_equal(machine.groups.count, 32);
	assert_string_equal(machine.groups.rows[31].path, "/deep");
	assert_int_equal(machine.hugepages.pool_count, MT_HUGE_POOLS_MAX);
	assert_int_equal(machine.pressure.some.avg10, 10000);
	for (size_t i = 0; i < machine.zones.count; i++)
		assert_true(machine.zones.rows[i].order_count <= MT_ZONE_ORDERS_MAX);
}

static int end(void **state)
{
	mt_machine_free(&machine);
	mt_kept_free(&kept);
	return remove_root(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(the_machine_is_read_in_bytes_and_counts),
	        TEST(groups_of_the_second_version_are_read),
	        TEST(groups_of_the_first_version_are_read),
	        TEST(a_container_sees_its_group_as_the_root),
	        TEST(a_machine_without_any_of_it_has_no_rows),
	        TEST(zones_counters_and_settings_come_back),
	        TEST(groups_limits_and_pools_come_back),
	        TEST(rows_that_make_no_sense_do_no_harm),
	};

	return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
