/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commands.c - the one table of sub-commands, in the order in which help lists them.
 */
#include "report/commands.h"

#include <string.h>

/* clang-format off: a line each */
const struct mt_command *const mt_commands[] = {
        &mt_cmd_run,    &mt_cmd_start, &mt_cmd_stop, &mt_cmd_leaks,    &mt_cmd_top,
        &mt_cmd_tree,   &mt_cmd_rss,   &mt_cmd_maps, &mt_cmd_snapshot, &mt_cmd_timeline,
        &mt_cmd_system, &mt_cmd_pages, &mt_cmd_info, &mt_cmd_sql,      &mt_cmd_doctor,
        &mt_cmd_help,   NULL,
};
/* clang-format on */

const struct mt_command *mt_command_find(const char *name)
{
	for (const struct mt_command *const *command = mt_commands; *command; command++)
		if (strcmp((*command)->name, name) == 0)
			return *command;
	return NULL;
}
