/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bytes.h - reading DWARF's numbers out of a piece of memory, never past its end.
 *
 * Used by cfi.c and evaluate.c, in the traced process, any context. A read past the end gives 0 and makes the
 * bytes bad for good, so a reader checks once, when it is done.
 */
#ifndef MT_PRELOAD_BYTES_H
#define MT_PRELOAD_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How .eh_frame writes pointers (Linux Standard Base, DW_EH_PE_*). */
enum {
	MT_ENCODED_ABSPTR = 0x00,
	MT_ENCODED_ULEB128 = 0x01,
	MT_ENCODED_UDATA2 = 0x02,
	MT_ENCODED_UDATA4 = 0x03,
	MT_ENCODED_UDATA8 = 0x04,
	MT_ENCODED_SLEB128 = 0x09,
	MT_ENCODED_SDATA2 = 0x0a,
	MT_ENCODED_SDATA4 = 0x0b,
	MT_ENCODED_SDATA8 = 0x0c,
	MT_ENCODED_FORMAT = 0x0f,
	MT_ENCODED_PCREL = 0x10,
	MT_ENCODED_DATAREL = 0x30,
	MT_ENCODED_BASE = 0x70,
	MT_ENCODED_INDIRECT = 0x80,
	MT_ENCODED_OMIT = 0xff,
};

struct mt_bytes {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static inline uint64_t mt_bytes_fixed(struct mt_bytes *bytes, size_t count)
{
	uint64_t value = 0;

	if ((size_t)(bytes->end - bytes->at) < count) {
		bytes->bad = true;
		bytes->at = bytes->end;
		return 0;
	}
	memcpy(&value, bytes->at, count);
	bytes->at += count;
	return value;
}

static inline uint64_t mt_bytes_leb(struct mt_bytes *bytes, bool is_signed)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)mt_bytes_fixed(bytes, 1);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && byte & 0x40 && shift < 64)
		value |= ~(uint64_t)0 << shift;
	return value;
}

static inline uint64_t mt_bytes_uleb(struct mt_bytes *bytes)
{
	return mt_bytes_leb(bytes, false);
}

static inline int64_t mt_bytes_sleb(struct mt_bytes *bytes)
{
	return (int64_t)mt_bytes_leb(bytes, true);
}

/* A pointer as `encoding` has it; makes the bytes bad where we do not read that form. */
static inline uintptr_t mt_bytes_pointer(struct mt_bytes *bytes, uint8_t encoding, uintptr_t header)
{
	uintptr_t here = (uintptr_t)bytes->at;
	uintptr_t value;

	switch (encoding & MT_ENCODED_FORMAT) {
	case MT_ENCODED_ABSPTR: value = mt_bytes_fixed(bytes, sizeof(uintptr_t)); break;
	case MT_ENCODED_ULEB128: value = mt_bytes_uleb(bytes); break;
	case MT_ENCODED_UDATA2: value = mt_bytes_fixed(bytes, 2); break;
	case MT_ENCODED_UDATA4: value = mt_bytes_fixed(bytes, 4); break;
	case MT_ENCODED_UDATA8: value = mt_bytes_fixed(bytes, 8); break;
	case MT_ENCODED_SLEB128: value = (uintptr_t)mt_bytes_sleb(bytes); break;
	case MT_ENCODED_SDATA2: value = (uintptr_t)(int16_t)mt_bytes_fixed(bytes, 2); break;
	case MT_ENCODED_SDATA4: value = (uintptr_t)(int32_t)mt_bytes_fixed(bytes, 4); break;
	case MT_ENCODED_SDATA8: value = mt_bytes_fixed(bytes, 8); break;
	default: bytes->bad = true; return 0;
	}
	switch (encoding & (MT_ENCODED_BASE | MT_ENCODED_INDIRECT)) {
	case 0: return value;
	case MT_ENCODED_PCREL: return here + value;
	case MT_ENCODED_DATAREL: return header + value;
	default: bytes->bad = true; return 0;
	}
}

#endif
