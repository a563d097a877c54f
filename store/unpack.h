/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unpack.h - rows out of a pack: the way back from pack.h.
 *
 * Used by packed.c. The file may be anybody's: the text is as long as it says and no longer than any of ours, and of
 * JSON there is what pack.c makes, arrays of whole numbers and nulls and a word. Everything else is damage.
 */
#ifndef MT_STORE_UNPACK_H
#define MT_STORE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/* Of a pack's text: the longest is 4096 blocks, each number with all its digits. */
#define MT_UNPACK_TEXT_MAX    (1u << 20)
#define MT_UNPACK_ROWS_MAX    4096u
#define MT_UNPACK_NUMBERS_MAX 9u

/* All zero is empty. */
struct mt_unpack {
	unsigned char *inflated;
	size_t capacity;
	z_stream stream;
	bool has_stream;
	const unsigned char *at, *end; /* what is left of the text */
	size_t rows;                   /* given so far */
};

struct mt_unpack_row {
	int64_t numbers[MT_UNPACK_NUMBERS_MAX];
	unsigned int nulls; /* a bit each: this element is null or not there */
	bool is_alone;      /* no array: numbers[0] is all there is */
	const char *word;   /* the third element, where that is a text; not terminated */
	size_t word_bytes;
};

void mt_unpack_free(struct mt_unpack *unpack);

/* Borrows the data until the last row was taken. 0, -ENOMEM, or -EBADMSG: it is none of ours. */
int mt_unpack_begin(struct mt_unpack *unpack, const void *data, size_t bytes, int64_t raw_bytes);

/* 1: there is a row; 0: there are no more; -EBADMSG. */
int mt_unpack_next(struct mt_unpack *unpack, struct mt_unpack_row *ret_row);

#endif
