/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pack.c - see pack.h.
 */
#include "store/pack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Quick: the traced program may wait for it. */
#define LEVEL 1
/* With so much memory (2^(n + 9) bytes) for what zlib finds. */
#define SMALL_WINDOW_BITS 13
#define SMALL_MEMORY      5

/* A row's text: nine numbers with a sign and 19 digits each, and what stands between them. */
#define ROW_TEXT_MAX  (9 * 21 + 4)
#define PACK_ROWS_MAX MT_WRITER_BLOCKS_PACK
static_assert(MT_WRITER_STACKS_PACK <= PACK_ROWS_MAX && MT_WRITER_TOTALS_PACK <= PACK_ROWS_MAX &&
                      MT_WRITER_OWNERS_PACK <= PACK_ROWS_MAX,
              "there is room for every pack's text");

void mt_pack_free(struct mt_pack *pack)
{
	if (pack->has_stream)
		deflateEnd(&pack->stream);
	free(pack->text);
	free(pack->data);
	memset(pack, 0, sizeof(*pack));
}

static int begin(struct mt_pack *pack, size_t rows)
{
	assert(rows <= PACK_ROWS_MAX);
	/* Once; what is not used of it is never touched. */
	if (!pack->text)
		pack->text = malloc(PACK_ROWS_MAX * ROW_TEXT_MAX + 2);
	if (!pack->text)
		return -ENOMEM;
	pack->at = pack->text;
	*pack->at++ = '[';
	return 0;
}

static void put_digits(struct mt_pack *pack, uint64_t value)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
	                            "2021222324252627282930313233343536373839"
	                            "4041424344454647484950515253545556575859"
	                            "6061626364656667686970717273747576777879"
	                            "8081828384858687888990919293949596979899";
	char digits[20], *first = digits + sizeof(digits);

	while (value >= 100) {
		first -= 2;
		memcpy(first, pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		first -= 2;
		memcpy(first, pairs + value * 2, 2);
	} else {
		*--first = (char)('0' + value);
	}
	memcpy(pack->at, first, (size_t)(digits + sizeof(digits) - first));
	pack->at += digits + sizeof(digits) - first;
}

/* Any number is followed by a comma; end_row() and end() take the last one back. */
static void put(struct mt_pack *pack, int64_t value)
{
	if (value < 0)
		*pack->at++ = '-';
	put_digits(pack, value < 0 ? -(uint64_t)value : (uint64_t)value);
	*pack->at++ = ',';
}

static void put_text(struct mt_pack *pack, const char *text)
{
	size_t bytes = strlen(text);

	memcpy(pack->at, text, bytes);
	pack->at += bytes;
}

static void begin_row(struct mt_pack *pack)
{
	*pack->at++ = '[';
}

static void end_row(struct mt_pack *pack)
{
	pack->at[-1] = ']';
	*pack->at++ = ',';
}

/* The rest of a row: without zeros at its end. */
static void put_all(struct mt_pack *pack, const int64_t *values, size_t count)
{
	while (count && !values[count - 1])
		count--;
	for (size_t i = 0; i < count; i++)
		put(pack, values[i]);
}

/*
 * zlib clears 128 KiB and more for texts of any length: dear where the program had little to say. A text that a smaller
 * window holds needs no larger one.
 */
static int begin_stream(struct mt_pack *pack, size_t raw_bytes)
{
	bool is_small = raw_bytes <= 1u << SMALL_WINDOW_BITS;

	if (pack->has_stream && (is_small || !pack->is_small))
		return deflateReset(&pack->stream);
	if (pack->has_stream)
		deflateEnd(&pack->stream);
	pack->is_small = is_small;
	pack->has_stream = deflateInit2(&pack->stream, LEVEL, Z_DEFLATED,
	                                is_small ? SMALL_WINDOW_BITS : MAX_WBITS,
	                                is_small ? SMALL_MEMORY : MAX_MEM_LEVEL - 1,
	                                Z_DEFAULT_STRATEGY) == Z_OK;
	return pack->has_stream ? Z_OK : Z_MEM_ERROR;
}

