/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept.h - what the machine and a process's limits were at a moment, as rows of a source, a name and a number.
 *
 * Kept with each snapshot of pages: whether it was this process that ran the machine out of memory, stands there. The
 * collector makes rows of a machine and the tool a machine of rows; both directions are in kept.c, one beside the other.
 */
#ifndef MT_HOST_KEPT_H
#define MT_HOST_KEPT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/machine.h"

/* No machine has as many, and no name is as long. */
#define MT_KEPT_ROWS_MAX   2048u
#define MT_KEPT_NAME_BYTES 128u

struct mt_kept_row {
	/*
	 * static:
	 *	"meminfo"      a line of /proc/meminfo: bytes; pages of the pool of huge pages are counts
	 *	"vmstat"       counters of /proc/vmstat: events since the machine started
	 *	"pressure"     /proc/pressure/memory: "some avg10" and so on, 1/100 %; "some total" and "full total", us
	 *	"setting"      a file of /proc/sys/vm
	 *	"zone"         "0 Normal low": /proc/zoneinfo, pages; "0 Normal order 3": /proc/buddyinfo, free blocks
	 *	"huge pages"   "enabled madvise", "defrag madvise": the choice that is in force, 1; "2097152 total", also free,
	 *	               reserved, surplus: pages of that size
	 *	"cgroup"       a file of the control group, by its name, and the line where it has several: bytes, and counts of
	 *	               events; INT64_MAX: no limit. "../" stands before those of the group above, and so on
	 *	"cgroup path"  "/a/b", and how far above the process's own group it is
	 *	"cgroup stat"  a line of the own group's memory.stat, as it stands there: bytes, and counts of events
	 *	"limit"        "address space" and so on: bytes; INT64_MAX: no limit. "address space used": bytes
	 *	"process"      "VmRSS", "VmSwap": bytes; "oom_score", "oom_score_adj"
	 */
	const char *source;
	char name[MT_KEPT_NAME_BYTES];
	int64_t value;
};

/* Starts as {0}. */
struct mt_kept {
	struct mt_kept_row *rows;
	size_t count;
	size_t capacity;
};

/* Adds all that can be read quickly of the machine and of the process. 0 or -ENOMEM. */
int mt_kept_read(const char *root, pid_t pid, struct mt_kept *kept);

/* Adds a row; one of an unknown source, or that is too long or one too many, is left out. 0 or -ENOMEM. */
int mt_kept_add(struct mt_kept *kept, const char *source, const char *name, int64_t value);

/*
 * The machine that the rows are of; what they do not say is unknown. Free it with mt_machine_free() while the rows, which it
 * borrows names from, still are. 0 or -ENOMEM.
 */
int mt_kept_machine(const struct mt_kept *kept, pid_t pid, uint64_t page_bytes,
                    struct mt_machine *ret_machine);

void mt_kept_free(struct mt_kept *kept);

#endif
