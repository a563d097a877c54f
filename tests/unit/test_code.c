/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_code.c - collect/modules.h and collect/stacks.h: what an address of code means. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/stacks.h"
#include "tests/unit/random.h"

#define SPACE 400u

static void a_later_range_wins_over_what_it_overlaps(void **state)
{
	/* One entry an address: which module holds it. */
	static uint32_t model[SPACE];
	struct mt_ranges ranges = {0};
	uint64_t seed = 4;

	(void)state;
	for (uint32_t module = 1; module <= 20000; module++) {
		uint64_t start = random_below(&seed, SPACE - 1);
		uint64_t end = start + 1 + random_below(&seed, module % 10 ? 20 : SPACE);
		struct mt_range range = {start, end < SPACE ? end : SPACE, start, module};

		assert_int_equal(mt_ranges_add(&ranges, &range), 0);
		for (uint64_t at = range.start; at < range.end; at++)
			model[at] = module;
		for (uint64_t at = 0; at < SPACE; at++) {
			const struct mt_range *found = mt_ranges_find(&ranges, at);

			assert_int_equal(found ? found->module : 0, model[at]);
		}
		for (size_t i = 1; i < ranges.count; i++)
			assert_true(ranges.rows[i - 1].end <= ranges.rows[i].start);
	}
	mt_ranges_free(&ranges);
}

static void a_range_of_nothing_is_refused(void **state)
{
	struct mt_ranges ranges = {0};
	struct mt_range empty = {100, 100, 0, 1}, turned = {100, 50, 0, 1};

	(void)state;
	assert_true(mt_ranges_add(&ranges, &empty) < 0);
	assert_true(mt_ranges_add(&ranges, &turned) < 0);
	assert_null(mt_ranges_find(&ranges, 100));
	mt_ranges_free(&ranges);
}

static void a_module_is_its_path_and_its_build_id(void **state)
{
	static const uint8_t first[] = {0xab, 0x01}, second[] = {0xab, 0x02};
	struct mt_modules modules = {0};
	uint32_t a, b, c, d;

	(void)state;
	assert_int_equal(mt_modules_add(&modules, "/lib/a.so", first, 2, &a), 0);
	assert_int_equal(mt_modules_add(&modules, "/lib/a.so", second, 2, &b), 0);
	assert_int_equal(mt_modules_add(&modules, "/lib/b.so", first, 2, &c), 0);
	assert_int_equal(mt_modules_add(&modules, "/lib/a.so", first, 2, &d), 0);
	assert_int_equal(a, d);
	assert_true(a != b && a != c && b != c);
	assert_string_equal(modules.rows[a].path, "/lib/a.so");
	assert_string_equal(modules.rows[b].build_id, "ab02");
	mt_modules_free(&modules);
}

static void processes_that_load_a_module_at_different_places_share_its_stacks(void **state)
{
	struct mt_stacks stacks = {0};
	struct mt_ranges here = {0}, there = {0};
	struct mt_range a = {0x1000, 0x2000, 0x1000, 1}, b = {0x71000, 0x72000, 0x71000, 1};
	uint64_t pcs_here[] = {0x1100, 0x1200, 0x1300};
	uint64_t pcs_there[] = {0x71100, 0x71200, 0x71300};
	uint32_t first, second, inner, whole;

	(void)state;
	mt_ranges_add(&here, &a);
	mt_ranges_add(&there, &b);
	assert_int_equal(mt_stacks_add(&stacks, &here, pcs_here, 3, MT_CUT_NONE, &first), 0);
	assert_int_equal(mt_stacks_add(&stacks, &there, pcs_there, 3, MT_CUT_NONE, &second), 0);
	assert_int_equal(first, second);
	assert_int_equal(stacks.frames[stacks.nodes[first].frame].offset, 0x100);
	/* The callers' part is shared as well. */
	assert_int_equal(mt_stacks_add(&stacks, &here, pcs_here + 1, 2, MT_CUT_NONE, &inner), 0);
	assert_int_equal(stacks.nodes[first].parent, inner);
	/* A stack that was cut is another one, and says so where it was cut: at the outermost node. */
	assert_int_equal(mt_stacks_add(&stacks, &here, pcs_here, 3, MT_CUT_DEPTH, &whole), 0);
	assert_true(whole != first);
	assert_int_equal(stacks.nodes[whole].cut, 0);
	assert_int_equal(stacks.nodes[stacks.nodes[stacks.nodes[whole].parent].parent].cut,
	                 MT_CUT_DEPTH);
	mt_stacks_free(&stacks);
	mt_ranges_free(&here);
	mt_ranges_free(&there);
}

