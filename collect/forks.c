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
	for (; *at && kept + (*at)->bytes <= forks->bytes_max / 2; at = &(*at)->next)
		kept += (*at)->bytes;
	while (*at) {
		struct mt_fork *old = *at;

		*at = old->next;
		forks->bytes -= old->bytes;
		forks->given_up++;
		mt_fork_free(old);
	}
}

int mt_forks_add(struct mt_forks *forks, const struct mt_process *parent, uint64_t serial,
                 uint64_t now_ns)
{
	uint64_t bytes = mt_live_bytes(&parent->live) + MT_FORKS_SMALL_BYTES +
	                 parent->ranges.count * sizeof(*parent->ranges.rows);
	struct mt_fork *copy;

	if (forks->round_bytes + bytes > forks->bytes_max && forks->round_bytes) {
		forks->given_up++;
		return -ENOSPC;
	}
	forks->round_bytes += bytes;
	copy = calloc(1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	copy->bytes = bytes;
	copy->parent_slot = parent->slot;
	copy->parent_generation = parent->generation;
	copy->serial = serial;
	copy->taken_ns = now_ns;
	copy->parent = parent->id;
	copy->was_off = parent->was_off;
	if (mt_live_copy(&parent->live, &copy->live) < 0 ||
	    mt_ranges_copy(&parent->ranges, &copy->ranges) < 0 ||
	    mt_identity_copy(&parent->identity, &copy->identity) < 0) {
		mt_fork_free(copy);
		return -ENOMEM;
	}
	make_room(forks, bytes);
	copy->next = forks->first;
	forks->first = copy;
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
		forks->bytes -= found->bytes;
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
		forks->bytes -= old->bytes;
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
	mt_live_free(&fork->live);
	mt_ranges_free(&fork->ranges);
	mt_identity_free(&fork->identity);
	free(fork);
}

void mt_fork_inherit(struct mt_fork *fork, struct mt_process *child)
{
	struct mt_live *live = &fork->live;

	for (uint64_t i = 0; live->entries && i <= live->mask; i++) {
		struct mt_live_entry *entry = &live->entries[i];

		if (!entry->addr)
			continue;
		/* memtrace's own blocks stay its own; what the parent had inherited is passed on. */
		if (entry->total & MT_LIVE_OWN) {
			entry->total = MT_LIVE_OWN | MT_LIVE_INHERITED;
			continue;
		}
		entry->total = MT_LIVE_INHERITED;
		child->inherited_blocks++;
		child->inherited_bytes += entry->size_bytes;
	}
	child->was_off = child->was_off || fork->was_off;
	child->live = *live;
	child->ranges = fork->ranges;
	child->identity = fork->identity;
	memset(live, 0, sizeof(*live));
	memset(&fork->ranges, 0, sizeof(fork->ranges));
	memset(&fork->identity, 0, sizeof(fork->identity));
}
