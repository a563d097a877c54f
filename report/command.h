/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * command.h - the contract of a sub-command.
 *
 * A sub-command is one const struct in a file of its own (cmd_<name>.c) and one line in commands.c.
 * The parser (arguments.c), `memtrace help` and the check of the man page all read this struct, so
 * a flag is said once.
 */
#ifndef MT_REPORT_COMMAND_H
#define MT_REPORT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses. `run` passes the program's own through. */
enum mt_exit_status {
	MT_EXIT_FINE = 0,
	MT_EXIT_USAGE = 2,
	MT_EXIT_CANNOT = 125, /* could not run, or could not do what was asked */
	MT_EXIT_NOT_EXECUTABLE = 126,
	MT_EXIT_NOT_FOUND = 127,
	MT_EXIT_SIGNAL = 128, /* + the signal's number */
};

enum mt_flag_type {
	MT_FLAG_NONE,   /* takes no value */
	MT_FLAG_TEXT,   /* any value */
	MT_FLAG_NUMBER, /* a whole number */
	MT_FLAG_CHOICE, /* one of the words of `value`, separated by '|' */
};

struct mt_flag {
	const char *name; /* without the dashes; '_' may be written '-'; "" for a letter alone */
	char letter;      /* 0: none */
	enum mt_flag_type type;
	const char *value; /* what help calls the value */
	const char *sentence;
};

struct mt_call;

struct mt_command {
	const char *name;
	const char *usage;           /* what follows the name: "[OPTION...] FILE" */
	const char *sentence;        /* what it does, one line */
	const char *prose;           /* more, for `memtrace help NAME`; NULL: nothing more to say */
	const struct mt_flag *flags; /* ends with a row whose sentence is NULL; NULL: no flags */
	int min_operands;
	int max_operands; /* -1: any number */
	bool stops_early; /* what follows the first operand is not looked at */
	int (*run)(const struct mt_call *call); /* returns the exit status */
};

#define MT_FLAGS_MAX 24

/* A command line, parsed. Borrows argv. */
struct mt_call {
	const struct mt_command *command;
	const char
	        *values[MT_FLAGS_MAX]; /* by the flag's row; NULL: not given; "" for MT_FLAG_NONE */
	char **operands;
	int operand_count;
};

/* commands.c: the one table, in the order of help; ends with NULL. */
extern const struct mt_command *const mt_commands[];

const struct mt_command *mt_command_find(const char *name);

/* The flags that every listing takes. */
#define MT_FLAG_FORMAT                                                                    \
	{                                                                                 \
		"format", 0, MT_FLAG_CHOICE, "text|json|csv",                             \
		        "text for people (default); json and csv are complete and stable" \
	}
#define MT_FLAG_PROCESS                                                       \
	{                                                                     \
		"process", 'p', MT_FLAG_NUMBER, "PID", "of this process only" \
	}
#define MT_FLAGS_END                              \
	{                                         \
		NULL, 0, MT_FLAG_NONE, NULL, NULL \
	}

#endif
