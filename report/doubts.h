/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doubts.h - what a reader must know to trust the figures of a report: said when there is something
 * to say.
 *
 * Used by every command that prints figures as text.
 */
#ifndef MT_REPORT_DOUBTS_H
#define MT_REPORT_DOUBTS_H

#include "report/file.h"
#include "report/stacks.h"

/*
 * Of one process: not ended, a sample, tracing off at times, events lost, frees of what was not live, stacks
 * that could not be walked.
 */
void mt_doubts_process(const struct mt_file *file, const struct mt_process *process);

/*
 * Of the file: still recorded, incomplete, nothing in it; frames that could not be named (stacks
 * may be NULL).
 */
void mt_doubts_file(const struct mt_file *file, const struct mt_stacks *stacks);

#endif
