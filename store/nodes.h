/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nodes.h - nodes of the stack tree by their id, for packed.c.
 *
 * A report asks node by node, from the innermost frame outwards. The packs that were unpacked for it are kept, up to a
 * limit; then all are forgotten. Ids and frames are of 32 bits; a pack with others is damaged.
 */
#ifndef MT_STORE_NODES_H
#define MT_STORE_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/unpack.h"

struct mt_nodes_node {
	uint32_t parent; /* 0: none */
	uint32_t frame;
	uint16_t cut; /* in words; 0: none */
	bool is_there;
};

/* No more of them than the collector has words; each a little longer than the longest. */
#define MT_NODES_WORDS_MAX 32u
#define MT_NODES_WORD_MAX  32u

/* All zero is empty. */
struct mt_nodes {
	struct mt_nodes_pack **packs; /* by number; NULL: not kept */
	size_t capacity;
	size_t kept;
	char words[MT_NODES_WORDS_MAX][MT_NODES_WORD_MAX]; /* the first is not used */
	unsigned int word_count;
};

void mt_nodes_free(struct mt_nodes *nodes);

/* The pack that a node is in, and where; false: no pack has such a node. */
bool mt_nodes_place(int64_t id, uint32_t *ret_number, uint32_t *ret_index);

/* A node of a pack that is kept, or NULL. Borrowed until the next pack is kept. */
const struct mt_nodes_node *mt_nodes_find(const struct mt_nodes *nodes, uint32_t number,
                                          uint32_t index);

/* Keeps all that is left in `unpack`, in the place of what was kept of this pack. 0, -ENOMEM or -EBADMSG. */
int mt_nodes_keep(struct mt_nodes *nodes, uint32_t number, struct mt_unpack *unpack);

/* A row of a pack as the node that it is. The id is that of number * MT_WRITER_STACKS_PACK + the row's index + 1. */
struct mt_nodes_row {
	int64_t id;
	int64_t parent; /* 0: none */
	int64_t frame;
	const char *cut; /* not terminated; NULL: none */
	size_t cut_bytes;
};
/* False: the row says that there is no such node. */
bool mt_nodes_read(const struct mt_unpack_row *row, int64_t number, size_t index,
                   struct mt_nodes_row *ret_row);

#endif