static void a_return_address_at_the_very_end_belongs_to_the_call_before_it(void **state)
{
	struct mt_stacks stacks = {0};
	struct mt_ranges ranges = {0};
	struct mt_range first = {0x1000, 0x2000, 0x1000, 1}, next = {0x2000, 0x3000, 0x2000, 2};
	uint64_t pc = 0x2000;
	uint32_t node;

	(void)state;
	mt_ranges_add(&ranges, &first);
	mt_ranges_add(&ranges, &next);
	assert_int_equal(mt_stacks_add(&stacks, &ranges, &pc, 1, MT_CUT_NONE, &node), 0);
	assert_int_equal(stacks.frames[stacks.nodes[node].frame].module, 1);
	assert_int_equal(stacks.frames[stacks.nodes[node].frame].offset, 0x1000);
	mt_stacks_free(&stacks);
	mt_ranges_free(&ranges);
}

static void an_address_in_no_module_is_kept_as_it_is(void **state)
{
	struct mt_stacks stacks = {0};
	struct mt_ranges ranges = {0};
	uint64_t pcs[] = {0, 0x123456, UINT64_MAX};
	uint32_t node;

	(void)state;
	assert_int_equal(mt_stacks_add(&stacks, &ranges, pcs, 3, MT_CUT_NONE, &node), 0);
	assert_int_equal(stacks.frames[stacks.nodes[node].frame].offset, 0);
	node = stacks.nodes[node].parent;
	assert_int_equal(stacks.frames[stacks.nodes[node].frame].module, 0);
	assert_int_equal(stacks.frames[stacks.nodes[node].frame].offset, 0x123456);
	mt_stacks_free(&stacks);
}

static void a_stack_of_no_frames_has_a_node_too(void **state)
{
	struct mt_stacks stacks = {0};
	struct mt_ranges ranges = {0};
	uint32_t node;

	(void)state;
	assert_int_equal(mt_stacks_add(&stacks, &ranges, NULL, 0, MT_CUT_EARLY, &node), 0);
	assert_int_not_equal(node, 0);
	assert_string_equal(mt_stacks_cut_name(stacks.nodes[node].cut), "early");
	mt_stacks_free(&stacks);
}

static void a_promised_stack_becomes_what_it_stood_for(void **state)
{
	struct mt_stacks stacks = {0};
	struct mt_ranges ranges = {0};
	uint64_t pc = 0x500;
	uint32_t promised, other, real;

	(void)state;
	assert_int_equal(mt_stacks_promise(&stacks, &promised), 0);
	assert_int_equal(mt_stacks_promise(&stacks, &other), 0);
	assert_true(promised != other);
	assert_string_equal(mt_stacks_cut_name(stacks.nodes[promised].cut), "lost");
	stacks.nodes_written = stacks.node_count;
	assert_int_equal(mt_stacks_add(&stacks, &ranges, &pc, 1, MT_CUT_NONE, &real), 0);
	assert_int_equal(mt_stacks_settle(&stacks, promised, real), 0);
	assert_int_equal(stacks.nodes[promised].frame, stacks.nodes[real].frame);
	assert_int_equal(stacks.settled_count, 1);
	assert_int_equal(stacks.settled[0], promised);
	mt_stacks_free(&stacks);
}

static void without_room_a_new_stack_has_no_frames_and_a_known_one_does(void **state)
{
	const uint64_t known[] = {0x1000, 0x2000}, new[] = {0x1001, 0x2000};
	struct mt_stacks stacks = {NULL};
	struct mt_ranges ranges = {NULL};
	uint32_t first, again, cut, other, promised;
	size_t nodes;

	(void)state;
	assert_int_equal(mt_stacks_add(&stacks, &ranges, known, 2, MT_CUT_NONE, &first), 0);
	stacks.is_full = true;
	assert_int_equal(mt_stacks_add(&stacks, &ranges, known, 2, MT_CUT_NONE, &again), 0);
	assert_int_equal(again, first);
	assert_int_equal(mt_stacks_add(&stacks, &ranges, new, 2, MT_CUT_NONE, &cut), 0);
	assert_string_equal(mt_stacks_cut_name(stacks.nodes[cut].cut), "table");
	nodes = stacks.node_count;
	for (uint64_t pc = 0; pc < 1000; pc++) {
		assert_int_equal(mt_stacks_add(&stacks, &ranges, &pc, 1, MT_CUT_NONE, &other), 0);
		assert_int_equal(mt_stacks_promise(&stacks, &promised), 0);
		assert_int_equal(promised, cut);
	}
	assert_int_equal(stacks.node_count, nodes);
	assert_int_equal(stacks.cut_off, 2001);
	mt_stacks_free(&stacks);
}

