/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * meminfo.h - what the machine and a process's control group say of memory at a moment, under a root prefix.
 *
 * Kept with each snapshot of pages: whether it was this process that ran the machine out of memory, stands there. All
 * of it is read from files of the kernel that may be missing: then there are no rows of them.
 */
#ifndef MT_BASE_MEMINFO_H
#define MT_BASE_MEMINFO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* No file has as many lines, and no name is as long. */
#define MT_MEMINFO_ROWS_MAX   1024u
#define MT_MEMINFO_NAME_BYTES 48u

struct mt_meminfo_row {
	/*
	 * static:
	 *	"meminfo"      a line of /proc/meminfo: bytes; pages of the pool of huge pages are counts
	 *	"pressure"     /proc/pressure/memory: "some avg10" and so on, 1/100 %; "some total" and "full total", us
	 *	"cgroup"       a file of the control group, by its name: bytes; INT64_MAX: no limit
	 *	"cgroup stat"  a line of its memory.stat, as it stands there: bytes, and counts of events
	 */
	const char *source;
	char name[MT_MEMINFO_NAME_BYTES];
	int64_t value;
};

/* Starts as {0}. */
struct mt_meminfo {
	struct mt_meminfo_row *rows;
	size_t count;
	size_t capacity;
};

/* Adds all that can be read. 0 or -ENOMEM. */
int mt_meminfo_read(const char *root, pid_t pid, struct mt_meminfo *meminfo);

void mt_meminfo_free(struct mt_meminfo *meminfo);

#endif
