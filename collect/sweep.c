/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sweep.c - see sweep.h.
 */
#include "collect/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FOLDER  "memtrace-"
#define RANDOMS 6
#define YOUNG_S 60

static bool is_old_and_ours(const struct stat *status)
{
	return status->st_uid == geteuid() && status->st_mtime < time(NULL) - YOUNG_S;
}

static bool nobody_listens(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_refused;

	if (fd < 0)
		return false;
	is_refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
	             errno == ECONNREFUSED;
	close(fd);
	return is_refused;
}

static void sweep_folder(const char *folder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;

	if (lstat(folder, &status) != 0 || !S_ISDIR(status.st_mode) || !is_old_and_ours(&status))
		return;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder) >=
	    (int)sizeof(address.sun_path))
		return;
	if (lstat(address.sun_path, &status) == 0) {
		if (!S_ISSOCK(status.st_mode) || !is_old_and_ours(&status) ||
		    !nobody_listens(&address))
			return;
		unlink(address.sun_path);
	}
	/* Removes nothing that anybody has put there. */
	rmdir(folder);
}

void mt_sweep(const char *parent)
{
	DIR *all = opendir(parent);
	struct dirent *entry;

	while (all && (entry = readdir(all))) {
		char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

		if (strncmp(entry->d_name, FOLDER, strlen(FOLDER)) != 0 ||
		    strlen(entry->d_name) != strlen(FOLDER) + RANDOMS)
			continue;
		if (snprintf(folder, sizeof(folder), "%s/%s", parent, entry->d_name) <
		    (int)sizeof(folder))
			sweep_folder(folder);
	}
	if (all)
		closedir(all);
}
