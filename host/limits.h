/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.h - what a process may take at most: its resource limits, and its control groups up to the root.
 */
#ifndef MT_HOST_LIMITS_H
#define MT_HOST_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/fields.h"
#include "host/pressure.h"

/* No limit; and a limit, or a level, of which nothing is known. Both are beyond every number of bytes. */
#define MT_LIMIT_NONE    UINT64_MAX
#define MT_LIMIT_UNKNOWN (UINT64_MAX - 1)

static inline bool mt_limit_is_set(uint64_t limit)
{
	return limit < MT_LIMIT_UNKNOWN;
}

enum mt_rlimit { MT_RLIMIT_AS, MT_RLIMIT_DATA, MT_RLIMIT_MEMLOCK, MT_RLIMIT_STACK, MT_RLIMITS };

/* In bytes, the soft ones; used by what the kernel counts against each. */
struct mt_rlimits {
	uint64_t limits[MT_RLIMITS];
	uint64_t used[MT_RLIMITS];
	bool is_known[MT_RLIMITS];
	int error;
};

/* "address space", "data", "locked memory", "stack" */
extern const char *const mt_rlimit_names[MT_RLIMITS];

void mt_rlimits_read(const char *root, pid_t pid, struct mt_rlimits *ret_rlimits);

#define MT_GROUPS_MAX 32u

/* A control group of memory. In bytes, and times; MT_LIMIT_NONE, MT_LIMIT_UNKNOWN. */
struct mt_group {
	char *path;    /* below the hierarchy's root: "/a/b" */
	bool is_first; /* cgroup v1 */
	uint64_t current;
	uint64_t peak;
	uint64_t min;  /* never taken from it; v2 */
	uint64_t low;  /* taken from it last; v2 */
	uint64_t high; /* v1: the soft limit */
	uint64_t max;
	uint64_t swap_current; /* v1: memory and swap together */
	uint64_t swap_max;
	uint64_t kills_as_one; /* memory.oom.group, 1: all of it is killed together */
	uint64_t events_high;  /* times it was slowed, or reclaimed for the soft limit */
	uint64_t events_max;   /* v1: failcnt */
	uint64_t oom_kills;
	uint64_t inactive_file; /* files that are only cached, of it and those below it */
	uint64_t active_file;
	struct mt_fields stat; /* memory.stat */
	struct mt_pressure pressure;
};

/* Where a figure of a group stands: the file, and the line of it where it has several. The last has no name. */
struct mt_group_file {
	const char *name;
	const char *line;
	bool is_first; /* of v1 */
	size_t at;     /* in struct mt_group */
};

extern const struct mt_group_file mt_group_files[];

uint64_t *mt_group_figure(struct mt_group *group, const struct mt_group_file *file);

/* What of it is only cached and goes before anybody is killed; 0 where that is not known. */
uint64_t mt_group_reclaimable(const struct mt_group *group);

/* One of which nothing is known. */
struct mt_group mt_group_nothing(bool is_first);

/* What it is held to: the lower of max and, of v2, high. */
uint64_t mt_group_limit(const struct mt_group *group);

/* The process's own group first, then its ancestors. */
struct mt_groups {
	struct mt_group rows[MT_GROUPS_MAX];
	size_t count;
	int error; /* why there is nothing: -errno, -ENOENT where there is no controller, or 0 */
};

void mt_groups_read(const char *root, pid_t pid, struct mt_groups *ret_groups);

/* The group of least room below its limit, and how much; NULL: none has a limit. */
const struct mt_group *mt_groups_tightest(const struct mt_groups *groups, uint64_t *ret_room);

void mt_groups_free(struct mt_groups *groups);

#endif
