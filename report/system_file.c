/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_file.c - the page as it was at a snapshot of a file: from the rows that the collector kept with it.
 *
 * Rates are those since the snapshot before it of the same process. The file may be anybody's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "host/kept.h"
#include "report/arguments.h"
#include "report/json.h"
#include "report/rss.h"
#include "report/say.h"
#include "report/system.h"
#include "report/text.h"

/* Of the snapshot ?1: what was kept, and of the one before it. */
static const char kept_sql[] = "SELECT source, name, value FROM meminfo WHERE snapshot = ?1";

static const char before_sql[] =
        "SELECT snapshot.id, snapshot.time_ns FROM snapshot JOIN snapshot"
        " AS own ON own.process = snapshot.process WHERE own.id = ?1 AND"
        " snapshot.id < own.id AND EXISTS (SELECT 1 FROM meminfo WHERE"
        " meminfo.snapshot = snapshot.id) ORDER BY snapshot.id DESC LIMIT 1";

struct moment {
	struct mt_kept kept;
	struct mt_machine machine;
};

static void free_moment(struct moment *moment)
{
	mt_machine_free(&moment->machine);
	mt_kept_free(&moment->kept);
}

/* -ENODATA: nothing was kept. */
static int read_moment(struct mt_rss_report *report, int64_t snapshot,
                       const struct mt_process *process, struct moment *ret_moment)
{
	struct moment moment = {0};
	struct mt_rows *rows;
	int next = mt_rss_ask(report, kept_sql, snapshot, &rows);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		const char *source = mt_rows_text(rows, 0), *name = mt_rows_text(rows, 1);

		if (source && name)
			next = mt_kept_add(&moment.kept, source, name, mt_rows_integer(rows, 2));
		if (next < 0)
			break;
	}
	mt_rows_close(rows);
	if (next == 0)
		next = mt_kept_machine(&moment.kept, (pid_t)process->pid,
		                       (uint64_t)sysconf(_SC_PAGESIZE), &moment.machine);
	if (next < 0) {
		mt_kept_free(&moment.kept);
		return next;
	}
	snprintf(moment.machine.process.command, sizeof(moment.machine.process.command), "%s",
	         process->command ? process->command : "");
	moment.machine.process.pid = (pid_t)process->pid;
	*ret_moment = moment;
	return 0;
}

static int read_rates(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot,
                      const struct mt_process *process, const struct mt_machine *machine,
                      struct mt_rates *ret_rates)
{
	struct moment before;
	struct mt_rows *rows;
	int64_t id = 0, time_ns = 0;
	int next = mt_rss_ask(report, before_sql, snapshot->id, &rows);

	*ret_rates = (struct mt_rates){0};
	if (next < 0)
		return next;
	next = mt_rows_next(rows);
	if (next == 1) {
		id = mt_rows_integer(rows, 0);
		time_ns = mt_rows_integer(rows, 1);
	}
	mt_rows_close(rows);
	if (next <= 0 || time_ns >= snapshot->time_ns)
		return next < 0 ? next : 0;
	next = read_moment(report, id, process, &before);
	if (next < 0)
		return next;
	*ret_rates = mt_rates_between(&before.machine, machine,
	                              (uint64_t)snapshot->time_ns - (uint64_t)time_ns);
	free_moment(&before);
	return 0;
}

static int print_snapshot(struct mt_rss_report *report, const struct mt_process *process,
                          const struct mt_rss_snapshot *snapshot, const struct mt_system_how *how,
                          json_t *list)
{
	struct mt_page page = {0};
	struct moment moment;
	struct mt_rates rates;
	int r = read_moment(report, snapshot->id, process, &moment);

	if (r < 0)
		return r;
	r = read_rates(report, snapshot, process, &moment.machine, &rates);
	if (r == 0) {
		page.title = mt_arena_print(
		        &page.arena,
		        "snapshot %" PRId64 " (%s) of process %" PRId64 ", %s, %s after the start",
		        snapshot->id, mt_text_clean(&page.arena, snapshot->reason), process->pid,
		        mt_text_clean(&page.arena, process->command ? process->command : "?"),
		        mt_units_duration(snapshot->time_ns).text);
		mt_page_fill(&page, &moment.machine, &rates);
		mt_page_judge(&page, &moment.machine, &rates);
		if (list) {
			json_t *json = mt_page_json(&page, &moment.machine, how->is_raw);

			json_object_set_new(json, "snapshot", json_integer(snapshot->id));
			json_object_set_new(json, "reason", mt_json_text(snapshot->reason));
			json_object_set_new(json, "time_ns", json_integer(snapshot->time_ns));
			json_array_append_new(list, json);
		} else {
			if (report->found)
				putchar('\n');
			mt_page_print_text(&page, &moment.machine, how);
		}
		report->found = true;
		mt_page_free(&page);
	}
	free_moment(&moment);
	return r;
}

static int print_all(struct mt_rss_report *report, const struct mt_system_how *how, json_t *list)
{
	int error = 0;

	for (size_t i = 0; i < report->file.process_count && error >= 0; i++) {
		const struct mt_process *process = &report->file.processes[i];
		struct mt_rss_snapshot *snapshots = NULL;
		size_t count = 0;

		error = mt_rss_read(report, process, list != NULL, &snapshots, &count);
		for (size_t j = 0; j < count && error >= 0; j++)
			error = print_snapshot(report, process, &snapshots[j], how, list);
		free(snapshots);
	}
	return error;
}

int mt_system_report_file(const struct mt_call *call, const struct mt_system_how *how)
{
	struct mt_rss_report report = {.at = MT_RSS_LAST};
	json_t *list = how->is_json ? json_array() : NULL;
	int error, status = mt_rss_parse_at(call, &report);

	if (status == MT_EXIT_FINE)
		status = mt_file_open(call, &report.file);
	if (status != MT_EXIT_FINE) {
		json_decref(list);
		return status;
	}
	error = print_all(&report, how, list);
	if (error < 0)
		status = mt_file_say_error(&report.file, error);
	else if (!report.found)
		status = mt_rss_say_none(&report, call);
	else if (list)
		mt_json_print(json_pack("{s:s, s:O}", "state", mt_json_state(&report.file),
		                        "snapshots", list));
	json_decref(list);
	mt_file_close(&report.file);
	return status;
}