static int compress_text(struct mt_pack *pack, size_t raw_bytes)
{
	z_stream *stream = &pack->stream;
	size_t bound;

	if (begin_stream(pack, raw_bytes) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(stream, raw_bytes);
	if (bound > pack->data_capacity) {
		unsigned char *data = realloc(pack->data, bound);

		if (!data)
			return -ENOMEM;
		pack->data = data;
		pack->data_capacity = bound;
	}
	stream->next_in = (unsigned char *)pack->text;
	stream->avail_in = (uInt)raw_bytes;
	stream->next_out = pack->data;
	stream->avail_out = (uInt)bound;
	return deflate(stream, Z_FINISH) == Z_STREAM_END ? 0 : -ENOMEM;
}

static int end(struct mt_pack *pack, struct mt_packed *ret_packed)
{
	size_t raw_bytes;
	int r;

	if (pack->at[-1] == ',')
		pack->at--;
	*pack->at++ = ']';
	raw_bytes = (size_t)(pack->at - pack->text);
	r = compress_text(pack, raw_bytes);
	if (r < 0)
		return r;
	*ret_packed = pack->stream.total_out < raw_bytes
	                      ? (struct mt_packed){pack->data, pack->stream.total_out, raw_bytes}
	                      : (struct mt_packed){pack->text, raw_bytes, raw_bytes};
	return 0;
}

int mt_pack_stacks(struct mt_pack *pack, uint32_t first_id, const struct mt_writer_stack *rows,
                   size_t count, struct mt_packed *ret_packed)
{
	int r = begin(pack, count);

	for (size_t i = 0; i < count && r == 0; i++) {
		int64_t id = (int64_t)(first_id + i);

		/* Stacks come as a whole, the outermost frame first: nearly all of them. */
		if (rows[i].parent && rows[i].parent == id - 1 && !rows[i].cut) {
			put(pack, rows[i].frame);
			continue;
		}
		begin_row(pack);
		put(pack, rows[i].parent ? id - rows[i].parent : 0);
		put(pack, rows[i].frame);
		if (rows[i].cut) {
			*pack->at++ = '"';
			put_text(pack, rows[i].cut);
			*pack->at++ = '"';
			*pack->at++ = ',';
		}
		end_row(pack);
	}
	return r < 0 ? r : end(pack, ret_packed);
}

/* No real figure is as large; one that somebody made up must not turn negative. */
static int64_t figure(uint64_t value)
{
	return value < INT64_MAX ? (int64_t)value : INT64_MAX;
}

int mt_pack_totals(struct mt_pack *pack, const struct mt_writer_total *rows, size_t count,
                   struct mt_packed *ret_packed)
{
	int64_t stack = 0;
	int r = begin(pack, count);

	for (size_t i = 0; i < count && r == 0; i++) {
		const struct mt_writer_total *row = &rows[i];
		const int64_t values[] = {
		        row->stack - stack,
		        row->kind,
		        figure(row->allocations),
		        figure(row->bytes_allocated),
		        figure(row->temporary),
		        figure(row->peak_blocks),
		        figure(row->peak_bytes),
		        /* Nothing, of most: then they are left out. */
		        figure(row->allocations) - figure(row->frees),
		        figure(row->bytes_allocated) - figure(row->bytes_freed),
		};

		stack = row->stack;
		begin_row(pack);
		put(pack, values[0]);
		put_all(pack, values + 1, sizeof(values) / sizeof(values[0]) - 1);
		end_row(pack);
	}
	return r < 0 ? r : end(pack, ret_packed);
}

int mt_pack_blocks(struct mt_pack *pack, const struct mt_writer_block *rows, size_t count,
                   uint64_t addr, uint64_t born_ns, struct mt_packed *ret_packed)
{
	int64_t base_ns = figure(born_ns);
	int r = begin(pack, count);

	for (size_t i = 0; i < count && r == 0; i++) {
		begin_row(pack);
		put(pack, (int64_t)(rows[i].addr - addr));
		put(pack, figure(rows[i].size_bytes));
		put(pack, figure(rows[i].born_ns) - base_ns);
		put(pack, rows[i].stack);
		put(pack, rows[i].kind);
		if (rows[i].thread)
			put(pack, rows[i].thread);
		end_row(pack);
		addr = rows[i].addr;
	}
	return r < 0 ? r : end(pack, ret_packed);
}

int mt_pack_owners(struct mt_pack *pack, const struct mt_writer_owner *rows, size_t count,
                   struct mt_packed *ret_packed)
{
	int64_t stack = 0;
	int r = begin(pack, count);

	for (size_t i = 0; i < count && r == 0; i++) {
		const int64_t values[] = {figure(rows[i].bytes), figure(rows[i].pinned_bytes),
		                          figure(rows[i].returned_bytes), rows[i].thread};

		begin_row(pack);
		if (rows[i].stack) {
			put(pack, rows[i].stack - stack);
			stack = rows[i].stack;
		} else {
			put_text(pack, "null,");
		}
		put_all(pack, values, sizeof(values) / sizeof(values[0]));
		end_row(pack);
	}
	return r < 0 ? r : end(pack, ret_packed);
}
