/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * say.c - see say.h.
 */
#include "report/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/text.h"

void mt_say(const char *format, ...)
{
	va_list arguments;
	char *line = NULL;
	char *clean = NULL;
	char *whole = NULL;
	int bytes;

	va_start(arguments, format);
	bytes = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (bytes < 0)
		return;
	clean = mt_text_escape(line);
	bytes = asprintf(&whole, "memtrace: %s\n", clean ? clean : line);
	if (bytes > 0 && write(STDERR_FILENO, whole, (size_t)bytes) < 0) {
		/* Nowhere left to say it. */
	}
	free(whole);
	free(clean);
	free(line);
}
