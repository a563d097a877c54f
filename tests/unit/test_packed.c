/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_packed.c - store/pack.h and unpack.h, there and back; and packs that are none of ours. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/nodes.h"
#include "store/pack.h"
#include "store/unpack.h"

static struct mt_pack pack;
static struct mt_unpack unpack;
static struct mt_packed packed;
static struct mt_unpack_row row;

static int clean(void **state)
{
	(void)state;
	mt_pack_free(&pack);
	mt_unpack_free(&unpack);
	return 0;
}

static int begin(void)
{
	return mt_unpack_begin(&unpack, packed.data, packed.bytes, (int64_t)packed.raw_bytes);
}

static int begin_text(const char *text)
{
	return mt_unpack_begin(&unpack, text, strlen(text), (int64_t)strlen(text));
}

/* All rows of a text are taken; what ends them. */
static int read_text(const char *text)
{
	int next = begin_text(text);

	while (next >= 0 && (next = mt_unpack_next(&unpack, &row)) == 1)
		continue;
	return next;
}

static void an_empty_pack_has_no_rows(void **state)
{
	(void)state;
	assert_int_equal(mt_pack_totals(&pack, NULL, 0, &packed), 0);
	assert_int_equal(packed.raw_bytes, 2);
	assert_int_equal(begin(), 0);
	assert_int_equal(mt_unpack_next(&unpack, &row), 0);
}

static void figures_of_any_size_come_back(void **state)
{
	static const uint64_t figures[] = {0, 1, 9, 10, 99, 100, 12345, INT64_MAX};
	struct mt_writer_total total = {.stack = UINT32_MAX, .kind = 3};

	(void)state;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		total.allocations = total.peak_bytes = figures[i];
		assert_int_equal(mt_pack_totals(&pack, &total, 1, &packed), 0);
		assert_int_equal(begin(), 0);
		assert_int_equal(mt_unpack_next(&unpack, &row), 1);
		assert_int_equal(row.numbers[0], UINT32_MAX);
		assert_int_equal(row.numbers[2], figures[i]);
		assert_int_equal(row.numbers[6], figures[i]);
		assert_int_equal(row.numbers[7], figures[i]);
		assert_int_equal(mt_unpack_next(&unpack, &row), 0);
	}
	/* No figure is: one that somebody made up is the largest there is. */
	total = (struct mt_writer_total){.stack = 1, .frees = UINT64_MAX};
	assert_int_equal(mt_pack_totals(&pack, &total, 1, &packed), 0);
	assert_int_equal(begin(), 0);
	assert_int_equal(mt_unpack_next(&unpack, &row), 1);
	assert_int_equal(row.numbers[7], -INT64_MAX);
}

static void a_full_pack_of_the_longest_rows_fits(void **state)
{
	static struct mt_writer_block blocks[MT_WRITER_BLOCKS_PACK];

	(void)state;
	for (size_t i = 0; i < MT_WRITER_BLOCKS_PACK; i++)
		blocks[i] = (struct mt_writer_block){i % 2 ? UINT64_MAX / 2 : 0,
		                                     INT64_MAX,
		                                     i % 2 ? INT64_MAX : 0,
		                                     UINT32_MAX,
		                                     UINT32_MAX,
		                                     UINT32_MAX};
	assert_int_equal(mt_pack_blocks(&pack, blocks, MT_WRITER_BLOCKS_PACK, 0, 0, &packed), 0);
	assert_true(packed.raw_bytes <= MT_UNPACK_TEXT_MAX);
	assert_int_equal(begin(), 0);
	for (size_t i = 0; i < MT_WRITER_BLOCKS_PACK; i++) {
		assert_int_equal(mt_unpack_next(&unpack, &row), 1);
		assert_int_equal(row.numbers[1], INT64_MAX);
		assert_int_equal(row.numbers[5], UINT32_MAX);
	}
	assert_int_equal(mt_unpack_next(&unpack, &row), 0);
}

static void a_thread_that_is_not_known_is_left_out(void **state)
{
	static const struct mt_writer_block block = {.addr = UINT64_MAX, .stack = 7};

	(void)state;
	assert_int_equal(mt_pack_blocks(&pack, &block, 1, 0, 0, &packed), 0);
	assert_memory_equal(packed.data, "[[-1,0,0,7,0]]", packed.raw_bytes);
	assert_int_equal(begin(), 0);
	assert_int_equal(mt_unpack_next(&unpack, &row), 1);
	assert_int_equal(row.nulls >> 4 & 3, 2);
}

