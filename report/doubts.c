/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doubts.c - see doubts.h.
 */
#include "report/doubts.h"

#include <stdio.h>

#include "base/units.h"

/* How many samples the figures should rest on before somebody believes the peak. */
#define FEW_SAMPLES 100

static void say_sampled(const struct mt_file *file, const struct mt_process *process)
{
	printf("  Note: estimated from %s, one for each %s allocated; ± is the standard error, "
	       "two of\n"
	       "  them hold the true figure 19 times in 20.\n",
	       mt_units_of(process->samples, "sampled block", "sampled blocks").text,
	       mt_units_bytes(file->sample_bytes).text);
	if (process->samples < FEW_SAMPLES)
		puts("  That is few: what was allocated little of is not seen at all, and the peak "
		     "is too high.");
}

static void say_off(const struct mt_process *process)
{
	printf("  Note: tracing was off for %s", mt_units_duration(process->off_ns).text);
	if (process->has_ended)
		printf(" of %s", mt_units_duration(mt_file_duration_ns(process)).text);
	printf("%s; what was allocated then is in no figure.\n",
	       process->pauses > 1 ? ", in several parts" : "");
	if (process->unknown_frees > 0)
		printf("  %s of addresses that were not live: of blocks from then.\n",
		       mt_units_of(process->unknown_frees, "free", "frees").text);
}

void mt_doubts_process(const struct mt_file *file, const struct mt_process *process)
{
	if (file->sample_bytes)
		say_sampled(file, process);
	if (process->pauses > 0)
		say_off(process);
	if (!process->has_ended)
		puts("  Note: the process had not ended when this was recorded.");
	if (process->dropped_events > 0)
		printf("  Note: %s lost; these figures are not exact.\n",
		       mt_units_of(process->dropped_events, "event was", "events were").text);
	if (process->unmatched_frees > 0)
		printf("  Note: %s of addresses that were not live (freed twice, or never "
		       "allocated; see `memtrace info`).\n",
		       mt_units_of(process->unmatched_frees, "free", "frees").text);
	if (process->has_unseen)
		puts("  Note: some of the program's code allocates past memtrace, which does not "
		     "see it; "
		     "`memtrace info` says what.");
	if (process->stacks_cut > 0)
		printf("  Note: %s of %s could not be walked to the end.\n",
		       mt_units_count(process->stacks_cut).text,
		       mt_units_of(process->stacks, "stack", "stacks").text);
}

static void say_frames(const struct mt_stacks *stacks, enum mt_symbolized symbolized,
                       const char *why)
{
	size_t count = mt_stacks_count(stacks, symbolized);

	if (count > 0)
		printf("Note: frames without a name, because %s: %s.\n", why,
		       mt_units_count((int64_t)count).text);
}

void mt_doubts_file(const struct mt_file *file, const struct mt_stacks *stacks)
{
	if (file->process_count == 0)
		puts("No process was traced: nothing is in this file.");
	if (stacks) {
		say_frames(stacks, MT_SYMBOLIZED_CHANGED, "their file was replaced since the run");
		say_frames(stacks, MT_SYMBOLIZED_MISSING, "their file is not on this machine");
	}
	if (file->state == MT_FILE_RECORDING)
		puts("Note: recording goes on; these are the figures of the last commit.");
	if (file->state == MT_FILE_ABANDONED || file->state == MT_FILE_INCOMPLETE)
		puts("Note: the file is incomplete: its collector ended before it had written "
		     "all.");
}
