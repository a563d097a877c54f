/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_totals.c - collect/totals.h against a model that copies every counter at every new maximum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/totals.h"
#include "tests/unit/random.h"

#define NODES  40u
#define BLOCKS 300u
#define STEPS  200000u

struct figures {
	uint64_t allocations, frees, bytes_allocated, bytes_freed, temporary;
	uint64_t peak_blocks, peak_bytes;
};

struct block {
	bool is_live;
	uint32_t row;
	uint64_t size_bytes;
};

static struct figures model[NODES][2];
static uint64_t live_bytes, live_blocks, peak_bytes, peak_blocks, peak_ns;

/* The slow and certain way. */
static void model_rises(uint64_t size_bytes, uint64_t ns)
{
	live_blocks++;
	live_bytes += size_bytes;
	if (live_bytes <= peak_bytes)
		return;
	peak_bytes = live_bytes;
	peak_blocks = live_blocks;
	peak_ns = ns;
	for (uint32_t i = 0; i < NODES * 2; i++) {
		struct figures *row = &model[i / 2][i % 2];

		row->peak_blocks = row->allocations - row->frees;
		row->peak_bytes = row->bytes_allocated - row->bytes_freed;
	}
}

static struct figures *model_of(const struct mt_total *row)
{
	return &model[row->node - 1][row->kind == MT_KIND_CALLOC];
}

static void check(const struct mt_totals *totals)
{
	assert_int_equal(totals->live_bytes, live_bytes);
	assert_int_equal(totals->live_blocks, live_blocks);
	assert_int_equal(totals->peak_bytes, peak_bytes);
	assert_int_equal(totals->peak_blocks, peak_blocks);
	assert_int_equal(totals->peak_ns, peak_ns);
	for (size_t i = 1; i < totals->count; i++) {
		const struct mt_total *row = &totals->rows[i];
		const struct figures *wanted = model_of(row);
		uint64_t blocks, bytes;

		mt_totals_at_peak(totals, row, &blocks, &bytes);
		assert_int_equal(blocks, wanted->peak_blocks);
		assert_int_equal(bytes, wanted->peak_bytes);
		assert_int_equal(row->allocations, wanted->allocations);
		assert_int_equal(row->frees, wanted->frees);
		assert_int_equal(row->bytes_allocated, wanted->bytes_allocated);
		assert_int_equal(row->bytes_freed, wanted->bytes_freed);
		assert_int_equal(row->temporary, wanted->temporary);
	}
}

static void define_all(struct mt_totals *totals)
{
	/* Two ids for each node: a stack may be defined twice. */
	for (uint32_t id = 0; id < 2 * NODES; id++)
		assert_int_equal(mt_totals_define(totals, id + 5, id % NODES + 1), 0);
}

static void release(struct mt_totals *totals, struct block *block, bool is_temporary)
{
	struct figures *row = model_of(&totals->rows[block->row]);

	mt_totals_release(totals, block->row, block->size_bytes, is_temporary);
	row->frees++;
	row->bytes_freed += block->size_bytes;
	row->temporary += is_temporary;
	live_blocks--;
	live_bytes -= block->size_bytes;
	block->is_live = false;
}

static void undo(struct mt_totals *totals, struct block *block, bool was_temporary, uint64_t ns)
{
	struct figures *row = model_of(&totals->rows[block->row]);

	mt_totals_undo(totals, block->row, block->size_bytes, was_temporary, ns);
	row->frees--;
	row->bytes_freed -= block->size_bytes;
	row->temporary -= was_temporary;
	model_rises(block->size_bytes, ns);
	block->is_live = true;
}

static void allocate(struct mt_totals *totals, struct block *block, uint64_t ns, uint64_t *seed)
{
	uint32_t id = (uint32_t)random_below(seed, 2 * NODES) + 5;
	enum mt_kind kind = random_below(seed, 3) ? MT_KIND_MALLOC : MT_KIND_CALLOC;
	struct figures *row;

	block->row = mt_totals_find(totals, id, kind);
	assert_true(block->row != 0);
	assert_int_equal(totals->rows[block->row].node, (id - 5) % NODES + 1);
	assert_int_equal(totals->rows[block->row].kind, kind);
	block->size_bytes = random_below(seed, 50) ? random_below(seed, 100) : 5000;
	row = model_of(&totals->rows[block->row]);
	mt_totals_alloc(totals, block->row, block->size_bytes, ns);
	row->allocations++;
	row->bytes_allocated += block->size_bytes;
	model_rises(block->size_bytes, ns);
	block->is_live = true;
}

