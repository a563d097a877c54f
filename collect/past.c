/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * past.c - see past.h.
 */
#include "collect/past.h"

#include "collect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Generations of which each knows only what it changed. A later one gets a whole table again. */
#define DEPTH_MAX 8u
/* Tables looked into for free; beyond that, as many as the parent's table has entries cost as much as a copy. */
#define STEPS_FREE 4096u

static const struct mt_live *live_of(const struct mt_source *source)
{
	return source->process ? &source->process->live : &source->live;
}

static struct mt_past *inherited_of(const struct mt_source *source)
{
	return source->process ? source->process->inherited : source->inherited;
}

/* --- looking ----------------------------------------------------------------------------------------- */

static const struct mt_live_entry *look(const struct mt_past *past, uint64_t addr,
                                        uint64_t *ret_steps)
{
	while (past && !mt_live_find(&past->claimed, addr)) {
		const struct mt_source *source = past->source;
		const struct mt_live_entry *entry;

		for (; past; past = past->newer) {
			++*ret_steps;
			entry = mt_live_find(&past->changed, addr);
			if (entry)
				return entry->total & MT_LIVE_GONE ? NULL : entry;
		}
		++*ret_steps;
		entry = mt_live_find(live_of(source), addr);
		if (entry)
			return entry;
		past = inherited_of(source);
	}
	return NULL;
}

const struct mt_live_entry *mt_past_find(const struct mt_past *past, uint64_t addr)
{
	uint64_t steps = 0;

	return look(past, addr, &steps);
}

/* --- claiming ---------------------------------------------------------------------------------------- */

static struct mt_live_entry *claim(struct mt_process *process, uint64_t addr)
{
	struct mt_past *past = process->inherited;
	const struct mt_live_entry *found = look(past, addr, &past->steps);
	struct mt_live_entry copy, *entry;
	bool was_live;

	if (!found)
		return NULL;
	copy = *found;
	entry = mt_live_insert(&past->claimed, addr, &was_live);
	if (entry)
		entry = mt_live_insert(&process->live, addr, &was_live);
	if (!entry) {
		process->out_of_memory++;
		return NULL;
	}
	/* One that it allocated itself at that address has hidden it. */
	if (was_live)
		return NULL;
	/* memtrace's own blocks stay its own. */
	copy.total = (copy.total & MT_LIVE_OWN) | MT_LIVE_INHERITED;
	*entry = copy;
	return entry;
}

/* Claims all that stands in these tables: the look-up decides what of it was live. */
static void claim_all(struct mt_process *process, const struct mt_live *table)
{
	for (uint64_t i = 0; table->entries && i <= table->mask; i++)
		if (table->entries[i].addr)
			claim(process, table->entries[i].addr);
}

void mt_past_flatten(struct mt_process *process)
{
	struct mt_past *past = process->inherited;

	while (past) {
		const struct mt_source *source = past->source;

		for (; past; past = past->newer)
			claim_all(process, &past->changed);
		claim_all(process, live_of(source));
		past = inherited_of(source);
	}
	mt_past_free(process->inherited);
	process->inherited = NULL;
}

struct mt_live_entry *mt_past_claim(struct mt_process *process, uint64_t addr)
{
	struct mt_past *past = process->inherited;

	if (past->steps > STEPS_FREE + live_of(past->source)->count) {
		mt_past_flatten(process);
		return mt_live_find(&process->live, addr);
	}
	return claim(process, addr);
}

/* --- keeping ----------------------------------------------------------------------------------------- */

int mt_past_keep(struct mt_process *process, uint64_t addr, const struct mt_live_entry *entry)
{
	struct mt_live *changed = &process->source->newest->changed;
	struct mt_live_entry *kept;
	bool was_there;

	kept = mt_live_insert(changed, addr, &was_there);
	if (!kept)
		return -ENOMEM;
	if (was_there)
		return 0;
	if (entry)
		*kept = *entry;
	else
		kept->total = MT_LIVE_GONE;
	return 0;
}

/* --- coming and going -------------------------------------------------------------------------------- */

struct mt_past *mt_past_new(struct mt_process *process)
{
	struct mt_past *past = calloc(1, sizeof(*past));

	if (!past)
		return NULL;
	if (process->inherited && process->inherited->depth >= DEPTH_MAX)
		mt_past_flatten(process);
	if (!process->source) {
		process->source = calloc(1, sizeof(*process->source));
		if (!process->source) {
			free(past);
			return NULL;
		}
		process->source->process = process;
	}
	past->source = process->source;
	past->depth = process->inherited ? process->inherited->depth + 1 : 0;
	past->older = past->source->newest;
	if (past->older)
		past->older->newer = past;
	past->source->newest = past;
	return past;
}

static void add_missing(struct mt_live *to, const struct mt_live *from)
{
	for (uint64_t i = 0; from->entries && i <= from->mask; i++) {
		const struct mt_live_entry *entry = &from->entries[i];
		struct mt_live_entry *added;
		bool was_there;

		if (!entry->addr)
			continue;
		added = mt_live_insert(to, entry->addr, &was_there);
		if (added && !was_there)
			*added = *entry;
	}
}

/* The older view looked through this one: what it finds first stays first. */
static void hand_down(struct mt_past *past)
{
	struct mt_live *older = &past->older->changed;

	if (!older->count) {
		struct mt_live none = *older;

		*older = past->changed;
		past->changed = none;
		return;
	}
	add_missing(older, &past->changed);
}

static void free_source(struct mt_source *source)
{
	struct mt_past *inherited = source->inherited;

	mt_live_free(&source->live);
	free(source);
	mt_past_free(inherited);
}

void mt_past_free(struct mt_past *past)
{
	struct mt_source *source;

	if (!past)
		return;
	source = past->source;
	if (past->older) {
		hand_down(past);
		past->older->newer = past->newer;
	}
	if (past->newer)
		past->newer->older = past->older;
	else
		source->newest = past->older;
	mt_live_free(&past->changed);
	mt_live_free(&past->claimed);
	free(past);
	if (!source->newest && !source->process)
		free_source(source);
}

int mt_past_end(struct mt_process *process, bool may_take_table)
{
	struct mt_source *source = process->source;
	int r = 0;

	process->source = NULL;
	if (source && source->newest) {
		if (may_take_table) {
			source->live = process->live;
			memset(&process->live, 0, sizeof(process->live));
		} else {
			r = mt_live_copy(&process->live, &source->live);
		}
		source->inherited = process->inherited;
		source->process = NULL;
	} else {
		free(source);
		mt_past_free(process->inherited);
	}
	process->inherited = NULL;
	return r;
}
