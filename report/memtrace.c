/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memtrace.c - main of the `memtrace` command: finds the sub-command, parses its arguments, runs
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "report/arguments.h"
#include "report/command.h"
#include "report/help.h"
#include "report/say.h"

/* A report that was cut short by a full disk must not look like a whole one. */
static int finish(int status)
{
	int error;

	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	error = errno;
	/* Whoever closed the pipe has read enough. */
	if (error != EPIPE)
		mt_say("cannot write the output: %s", error ? strerror(error) : "write error");
	return status == MT_EXIT_FINE ? MT_EXIT_CANNOT : status;
}

/*
 * Started without a standard stream, the next file opened would become it. What takes its place
 * here is closed in every program that is started, and cannot be used: a report to nowhere fails as
 * it should.
 */
static void fill_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct mt_command *command;
	struct mt_call call;
	bool is_done;
	int status;

	fill_streams();
	if (argc < 2) {
		mt_help_all(stderr);
		return MT_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("memtrace " VERSION);
		return finish(MT_EXIT_FINE);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		mt_help_all(stdout);
		return finish(MT_EXIT_FINE);
	}
	command = mt_command_find(argv[1]);
	if (!command) {
		if (argv[1][0] == '-')
			mt_say("an option comes after the command: memtrace COMMAND %s; see "
			       "memtrace help",
			       argv[1]);
		else
			mt_help_say_unknown(argv[1]);
		return MT_EXIT_USAGE;
	}
	status = mt_arguments_parse(command, argc - 2, argv + 2, &call, &is_done);
	if (status != MT_EXIT_FINE || is_done)
		return finish(status);
	return finish(command->run(&call));
}
