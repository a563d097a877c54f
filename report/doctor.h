/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor.h - the checks of `memtrace doctor`, a row each.
 *
 * Used by cmd_doctor.c. Each check tries the thing itself rather than asking whether it should
 * work.
 */
#ifndef MT_REPORT_DOCTOR_H
#define MT_REPORT_DOCTOR_H

#include "report/table.h"

/*
 * One row. is_needed: without it nothing can be traced. found is copied; check and cost are
 * borrowed until the table is freed.
 */
void mt_doctor_add(struct mt_table *table, const char *check, bool is_needed, bool is_ok,
                   const char *found, const char *cost);

/* doctor_trace.c: traces a small program and looks at what was recorded. */
void mt_doctor_check_tracing(struct mt_table *table);

/* doctor_machine.c: the kernel, libc, the folder. */
void mt_doctor_check_machine(struct mt_table *table);

#endif
