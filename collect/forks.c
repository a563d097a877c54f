/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * forks.c - see forks.h.
 */
#include "collect/forks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The list is in the order of age. */
static void make_room(struct mt_forks *forks, uint64_t bytes)
{
	struct mt_fork **at = &forks->first;
	uint64_t kept = bytes;

	if (forks->bytes + bytes <= forks->bytes_max)
		return;
	/* To half of it, so that the list is gone through now and then. */
	for (; *at && kept + (*at)->memory_bytes <= forks->bytes_max / 2; at = &(*at)->next)
		kept += (*at)->memory_bytes;
	while (*at) {
		struct mt_fork *old = *at;

		*at = old->next;
		forks->bytes -= old->memory_bytes;
		forks->given_up++;
		mt_fork_free(old);
	}
}

/* What was sampled stands for more, but inherited blocks are not weighted. */
static void count_sampled(const struct mt_live *live, struct mt_fork *fork)
{
	for (uint64_t i = 0; live->entries && i <= live->mask; i++) {
		const struct mt_live_entry *entry = &live->entries[i];

		if (!entry->addr || entry->total & MT_LIVE_FLAGS)
			continue;
		fork->blocks++;
		fork->bytes += entry->size_bytes;
	}
}

/* What it allocated itself and what it has inherited. */
static void count(const struct mt_process *parent, struct mt_fork *fork)
{
	if (parent->estimate) {
		count_sampled(&parent->live, fork);
	} else {
		fork->blocks = parent->totals.live_blocks;
		fork->bytes = parent->totals.live_bytes;
	}
	fork->blocks += parent->inherited_blocks - parent->inherited_frees;
	fork->bytes += parent->inherited_bytes - parent->inherited_freed_bytes;
}

int mt_forks_add(struct mt_forks *forks, struct mt_process *parent, uint64_t serial,
                 uint64_t now_ns)
{
	uint64_t bytes = MT_FORKS_SMALL_BYTES +
	                 parent->ranges.count * sizeof(*parent->ranges.rows) +
	                 mt_growth_bytes(&parent->growth);
	struct mt_fork *fork;

	if (forks->round_bytes + bytes > forks->bytes_max && forks->round_bytes) {
		forks->given_up++;
		return -ENOSPC;
	}
	forks->round_bytes += bytes;
	fork = calloc(1, sizeof(*fork));
	if (!fork)
		return -ENOMEM;
	/* Its mappings cost something as soon as the parent changes its own. */
	bytes += parent->regions.count * sizeof(*parent->regions.rows);
	fork->memory_bytes = bytes;
	fork->parent_slot = parent->slot;
	fork->parent_generation = parent->generation;
	fork->serial = serial;
	fork->taken_ns = now_ns;
	fork->parent = parent->id;
	fork->was_off = parent->was_off;
	count(parent, fork);
	fork->past = mt_past_new(parent);
	if (!fork->past || mt_ranges_copy(&parent->ranges, &fork->ranges) < 0 ||
	    mt_growth_inherit(&parent->growth, &fork->growth) < 0 ||
	    mt_regions_share(&parent->regions, &fork->regions) < 0 ||
	    mt_identity_copy(&parent->identity, &fork->identity) < 0) {
		mt_fork_free(fork);
		return -ENOMEM;
	}
	make_room(forks, bytes);
	fork->next = forks->first;
	forks->first = fork;
	forks->bytes += bytes;
	return 0;
}

struct mt_fork *mt_forks_take(struct mt_forks *forks, uint32_t parent_slot,
                              uint32_t parent_generation, uint64_t serial)
{
	for (struct mt_fork **at = &forks->first; *at; at = &(*at)->next) {
		struct mt_fork *found = *at;

		if (found->parent_slot != parent_slot ||
		    found->parent_generation != parent_generation || found->serial != serial)
			continue;
		*at = found->next;
		forks->bytes -= found->memory_bytes;
		return found;
	}
	return NULL;
}

void mt_forks_expire(struct mt_forks *forks, uint64_t now_ns)
{
	struct mt_fork **at = &forks->first;

	while (*at) {
		struct mt_fork *old = *at;

		if (now_ns - old->taken_ns < MT_FORKS_KEEP_NS) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		forks->bytes -= old->memory_bytes;
		mt_fork_free(old);
	}
}

void mt_forks_free(struct mt_forks *forks)
{
	while (forks->first) {
		struct mt_fork *next = forks->first->next;

		mt_fork_free(forks->first);
		forks->first = next;
	}
}

void mt_fork_free(struct mt_fork *fork)
{
	mt_past_free(fork->past);
	mt_ranges_free(&fork->ranges);
	mt_growth_free(&fork->growth);
	mt_regions_free(&fork->regions);
	mt_identity_free(&fork->identity);
	free(fork);
}

void mt_fork_inherit(struct mt_fork *fork, struct mt_process *child)
{
	child->inherited = fork->past;
	child->inherited_blocks = fork->blocks;
	child->inherited_bytes = fork->bytes;
	child->was_off = child->was_off || fork->was_off;
	child->ranges = fork->ranges;
	child->regions = fork->regions;
	child->growth = fork->growth;
	child->identity = fork->identity;
	fork->past = NULL;
	memset(&fork->ranges, 0, sizeof(fork->ranges));
	mt_growth_init(&fork->growth);
	memset(&fork->regions, 0, sizeof(fork->regions));
	memset(&fork->identity, 0, sizeof(fork->identity));
}
