/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * say.c - messages by write(2).
 */
#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_BYTES 1024

static _Atomic int said;

static size_t append(char *line, size_t at, const char *text)
{
	size_t bytes = strlen(text);

	if (bytes > LINE_BYTES - 1 - at)
		bytes = LINE_BYTES - 1 - at;
	memcpy(line + at, text, bytes);
	return at + bytes;
}

void mt_say(const char *first, ...)
{
	int saved_errno = errno;
	char line[LINE_BYTES];
	size_t at;
	va_list more;

	/* relaxed: a budget, nothing is ordered by it */
	if (atomic_fetch_add_explicit(&said, 1, memory_order_relaxed) >= MT_SAY_BUDGET)
		return;
	at = append(line, 0, "memtrace: ");
	va_start(more, first);
	for (const char *text = first; text; text = va_arg(more, const char *))
		at = append(line, at, text);
	va_end(more);
	line[at++] = '\n';
	if (syscall(SYS_write, STDERR_FILENO, line, at) < 0) {
		/* Nobody is left who could be told. */
	}
	errno = saved_errno;
}