static void nodes_come_back_as_they_were(void **state)
{
	/* 4097 is outermost, 4098 its callee, 4099 of another stack, 4100 was settled from one behind it. */
	static const struct mt_writer_stack nodes[] = {{0, 5, NULL},
	                                               {4097, 6, NULL},
	                                               {17, UINT32_MAX, NULL},
	                                               {5000, 9, NULL},
	                                               {0, 3, "off-stack"}};
	static const char text[] = "[[0,5],6,[4082,4294967295],[-900,9],[0,3,\"off-stack\"]]";
	struct mt_nodes kept = {0};

	(void)state;
	assert_int_equal(mt_pack_stacks(&pack, 4097, nodes, 5, &packed), 0);
	assert_int_equal(packed.raw_bytes, sizeof(text) - 1);
	assert_memory_equal(pack.text, text, sizeof(text) - 1);
	assert_int_equal(begin(), 0);
	assert_int_equal(mt_nodes_keep(&kept, 1, &unpack), 0);
	for (uint32_t i = 0; i < 5; i++) {
		const struct mt_nodes_node *node = mt_nodes_find(&kept, 1, i);

		assert_non_null(node);
		assert_true(node->is_there);
		assert_int_equal(node->parent, nodes[i].parent);
		assert_int_equal(node->frame, nodes[i].frame);
		assert_string_equal(kept.words[node->cut], nodes[i].cut ? nodes[i].cut : "");
	}
	assert_null(mt_nodes_find(&kept, 1, 5));
	assert_null(mt_nodes_find(&kept, 0, 0));
	mt_nodes_free(&kept);
}

static void what_is_long_is_compressed_and_what_is_not_stands_there(void **state)
{
	static struct mt_writer_stack nodes[MT_WRITER_STACKS_PACK];

	(void)state;
	for (uint32_t i = 0; i < MT_WRITER_STACKS_PACK; i++)
		nodes[i] = (struct mt_writer_stack){.parent = i, .frame = 1000 + i % 50};
	assert_int_equal(mt_pack_stacks(&pack, 1, nodes, MT_WRITER_STACKS_PACK, &packed), 0);
	assert_true(packed.bytes < packed.raw_bytes / 4);
	assert_int_equal(begin(), 0);
	/* One byte less, or more, or too few of them. */
	assert_int_equal(
	        mt_unpack_begin(&unpack, packed.data, packed.bytes, (int64_t)packed.raw_bytes - 1),
	        -EBADMSG);
	assert_int_equal(
	        mt_unpack_begin(&unpack, packed.data, packed.bytes, (int64_t)packed.raw_bytes + 1),
	        -EBADMSG);
	assert_int_equal(
	        mt_unpack_begin(&unpack, packed.data, packed.bytes - 1, (int64_t)packed.raw_bytes),
	        -EBADMSG);
	assert_int_equal(mt_pack_stacks(&pack, 1, nodes, 2, &packed), 0);
	assert_int_equal(packed.bytes, packed.raw_bytes);
}

static void what_is_none_of_ours_is_refused(void **state)
{
	static const char *const texts[] = {"",
	                                    "[",
	                                    "[[",
	                                    "{}",
	                                    "[1.5]",
	                                    "[01]",
	                                    "[-]",
	                                    "[1,]",
	                                    "[,1]",
	                                    "[[1,]]",
	                                    "[[1 2]]",
	                                    "[[]",
	                                    "[1]x",
	                                    "[true]",
	                                    "[\"a\"]",
	                                    "[[\"a\"]]",
	                                    "[[1,2,\"a\\\\\"]]",
	                                    "[[1,2,\"a]]",
	                                    "[[[1]]]",
	                                    "[nul]",
	                                    "[[1,2,\"\n\"]]",
	                                    "[9223372036854775808]",
	                                    "[-9223372036854775809]",
	                                    "[99999999999999999999]",
	                                    "[[1,2,3,4,5,6,7,8,9,10]]"};
	static char many[2 * (MT_UNPACK_ROWS_MAX + 1) + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (read_text(texts[i]) != -EBADMSG)
			fail_msg("%s", texts[i]);
	assert_int_equal(mt_unpack_begin(&unpack, "[]", 2, INT64_MAX), -EBADMSG);
	assert_int_equal(mt_unpack_begin(&unpack, "[]", 2, INT64_MIN), -EBADMSG);
	assert_int_equal(mt_unpack_begin(&unpack, "[]", 2, 3), -EBADMSG);
	memset(many, '1', sizeof(many) - 1);
	for (size_t i = 2; i < sizeof(many) - 2; i += 2)
		many[i] = ',';
	many[0] = '[';
	many[sizeof(many) - 3] = '1';
	many[sizeof(many) - 2] = ']';
	assert_int_equal(read_text(many), -EBADMSG);
}

static void blanks_and_the_ends_of_numbers_are_read(void **state)
{
	(void)state;
	assert_int_equal(read_text(" [ ] "), 0);
	assert_int_equal(read_text("[ [ ] , null ,\n[ 1 , null , \"word\" ] ]"), 0);
	assert_int_equal(begin_text("[9223372036854775807,-9223372036854775808,-0]"), 0);
	assert_int_equal(mt_unpack_next(&unpack, &row), 1);
	assert_true(row.numbers[0] == INT64_MAX);
	assert_int_equal(mt_unpack_next(&unpack, &row), 1);
	assert_true(row.numbers[0] == INT64_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_pack_has_no_rows),
	        cmocka_unit_test(figures_of_any_size_come_back),
	        cmocka_unit_test(a_full_pack_of_the_longest_rows_fits),
	        cmocka_unit_test(a_thread_that_is_not_known_is_left_out),
	        cmocka_unit_test(nodes_come_back_as_they_were),
	        cmocka_unit_test(what_is_long_is_compressed_and_what_is_not_stands_there),
	        cmocka_unit_test(what_is_none_of_ours_is_refused),
	        cmocka_unit_test(blanks_and_the_ends_of_numbers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
