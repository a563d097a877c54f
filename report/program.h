/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program.h - the command that is to be traced: where it is, and whether it can be traced.
 *
 * Used by cmd_run.c, before the program runs and when it ended without having joined.
 */
#ifndef MT_REPORT_PROGRAM_H
#define MT_REPORT_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/*
 * Finds a command as a shell does. 0 and its path; -ENOENT: there is none (127 in a shell); another
 * -errno: there is one that cannot be run (126).
 */
int mt_program_find(const char *name, char ret_path[PATH_MAX]);

enum mt_program_obstacle {
	MT_PROGRAM_FINE = 0,     /* nothing speaks against it */
	MT_PROGRAM_HARMLESS,     /* LD_PRELOAD will be ignored; its children may be traced */
	MT_PROGRAM_NOT_PRELOADED /* LD_PRELOAD would stop it from starting: it must run without */
};

/*
 * Looks at the file (and, for a script, at its interpreter). ret_why is a clause: "it is statically
 * linked".
 */
enum mt_program_obstacle mt_program_check(const char *path, char ret_why[256]);

#endif
