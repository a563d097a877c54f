/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cleanup.h - variables that give back what they hold when their scope ends.
 *
 * Used on the tool side only. A function either uses these for a resource or closes it by hand, never
 * both. To hand the resource on, return mt_cleanup_steal_fd(&fd) or set the variable to NULL.
 */
#ifndef MT_BASE_CLEANUP_H
#define MT_BASE_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void mt_cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void mt_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void mt_cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline int mt_cleanup_steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#define MT_CLEANUP_CLOSE  __attribute__((cleanup(mt_cleanup_close)))
#define MT_CLEANUP_FREE   __attribute__((cleanup(mt_cleanup_free)))
#define MT_CLEANUP_FCLOSE __attribute__((cleanup(mt_cleanup_fclose)))

#endif
