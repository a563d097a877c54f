/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.c - see stacks.h.
 */
#include "collect/stacks.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mt_stacks_free(struct mt_stacks *stacks)
{
	free(stacks->frames);
	free(stacks->nodes);
	free(stacks->settled);
	mt_map_free(&stacks->frame_index);
	mt_map_free(&stacks->node_index);
	memset(stacks, 0, sizeof(*stacks));
}

static int frame_of(struct mt_stacks *stacks, uint32_t module, uint64_t offset, uint32_t *ret_frame)
{
	size_t id = stacks->frame_count ? stacks->frame_count : 1;

	if (mt_map_find(&stacks->frame_index, module, offset, ret_frame))
		return 0;
	if (stacks->is_full)
		return -ENOSPC;
	if (MT_ARRAY_RESERVE(stacks->frames, stacks->frame_capacity, id + 1) < 0 ||
	    mt_map_set(&stacks->frame_index, module, offset, (uint32_t)id) < 0)
		return -ENOMEM;
	stacks->frames[id] = (struct mt_frame){module, offset};
	stacks->frame_count = id + 1;
	stacks->is_full |= stacks->frame_count >= MT_STACKS_FRAMES_MAX;
	*ret_frame = (uint32_t)id;
	return 0;
}

static int push(struct mt_stacks *stacks, struct mt_node node, uint32_t *ret_node)
{
	size_t id = stacks->node_count ? stacks->node_count : 1;

	if (stacks->is_full)
		return -ENOSPC;
	if (MT_ARRAY_RESERVE(stacks->nodes, stacks->node_capacity, id + 1) < 0)
		return -ENOMEM;
	stacks->nodes[id] = node;
	stacks->node_count = id + 1;
	stacks->is_full |= stacks->node_count >= MT_STACKS_NODES_MAX;
	*ret_node = (uint32_t)id;
	return 0;
}

static int node_of(struct mt_stacks *stacks, struct mt_node node, uint32_t *ret_node)
{
	uint64_t key = (uint64_t)node.parent << 32 | node.frame;
	int r;

	if (mt_map_find(&stacks->node_index, key, node.cut, ret_node))
		return 0;
	r = push(stacks, node, ret_node);
	return r < 0 ? r : mt_map_set(&stacks->node_index, key, node.cut, *ret_node);
}

/* The stack without frames, for one that there is no room for. There is always room for that. */
static int cut_off(struct mt_stacks *stacks, uint32_t *ret_node)
{
	struct mt_node node = {.cut = MT_CUT_TABLE};
	bool was_full = stacks->is_full;
	int r;

	stacks->cut_off++;
	stacks->is_full = false;
	r = frame_of(stacks, 0, 0, &node.frame);
	if (r == 0)
		r = node_of(stacks, node, ret_node);
	stacks->is_full = was_full;
	return r;
}

static int frame_at(struct mt_stacks *stacks, const struct mt_ranges *ranges, uint64_t pc,
                    uint32_t *ret_frame)
{
	/* The return address of a call that does not return may lie behind its function. */
	const struct mt_range *range = mt_ranges_find(ranges, pc - (pc != 0));

	return range ? frame_of(stacks, range->module, pc - range->base, ret_frame)
	             : frame_of(stacks, 0, pc, ret_frame);
}

/* How many of the outermost frames are those of the stack before. */
static size_t in_common(const struct mt_stacks_last *last, const struct mt_ranges *ranges,
                        const uint64_t *pcs, size_t count, uint32_t cut)
{
	size_t most = count < last->count ? count : last->count, same = 0;

	if (last->ranges != ranges->state || last->cut != cut)
		return 0;
	while (same < most && last->pcs[same] == pcs[count - 1 - same])
		same++;
	return same;
}

static int add(struct mt_stacks *stacks, const struct mt_ranges *ranges, const uint64_t *pcs,
               size_t count, uint32_t cut, uint32_t *ret_node)
{
	static const uint64_t nowhere[1] = {0};
	struct mt_stacks_last *last = &stacks->last;
	uint32_t node;

	/* A stack must have a node, also when nothing of it could be taken. */
	if (count == 0) {
		pcs = nowhere;
		count = 1;
	}
	last->count = (uint32_t)in_common(last, ranges, pcs, count, cut);
	last->ranges = ranges->state;
	last->cut = cut;
	node = last->count ? last->nodes[last->count - 1] : 0;
	while (last->count < count) {
		uint64_t pc = pcs[count - 1 - last->count];
		struct mt_node next = {.parent = node, .cut = node ? 0 : cut};
		int r = frame_at(stacks, ranges, pc, &next.frame);

		if (r == 0)
			r = node_of(stacks, next, &node);
		if (r < 0)
			return r;
		last->pcs[last->count] = pc;
		last->nodes[last->count++] = node;
	}
	*ret_node = node;
	return 0;
}

int mt_stacks_add(struct mt_stacks *stacks, const struct mt_ranges *ranges, const uint64_t *pcs,
                  size_t count, uint32_t cut, uint32_t *ret_node)
{
	int r = add(stacks, ranges, pcs, count, cut, ret_node);

	return r == -ENOSPC ? cut_off(stacks, ret_node) : r;
}

int mt_stacks_promise(struct mt_stacks *stacks, uint32_t *ret_node)
{
	struct mt_node node = {.cut = MT_STACKS_CUT_LOST};
	int r = frame_of(stacks, 0, 0, &node.frame);

	if (r == 0)
		r = push(stacks, node, ret_node);
	return r == -ENOSPC ? cut_off(stacks, ret_node) : r;
}

int mt_stacks_settle(struct mt_stacks *stacks, uint32_t promised, uint32_t from)
{
	if (promised < stacks->nodes_written) {
		if (MT_ARRAY_RESERVE(stacks->settled, stacks->settled_capacity,
		                     stacks->settled_count + 1) < 0)
			return -ENOMEM;
		stacks->settled[stacks->settled_count++] = promised;
	}
	stacks->nodes[promised] = stacks->nodes[from];
	return 0;
}

const char *mt_stacks_cut_name(uint32_t cut)
{
	switch (cut) {
	case MT_CUT_DEPTH: return "depth";
	case MT_CUT_NESTED: return "nested";
	case MT_CUT_UNSAFE: return "unsafe";
	case MT_CUT_EARLY: return "early";
	case MT_CUT_UNWINDER: return "unwinder";
	case MT_CUT_TABLE: return "table";
	case MT_CUT_NO_CFI: return "no-cfi";
	case MT_CUT_NO_RULE: return "no-rule";
	case MT_CUT_OFF_STACK: return "off-stack";
	case MT_STACKS_CUT_LOST: return "lost";
	default: return NULL;
	}
}
