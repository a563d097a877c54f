/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * random.h - numbers for property tests: the same ones in every run, so that a failure can be repeated.
 */
#ifndef MT_TESTS_RANDOM_H
#define MT_TESTS_RANDOM_H

#include <stdint.h>

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return random_next(state) % limit;
}

#endif
