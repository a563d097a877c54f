/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_usage.c - base/usage.h, base/meminfo.h and base/cgroup.h on machines of our own making, and on this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "base/meminfo.h"
#include "base/usage.h"

static char root[] = "/tmp/memtrace-test-XXXXXX";

/* Makes a file of the machine, and the folders that it is in. */
static void put(const char *name, const char *text)
{
	char command[512];
	FILE *out;

	snprintf(command, sizeof(command), "mkdir -p $(dirname %s/%s)", root, name);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/%s", root, name);
	out = fopen(command, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(root + strlen(root) - 6, "XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

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
	put("proc/7/status", STATUS);
	put("proc/7/stat", STAT);
	put("proc/7/maps", MAPS);
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
	put("proc/7/status", "VmSize:\t  800 kB\n");
	assert_int_equal(mt_usage_read(root, 7, &usage), 0);
	nothing.mapped_bytes = 800 * 1024;
	assert_true(mt_usage_is_same(&usage, &nothing));
	nothing.major_faults = 0;
	assert_false(mt_usage_is_same(&usage, &nothing));
	assert_int_equal(mt_usage_threads(root, 7), 0);
	/* No heap, in all of a short list; in one that goes on it may stand further behind. */
	put("proc/7/maps", "55550000-55560000 r-xp 00000000 08:01 1 /bin/[heap]x\n");
	assert_int_equal(mt_usage_read(root, 7, &usage), 0);
	assert_int_equal(usage.break_bytes, 0);
}

static void a_zombie_uses_nothing_and_nobody_is_nowhere(void **state)
{
	struct mt_usage usage;

	(void)state;
	put("proc/7/status", "Name:\tx\nState:\tZ (zombie)\n");
	assert_true(mt_usage_read(root, 7, &usage) < 0);
	assert_true(mt_usage_read(root, 8, &usage) < 0);
	assert_int_equal(mt_usage_rss(root, 8, 4096), 0);
}

static void resident_pages_are_the_second_number_of_statm(void **state)
{
	(void)state;
	put("proc/7/statm", "200 15 9 1 0 50 0\n");
	assert_int_equal(mt_usage_rss(root, 7, 4096), 15 * 4096);
	put("proc/7/statm", "");
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

/* ---- the machine and the control group ---- */

static struct mt_meminfo meminfo;

static void read_machine(void)
{
	mt_meminfo_free(&meminfo);
	assert_int_equal(mt_meminfo_read(root, 7, &meminfo), 0);
}

/* -1: there is no such row. */
static int64_t value_of(const char *source, const char *name)
{
	for (size_t i = 0; i < meminfo.count; i++)
		if (strcmp(meminfo.rows[i].source, source) == 0 &&
		    strcmp(meminfo.rows[i].name, name) == 0)
			return meminfo.rows[i].value;
	return -1;
}

static void the_machine_is_read_in_bytes_and_counts(void **state)
{
	(void)state;
	put("proc/meminfo",
	    "MemTotal:       16309784 kB\nDirty:                 0 kB\nHugePages_Free:"
	    "        5\nnonsense\n:\nNoNumber: x kB\n");
	put("proc/pressure/memory", "some avg10=1.05 avg60=0.00 avg300=12.30 total=4711\n"
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
	assert_int_equal(meminfo.count, 3 + 8);
}

static void groups_of_the_second_version_are_read(void **state)
{
	(void)state;
	put("proc/7/cgroup", "0::/a/b\n");
	put("sys/fs/cgroup/a/b/memory.stat", "anon 4096\nfile 8192\npgfault 77\n");
	put("sys/fs/cgroup/a/b/memory.max", "max\n");
	put("sys/fs/cgroup/a/b/memory.high", "1048576\n");
	put("sys/fs/cgroup/a/b/memory.current", "12345\n");
	put("sys/fs/cgroup/a/memory.max", "1\n");
	read_machine();
	assert_int_equal(value_of("cgroup stat", "anon"), 4096);
	assert_int_equal(value_of("cgroup stat", "pgfault"), 77);
	assert_true(value_of("cgroup", "memory.max") == INT64_MAX);
	assert_int_equal(value_of("cgroup", "memory.high"), 1048576);
	assert_int_equal(value_of("cgroup", "memory.current"), 12345);
	assert_int_equal(meminfo.count, 6);
}

static void groups_of_the_first_version_are_read(void **state)
{
	(void)state;
	put("proc/7/cgroup", "9:name=systemd:/\n8:memory:/a\n7:cpu,cpuacct:/\n0::/\n");
	put("sys/fs/cgroup/memory/a/memory.stat", "cache 4096\n");
	put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
	put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "555\n");
	read_machine();
	assert_int_equal(value_of("cgroup stat", "cache"), 4096);
	assert_true(value_of("cgroup", "memory.limit_in_bytes") == 9223372036854771712ll);
	assert_int_equal(value_of("cgroup", "memory.usage_in_bytes"), 555);
}

/* Its own path is that of the host, which is not to be seen. */
static void a_container_sees_its_group_as_the_root(void **state)
{
	char *file;
	char wanted[256];

	(void)state;
	put("proc/7/cgroup", "8:memory:/docker/abc\n");
	put("sys/fs/cgroup/memory/memory.stat", "cache 1\n");
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
	assert_int_equal(meminfo.count, 0);
	/* Too many lines, and a line that is too long. */
	text = malloc(200000);
	assert_non_null(text);
	*text = '\0';
	for (int i = 0; i < 3000; i++)
		sprintf(text + strlen(text), "Name%d: 1 kB\n", i);
	memset(text + strlen(text), 'x', 10000);
	put("proc/meminfo", text);
	free(text);
	read_machine();
	assert_int_equal(meminfo.count, MT_MEMINFO_ROWS_MAX);
	mt_meminfo_free(&meminfo);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(the_figures_are_found_by_their_names),
	        TEST(what_is_not_said_is_not_known),
	        TEST(a_zombie_uses_nothing_and_nobody_is_nowhere),
	        TEST(resident_pages_are_the_second_number_of_statm),
	        TEST(this_process_agrees_with_itself),
	        TEST(the_machine_is_read_in_bytes_and_counts),
	        TEST(groups_of_the_second_version_are_read),
	        TEST(groups_of_the_first_version_are_read),
	        TEST(a_container_sees_its_group_as_the_root),
	        TEST(a_machine_without_any_of_it_has_no_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
