/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_start.c - memtrace start and memtrace stop: switch tracing in a running process.
 */
#include <stdio.h>

#include "report/commands.h"
#include "report/control.h"
#include "report/pid.h"

static int switch_tracing(const struct mt_call *call, enum mt_control_verb verb, const char *state)
{
	struct mt_answer answer;
	pid_t pid;
	int status;

	status = mt_pid_parse(call->operands[0], &pid);
	if (status != MT_EXIT_FINE)
		return status;
	status = mt_control_ask(pid, verb, NULL, &answer);
	if (status == MT_EXIT_FINE)
		printf("tracing of process %d is %s; its file is %s\n", (int)pid, state,
		       answer.output);
	return status;
}

static int run_start(const struct mt_call *call)
{
	return switch_tracing(call, MT_CONTROL_START, "on");
}

static int run_stop(const struct mt_call *call)
{
	return switch_tracing(call, MT_CONTROL_STOP, "off");
}

const struct mt_command mt_cmd_start = {
        .name = "start",
        .usage = "PID",
        .sentence = "switches tracing on in a running process that has the library in it",
        .prose = "The process was started by memtrace run or with LD_PRELOAD=libmemtrace.so, and "
                 "the option\n"
                 "start=off or memtrace stop has switched tracing off. What it starts from now on "
                 "is traced;\n"
                 "what runs already stays as it is.\n",
        .min_operands = 1,
        .max_operands = 1,
        .run = run_start,
};

const struct mt_command mt_cmd_stop = {
        .name = "stop",
        .usage = "PID",
        .sentence = "switches tracing off in a running process, until memtrace start",
        .prose = "What it allocates then is in no figure. What is known stays known: when it is "
                 "freed, that is\n"
                 "recorded, so that what is live stays right. A free of a block allocated while "
                 "tracing was off\n"
                 "counts as an unknown free, not as an unmatched one. A block that is reallocated "
                 "meanwhile counts\n"
                 "as freed. What the process starts from now on is not traced either.\n",
        .min_operands = 1,
        .max_operands = 1,
        .run = run_stop,
};
