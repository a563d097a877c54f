/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pack.h - rows of the four large tables, many of them in one BLOB.
 *
 * Used by writer_packs.c; unpack.h is the way back. A pack is an array of rows as JSON text, compressed by zlib where
 * that makes it shorter, so that the sqlite3 shell's own sqlar_uncompress() and json_each() read it: schema.sql says
 * how each table's rows are put down, and its views stack, total, block and owner take them apart again.
 *
 * Measured with cc1plus, 10.6 million events: the rows themselves took 14.7 MB of a file of 15.0. As packs at zlib's
 * level 1 they take 1.7; level 6 would save another fifth, for three times the time. What a row has in common with the
 * one before it is told as a difference to it: that halves totals and owners, because stacks are numbered in the order
 * in which they are met.
 */
#ifndef MT_STORE_PACK_H
#define MT_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "store/writer.h"

/* All zero is empty. */
struct mt_pack {
	char *text;
	char *at; /* its end */
	unsigned char *data;
	size_t data_capacity;
	z_stream stream;
	bool has_stream;
	bool is_small; /* the stream is for short texts alone */
};

void mt_pack_free(struct mt_pack *pack);

/*
 * Each makes one pack of rows, as many as its table's pack may have at most. The BLOB and the length of its text are
 * borrowed until the next call. 0 or -ENOMEM.
 */
struct mt_packed {
	const void *data;
	size_t bytes;
	size_t raw_bytes; /* of the text; the same as bytes: it is not compressed */
};

/* Nodes one after the other, the first one's id is first_id. */
int mt_pack_stacks(struct mt_pack *pack, uint32_t first_id, const struct mt_writer_stack *rows,
                   size_t count, struct mt_packed *ret_packed);
int mt_pack_totals(struct mt_pack *pack, const struct mt_writer_total *rows, size_t count,
                   struct mt_packed *ret_packed);
/* Addresses and times are told from these on. */
int mt_pack_blocks(struct mt_pack *pack, const struct mt_writer_block *rows, size_t count,
                   uint64_t addr, uint64_t born_ns, struct mt_packed *ret_packed);
int mt_pack_owners(struct mt_pack *pack, const struct mt_writer_owner *rows, size_t count,
                   struct mt_packed *ret_packed);

#endif
