/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commands.h - the sub-commands by name: one line here and one in commands.c for each cmd_<name>.c.
 */
#ifndef MT_REPORT_COMMANDS_H
#define MT_REPORT_COMMANDS_H

#include "report/command.h"

extern const struct mt_command mt_cmd_run;
extern const struct mt_command mt_cmd_leaks;
extern const struct mt_command mt_cmd_top;
extern const struct mt_command mt_cmd_tree;
extern const struct mt_command mt_cmd_rss;
extern const struct mt_command mt_cmd_snapshot;
extern const struct mt_command mt_cmd_system;
extern const struct mt_command mt_cmd_pages;
extern const struct mt_command mt_cmd_timeline;
extern const struct mt_command mt_cmd_maps;
extern const struct mt_command mt_cmd_info;
extern const struct mt_command mt_cmd_start;
extern const struct mt_command mt_cmd_stop;
extern const struct mt_command mt_cmd_sql;
extern const struct mt_command mt_cmd_doctor;
extern const struct mt_command mt_cmd_help;

#endif
