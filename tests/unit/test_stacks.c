/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_stacks.c - report/stacks.c, trim.c and calltree.c on files made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/calltree.h"
#include "report/file.h"
#include "report/stacks.h"
#include "report/trim.h"
#include "tests/unit/fixture.h"

static int never_run(const struct mt_call *call)
{
	(void)call;
	fail();
	return 0;
}

static const struct mt_command command = {.name = "test", .run = never_run};

static void open_file(const char *path, struct mt_file *file)
{
	char *operands[] = {(char *)(uintptr_t)path, NULL};
	struct mt_call call = {.command = &command, .operands = operands, .operand_count = 1};

	assert_int_equal(mt_file_open(&call, file), MT_EXIT_FINE);
}

/*
 * Three frames of a module that is not there, already resolved; the second one has an inlined
 * function.
 */
static const char resolved_sql[] =
        "INSERT INTO module VALUES (1, '/nowhere/app', 'abcd');"
        "INSERT INTO frame VALUES (1, 1, 4096, 'dwarf'), (2, 1, 4112, 'dwarf'),"
        " (3, 1, 4128, 'symtab'), (4, NULL, 140000, NULL);"
        "INSERT INTO symbol VALUES (1, 0, 'inner', '/s/a.c', 1, 0),"
        " (2, 0, 'small', '/s/b.c', 2, 1), (2, 1, 'outer', '/s/b.c', 20, 0),"
        " (3, 0, 'main', NULL, NULL, 0);"
        "INSERT INTO stack VALUES (1, NULL, 3, 'depth'), (2, 1, 2, NULL), (3, 2, 1, NULL),"
        " (4, NULL, 4, NULL);";

