/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bytes.h - a fuzzer's input, taken from the front. Behind its end there are zeros.
 */
#ifndef MT_TESTS_FUZZ_BYTES_H
#define MT_TESTS_FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at;
	size_t left;
};

static inline void bytes_take(struct bytes *bytes, void *to, size_t count)
{
	size_t there = count < bytes->left ? count : bytes->left;

	memset(to, 0, count);
	memcpy(to, bytes->at, there);
	bytes->at += there;
	bytes->left -= there;
}

static inline uint8_t bytes_u8(struct bytes *bytes)
{
	uint8_t value;

	bytes_take(bytes, &value, sizeof(value));
	return value;
}

static inline uint16_t bytes_u16(struct bytes *bytes)
{
	uint16_t value;

	bytes_take(bytes, &value, sizeof(value));
	return value;
}

static inline uint64_t bytes_u64(struct bytes *bytes)
{
	uint64_t value;

	bytes_take(bytes, &value, sizeof(value));
	return value;
}

/* A number: mostly a small one, sometimes one at an edge, sometimes any. */
static inline uint64_t bytes_number(struct bytes *bytes)
{
	static const uint64_t edges[] = {
	        0x7f,          0x80,       0xff,        0xffff,           0x7fffffff,
	        0x80000000,    0xffffffff, 0x100000000, (1ull << 48) - 1, 1ull << 48,
	        INT64_MAX - 1, INT64_MAX,  1ull << 63,  UINT64_MAX - 1,   UINT64_MAX,
	        4096,
	};
	uint8_t first = bytes_u8(bytes);

	if (first < 0xe0)
		return first;
	return first < 0xf0 ? edges[first & 15] : bytes_u64(bytes) >> (first & 15);
}

#endif
