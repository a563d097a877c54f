/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * output.h - which file a session writes, and what may be replaced for it.
 *
 * Used by the collector's start, before anything is traced. A file of ours is replaced, an empty one is
 * filled, anything else is left alone. While a session writes a file, it holds a lock on it (flock), by
 * which the next session knows not to take it away.
 */
#ifndef MT_COLLECT_OUTPUT_H
#define MT_COLLECT_OUTPUT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Makes an empty, locked file of mode 0600 at `path`. What is there may only be replaced if it is ours
 * or empty, and if may_replace. 0 and a descriptor to keep open until the end, or -errno. ret_path has PATH_MAX bytes:
 * what `path` leads to, if it is a link.
 */
int mt_output_claim(const char *path, bool may_replace, char *ret_path, int *ret_fd,
                    struct mt_error *ret_error);

/* The file that is held as `fd` has no name any more: what is written to it, nobody will read. */
bool mt_output_is_removed(int fd);

/* Gives the claimed file up: it was no good after all. */
void mt_output_abandon(const char *path, int fd);

/* memtrace.<command>.<pid>.db; characters that are a nuisance in names become '_'. */
void mt_output_name(const char *command, pid_t pid, char *ret_name, size_t name_bytes);

#endif
