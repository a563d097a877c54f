/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * procfs.c - see procfs.h.
 */
#include "base/procfs.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A command line can be megabytes long; nobody reads more of it in a report. */
#define ARGUMENTS_BYTES_MAX 32768u

static int path_of(char *path, size_t bytes, const char *root, pid_t pid, const char *name)
{
	int length = snprintf(path, bytes, "%s/proc/%d/%s", root, (int)pid, name);

	return length < 0 || (size_t)length >= bytes ? -ENAMETOOLONG : 0;
}

int mt_procfs_read_all(int fd, size_t limit_bytes, char **ret_text, size_t *ret_bytes)
{
	MT_CLEANUP_FREE char *text = NULL;
	size_t capacity = 4096, used = 0;

	text = malloc(capacity + 1);
	if (!text)
		return -ENOMEM;
	while (used < limit_bytes) {
		size_t room = capacity - used;
		ssize_t got;

		if (room == 0) {
			char *larger = realloc(text, capacity * 2 + 1);

			if (!larger)
				return -ENOMEM;
			text = larger;
			capacity *= 2;
			continue;
		}
		if (room > limit_bytes - used)
			room = limit_bytes - used;
		got = read(fd, text + used, room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	text[used] = '\0';
	*ret_text = text;
	*ret_bytes = used;
	text = NULL;
	return 0;
}

int mt_procfs_read(const char *root, pid_t pid, const char *name, size_t limit_bytes,
                   char **ret_text, size_t *ret_bytes)
{
	MT_CLEANUP_CLOSE int fd = -1;
	char path[PATH_MAX];
	int r = path_of(path, sizeof(path), root, pid, name);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : mt_procfs_read_all(fd, limit_bytes, ret_text, ret_bytes);
}

int mt_procfs_link(const char *root, pid_t pid, const char *name, char **ret_path)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;
	char *copy;
	int r = path_of(path, sizeof(path), root, pid, name);

	if (r < 0)
		return r;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	copy = strndup(target, (size_t)length);
	if (!copy)
		return -ENOMEM;
	*ret_path = copy;
	return 0;
}

int mt_procfs_stat(const char *root, pid_t pid, struct mt_procfs_stat *ret_stat)
{
	MT_CLEANUP_FREE char *text = NULL;
	struct mt_procfs_stat stat = {0};
	size_t bytes;
	char *at;
	int r = mt_procfs_read(root, pid, "stat", 65536, &text, &bytes);

	if (r < 0)
		return r;
	/* The command's name may hold spaces and parentheses; fields are counted after its last one. */
	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return -EPROTO;
	at += 2;
	for (int field = 3; *at && field <= 52; field++) {
		if (field == 3)
			stat.state = *at;
		else if (field == 4)
			stat.parent = (pid_t)strtol(at, NULL, 10);
		else if (field == 22)
			stat.start_ticks = strtoull(at, NULL, 10);
		else if (field == 52)
			stat.exit_code = (int)strtol(at, NULL, 10);
		at += strcspn(at, " \n");
		at += strspn(at, " \n");
	}
	*ret_stat = stat;
	return 0;
}

static bool is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "0123456789_@%+=:,./-";

	return *word && !word[strspn(word, plain)];
}

int mt_procfs_arguments(const char *root, pid_t pid, char **ret_text)
{
	MT_CLEANUP_FREE char *raw = NULL;
	size_t bytes;
	char *text, *to;
	int r = mt_procfs_read(root, pid, "cmdline", ARGUMENTS_BYTES_MAX, &raw, &bytes);

	if (r < 0)
		return r;
	/* The worst case is a word of quotes alone: each becomes four bytes. */
	text = malloc(bytes * 4 + 16);
	if (!text)
		return -ENOMEM;
	to = text;
	for (const char *word = raw; word < raw + bytes; word += strlen(word) + 1) {
		if (to != text)
			*to++ = ' ';
		if (is_plain(word)) {
			to = stpcpy(to, word);
			continue;
		}
		*to++ = '\'';
		for (const char *c = word; *c; c++)
			to = *c == '\'' ? stpcpy(to, "'\\''") : (*to = *c, to + 1);
		*to++ = '\'';
	}
	strcpy(to, bytes == ARGUMENTS_BYTES_MAX ? " ..." : "");
	*ret_text = text;
	return 0;
}
