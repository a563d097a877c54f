/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nodes.c - see nodes.h.
 */
#include "store/nodes.h"

#include "store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Packs, some 200 MB: twice what a session may have. */
#define KEPT_MAX 4096u

struct mt_nodes_pack {
	size_t count;
	struct mt_nodes_node nodes[];
};

void mt_nodes_free(struct mt_nodes *nodes)
{
	for (size_t i = 0; i < nodes->capacity; i++)
		free(nodes->packs[i]);
	free(nodes->packs);
	memset(nodes, 0, sizeof(*nodes));
}

bool mt_nodes_place(int64_t id, uint32_t *ret_number, uint32_t *ret_index)
{
	if (id < 1 || id > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)(id - 1) / MT_WRITER_STACKS_PACK;
	*ret_index = (uint32_t)(id - 1) % MT_WRITER_STACKS_PACK;
	return true;
}

const struct mt_nodes_node *mt_nodes_find(const struct mt_nodes *nodes, uint32_t number,
                                          uint32_t index)
{
	const struct mt_nodes_pack *pack = number < nodes->capacity ? nodes->packs[number] : NULL;

	return pack && index < pack->count ? &pack->nodes[index] : NULL;
}

static int reserve(struct mt_nodes *nodes, uint32_t number)
{
	size_t capacity = number + number / 2u + 16u;
	struct mt_nodes_pack **packs;

	if (nodes->kept >= KEPT_MAX)
		mt_nodes_free(nodes);
	if (number < nodes->capacity)
		return 0;
	packs = realloc(nodes->packs, capacity * sizeof(struct mt_nodes_pack *));
	if (!packs)
		return -ENOMEM;
	memset(packs + nodes->capacity, 0,
	       (capacity - nodes->capacity) * sizeof(struct mt_nodes_pack *));
	nodes->packs = packs;
	nodes->capacity = capacity;
	return 0;
}

/* 0: too many, or too long. */
static uint16_t word_of(struct mt_nodes *nodes, const char *word, size_t bytes)
{
	if (!nodes->word_count)
		nodes->word_count = 1;
	if (bytes >= MT_NODES_WORD_MAX)
		return 0;
	for (unsigned int i = 1; i < nodes->word_count; i++)
		if (strlen(nodes->words[i]) == bytes && memcmp(nodes->words[i], word, bytes) == 0)
			return (uint16_t)i;
	if (nodes->word_count == MT_NODES_WORDS_MAX)
		return 0;
	memcpy(nodes->words[nodes->word_count], word, bytes);
	nodes->words[nodes->word_count][bytes] = '\0';
	return (uint16_t)nodes->word_count++;
}

bool mt_nodes_read(const struct mt_unpack_row *row, int64_t number, size_t index,
                   struct mt_nodes_row *ret_row)
{
	/* Whatever the number is that somebody made up. */
	uint64_t before = (uint64_t)number * MT_WRITER_STACKS_PACK + index;

	if (row->is_alone && row->nulls & 1)
		return false;
	*ret_row = (struct mt_nodes_row){.id = (int64_t)(before + 1)};
	if (row->is_alone) {
		ret_row->parent = (int64_t)before;
		ret_row->frame = row->numbers[0];
		return true;
	}
	if (row->numbers[0])
		ret_row->parent = (int64_t)(before + 1 - (uint64_t)row->numbers[0]);
	ret_row->frame = row->numbers[1];
	ret_row->cut = row->word;
	ret_row->cut_bytes = row->word_bytes;
	return true;
}

static bool is_id(int64_t number)
{
	return number >= 0 && number <= UINT32_MAX;
}

static int read_all(struct mt_nodes *nodes, uint32_t number, struct mt_unpack *unpack,
                    struct mt_nodes_pack *pack)
{
	struct mt_unpack_row row;
	int next;

	while ((next = mt_unpack_next(unpack, &row)) == 1) {
		struct mt_nodes_node *node = &pack->nodes[pack->count];
		struct mt_nodes_row read;

		*node = (struct mt_nodes_node){0};
		if (!mt_nodes_read(&row, number, pack->count++, &read))
			continue;
		if (!is_id(read.parent) || !is_id(read.frame))
			return -EBADMSG;
		node->parent = (uint32_t)read.parent;
		node->frame = (uint32_t)read.frame;
		node->is_there = true;
		if (!read.cut)
			continue;
		node->cut = word_of(nodes, read.cut, read.cut_bytes);
		if (!node->cut)
			return -EBADMSG;
	}
	return next;
}

int mt_nodes_keep(struct mt_nodes *nodes, uint32_t number, struct mt_unpack *unpack)
{
	struct mt_nodes_pack *pack, *smaller;
	int r = reserve(nodes, number);

	if (r < 0)
		return r;
	pack = malloc(sizeof(*pack) + MT_UNPACK_ROWS_MAX * sizeof(*pack->nodes));
	if (!pack)
		return -ENOMEM;
	pack->count = 0;
	r = read_all(nodes, number, unpack, pack);
	if (r < 0) {
		free(pack);
		return r;
	}
	smaller = realloc(pack, sizeof(*pack) + pack->count * sizeof(*pack->nodes));
	nodes->kept += !nodes->packs[number];
	free(nodes->packs[number]);
	nodes->packs[number] = smaller ? smaller : pack;
	return 0;
}
