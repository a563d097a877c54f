/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rss_json.c - the owners of resident memory for programs: complete and stable.
 */
#include <stdlib.h>

#include "report/json.h"
#include "report/rss.h"

static json_t *snapshot_json(const struct mt_process *process,
                             const struct mt_rss_snapshot *snapshot)
{
	return json_pack("{s:I, s:s*, s:I, s:s*, s:I, s:s*, s:b, s:I, s:I, s:I, s:I, s:I, s:I, "
	                 "s:I, s:I, s:I, "
	                 "s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	                 "pid", (json_int_t)process->pid, "command", process->command, "id",
	                 (json_int_t)snapshot->id, "reason", snapshot->reason, "time_ns",
	                 (json_int_t)snapshot->time_ns, "source", snapshot->source, "frozen",
	                 snapshot->is_frozen, "stopped_ns", (json_int_t)snapshot->stopped_ns,
	                 "smaps_rss_bytes", (json_int_t)snapshot->smaps_rss_bytes, "resident_bytes",
	                 (json_int_t)snapshot->resident_bytes, "attributed_bytes",
	                 (json_int_t)(snapshot->resident_bytes - snapshot->unexplained_bytes),
	                 "unexplained_bytes", (json_int_t)snapshot->unexplained_bytes, "pss_bytes",
	                 (json_int_t)snapshot->pss_bytes, "uss_bytes",
	                 (json_int_t)snapshot->uss_bytes, "swap_bytes",
	                 (json_int_t)snapshot->swap_bytes, "hugetlb_bytes",
	                 (json_int_t)snapshot->hugetlb_bytes, "page_table_bytes",
	                 (json_int_t)snapshot->page_table_bytes, "peak_rss_bytes",
	                 (json_int_t)snapshot->peak_rss_bytes, "purgeable_bytes",
	                 (json_int_t)snapshot->purgeable_bytes, "trim_step_bytes",
	                 (json_int_t)snapshot->trim_step_bytes, "lazy_free_bytes",
	                 (json_int_t)snapshot->lazy_free_bytes, "anon_huge_bytes",
	                 (json_int_t)snapshot->anon_huge_bytes, "live_blocks",
	                 (json_int_t)snapshot->live_blocks, "process_peak_rss_bytes",
	                 (json_int_t)snapshot->process_peak_bytes);
}

static const char meminfo_sql[] = "SELECT source, name, value FROM meminfo WHERE snapshot = ?1";

/* What the machine and the control group said at that moment: an object for each source. */
static int read_meminfo(struct mt_rss_report *report, int64_t snapshot, json_t *sources)
{
	struct mt_rows *rows;
	int next = mt_rss_ask(report, meminfo_sql, snapshot, &rows);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		json_t *source = mt_json_text(mt_rows_text(rows, 0));
		json_t *name = mt_json_text(mt_rows_text(rows, 1));
		const char *key = json_string_value(source);
		json_t *values = key ? json_object_get(sources, key) : NULL;

		if (key && !values) {
			values = json_object();
			json_object_set_new(sources, key, values);
		}
		if (values && json_string_value(name))
			json_object_set_new(values, json_string_value(name),
			                    json_integer(mt_rows_integer(rows, 2)));
		json_decref(source);
		json_decref(name);
	}
	mt_rows_close(rows);
	return next;
}

static const char all_owners_sql[] = "SELECT kind, bytes, stack, file, tid, name, pinned_bytes, "
                                     "returned_bytes FROM resident_owner"
                                     " WHERE snapshot = ?1 ORDER BY bytes DESC, 1";

static int print_owners(struct mt_rss_report *report, struct mt_json_out *out, int64_t snapshot)
{
	struct mt_rows *rows;
	int next = mt_rss_ask(report, all_owners_sql, snapshot, &rows);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		json_t *owner = json_object();
		struct mt_trim trim = {0};
		struct mt_stack *stack;

		json_object_set_new(owner, "kind", mt_json_text(mt_rows_text(rows, 0)));
		json_object_set_new(owner, "bytes", json_integer(mt_rows_integer(rows, 1)));
		json_object_set_new(
		        owner, "site",
		        mt_json_number(!mt_rows_is_null(rows, 2), mt_rows_integer(rows, 2)));
		json_object_set_new(owner, "pinned_bytes", json_integer(mt_rows_integer(rows, 6)));
		json_object_set_new(owner, "returned_bytes",
		                    json_integer(mt_rows_integer(rows, 7)));
		json_object_set_new(
		        owner, "file",
		        mt_json_text(mt_rows_is_null(rows, 3) ? NULL : mt_rows_text(rows, 3)));
		json_object_set_new(
		        owner, "thread",
		        mt_json_number(!mt_rows_is_null(rows, 4), mt_rows_integer(rows, 4)));
		if (!mt_rows_is_null(rows, 2)) {
			int error =
			        mt_stacks_resolve(report->stacks, mt_rows_integer(rows, 2), &stack);

			if (error < 0) {
				json_decref(owner);
				mt_rows_close(rows);
				return error;
			}
			trim = mt_trim_own(stack);
		}
		mt_json_stack(out, owner, &trim);
	}
	mt_rows_close(rows);
	return next;
}

int mt_rss_print_json(struct mt_rss_report *report)
{
	struct mt_json_out out = {0};
	int error = 0;

	mt_json_open(&out, json_pack("{s:s}", "state", mt_json_state(&report->file)), "snapshots");
	for (size_t i = 0; i < report->file.process_count && error >= 0; i++) {
		const struct mt_process *process = &report->file.processes[i];
		struct mt_rss_snapshot *snapshots = NULL;
		size_t count = 0;

		if (report->only_pid && process->pid != report->only_pid)
			continue;
		error = mt_rss_read(report, process, !report->only_pid, &snapshots, &count);
		for (size_t j = 0; j < count && error >= 0; j++) {
			json_t *head = snapshot_json(process, &snapshots[j]);
			json_t *sources = json_object(), *pins = json_array();

			report->found = true;
			json_object_set_new(head, "meminfo", sources);
			json_object_set_new(head, "pins", pins);
			error = read_meminfo(report, snapshots[j].id, sources);
			if (error >= 0)
				error = mt_rss_pins_json(report, snapshots[j].id, pins);
			mt_json_open(&out, head, "owners");
			if (error >= 0)
				error = print_owners(report, &out, snapshots[j].id);
			mt_json_close(&out);
		}
		free(snapshots);
	}
	mt_json_close(&out);
	return error;
}