static void a_stack_is_read_innermost_first_with_its_inlined_functions(void **state)
{
	static const char *const functions[] = {"inner", "small", "outer", "main"};
	const char *path = fixture_path("resolved.db");
	struct mt_stacks *stacks;
	struct mt_stack *stack;
	struct mt_file file;

	(void)state;
	fixture_file(path, resolved_sql);
	open_file(path, &file);
	stacks = mt_stacks_open(&file);
	assert_int_equal(mt_stacks_resolve(stacks, 3, &stack), 0);
	assert_int_equal(stack->frame_count, 3);
	assert_int_equal(stack->line_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(stack->lines[i].symbol->function, functions[i]);
	assert_true(stack->lines[1].symbol->is_inlined);
	assert_false(stack->lines[2].symbol->is_inlined);
	assert_int_equal(stack->lines[2].symbol->line, 20);
	assert_null(stack->lines[3].symbol->file);
	assert_string_equal(stack->cut, "depth");
	/* What runs outside every module has an address and no name. */
	assert_int_equal(mt_stacks_resolve(stacks, 4, &stack), 0);
	assert_int_equal(stack->line_count, 1);
	assert_null(stack->lines[0].symbol);
	assert_null(stack->lines[0].frame->module);
	assert_true(mt_stacks_resolve(stacks, 77, &stack) < 0);
	mt_stacks_close(stacks);
	mt_file_close(&file);
}

static void a_circle_of_callers_ends(void **state)
{
	const char *path = fixture_path("circle.db");
	struct mt_stacks *stacks;
	char *sql = NULL;
	struct mt_stack *stack;
	struct mt_file file;

	(void)state;
	assert_true(asprintf(&sql, "%s; UPDATE stack SET parent = 3 WHERE id = 1", resolved_sql) >
	            0);
	fixture_file(path, sql);
	free(sql);
	open_file(path, &file);
	stacks = mt_stacks_open(&file);
	assert_int_equal(mt_stacks_resolve(stacks, 3, &stack), 0);
	assert_int_equal(stack->frame_count, MT_STACKS_DEPTH_MAX);
	assert_non_null(stack->cut);
	mt_stacks_close(stacks);
	mt_file_close(&file);
}

static void what_was_found_is_kept_for_the_next_report(void **state)
{
	const char *path = fixture_path("keep.db");
	struct mt_stacks *stacks;
	struct mt_stack *stack;
	struct mt_file file;

	(void)state;
	fixture_file(path, resolved_sql);
	/* A frame whose file is missing, and one with no module, neither tried yet. */
	fixture_sql(path, "UPDATE frame SET symbolized = NULL WHERE id = 1;"
	                  "DELETE FROM symbol WHERE frame = 1");
	open_file(path, &file);
	stacks = mt_stacks_open(&file);
	assert_int_equal(mt_stacks_resolve(stacks, 3, &stack), 0);
	assert_int_equal(mt_stacks_resolve(stacks, 4, &stack), 0);
	assert_int_equal(mt_stacks_count(stacks, MT_SYMBOLIZED_MISSING), 1);
	mt_stacks_close(stacks);
	mt_file_close(&file);
	assert_int_equal(fixture_number(path,
	                                "SELECT count(*) FROM frame WHERE (id = 1 AND symbolized ="
	                                " 'missing') OR (id = 4 AND symbolized = 'none')"),
	                 2);
	/* What was known before is as it was, although the binary is not there. */
	assert_int_equal(fixture_number(path, "SELECT count(*) FROM symbol"), 3);
	assert_int_equal(
	        fixture_number(path, "SELECT count(*) FROM frame WHERE symbolized = 'dwarf'"), 1);
}

static void a_recording_file_is_left_alone(void **state)
{
	const char *path = fixture_path("recording.db");
	struct mt_stacks *stacks;
	struct mt_stack *stack;
	struct mt_file file;
	char sql[256];
	char *start = fixture_output("awk '{ print $22 }' /proc/%d/stat", (int)getpid());

	(void)state;
	fixture_file(path, resolved_sql);
	snprintf(sql, sizeof(sql),
	         "UPDATE session SET state = 'recording', collector_pid = %d, collector_start = %s;"
	         "UPDATE frame SET symbolized = NULL",
	         (int)getpid(), start);
	fixture_sql(path, sql);
	open_file(path, &file);
	assert_int_equal(file.state, MT_FILE_RECORDING);
	stacks = mt_stacks_open(&file);
	assert_int_equal(mt_stacks_resolve(stacks, 3, &stack), 0);
	mt_stacks_close(stacks);
	mt_file_close(&file);
	assert_int_equal(
	        fixture_number(path, "SELECT count(*) FROM frame WHERE symbolized IS NOT NULL"), 0);
	/* The same pid with another start time is another process: the collector is gone. */
	fixture_sql(path, "UPDATE session SET collector_start = collector_start + 1");
	open_file(path, &file);
	assert_int_equal(file.state, MT_FILE_ABANDONED);
	mt_file_close(&file);
	free(start);
}

/* ---- trim ---- */

static void allocation_functions_are_known_by_their_names(void **state)
{
	static const char *const yes[] = {
	        "malloc",
	        "__libc_malloc",
	        "calloc",
	        "posix_memalign",
	        "operator new(unsigned long)",
	        "operator new[](unsigned long, std::nothrow_t const&)",
	        "std::allocator<int>::allocate(unsigned long)",
	        "std::__new_allocator<std::pair<int const, int> >::allocate(unsigned long, void "
	        "const*)",
	        "std::_Vector_base<int, std::allocator<int> >::_M_allocate(unsigned long)",
	        "std::allocator_traits<std::allocator<char> >::allocate(std::allocator<char>&, "
	        "unsigned long)",
	        "__gnu_cxx::new_allocator<int>::allocate",
	        "__rust_alloc",
	        "alloc::alloc::alloc",
	        "<alloc::alloc::Global as core::alloc::Allocator>::allocate",
	};
	static const char *const no[] = {
	        "main",
	        "malloc_all_the_things",
	        "my_malloc",
	        "xmalloc",
	        "strdup",
	        "getline",
	        "Pool::allocate(unsigned long)",
	        "game::std::allocate(int)",
	        "std::vector<int>::push_back(int const&)",
	        "make(std::allocator<int>::allocate)",
	        "operator new_thing(int)",
	        "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!mt_trim_is_allocation(yes[i]))
			fail_msg("not known: %s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (mt_trim_is_allocation(no[i]))
			fail_msg("taken for one: %s", no[i]);
}

/* A stack of one symbol a frame. */
struct made {
	struct mt_frame frames[8];
	struct mt_symbol symbols[8];
	struct mt_line lines[8];
	struct mt_stack stack;
};

static void make_stack(struct made *made, const char *const (*of)[2])
{
	*made = (struct made){.stack = {.lines = made->lines}};
	for (size_t i = 0; of[i][0]; i++) {
		made->frames[i].module = of[i][0];
		made->symbols[i].function = of[i][1];
		made->lines[i] = (struct mt_line){&made->frames[i], &made->symbols[i]};
		made->stack.line_count++;
	}
}

static void both_ends_of_a_stack_are_trimmed(void **state)
{
	static const char *const of[][2] = {
	        {"/usr/lib/libmemtrace.so", "malloc"},
	        {"/usr/lib/libstdc++.so.6", "operator new(unsigned long)"},
	        {"/usr/lib/libmemtrace.so", "operator new(unsigned long)"},
	        {"/bin/app", "make"},
	        {"/bin/app", "malloc"}, /* not at the top: it stays */
	        {"/bin/app", "main"},
	        {"/usr/lib/libc.so.6", "__libc_start_call_main"},
	        {NULL, NULL},
	};
	struct mt_trim trim;
	struct made made;

	(void)state;
	make_stack(&made, of);
	trim = mt_trim_own(&made.stack);
	assert_int_equal(trim.count, 6);
	assert_string_equal(trim.lines[0].symbol->function, "operator new(unsigned long)");
	trim = mt_trim_all(&made.stack);
	assert_int_equal(trim.count, 3);
	assert_string_equal(trim.lines[0].symbol->function, "make");
	assert_string_equal(trim.lines[2].symbol->function, "main");
}

static void a_thread_ends_where_libc_started_it(void **state)
{
	static const char *const of[][2] = {
	        {"/bin/app", "work"},
	        {"/usr/lib/libc.so.6", "start_thread"},
	        {"/usr/lib/libc.so.6", "clone3"},
	        {NULL, NULL},
	};
	struct made made;

	(void)state;
	make_stack(&made, of);
	assert_int_equal(mt_trim_all(&made.stack).count, 1);
}

static void something_of_a_stack_is_always_left(void **state)
{
	static const char *const of[][2] = {
	        {"/usr/lib/libmemtrace.so", "malloc"},
	        {"/usr/lib/libmemtrace.so", "calloc"},
	        {NULL, NULL},
	};
	static const char *const start[][2] = {
	        {"/usr/lib/libc.so.6", "malloc"},
	        {"/usr/lib/libc.so.6", "_start"},
	        {NULL, NULL},
	};
	struct made made;

	(void)state;
	make_stack(&made, of);
	assert_int_equal(mt_trim_own(&made.stack).count, 1);
	assert_int_equal(mt_trim_all(&made.stack).count, 1);
	make_stack(&made, start);
	assert_int_equal(mt_trim_all(&made.stack).count, 1);
	made.stack.line_count = 0;
	assert_int_equal(mt_trim_all(&made.stack).count, 0);
}

/* ---- call tree ---- */

static int64_t check_node(const struct mt_callnode *node)
{
	int64_t sum = node->self, last = INT64_MAX;

	for (const struct mt_callnode *child = node->children; child; child = child->next) {
		assert_true(child->figure <= last);
		last = child->figure;
		for (const struct mt_callnode *other = child->next; other; other = other->next)
			assert_string_not_equal(child->line.symbol->function,
			                        other->line.symbol->function);
		sum += check_node(child);
	}
	assert_int_equal(node->figure, sum);
	return sum;
}

/*
 * The sum of all stacks that start with these functions from the outside, by brute force over the
 * paths.
 */
static int64_t figure_at(const struct mt_callnode *root, const char *const *functions)
{
	const struct mt_callnode *node = root;

	for (; *functions; functions++) {
		for (node = node->children; node; node = node->next)
			if (strcmp(node->line.symbol->function, *functions) == 0)
				break;
		if (!node)
			return 0;
	}
	return node->figure;
}

#define FUNCTIONS 4 /* f0 ... f3 in stacks of up to 6 frames */
#define STACKS    300

static void a_tree_has_the_sums_of_its_stacks(void **state)
{
	const char *path = fixture_path("tree.db");
	const struct mt_measure *measure = mt_measure_find("leaked");
	struct mt_site sites[STACKS];
	unsigned char calls[STACKS][6]; /* outermost first */
	size_t depths[STACKS];
	struct mt_stacks *stacks;
	struct mt_file file;
	char *sql = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&sql, &bytes);
	uint64_t seed = 11;
	int node = 0;

	(void)state;
	fprintf(to, "INSERT INTO module VALUES (1, '/nowhere/app', NULL);");
	for (int i = 0; i < FUNCTIONS; i++)
		fprintf(to,
		        "INSERT INTO frame VALUES (%d, 1, %d, 'dwarf');"
		        "INSERT INTO symbol VALUES (%d, 0, 'f%d', '/s/f.c', %d, 0);",
		        i + 1, i * 16 + 4096, i + 1, i, i + 1);
	for (size_t i = 0; i < STACKS; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		depths[i] = 1 + (seed >> 33) % 6;
		for (size_t k = 0; k < depths[i]; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			calls[i][k] = (unsigned char)((seed >> 33) % FUNCTIONS);
			node++;
			if (k == 0)
				fprintf(to, "INSERT INTO stack VALUES (%d, NULL, %d, NULL);", node,
				        calls[i][k] + 1);
			else
				fprintf(to, "INSERT INTO stack VALUES (%d, %d, %d, NULL);", node,
				        node - 1, calls[i][k] + 1);
		}
		sites[i] = (struct mt_site){.stack = node, .live_bytes = (int64_t)(seed >> 40) + 1};
	}
	fclose(to);
	fixture_file(path, sql);
	free(sql);
	open_file(path, &file);
	stacks = mt_stacks_open(&file);
	for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
		struct mt_arena arena = {0};
		struct mt_callnode *root;
		int64_t total = 0;

		assert_int_equal(mt_calltree_build(stacks, measure, sites, STACKS, is_reverse,
		                                   &arena, &root),
		                 0);
		for (size_t i = 0; i < STACKS; i++)
			total += sites[i].live_bytes;
		assert_int_equal(root->figure, total);
		check_node(root);
		for (int a = 0; a < FUNCTIONS; a++) {
			for (int b = 0; b < FUNCTIONS; b++) {
				char names[2][4];
				const char *prefix[] = {names[0], names[1], NULL};
				int64_t expected = 0;

				snprintf(names[0], sizeof(names[0]), "f%d", a);
				snprintf(names[1], sizeof(names[1]), "f%d", b);
				for (size_t i = 0; i < STACKS; i++) {
					size_t first = is_reverse ? depths[i] - 1 : 0;
					size_t second = is_reverse ? depths[i] - 2 : 1;

					if (depths[i] > 1 && calls[i][first] == a &&
					    calls[i][second] == b)
						expected += sites[i].live_bytes;
				}
				assert_int_equal(figure_at(root, prefix), expected);
			}
		}
		mt_arena_free(&arena);
	}
	mt_stacks_close(stacks);
	mt_file_close(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_stack_is_read_innermost_first_with_its_inlined_functions),
	        cmocka_unit_test(a_circle_of_callers_ends),
	        cmocka_unit_test(what_was_found_is_kept_for_the_next_report),
	        cmocka_unit_test(a_recording_file_is_left_alone),
	        cmocka_unit_test(allocation_functions_are_known_by_their_names),
	        cmocka_unit_test(both_ends_of_a_stack_are_trimmed),
	        cmocka_unit_test(a_thread_ends_where_libc_started_it),
	        cmocka_unit_test(something_of_a_stack_is_always_left),
	        cmocka_unit_test(a_tree_has_the_sums_of_its_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, fixture_clean);
}
