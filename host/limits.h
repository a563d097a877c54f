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

/* No limit. */
#define MT_LIMIT_NONE UINT64_MAX

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

/* A control group of memory. In bytes; MT_LIMIT_NONE where there is no limit. */
struct mt_group {
	char *path;    /* below the hierarchy's root: "/a/b" */
	bool is_first; /* cgroup v1 */
	bool has_current;
	uint64_t current;
	uint64_t peak; /* 0: not known */
	uint64_t max;
	uint64_t high; /* v1: the soft limit */
	uint64_t swap_current;
	uint64_t swap_max;
	bool has_swap;
	uint64_t events_high; /* times it was slowed, or reclaimed for the soft limit */
	uint64_t events_max;  /* v1: failcnt */
	uint64_t oom_kills;
	bool kills_as_one;     /* memory.oom.group: all of it is killed together */
	struct mt_fields stat; /* of the process's own group only */
	struct mt_pressure pressure;
};

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
