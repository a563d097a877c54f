/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.h - the session's tree of stacks, shared by all processes.
 *
 * Owned by the drain thread. A frame is (module, offset), a node is (caller's node, frame, cut): so two
 * processes that run the same binary share their nodes, however they were loaded. Ids start at 1; rows
 * live as long as the session.
 */
#ifndef MT_COLLECT_STACKS_H
#define MT_COLLECT_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "collect/modules.h"
#include "wire/event.h"

/*
 * Limits of what a session keeps of stacks: some 500 MiB in memory. Beyond, a stack whose frames are not all
 * known is the one without frames that is cut by "table".
 */
#define MT_STACKS_NODES_MAX  (1u << 23)
#define MT_STACKS_FRAMES_MAX (1u << 22)

struct mt_frame {
	uint32_t module; /* 0: in none */
	uint64_t offset;
};

/* Cuts beyond enum mt_cut: the stack was used and its frames never came. */
#define MT_STACKS_CUT_LOST 0xffu

struct mt_node {
	uint32_t parent; /* 0: the outermost */
	uint32_t frame;
	uint32_t cut; /* enum mt_cut, on the outermost node */
};

/* The stack that was added last, outermost first. */
struct mt_stacks_last {
	uint64_t ranges; /* mt_ranges.state */
	uint32_t cut;
	uint32_t count;
	uint64_t pcs[MT_EVENT_FRAMES_MAX];
	uint32_t nodes[MT_EVENT_FRAMES_MAX];
};

struct mt_stacks {
	struct mt_frame *frames;
	size_t frame_count;
	size_t frame_capacity;
	struct mt_node *nodes;
	size_t node_count;
	size_t node_capacity;
	struct mt_map frame_index;
	struct mt_map node_index;
	size_t frames_written; /* rows that a batch has taken */
	size_t nodes_written;
	uint32_t *settled; /* nodes that changed after they were taken */
	size_t settled_count;
	size_t settled_capacity;
	struct mt_stacks_last last;
	bool is_full;     /* a limit is reached */
	uint64_t cut_off; /* stacks that met it */
};

void mt_stacks_free(struct mt_stacks *stacks);

/*
 * Finds or adds the stack of `pcs`, innermost first and MT_EVENT_FRAMES_MAX at most, which are return addresses of a
 * process with these ranges. What it has in common with the stack before it is not looked up again. 0 or -ENOMEM.
 */
int mt_stacks_add(struct mt_stacks *stacks, const struct mt_ranges *ranges, const uint64_t *pcs,
                  size_t count, uint32_t cut, uint32_t *ret_node);

/* A node of its own for a stack whose frames have not come. 0 or -ENOMEM. */
int mt_stacks_promise(struct mt_stacks *stacks, uint32_t *ret_node);

/* They came after all: the promised node becomes the like of `from`. 0 or -ENOMEM. */
int mt_stacks_settle(struct mt_stacks *stacks, uint32_t promised, uint32_t from);

/* The word for a cut in the file, or NULL for none. */
const char *mt_stacks_cut_name(uint32_t cut);

#endif
