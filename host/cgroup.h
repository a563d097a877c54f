/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.h - where the kernel keeps the files of a process's control group of memory, under a root prefix.
 *
 * Called where /proc may be read: all of this may block.
 */
#ifndef MT_HOST_CGROUP_H
#define MT_HOST_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The group's path in its hierarchy, "/a/b", and whether that is the memory controller's own (version 1) or the unified one.
 * Gives *ret_path (free with free()). 0, -ENOENT where the process is in no group, or -errno.
 */
int mt_cgroup_of(const char *root, pid_t pid, bool *ret_is_first, char **ret_path);

/* The folder of the group `path` of a hierarchy, without `root`. Gives a path (free with free()); NULL: out of memory. */
char *mt_cgroup_folder(bool is_first, const char *path);

/*
 * The file `unified` of the group in the unified hierarchy (version 2), or `legacy` of that in the memory controller's own
 * (version 1), whichever is there and can be read. In a container that sees its group only as the root of the hierarchy,
 * that of the root. Gives a path (free with free()); NULL: there is none, or it cannot be told.
 */
char *mt_cgroup_find(const char *root, pid_t pid, const char *unified, const char *legacy);

#endif
