/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * estimate.h - what a sample of blocks says of all of them; the one place where samples are weighted.
 *
 * Owned by the drain thread, one a process, in sessions that record a sample. A block of `size` bytes was
 * sampled with the probability p = 1 - exp(-size / mean), so it stands for 1/p blocks and size/p bytes; the sum of
 * these over the sampled blocks is an unbiased estimate of the sum over all (Horvitz and Thompson: A generalization
 * of sampling without replacement from a finite universe, 1952). Blocks are drawn independently of each other, so
 * the variance of the sum of x is estimated by the sum of (1 - p) / p^2 * x^2 over the sampled blocks, x being 1 for
 * blocks and size for bytes. A block of 0 bytes is drawn with the p of one of 1 byte.
 *
 * The bytes go through totals.h, whose rows and peak then are of estimated bytes, and exact sums of them; its
 * counts are of sampled blocks. Beside each row stand, here, what those blocks stand for and the variances.
 */
#ifndef MT_COLLECT_ESTIMATE_H
#define MT_COLLECT_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/totals.h"

/* What one sampled block stands for. */
struct mt_weight {
	double blocks;
	uint64_t bytes;
	double blocks_variance;
	double bytes_variance;
};

struct mt_weight mt_weight_of(uint64_t mean_bytes, uint64_t size_bytes);

/* Of sampled blocks. */
struct mt_sum {
	uint64_t samples;
	double blocks;
	double blocks_variance;
	double bytes_variance;
};

/* Live: allocated - freed. Peak: as saved at the row's version, see totals.h. */
struct mt_estimate_row {
	struct mt_sum allocated;
	struct mt_sum freed;
	struct mt_sum temporary;
	struct mt_sum peak;
};

struct mt_estimate {
	uint64_t mean_bytes;
	struct mt_estimate_row *rows; /* by index of totals.h */
	size_t capacity;
	struct mt_sum allocated; /* of all rows */
	struct mt_sum freed;
};

/* Gives a new one; NULL: out of memory. */
struct mt_estimate *mt_estimate_new(uint64_t mean_bytes);
void mt_estimate_free(struct mt_estimate *estimate);

/* As mt_totals_alloc(), _release() and _undo(), for a sampled block. False: out of memory, not counted. */
bool mt_estimate_alloc(struct mt_estimate *estimate, struct mt_totals *totals, uint32_t at,
                       uint64_t size_bytes, uint64_t ns);
void mt_estimate_release(struct mt_estimate *estimate, struct mt_totals *totals, uint32_t at,
                         uint64_t size_bytes, bool is_temporary);
void mt_estimate_undo(struct mt_estimate *estimate, struct mt_totals *totals, uint32_t at,
                      uint64_t size_bytes, bool was_temporary, uint64_t ns);

/* The figures of one row, whole blocks. allocations - frees = live_blocks. */
struct mt_estimate_figures {
	uint64_t allocations;
	uint64_t frees;
	uint64_t live_blocks;
	uint64_t peak_blocks;
	uint64_t temporary;
	uint64_t sampled_allocations;
	uint64_t sampled_frees;
	double allocations_variance;
	double bytes_allocated_variance;
	double live_blocks_variance;
	double live_bytes_variance;
	double peak_blocks_variance;
	double peak_bytes_variance;
	double temporary_variance;
};

void mt_estimate_figures(const struct mt_estimate *estimate, const struct mt_totals *totals,
                         uint32_t at, struct mt_estimate_figures *ret_figures);

/* As of now, of all rows. */
uint64_t mt_estimate_allocations(const struct mt_estimate *estimate);
uint64_t mt_estimate_live_blocks(const struct mt_estimate *estimate);

/* The sums of the whole blocks of all rows; variances stay 0. */
void mt_estimate_all(const struct mt_estimate *estimate, const struct mt_totals *totals,
                     struct mt_estimate_figures *ret_figures);

#endif