static void modules_and_what_is_loaded_at_a_time_have_limits(void **state)
{
	struct mt_modules modules = {NULL};
	struct mt_ranges ranges = {NULL};
	struct mt_range range = {0, 0, 0, 1};
	uint32_t id;
	char path[32];
	int r = 0;

	(void)state;
	for (uint32_t i = 0; i < MT_MODULES_MAX + 10; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		r = mt_modules_add(&modules, path, NULL, 0, &id);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(modules.count, MT_MODULES_MAX);
	assert_int_equal(mt_modules_add(&modules, "/7", NULL, 0, &id), 0);
	for (uint64_t i = 0; i < MT_RANGES_MAX + 10; i++) {
		range.start = i * 4096;
		range.end = range.start + 100;
		r = mt_ranges_add(&ranges, &range);
	}
	assert_int_equal(r, -ENOSPC);
	assert_true(ranges.count <= MT_RANGES_MAX);
	mt_modules_free(&modules);
	mt_ranges_free(&ranges);
}

/* The frames and the cut that a node's path says, against those of the addresses themselves. */
static void assert_path(const struct mt_stacks *stacks, const struct mt_ranges *ranges,
                        const uint64_t *pcs, size_t count, uint32_t cut, uint32_t node)
{
	for (size_t i = 0; i < count; i++) {
		const struct mt_frame *frame = &stacks->frames[stacks->nodes[node].frame];
		const struct mt_range *range = mt_ranges_find(ranges, pcs[i] - 1);

		assert_int_equal(frame->module, range ? range->module : 0);
		assert_true(frame->offset == pcs[i] - (range ? range->base : 0));
		assert_int_equal(stacks->nodes[node].cut, i == count - 1 ? cut : 0);
		node = stacks->nodes[node].parent;
	}
	assert_int_equal(node, 0);
}

/* Stacks of two processes in turn, which change little from one to the next, while modules come and go. */
static void what_stacks_have_in_common_is_taken_from_the_one_before(void **state)
{
	struct mt_stacks stacks = {0};
	struct mt_ranges ranges[2] = {{0}, {0}};
	uint64_t pcs[12], seed = 9;
	size_t count = 0;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		size_t inner = random_below(&seed, count + 1);
		size_t outer = count - inner, grown = random_below(&seed, 13 - outer);
		struct mt_ranges *of = &ranges[random_below(&seed, 8) == 0];
		uint32_t cut = random_below(&seed, 10) == 0 ? MT_CUT_DEPTH : MT_CUT_NONE, node;

		if (random_below(&seed, 50) == 0) {
			uint64_t start = random_below(&seed, 100);
			struct mt_range range = {start, start + 30, start, 1 + round % 3};

			assert_int_equal(mt_ranges_add(of, &range), 0);
		}
		/* The outer frames stay; new ones in place of the inner ones. */
		memmove(pcs + grown, pcs + inner, outer * sizeof(*pcs));
		count = outer + grown;
		for (size_t i = 0; i < grown; i++)
			pcs[i] = 1 + random_below(&seed, 120);
		assert_int_equal(mt_stacks_add(&stacks, of, pcs, count, cut, &node), 0);
		if (count)
			assert_path(&stacks, of, pcs, count, cut, node);
	}
	/* Each is there once. */
	for (size_t i = 1; i < stacks.node_count; i++) {
		uint32_t found;

		assert_true(
		        mt_map_find(&stacks.node_index,
		                    (uint64_t)stacks.nodes[i].parent << 32 | stacks.nodes[i].frame,
		                    stacks.nodes[i].cut, &found));
		assert_int_equal(found, i);
	}
	mt_stacks_free(&stacks);
	mt_ranges_free(&ranges[0]);
	mt_ranges_free(&ranges[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_later_range_wins_over_what_it_overlaps),
	        cmocka_unit_test(a_range_of_nothing_is_refused),
	        cmocka_unit_test(a_module_is_its_path_and_its_build_id),
	        cmocka_unit_test(processes_that_load_a_module_at_different_places_share_its_stacks),
	        cmocka_unit_test(a_return_address_at_the_very_end_belongs_to_the_call_before_it),
	        cmocka_unit_test(an_address_in_no_module_is_kept_as_it_is),
	        cmocka_unit_test(a_stack_of_no_frames_has_a_node_too),
	        cmocka_unit_test(a_promised_stack_becomes_what_it_stood_for),
	        cmocka_unit_test(what_stacks_have_in_common_is_taken_from_the_one_before),
	        cmocka_unit_test(without_room_a_new_stack_has_no_frames_and_a_known_one_does),
	        cmocka_unit_test(modules_and_what_is_loaded_at_a_time_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
