/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * locate.h - where libmemtrace.so and memtrace-collect are.
 *
 * Used by cmd_run.c and cmd_doctor.c. Looked for, in this order: beside this executable (a build
 * folder), in the installed places relative to this executable's own prefix (a tree that was
 * moved), and in the installed places as configured.
 */
#ifndef MT_REPORT_LOCATE_H
#define MT_REPORT_LOCATE_H

#include <limits.h>

struct mt_location {
	char library[PATH_MAX];
	char collector[PATH_MAX];
};

/* 0; -ENOENT: not found in any of these places; *ret_location then says where they ought to be. */
int mt_locate(struct mt_location *ret_location);

#endif
