/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * victims.h - whom the kernel would kill next for want of memory.
 *
 * /proc/PID/oom_score of all processes: the one with the highest is killed first. It is made of what a process has
 * resident, swapped and in page tables, and of its oom_score_adj.
 */
#ifndef MT_HOST_VICTIMS_H
#define MT_HOST_VICTIMS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/limits.h"

struct mt_victim {
	pid_t pid;
	char command[32];
	uint64_t score;
	int64_t adj; /* -1000: never */
	uint64_t rss_bytes;
	uint64_t swap_bytes;
};

/* There may be thousands: of all but the first the pid and the score are all that is read. */
#define MT_VICTIMS_DESCRIBED 4u

/* Starts as {0}. */
struct mt_victims {
	struct mt_victim *rows; /* the next one to be killed first */
	size_t count;
	size_t capacity;
	int error;
};

/* Processes that are hidden from us, or that are never killed, are not among them. */
int mt_victims_read(const char *root, struct mt_victims *ret_victims);

/* One process. 0 or -errno. */
int mt_victim_read(const char *root, pid_t pid, struct mt_victim *ret_victim);

/*
 * The first of them that is in the control group or below it; in any where that is NULL. NULL: there is none. The group is
 * asked of `root` again, of one process after the other.
 */
const struct mt_victim *mt_victims_next(const char *root, const struct mt_victims *victims,
                                        const struct mt_group *group);

void mt_victims_free(struct mt_victims *victims);

#endif
