/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journals.c - see journals.h.
 */
#include "store/journals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_STEP_NS 1000000l
#define LOCK_STEPS   200

static const char *const suffixes[] = {"-wal", "-shm"};
#define JOURNALS (sizeof(suffixes) / sizeof(*suffixes))

static int open_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (!slash)
		return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void lock(int folder_fd)
{
	const struct timespec step = {0, LOCK_STEP_NS};

	for (int i = 0; folder_fd >= 0 && i < LOCK_STEPS; i++) {
		if (flock(folder_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return;
		nanosleep(&step, NULL);
	}
}

static void unlock(int folder_fd)
{
	if (folder_fd >= 0)
		flock(folder_fd, LOCK_UN);
}

int mt_journals_init(struct mt_journals *journals, const char *path)
{
	*journals = (struct mt_journals){.folder_fd = open_folder_of(path), .fds = {-1, -1}};
	for (size_t i = 0; i < JOURNALS; i++) {
		if (asprintf(&journals->names[i], "%s%s", path, suffixes[i]) < 0) {
			journals->names[i] = NULL;
			return -ENOMEM;
		}
	}
	return 0;
}

static void forget(struct mt_journals *journals, size_t i)
{
	if (journals->fds[i] >= 0)
		close(journals->fds[i]);
	journals->fds[i] = -1;
}

void mt_journals_free(struct mt_journals *journals)
{
	for (size_t i = 0; i < JOURNALS; i++) {
		forget(journals, i);
		free(journals->names[i]);
	}
	if (journals->folder_fd >= 0)
		close(journals->folder_fd);
}

void mt_journals_mark(struct mt_journals *journals)
{
	for (size_t i = 0; i < JOURNALS; i++) {
		forget(journals, i);
		journals->fds[i] = open(journals->names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
}

static bool is_ours(const struct mt_journals *journals, size_t i)
{
	struct stat ours, there;

	return journals->fds[i] >= 0 && fstat(journals->fds[i], &ours) == 0 &&
	       lstat(journals->names[i], &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

void mt_journals_remove(struct mt_journals *journals)
{
	lock(journals->folder_fd);
	for (size_t i = 0; i < JOURNALS; i++) {
		if (is_ours(journals, i))
			unlink(journals->names[i]);
		forget(journals, i);
	}
	unlock(journals->folder_fd);
}

void mt_journals_lock(struct mt_journals *journals)
{
	lock(journals->folder_fd);
}

void mt_journals_unlock(struct mt_journals *journals)
{
	unlock(journals->folder_fd);
}

void mt_journals_remove_stale(const char *path)
{
	static const char *const all[] = {"-wal", "-shm", "-journal"};
	int folder_fd = open_folder_of(path);
	char name[PATH_MAX + 16];

	lock(folder_fd);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		snprintf(name, sizeof(name), "%s%s", path, all[i]);
		unlink(name);
	}
	if (folder_fd >= 0)
		close(folder_fd);
}
