/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * help.c - see help.h.
 */
#include "report/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "report/arguments.h"
#include "report/say.h"
#include "report/text.h"
#include "wire/options.h"

#define WIDTH 96

static void print_wrapped(FILE *to, const char *text, size_t column)
{
	mt_text_print_wrapped(to, text, column, WIDTH);
}

void mt_help_all(FILE *to)
{
	fprintf(to, "memtrace " VERSION
	            ": where a program's memory went, to the byte and by call stack\n\n"
	            "memtrace COMMAND [OPTION...] [ARGUMENT...]\n");
	for (const struct mt_command *const *command = mt_commands; *command; command++) {
		fprintf(to, "  %-7s ", (*command)->name);
		print_wrapped(to, (*command)->sentence, 10);
	}
	fputs("\nmemtrace help COMMAND says more about one of them; memtrace help options lists "
	      "the options of\n"
	      "tracing, also for MEMTRACE_OPTIONS=key=value:key=value LD_PRELOAD=libmemtrace.so "
	      "COMMAND.\n"
	      "Sizes in text: 1 kB is 1024 bytes, as in /proc. JSON and CSV have plain bytes.\n",
	      to);
}

static void print_flag(FILE *to, const struct mt_flag *flag)
{
	char left[96];
	size_t at = 0;

	left[0] = '\0';
	if (flag->letter)
		at += (size_t)snprintf(left, sizeof(left), "-%c%s", flag->letter,
		                       *flag->name ? ", " : "");
	else
		at += (size_t)snprintf(left, sizeof(left), "    ");
	if (*flag->name)
		at += (size_t)snprintf(left + at, sizeof(left) - at, "--%s", flag->name);
	if (flag->type != MT_FLAG_NONE)
		snprintf(left + at, sizeof(left) - at, "%c%s", *flag->name ? '=' : ' ',
		         flag->value);
	if (strlen(left) > 28)
		fprintf(to, "  %s\n%32s", left, "");
	else
		fprintf(to, "  %-28s  ", left);
	print_wrapped(to, flag->sentence, 32);
}

void mt_help_command(const struct mt_command *command, FILE *to)
{
	fprintf(to, "memtrace %s %s\n", command->name, command->usage);
	print_wrapped(to, command->sentence, 0);
	if (command->flags) {
		putc('\n', to);
		for (const struct mt_flag *flag = command->flags; flag->sentence; flag++)
			print_flag(to, flag);
	}
	if (command->prose)
		fprintf(to, "\n%s", command->prose);
}

void mt_help_options(FILE *to)
{
	fputs("The options of tracing: memtrace run --key=value, or for every traced program\n"
	      "MEMTRACE_OPTIONS=key=value:key=value\n\n",
	      to);
	for (unsigned int id = 0; id < MT_OPTION_COUNT; id++) {
		const struct mt_option_row *row = &mt_option_rows[id];

		fprintf(to, "  %-10s ", row->key);
		print_wrapped(to, row->sentence, 13);
		switch (row->type) {
		case MT_OPTION_SIZE:
		case MT_OPTION_UINT:
			fprintf(to, "%13s%s; %llu to %llu %s\n", "", row->fallback,
			        (unsigned long long)row->minimum, (unsigned long long)row->maximum,
			        row->unit);
			break;
		case MT_OPTION_CHOICE:
			fprintf(to, "%13s%s; one of %s\n", "", row->fallback, row->unit);
			break;
		case MT_OPTION_TEXT: fprintf(to, "%13sa %s\n", "", row->unit); break;
		case MT_OPTION_MOMENTS:
			fprintf(to, "%13s%s; of %s\n", "", row->fallback, row->unit);
			break;
		}
	}
	fputs("\nThe first value is the one that holds when none is given.\n", to);
}

void mt_help_say_unknown(const char *name)
{
	const char *names[64];
	size_t count = 0;
	const char *near;

	for (const struct mt_command *const *command = mt_commands; *command && count < 63;
	     command++)
		names[count++] = (*command)->name;
	names[count] = NULL;
	near = mt_arguments_near(name, names);
	if (near)
		mt_say("there is no command '%s'; did you mean '%s'?", name, near);
	else
		mt_say("there is no command '%s'; see memtrace help", name);
}