/* What the file would hold: only changed rows are written to it. */
static void write_changes(struct mt_totals *totals, struct figures *file)
{
	mt_totals_follow_peak(totals);
	for (size_t i = 0; i < totals->dirty_count; i++) {
		uint32_t at = totals->dirty[i];

		mt_totals_at_peak(totals, &totals->rows[at], &file[at].peak_blocks,
		                  &file[at].peak_bytes);
		file[at].allocations = totals->rows[at].allocations;
	}
	mt_totals_clean(totals);
}

static void check_file(const struct mt_totals *totals, const struct figures *file)
{
	for (size_t i = 1; i < totals->count; i++) {
		const struct figures *wanted = model_of(&totals->rows[i]);

		assert_int_equal(file[i].peak_bytes, wanted->peak_bytes);
		assert_int_equal(file[i].peak_blocks, wanted->peak_blocks);
		assert_int_equal(file[i].allocations, wanted->allocations);
	}
}

static void every_figure_is_that_of_the_slow_model(void **state)
{
	static struct block blocks[BLOCKS];
	static struct figures file[2 * NODES + 2];
	struct mt_totals totals = {0};
	uint64_t seed = 3;

	(void)state;
	define_all(&totals);
	/* They come round soon. */
	totals.version = totals.version_taken = UINT32_MAX - 100;
	for (uint64_t step = 1; step <= STEPS; step++) {
		struct block *block = &blocks[random_below(&seed, BLOCKS)];
		/* Up and down in waves, so that there are maxima all the time. */
		bool grows = random_below(&seed, 1000) < 400 + step / 1000 % 250;

		if (!block->is_live && grows) {
			allocate(&totals, block, step, &seed);
		} else if (block->is_live && !grows) {
			bool is_temporary = random_below(&seed, 4) == 0;

			release(&totals, block, is_temporary);
			if (random_below(&seed, 5) == 0) {
				/* A realloc that fails, with something in between. */
				struct block *other = &blocks[random_below(&seed, BLOCKS)];

				if (!other->is_live && other != block)
					allocate(&totals, other, step, &seed);
				undo(&totals, block, is_temporary, step);
			}
		}
		if (step % 997 == 0)
			check(&totals);
		if (random_below(&seed, 3000) == 0) {
			write_changes(&totals, file);
			check_file(&totals, file);
		}
	}
	check(&totals);
	assert_in_range(totals.version, 2, UINT32_MAX / 2);
	assert_int_equal(totals.stack_count, NODES);
	mt_totals_free(&totals);
}

static void a_stack_that_is_not_defined_has_no_row(void **state)
{
	struct mt_totals totals = {0};

	(void)state;
	assert_int_equal(mt_totals_find(&totals, 1, MT_KIND_MALLOC), 0);
	assert_int_equal(mt_totals_define(&totals, 2, 9), 0);
	assert_int_equal(mt_totals_find(&totals, 1, MT_KIND_MALLOC), 0);
	assert_int_not_equal(mt_totals_find(&totals, 2, MT_KIND_MALLOC), 0);
	mt_totals_free(&totals);
}

static void a_mad_stack_id_is_refused(void **state)
{
	struct mt_totals totals = {0};

	(void)state;
	assert_true(mt_totals_define(&totals, MT_TOTALS_IDS_MAX, 1) < 0);
	assert_true(mt_totals_define(&totals, UINT32_MAX, 1) < 0);
	assert_int_equal(mt_totals_define(&totals, MT_TOTALS_IDS_MAX - 1, 1), 0);
	assert_int_equal(mt_totals_find(&totals, UINT32_MAX, MT_KIND_MALLOC), 0);
	mt_totals_free(&totals);
}

static void an_id_that_is_defined_again_leads_to_its_new_stack(void **state)
{
	struct mt_totals totals = {0};
	uint32_t first, second;

	(void)state;
	mt_totals_define(&totals, 1, 10);
	first = mt_totals_find(&totals, 1, MT_KIND_MALLOC);
	mt_totals_define(&totals, 1, 11);
	second = mt_totals_find(&totals, 1, MT_KIND_MALLOC);
	assert_int_equal(totals.rows[first].node, 10);
	assert_int_equal(totals.rows[second].node, 11);
	mt_totals_free(&totals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_figure_is_that_of_the_slow_model),
	        cmocka_unit_test(a_stack_that_is_not_defined_has_no_row),
	        cmocka_unit_test(a_mad_stack_id_is_refused),
	        cmocka_unit_test(an_id_that_is_defined_again_leads_to_its_new_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
