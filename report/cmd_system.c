/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_system.c - memtrace system: is memory a problem on this machine, and for whom.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/pid.h"
#include "report/say.h"
#include "report/system.h"

/* Long enough to see whether it swaps, short enough for nobody to notice. */
#define GLANCE_NS 20000000

static void sleep_ns(uint64_t duration_ns)
{
	struct timespec left = {(time_t)(duration_ns / 1000000000u),
	                        (long)(duration_ns % 1000000000u)};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- Over time, as vmstat prints it ---- */

static void print_raw(const struct mt_fields *fields, const char *path)
{
	printf("%s\n", path);
	for (size_t i = 0; i < fields->count; i++)
		printf("  %-32s %20llu%s\n", fields->rows[i].name,
		       (unsigned long long)fields->rows[i].value,
		       fields->rows[i].is_bytes ? " bytes" : "");
}

static int run_rates(const char *root, uint64_t interval_ns, int64_t count)
{
	struct mt_fields before, after, meminfo;
	int r = mt_fields_read(root, "/proc/vmstat", &before);

	if (r < 0) {
		mt_say("%s/proc/vmstat: %s", root, strerror(-r));
		return MT_EXIT_CANNOT;
	}
	puts("     free available   faults/s  major/s   in kB/s  out kB/s scanned/s  stolen/s "
	     "stalls/s killed/s");
	for (int64_t i = 0; count == 0 || i < count; i++) {
		uint64_t begun_ns = now_ns(), elapsed_ns;
		uint64_t free_bytes = 0, available = 0;
		struct mt_rates rates;

		sleep_ns(interval_ns);
		r = mt_fields_read(root, "/proc/vmstat", &after);
		if (r < 0)
			break;
		elapsed_ns = now_ns() - begun_ns;
		if (mt_fields_read(root, "/proc/meminfo", &meminfo) == 0) {
			mt_fields_get(&meminfo, "MemFree", &free_bytes);
			mt_fields_get(&meminfo, "MemAvailable", &available);
			mt_fields_free(&meminfo);
		}
		rates = mt_rates_between(&before, &after, elapsed_ns);
		printf("%9s %9s %10.0f %8.0f %9.0f %9.0f %9.0f %9.0f %8.0f %8.1f\n",
		       mt_units_bytes((int64_t)free_bytes).text,
		       mt_units_bytes((int64_t)available).text, rates.faults, rates.major_faults,
		       rates.swap_in * (double)sysconf(_SC_PAGESIZE) / 1024,
		       rates.swap_out * (double)sysconf(_SC_PAGESIZE) / 1024, rates.scanned,
		       rates.stolen, rates.compact_stalls, rates.oom_kills);
		fflush(stdout);
		mt_fields_free(&before);
		before = after;
	}
	mt_fields_free(&before);
	return MT_EXIT_FINE;
}

/* ---- The page ---- */

static int run_page(const struct mt_call *call, const char *root, pid_t pid)
{
	struct mt_fields before = {0};
	struct mt_page page = {0};
	struct mt_rates rates = {0};
	struct mt_machine machine;
	bool is_live = !*root;
	uint64_t begun_ns = now_ns();

	if (is_live)
		mt_fields_read(root, "/proc/vmstat", &before);
	mt_machine_read(root, pid, (uint64_t)sysconf(_SC_PAGESIZE), &machine);
	if (is_live && before.count > 0) {
		uint64_t taken_ns = now_ns() - begun_ns;

		if (taken_ns < GLANCE_NS) {
			sleep_ns(GLANCE_NS - taken_ns);
			mt_fields_free(&machine.vmstat);
			mt_fields_read(root, "/proc/vmstat", &machine.vmstat);
		}
		rates = mt_rates_between(&before, &machine.vmstat, now_ns() - begun_ns);
	}
	mt_page_fill(&page, &machine);
	mt_page_judge(&page, &machine, &rates);
	if (mt_arguments_format(call) == MT_FORMAT_JSON) {
		mt_page_print_json(&page, &machine, mt_arguments_has(call, "raw"));
	} else {
		mt_page_print_text(&page, mt_arguments_has(call, "explain"));
		if (mt_arguments_has(call, "raw")) {
			putchar('\n');
			print_raw(&machine.meminfo, "/proc/meminfo");
			print_raw(&machine.vmstat, "/proc/vmstat");
		}
	}
	mt_page_free(&page);
	mt_fields_free(&before);
	mt_machine_free(&machine);
	return MT_EXIT_FINE;
}

static int run(const struct mt_call *call)
{
	const char *root = mt_arguments_value(call, "root");
	int64_t interval = mt_arguments_number(call, "interval", 0);
	pid_t pid = 0;
	int status;

	if (interval < 0 || interval > 86400) {
		mt_say("--interval: give seconds, 1 to 86400");
		return MT_EXIT_USAGE;
	}
	if (interval > 0)
		return run_rates(root ? root : "", (uint64_t)interval * 1000000000u,
		                 mt_arguments_number(call, "count", 0));
	if (call->operand_count > 0) {
		status = mt_pid_parse(call->operands[0], &pid);
		if (status != MT_EXIT_FINE)
			return status;
	}
	return run_page(call, root ? root : "", pid);
}

static const struct mt_flag flags[] = {
        {"explain", 0, MT_FLAG_NONE, NULL, "where each figure comes from"},
        {"interval", 0, MT_FLAG_NUMBER, "SECONDS", "rates over time instead, a line each"},
        {"count", 0, MT_FLAG_NUMBER, "N", "with --interval: so many lines; 0 (default): no end"},
        {"raw", 0, MT_FLAG_NONE, NULL, "every line of the kernel's tables, too, known or not"},
        {"root", 0, MT_FLAG_TEXT, "FOLDER", "a dump of another machine's /proc and /sys"},
        {"format", 0, MT_FLAG_CHOICE, "text|json",
         "text for people (default); json is complete and stable"},
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_system = {
        .name = "system",
        .usage = "[OPTION...] [PID]",
        .sentence = "the machine's memory beside a process: what is short, and for whom",
        .prose = "One page of what free, vmstat, slabtop, /proc/meminfo, buddyinfo, zoneinfo and "
                 "the "
                 "control\n"
                 "groups say, each figure with its meaning, and at its end what to make of it, the "
                 "worst "
                 "first.\n"
                 "With a PID, what limits that process and how near it is.\n",
        .flags = flags,
        .min_operands = 0,
        .max_operands = 1,
        .run = run,
};
