/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leaks.c - see leaks.h.
 */
#include "report/leaks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/estimate.h"
#include "report/sites.h"
#include "report/text.h"

static const char leak_sql[] = "SELECT stack, class, blocks, bytes, first_ns, last_ns, samples,"
                               " blocks_variance, bytes_variance FROM leak"
                               " WHERE process = ?1 ORDER BY bytes DESC, blocks DESC, stack, class";

int mt_leaks_read(struct mt_file *file, const struct mt_process *process,
                  struct mt_leaks *ret_leaks)
{
	struct mt_leaks *leaks = ret_leaks;
	struct mt_rows *rows = NULL;
	int next;

	*leaks = (struct mt_leaks){0};
	next = mt_rows_open(file->reader, leak_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, process->id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_leak leak = {
		        .stack = mt_rows_integer(rows, 0),
		        .class = mt_arena_text(&file->arena, mt_rows_text(rows, 1)),
		        .blocks = mt_rows_integer(rows, 2),
		        .bytes = mt_rows_integer(rows, 3),
		        .first_ns = mt_rows_integer(rows, 4),
		        .last_ns = mt_rows_integer(rows, 5),
		        .samples = mt_rows_integer(rows, 6),
		        .blocks_variance = mt_rows_real(rows, 7),
		        .bytes_variance = mt_rows_real(rows, 8),
		};

		leaks->items = mt_memory_grow(leaks->items, leaks->count, &leaks->capacity,
		                              sizeof(*leaks->items));
		leaks->items[leaks->count++] = leak;
		leaks->blocks = mt_sites_add(leaks->blocks, leak.blocks);
		leaks->bytes = mt_sites_add(leaks->bytes, leak.bytes);
		leaks->samples = mt_sites_add(leaks->samples, leak.samples);
		leaks->blocks_variance += leak.blocks_variance;
		leaks->bytes_variance += leak.bytes_variance;
		if (strcmp(leak.class, "unclassified") != 0)
			leaks->is_classified = true;
	}
	mt_rows_close(rows);
	return next;
}

void mt_leaks_free(struct mt_leaks *leaks)
{
	free(leaks->items);
	*leaks = (struct mt_leaks){0};
}

bool mt_leaks_are_measured(const struct mt_file *file, const struct mt_process *process)
{
	return process->has_snapshot && process->has_ended && process->dropped_events == 0 &&
	       process->pauses == 0 && !process->has_unseen && file->sample_bytes == 0;
}

void mt_leaks_print_none(struct mt_file *file, const struct mt_process *process)
{
	printf("%s, pid %" PRId64 ", %s: ", mt_text_clean(&file->arena, process->command),
	       process->pid, mt_file_end(file, process));
	if (mt_leaks_are_measured(file, process))
		printf("no leaks (%s, all given back)\n",
		       mt_units_of(process->allocations, "allocation", "allocations").text);
	else if (!process->has_snapshot || !process->has_ended)
		printf("leaks not measured; %s, %s live when last recorded\n",
		       mt_estimate_of(&file->arena, file, process->live_blocks,
		                      process->live_blocks_variance, "block", "blocks"),
		       mt_estimate_bytes(&file->arena, file, process->live_bytes,
		                         process->live_bytes_variance));
	else if (process->dropped_events)
		printf("no leaks seen, but %s lost\n",
		       mt_units_of(process->dropped_events, "event was", "events were").text);
	else if (file->sample_bytes)
		printf("no leaks among %s, one for each %s allocated\n",
		       mt_units_of(process->samples, "sampled block", "sampled blocks").text,
		       mt_units_bytes(file->sample_bytes).text);
	else if (process->pauses)
		printf("no leaks seen, but tracing was off for %s\n",
		       mt_units_duration(process->off_ns).text);
	else
		puts("no leaks seen, but some of its code allocates past memtrace (memtrace info "
		     "says what)");
}
