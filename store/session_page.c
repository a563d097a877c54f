/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_page.c - mt_blank_session(), see blank.h: a record of SQLite's, written by hand.
 */
#include "store/blank.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define COLUMNS_MAX 32u
/* A leaf page of a table: its type, the first free block, how many cells, where they begin, fragments; then the cells' offsets. */
#define HEAD_BYTES 8u
#define LEAF_TABLE 13u
/* A payload that is larger goes on in other pages. */
#define PAYLOAD_MAX (MT_BLANK_PAGE_BYTES - 35)

static size_t put_varint(unsigned char *to, uint64_t number)
{
	size_t bytes = 1;

	while (bytes < 8 && number >> 7 * bytes)
		bytes++;
	for (size_t i = 0; i < bytes; i++)
		to[i] = (unsigned char)((number >> 7 * (bytes - 1 - i) & 0x7fu) |
		                        (i + 1 < bytes ? 0x80u : 0));
	return bytes;
}

static void put_16(unsigned char *to, size_t number)
{
	to[0] = (unsigned char)(number >> 8);
	to[1] = (unsigned char)number;
}

/* How SQLite says what a value is, and how many bytes it takes. */
static uint64_t serial_type(const struct mt_blank_value *value, size_t *ret_bytes)
{
	static const unsigned char sizes[] = {0, 1, 2, 3, 4, 6, 8};

	if (value->text) {
		*ret_bytes = strlen(value->text);
		return 13 + 2 * (uint64_t)*ret_bytes;
	}
	*ret_bytes = 0;
	if (value->number == 0 || value->number == 1)
		return 8 + (uint64_t)value->number;
	for (unsigned int type = 1; type < 6; type++) {
		int64_t most = (int64_t)1 << (8 * sizes[type] - 1);

		*ret_bytes = sizes[type];
		if (value->number >= -most && value->number < most)
			return type;
	}
	*ret_bytes = sizes[6];
	return 6;
}

static const struct mt_blank_value *value_of(const struct mt_blank_value *values, size_t count,
                                             const char *column)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(values[i].column, column) == 0)
			return &values[i];
	return NULL;
}

int mt_blank_session(const struct mt_blank_value *values, size_t count,
                     unsigned char ret_page[MT_BLANK_PAGE_BYTES])
{
	unsigned char types[COLUMNS_MAX * 9], payload[PAYLOAD_MAX], *cell;
	size_t type_bytes = 0, head_bytes, at, used = 0, found = 0;

	/* The types stand before the values, behind a count of their own bytes, which here has one or two. */
	for (const char *const *column = mt_blank.session_columns; *column; column++) {
		const struct mt_blank_value *value = value_of(values, count, *column);
		size_t bytes;

		if (type_bytes + 9 > sizeof(types))
			return -EINVAL;
		/* It is the row's number, and stands there. */
		if (strcmp(*column, "id") == 0) {
			types[type_bytes++] = 0;
			continue;
		}
		if (!value)
			return -EINVAL;
		type_bytes += put_varint(types + type_bytes, serial_type(value, &bytes));
		used += bytes;
		found++;
	}
	if (found != count)
		return -EINVAL;
	head_bytes = type_bytes + (type_bytes + 1 < 128 ? 1 : 2);
	if (head_bytes + used > sizeof(payload))
		return -EMSGSIZE;
	at = put_varint(payload, head_bytes);
	memcpy(payload + at, types, type_bytes);
	at += type_bytes;
	for (const char *const *column = mt_blank.session_columns; *column; column++) {
		const struct mt_blank_value *value = value_of(values, count, *column);
		size_t bytes;

		if (!value)
			continue;
		serial_type(value, &bytes);
		if (value->text)
			memcpy(payload + at, value->text, bytes);
		for (size_t i = 0; i < bytes && !value->text; i++)
			payload[at + i] =
			        (unsigned char)((uint64_t)value->number >> 8 * (bytes - 1 - i));
		at += bytes;
	}
	/* One cell, at the end of the page: how long it is, the row's number, the record. */
	memset(ret_page, 0, MT_BLANK_PAGE_BYTES);
	cell = ret_page + MT_BLANK_PAGE_BYTES - at - (at < 128 ? 1 : 2) - 1;
	ret_page[0] = LEAF_TABLE;
	put_16(ret_page + 3, 1);
	put_16(ret_page + 5, (size_t)(cell - ret_page));
	put_16(ret_page + HEAD_BYTES, (size_t)(cell - ret_page));
	cell += put_varint(cell, at);
	*cell++ = 1;
	memcpy(cell, payload, at);
	return 0;
}
