/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * estimate.c - see estimate.h.
 */
#include "collect/estimate.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct mt_weight mt_weight_of(uint64_t mean_bytes, uint64_t size_bytes)
{
	double size = (double)size_bytes;
	/* expm1: where the size is small beside the mean, 1 - exp() would have few digits left. */
	double p = -expm1(-(size_bytes ? size : 1) / (double)mean_bytes);
	double variance = (1 - p) / (p * p);

	return (struct mt_weight){.blocks = 1 / p,
	                          .bytes = (uint64_t)llround(size / p),
	                          .blocks_variance = variance,
	                          .bytes_variance = variance * size * size};
}

struct mt_estimate *mt_estimate_new(uint64_t mean_bytes)
{
	struct mt_estimate *estimate = calloc(1, sizeof(*estimate));

	if (estimate)
		estimate->mean_bytes = mean_bytes;
	return estimate;
}

void mt_estimate_free(struct mt_estimate *estimate)
{
	if (estimate)
		free(estimate->rows);
	free(estimate);
}

static void add(struct mt_sum *sum, const struct mt_weight *weight)
{
	sum->samples++;
	sum->blocks += weight->blocks;
	sum->blocks_variance += weight->blocks_variance;
	sum->bytes_variance += weight->bytes_variance;
}

static double not_negative(double value)
{
	return value > 0 ? value : 0;
}

/* Nothing of nothing is exactly nothing: sums of real numbers would leave a rest. */
static struct mt_sum difference(const struct mt_sum *all, const struct mt_sum *part)
{
	struct mt_sum rest = {.samples = all->samples - part->samples};

	if (!rest.samples)
		return rest;
	rest.blocks = not_negative(all->blocks - part->blocks);
	rest.blocks_variance = not_negative(all->blocks_variance - part->blocks_variance);
	rest.bytes_variance = not_negative(all->bytes_variance - part->bytes_variance);
	return rest;
}

static void take_back(struct mt_sum *sum, const struct mt_weight *weight)
{
	struct mt_sum one = {.samples = 1,
	                     .blocks = weight->blocks,
	                     .blocks_variance = weight->blocks_variance,
	                     .bytes_variance = weight->bytes_variance};

	*sum = difference(sum, &one);
}

/* Before a row changes, by the rule of mt_totals_touch(). */
static struct mt_estimate_row *touch(struct mt_estimate *estimate, const struct mt_totals *totals,
                                     uint32_t at)
{
	struct mt_estimate_row *row = &estimate->rows[at];

	if (totals->rows[at].version != totals->version)
		row->peak = difference(&row->allocated, &row->freed);
	return row;
}

bool mt_estimate_alloc(struct mt_estimate *estimate, struct mt_totals *totals, uint32_t at,
                       uint64_t size_bytes, uint64_t ns)
{
	struct mt_weight weight = mt_weight_of(estimate->mean_bytes, size_bytes);
	size_t before = estimate->capacity;

	if (MT_ARRAY_RESERVE(estimate->rows, estimate->capacity, at + 1u) < 0)
		return false;
	memset(estimate->rows + before, 0, (estimate->capacity - before) * sizeof(*estimate->rows));
	add(&touch(estimate, totals, at)->allocated, &weight);
	add(&estimate->allocated, &weight);
	mt_totals_alloc(totals, at, weight.bytes, ns);
	return true;
}

void mt_estimate_release(struct mt_estimate *estimate, struct mt_totals *totals, uint32_t at,
                         uint64_t size_bytes, bool is_temporary)
{
	struct mt_weight weight = mt_weight_of(estimate->mean_bytes, size_bytes);
	struct mt_estimate_row *row = touch(estimate, totals, at);

	add(&row->freed, &weight);
	add(&estimate->freed, &weight);
	if (is_temporary)
		add(&row->temporary, &weight);
	mt_totals_release(totals, at, weight.bytes, is_temporary);
}

void mt_estimate_undo(struct mt_estimate *estimate, struct mt_totals *totals, uint32_t at,
                      uint64_t size_bytes, bool was_temporary, uint64_t ns)
{
	struct mt_weight weight = mt_weight_of(estimate->mean_bytes, size_bytes);
	struct mt_estimate_row *row = touch(estimate, totals, at);

	take_back(&row->freed, &weight);
	take_back(&estimate->freed, &weight);
	if (was_temporary)
		take_back(&row->temporary, &weight);
	mt_totals_undo(totals, at, weight.bytes, was_temporary, ns);
}

static uint64_t whole(double blocks)
{
	return (uint64_t)llround(blocks);
}

uint64_t mt_estimate_allocations(const struct mt_estimate *estimate)
{
	return whole(estimate->allocated.blocks);
}

uint64_t mt_estimate_live_blocks(const struct mt_estimate *estimate)
{
	return whole(difference(&estimate->allocated, &estimate->freed).blocks);
}

void mt_estimate_figures(const struct mt_estimate *estimate, const struct mt_totals *totals,
                         uint32_t at, struct mt_estimate_figures *ret_figures)
{
	struct mt_estimate_row none = {0};
	const struct mt_estimate_row *row = at < estimate->capacity ? &estimate->rows[at] : &none;
	struct mt_sum live = difference(&row->allocated, &row->freed);
	struct mt_sum peak = totals->rows[at].version == totals->version ? row->peak : live;
	uint64_t allocations = whole(row->allocated.blocks);

	*ret_figures = (struct mt_estimate_figures){
	        .allocations = allocations,
	        .frees = allocations - whole(live.blocks),
	        .live_blocks = whole(live.blocks),
	        .peak_blocks = whole(peak.blocks),
	        .temporary = whole(row->temporary.blocks),
	        .sampled_allocations = row->allocated.samples,
	        .sampled_frees = row->freed.samples,
	        .allocations_variance = row->allocated.blocks_variance,
	        .bytes_allocated_variance = row->allocated.bytes_variance,
	        .live_blocks_variance = live.blocks_variance,
	        .live_bytes_variance = live.bytes_variance,
	        .peak_blocks_variance = peak.blocks_variance,
	        .peak_bytes_variance = peak.bytes_variance,
	        .temporary_variance = row->temporary.blocks_variance,
	};
}

void mt_estimate_all(const struct mt_estimate *estimate, const struct mt_totals *totals,
                     struct mt_estimate_figures *ret_figures)
{
	struct mt_estimate_figures all = {0};

	for (size_t at = 1; at < totals->count && at < estimate->capacity; at++) {
		struct mt_estimate_figures one;

		mt_estimate_figures(estimate, totals, (uint32_t)at, &one);
		all.allocations += one.allocations;
		all.frees += one.frees;
		all.live_blocks += one.live_blocks;
		all.peak_blocks += one.peak_blocks;
		all.temporary += one.temporary;
		all.sampled_allocations += one.sampled_allocations;
		all.sampled_frees += one.sampled_frees;
	}
	*ret_figures = all;
}
