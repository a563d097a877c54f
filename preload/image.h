/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image.h - can the program that is about to be exec'd be traced? If not, does the preload harm it?
 *
 * Called by the exec hooks, in any context: in a vfork child, in a signal handler, on a small stack. Reads a few
 * pieces of the file, by system calls; what it cannot read or does not understand, it takes for an ordinary
 * program.
 */
#ifndef MT_PRELOAD_IMAGE_H
#define MT_PRELOAD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/event.h"

/* `path` as execveat() has it; "" with a descriptor for `folder_fd`: that file itself. */
enum mt_untraced mt_image_check(int folder_fd, const char *path);

/* The same for a name that execvp() would look for in PATH. */
enum mt_untraced mt_image_check_search(const char *file);

/* Will it not even run with this library among its preloads? */
static inline bool mt_image_is_harmed(enum mt_untraced why)
{
	return why >= MT_UNTRACED_MACHINE;
}

/*
 * The memory that a copy of the environment without this library takes; 0: the library is not in it, or there
 * is none.
 */
size_t mt_image_room(char *const *environment);

/* Fills `room`, which borrows the strings of `environment`. Gives room. */
char *const *mt_image_strip(char *const *environment, void *room);

#endif
