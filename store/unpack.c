/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unpack.c - see unpack.h.
 */
#include "store/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mt_unpack_free(struct mt_unpack *unpack)
{
	if (unpack->has_stream)
		inflateEnd(&unpack->stream);
	free(unpack->inflated);
	memset(unpack, 0, sizeof(*unpack));
}

/* The text must be exactly as long as it was said to be, and nothing may follow. */
static int inflate_text(struct mt_unpack *unpack, const void *data, size_t bytes, size_t raw_bytes)
{
	z_stream *stream = &unpack->stream;
	int code;

	if (raw_bytes > unpack->capacity) {
		unsigned char *inflated = realloc(unpack->inflated, raw_bytes);

		if (!inflated)
			return -ENOMEM;
		unpack->inflated = inflated;
		unpack->capacity = raw_bytes;
	}
	code = unpack->has_stream ? inflateReset(stream) : inflateInit(stream);
	if (code != Z_OK)
		return -ENOMEM;
	unpack->has_stream = true;
	stream->next_in = (unsigned char *)(uintptr_t)data;
	stream->avail_in = (uInt)bytes;
	stream->next_out = unpack->inflated;
	stream->avail_out = (uInt)raw_bytes;
	code = inflate(stream, Z_FINISH);
	if (code == Z_MEM_ERROR)
		return -ENOMEM;
	return code == Z_STREAM_END && stream->total_out == raw_bytes && !stream->avail_in
	               ? 0
	               : -EBADMSG;
}

static void skip_blanks(struct mt_unpack *unpack)
{
	while (unpack->at < unpack->end && (*unpack->at == ' ' || *unpack->at == '\n' ||
	                                    *unpack->at == '\t' || *unpack->at == '\r'))
		unpack->at++;
}

/* True: that is what stands there, and it was passed. */
static bool take(struct mt_unpack *unpack, unsigned char wanted)
{
	skip_blanks(unpack);
	if (unpack->at == unpack->end || *unpack->at != wanted)
		return false;
	unpack->at++;
	return true;
}

int mt_unpack_begin(struct mt_unpack *unpack, const void *data, size_t bytes, int64_t raw_bytes)
{
	int r;

	if (raw_bytes < 2 || raw_bytes > MT_UNPACK_TEXT_MAX || bytes > MT_UNPACK_TEXT_MAX)
		return -EBADMSG;
	unpack->rows = 0;
	if (bytes == (size_t)raw_bytes) {
		unpack->at = data;
	} else {
		r = inflate_text(unpack, data, bytes, (size_t)raw_bytes);
		if (r < 0)
			return r;
		unpack->at = unpack->inflated;
	}
	unpack->end = unpack->at + raw_bytes;
	return take(unpack, '[') ? 0 : -EBADMSG;
}

/* As JSON has them, but whole ones only: no sign but '-', no zero in front. */
static bool take_number(struct mt_unpack *unpack, int64_t *ret_number)
{
	bool is_negative = unpack->at < unpack->end && *unpack->at == '-';
	const unsigned char *first = unpack->at + is_negative, *at;
	uint64_t value = 0, most = (uint64_t)INT64_MAX + is_negative;

	for (at = first; at < unpack->end && *at >= '0' && *at <= '9'; at++) {
		unsigned int digit = *at - '0';

		/* Twenty digits are too many, and 18 never. */
		if (at - first >= 18 && (value > most / 10 || value * 10 + digit > most))
			return false;
		value = value * 10 + digit;
	}
	if (at == first || (*first == '0' && at - first > 1))
		return false;
	unpack->at = at;
	*ret_number = (int64_t)(is_negative ? -value : value);
	return true;
}

static bool take_null(struct mt_unpack *unpack)
{
	if (unpack->end - unpack->at < 4 || memcmp(unpack->at, "null", 4) != 0)
		return false;
	unpack->at += 4;
	return true;
}

/* Words of ours need no escapes. */
static bool take_word(struct mt_unpack *unpack, struct mt_unpack_row *row)
{
	const unsigned char *first;

	if (!take(unpack, '"'))
		return false;
	for (first = unpack->at; unpack->at < unpack->end && *unpack->at != '"'; unpack->at++)
		if (*unpack->at < ' ' || *unpack->at == '\\')
			return false;
	row->word = (const char *)first;
	row->word_bytes = (size_t)(unpack->at - first);
	return take(unpack, '"');
}

static bool take_row(struct mt_unpack *unpack, struct mt_unpack_row *row)
{
	if (take(unpack, ']'))
		return true;
	for (unsigned int i = 0; i < MT_UNPACK_NUMBERS_MAX; i++) {
		skip_blanks(unpack);
		if (take_number(unpack, &row->numbers[i]))
			row->nulls &= ~(1u << i);
		else if (!take_null(unpack) && !(i == 2 && take_word(unpack, row)))
			return false;
		if (!take(unpack, ','))
			return take(unpack, ']');
	}
	return false;
}

int mt_unpack_next(struct mt_unpack *unpack, struct mt_unpack_row *ret_row)
{
	struct mt_unpack_row *row = ret_row;

	if (take(unpack, ']')) {
		skip_blanks(unpack);
		return unpack->at == unpack->end ? 0 : -EBADMSG;
	}
	if (unpack->rows == MT_UNPACK_ROWS_MAX || (unpack->rows && !take(unpack, ',')))
		return -EBADMSG;
	unpack->rows++;
	memset(row->numbers, 0, sizeof(row->numbers));
	row->nulls = (1u << MT_UNPACK_NUMBERS_MAX) - 1;
	row->word = NULL;
	row->is_alone = !take(unpack, '[');
	if (!row->is_alone)
		return take_row(unpack, row) ? 1 : -EBADMSG;
	if (take_number(unpack, &row->numbers[0]))
		row->nulls &= ~1u;
	else if (!take_null(unpack))
		return -EBADMSG;
	return 1;
}
