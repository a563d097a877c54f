/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_help.c - memtrace help [COMMAND|options].
 */
#include <string.h>

#include "report/command.h"
#include "report/commands.h"
#include "report/help.h"

static int run(const struct mt_call *call)
{
	const struct mt_command *command;

	if (call->operand_count == 0) {
		mt_help_all(stdout);
		return MT_EXIT_FINE;
	}
	if (strcmp(call->operands[0], "options") == 0) {
		mt_help_options(stdout);
		return MT_EXIT_FINE;
	}
	command = mt_command_find(call->operands[0]);
	if (!command) {
		mt_help_say_unknown(call->operands[0]);
		return MT_EXIT_USAGE;
	}
	mt_help_command(command, stdout);
	return MT_EXIT_FINE;
}

const struct mt_command mt_cmd_help = {
        .name = "help",
        .usage = "[COMMAND|options]",
        .sentence = "says what the commands and the options are",
        .max_operands = 1,
        .run = run,
};
