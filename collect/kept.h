/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept.h - which snapshots of pages are taken by themselves, and which of those that came are kept.
 *
 * Runs in the drain thread, but for mt_kept_is_worth(). Kept are all that were asked for, that of the end, the last one of a
 * peak and a bounded number of periodic ones.
 */
#ifndef MT_COLLECT_KEPT_H
#define MT_COLLECT_KEPT_H

#include <stdbool.h>

#include "collect/ledger.h"

/*
 * snapshot=auto: a snapshot takes about 1.5 ms of a process's end, and as much of a processor for a peak. Of what ran for
 * a quarter of a second, that is half of a percent; what is as large as this is not started by the hundred.
 */
#define MT_KEPT_WORTH_NS    250000000ull
#define MT_KEPT_WORTH_BYTES (16ull << 20)

static inline bool mt_kept_is_worth(uint64_t age_ns, uint64_t bytes)
{
	return age_ns >= MT_KEPT_WORTH_NS || bytes >= MT_KEPT_WORTH_BYTES;
}

/* Is there memory for a copy of the live blocks that nobody has asked for? */
bool mt_kept_has_room(const struct mt_ledger *ledger, const struct mt_process *process);

/* The process has come to its end and waits: asks for its pages, if they are wanted. Before anything is given up. */
void mt_kept_exit(struct mt_ledger *ledger, struct mt_process *process, uint64_t stamp);

/* Does its end wait for its pages still? Gives up when it has done so for too long. */
bool mt_kept_waits(struct mt_ledger *ledger, struct mt_process *process);

/* The collector has to go: no end waits any longer. */
void mt_kept_stop(struct mt_ledger *ledger);

/* A snapshot has come, or failed. Takes it. */
void mt_kept_arrived(struct mt_ledger *ledger, struct mt_resident *resident);

/* /proc was read for the timeline. */
void mt_kept_usage(struct mt_ledger *ledger, const struct mt_mail *mail);

#endif
