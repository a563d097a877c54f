/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_system.c - memtrace system: is memory a problem on this machine, and for whom.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report/arguments.h"
#include "report/commands.h"
#include "report/json.h"
#include "report/pid.h"
#include "report/say.h"
#include "report/system.h"

/* Long enough to see whether it swaps, short enough for nobody to notice. */
#define GLANCE_NS 10000000u

#define INTERVAL_MAX 86400

struct live {
	const char *root; /* "": this machine */
	pid_t pid;
	uint64_t interval_ns;
	struct mt_machine before;
	struct mt_machine after;
	struct mt_rates rates;
};

static void sleep_ns(uint64_t duration_ns)
{
	struct timespec left = {(time_t)(duration_ns / 1000000000u),
	                        (long)(duration_ns % 1000000000u)};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static void read_machine(const struct live *live, enum mt_machine_extent extent,
                         struct mt_machine *ret_machine)
{
	mt_machine_read(live->root, live->pid, (uint64_t)sysconf(_SC_PAGESIZE), extent,
	                ret_machine);
}

/* The reading after the interval; false: what was asked about is gone, which is said. */
static bool read_after(struct live *live, enum mt_machine_extent extent)
{
	sleep_ns(live->interval_ns);
	read_machine(live, extent, &live->after);
	live->rates = mt_rates_between(&live->before, &live->after,
	                               live->after.time_ns - live->before.time_ns);
	if (!live->pid || !live->after.process_error)
		return true;
	mt_say("there is no process %d%s", (int)live->pid,
	       *live->root ? " in that folder" : ", or /proc hides it (hidepid)");
	mt_machine_free(&live->after);
	return false;
}

/* ---- Over time ---- */

static int run_lines(struct live *live, int64_t count)
{
	bool is_live = true;

	mt_rates_print_head(live->pid != 0);
	for (int64_t i = 0; is_live && (count == 0 || i < count); i++) {
		is_live = read_after(live, MT_MACHINE_BRIEF);
		if (!is_live)
			break;
		mt_rates_print_line(&live->after, &live->rates);
		mt_machine_free(&live->before);
		live->before = live->after;
	}
	mt_machine_free(&live->before);
	return is_live ? MT_EXIT_FINE : MT_EXIT_CANNOT;
}

/* ---- The page ---- */

static int run_page(struct live *live, const struct mt_system_how *how)
{
	struct mt_page page = {0};

	if (*live->root && !live->interval_ns) {
		/* a dump does not change */
		mt_machine_free(&live->before);
		live->before = mt_machine_nothing(0);
	} else if (!live->interval_ns) {
		live->interval_ns = GLANCE_NS;
	}
	if (!read_after(live, MT_MACHINE_WHOLE)) {
		mt_machine_free(&live->before);
		return MT_EXIT_CANNOT;
	}
	if (*live->root && !live->before.time_ns)
		live->rates = (struct mt_rates){0};
	mt_page_fill(&page, &live->after, &live->rates);
	mt_page_judge(&page, &live->after, &live->rates);
	if (how->is_json)
		mt_json_print(mt_page_json(&page, &live->after, how->is_raw));
	else
		mt_page_print_text(&page, &live->after, how);
	mt_page_free(&page);
	mt_machine_free(&live->before);
	mt_machine_free(&live->after);
	return MT_EXIT_FINE;
}

static int run_live(const struct mt_call *call, const struct mt_system_how *how, int64_t interval)
{
	const char *root = mt_arguments_value(call, "root");
	struct live live = {.root = root ? root : "",
	                    .interval_ns = (uint64_t)interval * 1000000000u};

	if (call->operand_count > 0) {
		int status = mt_pid_parse(call->operands[0], &live.pid);

		if (status != MT_EXIT_FINE)
			return status;
	}
	read_machine(&live, MT_MACHINE_BRIEF, &live.before);
	if (live.before.meminfo.error) {
		mt_say("%s/proc/meminfo: %s", live.root, strerror(-live.before.meminfo.error));
		mt_machine_free(&live.before);
		return MT_EXIT_CANNOT;
	}
	if (!mt_arguments_has(call, "count"))
		return run_page(&live, how);
	if (interval == 0)
		live.interval_ns = 1000000000u;
	return run_lines(&live, mt_arguments_number(call, "count", 0));
}

static int run(const struct mt_call *call)
{
	const struct mt_system_how how = {
	        .is_json = mt_arguments_format(call) == MT_FORMAT_JSON,
	        .is_explained = mt_arguments_has(call, "explain"),
	        .is_raw = mt_arguments_has(call, "raw"),
	};
	int64_t interval = mt_arguments_number(call, "interval", 0);
	bool is_file = call->operand_count > 0 && !mt_arguments_has(call, "root") &&
	               !mt_pid_is_meant(call->operands[0]);

	if (interval < 0 || interval > INTERVAL_MAX ||
	    (mt_arguments_has(call, "interval") && interval == 0)) {
		mt_say("--interval: give seconds, 1 to %d", INTERVAL_MAX);
		return MT_EXIT_USAGE;
	}
	if (mt_arguments_number(call, "count", 0) < 0) {
		mt_say("--count: give how many lines, 0 for no end");
		return MT_EXIT_USAGE;
	}
	if (mt_arguments_has(call, "count") && how.is_json) {
		mt_say("--count prints lines for people; without it --format=json has the rates");
		return MT_EXIT_USAGE;
	}
	if (is_file && (mt_arguments_has(call, "interval") || mt_arguments_has(call, "count"))) {
		mt_say("--interval and --count are for what is running; the rates of a file are "
		       "those between its snapshots");
		return MT_EXIT_USAGE;
	}
	if (!is_file && (mt_arguments_has(call, "at") || mt_arguments_has(call, "process"))) {
		mt_say("--at and --process are for a FILE");
		return MT_EXIT_USAGE;
	}
	return is_file ? mt_system_report_file(call, &how) : run_live(call, &how, interval);
}

static const struct mt_flag flags[] = {
        {"at", 0, MT_FLAG_TEXT, "peak|exit|N",
         "of a FILE: when most was resident, at the end, or snapshot number N; without it the "
         "last"},
        {"interval", 0, MT_FLAG_NUMBER, "SECONDS", "measure rates and growth for so long (0.01 s)"},
        {"count", 0, MT_FLAG_NUMBER, "N",
         "rates as lines instead, one each --interval (1 s), N of them; 0: no end"},
        {"explain", 0, MT_FLAG_NONE, NULL,
         "where each figure comes from, instead of what it means"},
        {"raw", 0, MT_FLAG_NONE, NULL,
         "every line of meminfo, vmstat and memory.stat, too, known or not"},
        {"root", 0, MT_FLAG_TEXT, "FOLDER", "a copy of another machine's /proc and /sys"},
        {"format", 0, MT_FLAG_CHOICE, "text|json",
         "text for people (default); json is complete and stable, and has all snapshots"},
        MT_FLAG_PROCESS,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_system = {
        .name = "system",
        .usage = "[OPTION...] [FILE|PID]",
        .sentence = "the machine's memory beside a process: what is short, and for whom",
        .prose = "One page of what free, vmstat, slabtop, /proc/meminfo, buddyinfo, zoneinfo and "
                 "the control\n"
                 "groups say, each figure with its meaning, and at its end what to make of it, the "
                 "worst first.\n"
                 "With a PID, what limits that process and how near it is; with a FILE, the same "
                 "as it was\n"
                 "at a snapshot of resident memory.\n",
        .flags = flags,
        .min_operands = 0,
        .max_operands = 1,
        .run = run,
};
