/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bss.h - where the bss of a process's modules ends.
 *
 * The kernel joins anonymous mappings that touch: what /proc/PID/smaps shows behind a module's data may be its bss and
 * something that was mapped right behind it. The module's program headers tell. Called from the collector's snapshots
 * and from the tool, after base/smaps.h has been read; opens the modules' files.
 */
#ifndef MT_BASE_BSS_H
#define MT_BASE_BSS_H

#include <sys/types.h>

#include "base/smaps.h"

/*
 * Sets bss_end of each mapping that begins with a bss, and the kind of those that are mostly or wholly something else.
 * A module that cannot be read leaves its mapping as it is. `root` as in procfs.h.
 */
void mt_bss_bound(const char *root, pid_t pid, struct mt_smaps *smaps);

#endif
