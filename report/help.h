/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * help.h - what `memtrace help` says, made from the tables of commands and of options.
 *
 * Used by memtrace.c, arguments.c and cmd_help.c.
 */
#ifndef MT_REPORT_HELP_H
#define MT_REPORT_HELP_H

#include <stdio.h>

#include "report/command.h"

/* All commands, a line each. */
void mt_help_all(FILE *to);

/* One command: usage, flags, prose. */
void mt_help_command(const struct mt_command *command, FILE *to);

/* The options of wire/options.def. */
void mt_help_options(FILE *to);

/* Says that there is no such command, and which one may be meant. */
void mt_help_say_unknown(const char *name);

#endif
