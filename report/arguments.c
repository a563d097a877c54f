/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arguments.c - see arguments.h.
 */
#include "report/arguments.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/help.h"
#include "report/say.h"

#define WORD_MAX 40

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits (a letter more, less, other, or two swapped) from one word to another. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	size_t width = strlen(b);

	if (strlen(a) > WORD_MAX || width > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= width; j++)
		last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			row[j] = smaller(smaller(last[j], row[j - 1]) + 1,
			                 last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[width];
}

const char *mt_arguments_near(const char *word, const char *const *words)
{
	size_t length = strlen(word);
	size_t best = length < 4 ? 2 : length / 3 + 2; /* one past the most that is near */
	const char *near = NULL;

	for (; *words; words++) {
		size_t edits = distance(word, *words);

		/* What was cut short is nearer than its distance says. */
		if (length >= 2 && strncmp(word, *words, length) == 0)
			edits = 1;
		if (edits < best) {
			best = edits;
			near = *words;
		}
	}
	return near;
}

static bool is_same_name(const char *name, const char *given, size_t bytes)
{
	if (strlen(name) != bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (name[i] != given[i] && !(name[i] == '_' && given[i] == '-'))
			return false;
	return true;
}

static const struct mt_flag *find_long(const struct mt_command *command, const char *name,
                                       size_t bytes)
{
	for (const struct mt_flag *flag = command->flags; flag && flag->sentence; flag++)
		if (bytes > 0 && is_same_name(flag->name, name, bytes))
			return flag;
	return NULL;
}

static const struct mt_flag *find_letter(const struct mt_command *command, char letter)
{
	for (const struct mt_flag *flag = command->flags; flag && flag->sentence; flag++)
		if (flag->letter == letter)
			return flag;
	return NULL;
}

static int say_unknown(const struct mt_command *command, const char *given, size_t bytes)
{
	const char *names[MT_FLAGS_MAX + 1];
	size_t count = 0;
	char word[WORD_MAX + 1];
	const char *near = NULL;

	for (const struct mt_flag *flag = command->flags; flag && flag->sentence; flag++)
		if (*flag->name)
			names[count++] = flag->name;
	names[count] = NULL;
	if (bytes <= WORD_MAX) {
		memcpy(word, given, bytes);
		word[bytes] = '\0';
		near = mt_arguments_near(word, names);
	}
	if (near)
		mt_say("%s has no option --%.*s; did you mean --%s?", command->name, (int)bytes,
		       given, near);
	else
		mt_say("%s has no option --%.*s; see memtrace help %s", command->name, (int)bytes,
		       given, command->name);
	return MT_EXIT_USAGE;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t length = strlen(value);

	for (const char *at = choices;; at++) {
		size_t bytes = strcspn(at, "|");

		if (bytes == length && strncmp(at, value, bytes) == 0)
			return true;
		at += bytes;
		if (!*at)
			return false;
	}
}

static bool is_number(const char *value)
{
	char *end;

	errno = 0;
	strtoll(value, &end, 10);
	return *value >= '0' && *value <= '9' && !*end && errno == 0;
}

static int set_value(struct mt_call *call, const struct mt_flag *flag, const char *value)
{
	char letter[2] = {flag->letter, '\0'};
	const char *dashes = *flag->name ? "--" : "-";
	const char *name = *flag->name ? flag->name : letter;

	if (flag->type == MT_FLAG_CHOICE && !is_choice(flag->value, value)) {
		mt_say("%s%s takes one of %s, not '%s'", dashes, name, flag->value, value);
		return MT_EXIT_USAGE;
	}
	if (flag->type == MT_FLAG_NUMBER && !is_number(value)) {
		mt_say("%s%s takes a whole number (%s), not '%s'", dashes, name, flag->value,
		       value);
		return MT_EXIT_USAGE;
	}
	call->values[flag - call->command->flags] = value;
	return MT_EXIT_FINE;
}

/* One argument that starts with "--"; *at moves on when the value is an argument of its own. */
static int parse_long(struct mt_call *call, int argc, char **argv, int *at)
{
	const char *given = argv[*at] + 2;
	size_t bytes = strcspn(given, "=");
	const struct mt_flag *flag = find_long(call->command, given, bytes);

	if (!flag)
		return say_unknown(call->command, given, bytes);
	if (flag->type == MT_FLAG_NONE) {
		if (given[bytes] == '=') {
			mt_say("--%s takes no value", flag->name);
			return MT_EXIT_USAGE;
		}
		return set_value(call, flag, "");
	}
	if (given[bytes] == '=')
		return set_value(call, flag, given + bytes + 1);
	if (*at + 1 >= argc) {
		mt_say("--%s needs a value: --%s=%s", flag->name, flag->name, flag->value);
		return MT_EXIT_USAGE;
	}
	return set_value(call, flag, argv[++*at]);
}

/* One argument of letters: "-q", "-qo FILE", "-oFILE". */
static int parse_letters(struct mt_call *call, int argc, char **argv, int *at)
{
	for (const char *letter = argv[*at] + 1; *letter; letter++) {
		const struct mt_flag *flag = find_letter(call->command, *letter);

		if (!flag) {
			mt_say("%s has no option -%c; see memtrace help %s", call->command->name,
			       *letter, call->command->name);
			return MT_EXIT_USAGE;
		}
		if (flag->type == MT_FLAG_NONE) {
			set_value(call, flag, "");
			continue;
		}
		if (letter[1])
			return set_value(call, flag, letter + 1);
		if (*at + 1 >= argc) {
			mt_say("-%c needs a value: -%c %s", *letter, *letter, flag->value);
			return MT_EXIT_USAGE;
		}
		return set_value(call, flag, argv[++*at]);
	}
	return MT_EXIT_FINE;
}

static int check_operands(const struct mt_call *call)
{
	const struct mt_command *command = call->command;

	if (call->operand_count < command->min_operands) {
		mt_say("%s needs more: memtrace %s %s", command->name, command->name,
		       command->usage);
		return MT_EXIT_USAGE;
	}
	if (command->max_operands >= 0 && call->operand_count > command->max_operands) {
		mt_say("%s does not know what to do with '%s': memtrace %s %s", command->name,
		       call->operands[command->max_operands], command->name, command->usage);
		return MT_EXIT_USAGE;
	}
	return MT_EXIT_FINE;
}

int mt_arguments_parse(const struct mt_command *command, int argc, char **argv,
                       struct mt_call *ret_call, bool *ret_is_done)
{
	struct mt_call call = {.command = command, .operands = argv};
	int status = MT_EXIT_FINE;
	int at;

	*ret_is_done = false;
	for (at = 0; at < argc && status == MT_EXIT_FINE; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (strcmp(argv[at], "--help") == 0 ||
		    (strcmp(argv[at], "-h") == 0 && !find_letter(command, 'h'))) {
			mt_help_command(command, stdout);
			*ret_is_done = true;
			return MT_EXIT_FINE;
		}
		if (strncmp(argv[at], "--", 2) == 0) {
			status = parse_long(&call, argc, argv, &at);
		} else if (argv[at][0] == '-' && argv[at][1]) {
			status = parse_letters(&call, argc, argv, &at);
		} else if (command->stops_early) {
			break;
		} else {
			argv[call.operand_count++] = argv[at];
		}
	}
	while (status == MT_EXIT_FINE && at < argc)
		argv[call.operand_count++] = argv[at++];
	if (status == MT_EXIT_FINE)
		status = check_operands(&call);
	if (status == MT_EXIT_FINE)
		*ret_call = call;
	return status;
}

static size_t row_of(const struct mt_call *call, const char *name)
{
	const struct mt_flag *flag = name[1] ? find_long(call->command, name, strlen(name))
	                                     : find_letter(call->command, name[0]);

	assert(flag);
	return (size_t)(flag - call->command->flags);
}

const char *mt_arguments_value(const struct mt_call *call, const char *flag)
{
	return call->values[row_of(call, flag)];
}

bool mt_arguments_has(const struct mt_call *call, const char *flag)
{
	return mt_arguments_value(call, flag) != NULL;
}

int64_t mt_arguments_number(const struct mt_call *call, const char *flag, int64_t fallback)
{
	const char *value = mt_arguments_value(call, flag);

	return value ? strtoll(value, NULL, 10) : fallback;
}

int mt_arguments_pair(const struct mt_call *call, const char *flag, int64_t *ret_first,
                      int64_t *ret_second)
{
	const char *text = mt_arguments_value(call, flag);
	int length = 0;

	if (sscanf(text, "%" SCNd64 ",%" SCNd64 "%n", ret_first, ret_second, &length) == 2 &&
	    !text[length])
		return MT_EXIT_FINE;
	mt_say("--%s=%s: give two numbers of snapshots, N,M", flag, text);
	return MT_EXIT_USAGE;
}

enum mt_format mt_arguments_format(const struct mt_call *call)
{
	const char *value = mt_arguments_value(call, "format");

	if (value && strcmp(value, "json") == 0)
		return MT_FORMAT_JSON;
	if (value && strcmp(value, "csv") == 0)
		return MT_FORMAT_CSV;
	return MT_FORMAT_TEXT;
}
