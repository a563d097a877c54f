/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * output.c - see output.h.
 */
#include "collect/output.h"

#include "base/cleanup.h"
#include "store/journals.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_BYTES_MAX 64
#define LOCK_STEP_NS      2000000l
#define LOCK_STEPS        500

static int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	/* Where the file system has no locks, there is no protection, but there is a file. */
	flock(fd, LOCK_EX | LOCK_NB);
	mt_journals_remove_stale(path);
	return fd;
}

static void remove_with_journals(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

/*
 * False: a session that goes on holds the file. One whose program has just ended is given time to close
 * it: programs run one after the other with the same output= are no rare thing.
 */
static bool wait_for_lock(int fd)
{
	struct timespec step = {0, LOCK_STEP_NS};

	for (int i = 0; i < LOCK_STEPS; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

/* 0: what is at `path` may be removed for a new file. */
static int check_replaceable(const char *path, struct mt_error *ret_error)
{
	MT_CLEANUP_CLOSE int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	int r;

	if (fd < 0)
		return mt_error_set(ret_error, -errno, "%s", strerror(errno));
	if (fstat(fd, &status) != 0)
		return mt_error_set(ret_error, -errno, "%s", strerror(errno));
	if (!S_ISREG(status.st_mode))
		return mt_error_set(ret_error, -EEXIST, "it is there and no regular file");
	if (status.st_uid != geteuid() && geteuid() != 0)
		return mt_error_set(ret_error, -EEXIST, "it is there and another user's");
	r = status.st_size == 0 ? 1 : mt_store_is_ours(fd);
	if (r < 0)
		return mt_error_set(ret_error, r, "%s", strerror(-r));
	if (r == 0)
		return mt_error_set(ret_error, -EEXIST,
		                    "it is there and not a memtrace file, so it is left alone");
	return wait_for_lock(fd) ? 0
	                         : mt_error_set(ret_error, -EBUSY, "another session is writing it");
}

/* Where others may write too, a link may lead to whatever they want to see replaced. */
static bool is_foreign_link(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISLNK(status.st_mode) && status.st_uid != geteuid() &&
	       status.st_uid != 0;
}

int mt_output_claim(const char *path, bool may_replace, char *ret_path, int *ret_fd,
                    struct mt_error *ret_error)
{
	int fd = create(path);
	int r;

	snprintf(ret_path, PATH_MAX, "%s", path);
	if (fd == -EEXIST && is_foreign_link(path))
		return mt_error_set(ret_error, fd, "it is a link that another user has put there");
	if (fd == -EEXIST && may_replace) {
		/* A link to a file names that file. */
		if (!realpath(path, ret_path))
			return mt_error_set(ret_error, -errno, "%s", strerror(errno));
		r = check_replaceable(ret_path, ret_error);
		if (r < 0)
			return r;
		remove_with_journals(ret_path);
		fd = create(ret_path);
	}
	if (fd < 0)
		return mt_error_set(ret_error, fd, "%s", strerror(-fd));
	*ret_fd = fd;
	return 0;
}

bool mt_output_is_removed(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_nlink == 0;
}

void mt_output_abandon(const char *path, int fd)
{
	remove_with_journals(path);
	close(fd);
}

void mt_output_name(const char *command, pid_t pid, char *ret_name, size_t name_bytes)
{
	char safe[COMMAND_BYTES_MAX + 1];
	size_t length = 0;

	for (; command[length] && length < COMMAND_BYTES_MAX; length++) {
		unsigned char c = (unsigned char)command[length];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		                (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '+' ||
		                (c == '.' && length > 0) || c >= 0x80;

		safe[length] = is_plain ? (char)c : '_';
	}
	safe[length] = '\0';
	snprintf(ret_name, name_bytes, "memtrace.%s.%d.db", length ? safe : "program", (int)pid);
}
