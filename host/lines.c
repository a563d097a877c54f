/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lines.c - see lines.h.
 */
#include "host/lines.h"

#include "base/cleanup.h"
#include "base/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The rest is not worth it. */
#define TEXT_BYTES_MAX (16u << 20)

static int open_file(const char *root, const char *path)
{
	char whole[PATH_MAX];
	int fd;

	if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole))
		return -ENAMETOOLONG;
	fd = open(whole, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int mt_lines_read(const char *root, const char *path, char **ret_text)
{
	MT_CLEANUP_CLOSE int fd = open_file(root, path);
	size_t bytes;

	return fd < 0 ? fd : mt_procfs_read_all(fd, TEXT_BYTES_MAX, ret_text, &bytes);
}

int mt_lines_first(const char *root, const char *path, char *line, size_t bytes)
{
	MT_CLEANUP_CLOSE int fd = open_file(root, path);
	ssize_t got;

	if (fd < 0)
		return fd;
	/* the kernel gives that much at once */
	do
		got = read(fd, line, bytes - 1);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

int mt_lines_single(const char *root, const char *path, uint64_t *ret_number)
{
	char line[32];
	int r = mt_lines_first(root, path, line, sizeof(line));

	if (r < 0)
		return r;
	if (strcmp(line, "max") == 0)
		*ret_number = UINT64_MAX;
	else if (!mt_lines_number(line, ret_number))
		return -EBADMSG;
	return 0;
}

/* The next piece of *at that ends at one of `ends`. */
static char *take(char **at, const char *ends)
{
	char *piece = *at;
	size_t length;

	if (!piece || !*piece)
		return NULL;
	length = strcspn(piece, ends);
	*at = piece[length] ? piece + length + 1 : piece + length;
	piece[length] = '\0';
	return piece;
}

char *mt_lines_next(char **at)
{
	return take(at, "\n");
}

char *mt_lines_word(char **at)
{
	if (*at)
		*at += strspn(*at, " \t");
	return take(at, " \t");
}

bool mt_lines_number(const char *word, uint64_t *ret_number)
{
	char *end;

	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(word, &end, 10);
	if (errno == ERANGE)
		*ret_number = UINT64_MAX;
	return *end == '\0';
}
