/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * past.h - what was live in a process at a fork, without a copy of its live table.
 *
 * Owned by the drain thread. A view is the state at one moment; a process (or what is left of one that has ended) is
 * the source of the views that were made of it. From then on whoever changes its live table says so first, and the
 * newest view keeps what was there:
 *
 *	state(view, addr) = the first of: view.changed, the next newer view's changed, ..., the newest's,
 *	                    the source's live table,
 *	                    state(the view that the source itself has inherited, addr) unless claimed there
 *
 * So a fork costs nothing, and a change one more entry for the first time after a fork. A child that asks for a block
 * claims it: the entry moves into its own live table, and the view is not asked for that address again.
 */
#ifndef MT_COLLECT_PAST_H
#define MT_COLLECT_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/live.h"

struct mt_process;

struct mt_source {
	struct mt_process *process; /* NULL: it has ended, and these two have what it had */
	struct mt_live live;
	struct mt_past *inherited;
	struct mt_past *newest;
};

struct mt_past {
	struct mt_source *source;
	struct mt_past *older;
	struct mt_past *newer;
	struct mt_live changed; /* as it was; MT_LIVE_GONE: it was not */
	struct mt_live claimed; /* addresses */
	uint64_t steps;         /* tables looked into so far */
	unsigned int depth;     /* views behind it: of the parent, of its parent, ... */
};

/* What is live in the process now; it owns no part of it. NULL: out of memory. */
struct mt_past *mt_past_new(struct mt_process *process);

/* Nobody needs it any more. NULL is fine. */
void mt_past_free(struct mt_past *past);

/* The entry of addr at that moment; NULL: it was not live, or is claimed. */
const struct mt_live_entry *mt_past_find(const struct mt_past *past, uint64_t addr);

/* Moves an inherited block into the process's own table. NULL: it has not inherited it, or has claimed it before. */
struct mt_live_entry *mt_past_claim(struct mt_process *process, uint64_t addr);

/* Claims all that is left: from here on the process has a table of its own like any other. */
void mt_past_flatten(struct mt_process *process);

/* The process changes the entry of addr in its live table; `entry` is what is there, or NULL. 0 or -ENOMEM. */
int mt_past_keep(struct mt_process *process, uint64_t addr, const struct mt_live_entry *entry);

/* The live table goes away: whoever inherited from the process keeps what is needed. 0 or -ENOMEM. */
int mt_past_end(struct mt_process *process, bool may_take_table);

#endif
