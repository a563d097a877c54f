/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * say.c - messages by write(2).
 */
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_BYTES 1024

static _Atomic int said;

/* What standard error was when the program began; the kind of a file that is open nowhere: 0. */
static struct stat at_start;

/* libc's own wrapper is newer than the library otherwise needs; the kernel's layout is libc's here. */
static int look_at_descriptor(struct stat *ret_status)
{
	return (int)syscall(SYS_fstat, STDERR_FILENO, ret_status);
}

void mt_say_begin(void)
{
	if (look_at_descriptor(&at_start) != 0)
		at_start.st_mode = 0;
}

/*
 * A program may have closed it, and have got the number for a file or a connection of its own, which a line of ours
 * would damage. A terminal, and a file that is only appended to, have room for one.
 */
static bool is_standard_error(void)
{
	struct stat now;
	int flags;

	/* Where a filter refuses the question, the answer is most likely yes. */
	if (look_at_descriptor(&now) != 0)
		return errno != EBADF;
	if (at_start.st_mode && now.st_dev == at_start.st_dev && now.st_ino == at_start.st_ino)
		return true;
	flags = fcntl(STDERR_FILENO, F_GETFL);
	return S_ISCHR(now.st_mode) || (flags >= 0 && flags & O_APPEND);
}

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
	if (is_standard_error())
		(void)!syscall(SYS_write, STDERR_FILENO, line, at);
	errno = saved_errno;
}
