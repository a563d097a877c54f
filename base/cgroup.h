/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.h - where the kernel keeps the files of a process's control group of memory, under a root prefix.
 *
 * Called where /proc may be read: all of this may block.
 */
#ifndef MT_BASE_CGROUP_H
#define MT_BASE_CGROUP_H

#include <sys/types.h>

/*
 * The file `unified` of the group in the unified hierarchy (version 2), or `legacy` of that in the memory controller's own
 * (version 1), whichever is there and can be read. In a container that sees its group only as the root of the hierarchy,
 * that of the root. Gives a path (free with free()); NULL: there is none, or it cannot be told.
 */
char *mt_cgroup_find(const char *root, pid_t pid, const char *unified, const char *legacy);

#endif
