/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_symbolize.c - report/symbolize*.c against what addr2line says of the same addresses.
 *
 * Programs are compiled here and now, in the ways that differ in their debug information; every
 * return address in them (objdump finds them) is asked of both. Nothing is expected that another
 * tool has not said, but for two things in which this one is meant to differ: qualified names where
 * addr2line has bare ones, and no name for what is behind the end of a symbol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/symbolize.h"
#include "tests/unit/addr2line.h"
#include "tests/unit/fixture.h"

static const char c_source[] =
        "#include <stdlib.h>\n"
        "#include <string.h>\n"
        "static inline __attribute__((always_inline)) char *copy(const char *text)\n"
        "{\n"
        "	char *to = malloc(strlen(text) + 1);\n"
        "	return strcpy(to, text);\n"
        "}\n"
        "char *volatile kept; /* else compilers do away with blocks that are freed at once */\n"
        "static inline __attribute__((always_inline)) char *twice(const char *text)\n"
        "{\n"
        "	kept = copy(text); free(kept);\n"
        "	return\n"
        "		copy(text);\n"
        "}\n"
        "__attribute__((noinline)) char *make(int n)\n"
        "{\n"
        "	char *one = twice(\"hello\");\n"
        "	if (n > 3) {\n"
        "		char *other = twice(\"world\");\n"
        "		one[0] = other[0];\n"
        "		free(other);\n"
        "	}\n"
        "	return one;\n"
        "}\n"
        "int main(int count, char **arguments)\n"
        "{\n"
        "	(void)arguments;\n"
        "	return make(count) == NULL;\n"
        "}\n";

static const char cxx_source[] =
        "#include <functional>\n"
        "#include <map>\n"
        "#include <string>\n"
        "#include <vector>\n"
        "namespace outer { namespace {\n"
        "template <int N> struct Store {\n"
        "	std::map<std::string, std::vector<int>> m;\n"
        "	void add(int n) { m[std::to_string(n + N)].push_back(N); }\n"
        "	size_t sum() { std::function<size_t(int)> f = [this](int k) {\n"
        "		std::vector<std::string> v(k, \"abcabcabcabcabcabc\"); return v.size() + "
        "m.size(); };\n"
        "		return f(N); }\n"
        "};\n"
        "} }\n"
        "template <int N> size_t use(int n) { outer::Store<N> s; s.add(n); return s.sum() + use<N "
        "- 1>(n); }\n"
        "template <> size_t use<0>(int) { return 0; }\n"
        "int main(int count, char **) {\n"
        "	struct Local { int *make() { return new int[10]; } };\n"
        "	delete[] Local().make();\n"
        "	return use<4>(count) == 0;\n"
        "}\n";

static const char rust_source[] =
        "use std::collections::HashMap;\n"
        "struct Node { v: Vec<u64>, name: String }\n"
        "impl Node { fn new(n: usize) -> Self {\n"
        "	Node { v: (0..n as u64).map(|x| x * 3).collect(), name: format!(\"n{}\", n) } } }\n"
        "fn main() {\n"
        "	let mut m = HashMap::new();\n"
        "	for i in 0..std::env::args().count() { m.insert(i, Box::new(Node::new(i))); }\n"
        "	println!(\"{}\", m.values().map(|n| n.v.len() + n.name.len()).sum::<usize>());\n"
        "}\n";

static const char *compiler(const char *variable, const char *fallback)
{
	const char *value = getenv(variable);

	return value && *value ? value : fallback;
}

static void write_sources(void)
{
	fixture_write(fixture_path("c.c"), c_source, sizeof(c_source) - 1);
	fixture_write(fixture_path("cxx.cc"), cxx_source, sizeof(cxx_source) - 1);
	fixture_write(fixture_path("r.rs"), rust_source, sizeof(rust_source) - 1);
}

/* Compiles in the folder; false: this compiler cannot. */
static bool compile(const char *command)
{
	write_sources();
	return fixture_status("cd '%s' && %s >compile.log 2>&1", fixture_folder(), command) == 0;
}

static struct mt_symbols resolve_first(const char *path, const char *id, int64_t newest_utc_s,
                                       uint64_t offset, struct mt_arena *arena)
{
	struct mt_symbolizer *symbolizer = mt_symbolizer_new(newest_utc_s);
	struct mt_symbols symbols;

	mt_symbolizer_resolve(symbolizer, path, id, offset, arena, &symbols);
	mt_symbolizer_free(symbolizer);
	return symbols;
}

/* The return address of the first call in main. */
static uint64_t address_in_main(const char *path)
{
	char *text = fixture_output("objdump -d --no-show-raw-insn '%s' | awk '/^[0-9a-f]+ </ { "
	                            "main = $2 == \"<main>:\" }"
	                            " main && /^ *[0-9a-f]+:/ { if (call) { sub(\":\", \"\", $1); "
	                            "print \"0x\" $1; exit }"
	                            " call = $2 ~ /^call/ }'",
	                            path);
	uint64_t addr = strtoull(text, NULL, 16);

	free(text);
	assert_true(addr > 0);
	return addr;
}

/* ---- the ways to compile ---- */

static void unoptimised_c_agrees(void **state)
{
	struct addr2line_tally tally;
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "%s -O0 -g -o c0 c.c", compiler("CC", "cc"));
	assert_true(compile(command));
	tally = addr2line_compare("addr2line", fixture_path("c0"), fixture_path("c0"));
	assert_true(tally.dwarf >= 8);
}

static void functions_inlined_by_the_compiler_agree(void **state)
{
	struct addr2line_tally tally;
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "%s -O2 -g -o c2 c.c", compiler("CC", "cc"));
	assert_true(compile(command));
	tally = addr2line_compare("addr2line", fixture_path("c2"), fixture_path("c2"));
	assert_true(tally.inlined >= 3);
}

static void the_older_dwarf_4_agrees(void **state)
{
	struct addr2line_tally tally;
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "%s -O2 -gdwarf-4 -no-pie -o c4 c.c",
	         compiler("CC", "cc"));
	assert_true(compile(command));
	tally = addr2line_compare("addr2line", fixture_path("c4"), fixture_path("c4"));
	assert_true(tally.inlined >= 3);
}

static void clang_without_its_address_table_agrees(void **state)
{
	struct addr2line_tally tally;

	(void)state;
	if (!compile("clang -O2 -g -o clang c.c"))
		skip();
	tally = addr2line_compare("addr2line", fixture_path("clang"), fixture_path("clang"));
	assert_true(tally.inlined >= 3);
}

static void cxx_templates_and_lambdas_agree(void **state)
{
	struct addr2line_tally tally;
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "%s -O1 -g -o cxx cxx.cc", compiler("CXX", "c++"));
	assert_true(compile(command));
	/* GNU's does not know the lists of addresses that clang gives its inlined functions. */
	snprintf(command, sizeof(command), "%s --version | grep clang", compiler("CXX", "c++"));
	tally = addr2line_compare(compile(command) ? "llvm-addr2line" : "addr2line",
	                          fixture_path("cxx"), fixture_path("cxx"));
	assert_true(tally.inlined >= 50);
}

static void link_time_optimisation_agrees(void **state)
{
	struct addr2line_tally tally;
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "%s -O2 -g -flto -o lto c.c", compiler("CC", "cc"));
	if (!compile(command))
		skip();
	tally = addr2line_compare("addr2line", fixture_path("lto"), fixture_path("lto"));
	assert_true(tally.inlined >= 3);
}

static void rust_agrees(void **state)
{
	struct addr2line_tally tally;

	(void)state;
	if (!compile("rustc -g -O -o rust r.rs"))
		skip();
	tally = addr2line_compare("addr2line", fixture_path("rust"), fixture_path("rust"));
	assert_true(tally.inlined >= 50);
}

static void separate_debug_information_is_found(void **state)
{
	struct addr2line_tally tally;
	char command[512];

	(void)state;
	snprintf(command, sizeof(command),
	         "%s -O2 -g -o whole c.c && cp whole split && objcopy --only-keep-debug whole "
	         "split.debug && strip split && objcopy --add-gnu-debuglink=split.debug split",
	         compiler("CC", "cc"));
	assert_true(compile(command));
	tally = addr2line_compare("addr2line", fixture_path("split"), fixture_path("whole"));
	assert_true(tally.inlined >= 3);
}

/* Compiled from another folder, a source has a path that can be opened all the same. */
static void a_relative_source_is_found_from_anywhere(void **state)
{
	static const char *const versions[] = {"-gdwarf-4", "-gdwarf-5"};

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct mt_arena arena = {0};
		struct mt_symbols symbols;
		char command[256], *id;

		snprintf(command, sizeof(command),
		         "mkdir -p below && cd below && %s -O0 %s -o ../relative ../c.c",
		         compiler("CC", "cc"), versions[i]);
		assert_true(compile(command));
		id = addr2line_build_id(fixture_path("relative"));
		symbols = resolve_first(fixture_path("relative"), id, 0,
		                        address_in_main(fixture_path("relative")), &arena);
		assert_int_equal(symbols.symbolized, MT_SYMBOLIZED_DWARF);
		assert_int_equal(symbols.items[0].file[0], '/');
		assert_int_equal(access(symbols.items[0].file, R_OK), 0);
		free(id);
		mt_arena_free(&arena);
	}
}

/* ---- without debug information ---- */

static void a_table_of_symbols_gives_the_name_alone(void **state)
{
	struct mt_arena arena = {0};
	struct mt_symbols symbols;
	char command[256], *id;
	uint64_t addr;

	(void)state;
	snprintf(command, sizeof(command), "%s -O0 -o nodebug c.c", compiler("CC", "cc"));
	assert_true(compile(command));
	addr = address_in_main(fixture_path("nodebug"));
	id = addr2line_build_id(fixture_path("nodebug"));
	symbols = resolve_first(fixture_path("nodebug"), id, 0, addr, &arena);
	assert_int_equal(symbols.symbolized, MT_SYMBOLIZED_SYMTAB);
	assert_int_equal(symbols.count, 1);
	assert_string_equal(symbols.items[0].function, "main");
	assert_null(symbols.items[0].file);
	/* Nothing is made up for an address that no function holds. */
	symbols = resolve_first(fixture_path("nodebug"), id, 0, 0x7000000, &arena);
	assert_int_equal(symbols.symbolized, MT_SYMBOLIZED_NONE);
	assert_int_equal(symbols.count, 0);
	symbols = resolve_first(fixture_path("nodebug"), id, 0, 0, &arena);
	assert_int_equal(symbols.symbolized, MT_SYMBOLIZED_NONE);
	free(id);
	mt_arena_free(&arena);
}

/* ---- another file ---- */

static void a_replaced_binary_is_not_asked(void **state)
{
	struct mt_arena arena = {0};
	char command[256], *old;
	uint64_t addr;

	(void)state;
	snprintf(command, sizeof(command), "%s -O0 -g -Wl,--build-id -o replaced c.c",
	         compiler("CC", "cc"));
	assert_true(compile(command));
	addr = address_in_main(fixture_path("replaced"));
	old = addr2line_build_id(fixture_path("replaced"));
	assert_int_equal(resolve_first(fixture_path("replaced"), old, 0, addr, &arena).symbolized,
	                 MT_SYMBOLIZED_DWARF);
	snprintf(command, sizeof(command), "%s -O1 -g -Wl,--build-id -o replaced c.c",
	         compiler("CC", "cc"));
	assert_true(compile(command));
	assert_int_equal(resolve_first(fixture_path("replaced"), old, 0, addr, &arena).symbolized,
	                 MT_SYMBOLIZED_CHANGED);
	/* It had none then, and has one now. */
	assert_int_equal(resolve_first(fixture_path("replaced"), NULL, 0, addr, &arena).symbolized,
	                 MT_SYMBOLIZED_CHANGED);
	fixture_write(fixture_path("replaced"), "#!/bin/sh\n", 10);
	assert_int_equal(resolve_first(fixture_path("replaced"), old, 0, addr, &arena).symbolized,
	                 MT_SYMBOLIZED_CHANGED);
	free(old);
	mt_arena_free(&arena);
}

static void without_a_build_id_a_younger_file_is_another_one(void **state)
{
	struct mt_arena arena = {0};
	char command[256];
	struct stat status;
	uint64_t addr;

	(void)state;
	snprintf(command, sizeof(command), "%s -O0 -g -Wl,--build-id=none -o noid c.c",
	         compiler("CC", "cc"));
	assert_true(compile(command));
	addr = address_in_main(fixture_path("noid"));
	assert_int_equal(stat(fixture_path("noid"), &status), 0);
	assert_int_equal(
	        resolve_first(fixture_path("noid"), NULL, status.st_mtime + 1, addr, &arena)
	                .symbolized,
	        MT_SYMBOLIZED_DWARF);
	assert_int_equal(
	        resolve_first(fixture_path("noid"), NULL, status.st_mtime - 1, addr, &arena)
	                .symbolized,
	        MT_SYMBOLIZED_CHANGED);
	assert_int_equal(resolve_first(fixture_path("noid"), NULL, 0, addr, &arena).symbolized,
	                 MT_SYMBOLIZED_DWARF);
	mt_arena_free(&arena);
}

static void what_is_not_there_is_missing(void **state)
{
	struct mt_arena arena = {0};

	(void)state;
	assert_int_equal(resolve_first("/no/such/file", "ab", 0, 1, &arena).symbolized,
	                 MT_SYMBOLIZED_MISSING);
	assert_int_equal(resolve_first("relative", "ab", 0, 1, &arena).symbolized,
	                 MT_SYMBOLIZED_MISSING);
	assert_int_equal(resolve_first("/dev/zero", "ab", 0, 1, &arena).symbolized,
	                 MT_SYMBOLIZED_MISSING);
	assert_int_equal(resolve_first("/tmp", "ab", 0, 1, &arena).symbolized,
	                 MT_SYMBOLIZED_MISSING);
	assert_int_equal(mkfifo(fixture_path("pipe"), 0600), 0);
	assert_int_equal(resolve_first(fixture_path("pipe"), "ab", 0, 1, &arena).symbolized,
	                 MT_SYMBOLIZED_MISSING);
	assert_int_equal(resolve_first("linux-vdso.so.1", NULL, 0, 1, &arena).symbolized,
	                 MT_SYMBOLIZED_NONE);
	mt_arena_free(&arena);
}

/* Debug information is as little to be trusted as the file that names it. */
static void garbled_binaries_are_survived(void **state)
{
	char command[256], *bytes, *id;
	struct stat status;
	uint64_t seed = 5, addr;
	FILE *file;

	(void)state;
	snprintf(command, sizeof(command), "%s -O2 -g -o good c.c && cp good bad",
	         compiler("CC", "cc"));
	assert_true(compile(command));
	addr = address_in_main(fixture_path("good"));
	id = addr2line_build_id(fixture_path("good"));
	assert_int_equal(stat(fixture_path("good"), &status), 0);
	bytes = malloc((size_t)status.st_size);
	for (unsigned int round = 0; round < 100; round++) {
		struct mt_arena arena = {0};
		struct mt_symbols symbols;

		file = fopen(fixture_path("good"), "re");
		assert_non_null(file);
		assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), status.st_size);
		fclose(file);
		/* Behind the headers and the build-id, so that it is read at all. */
		for (unsigned int i = 0; i < 40; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bytes[0x3000 + (seed >> 20) % ((size_t)status.st_size - 0x3000)] =
			        (char)(seed >> 10);
		}
		fixture_write(fixture_path("bad"), bytes, (size_t)status.st_size);
		symbols = resolve_first(fixture_path("bad"), id, 0, addr, &arena);
		for (size_t i = 0; i < symbols.count; i++)
			if (symbols.items[i].function)
				assert_true(strlen(symbols.items[i].function) < 100000);
		mt_arena_free(&arena);
	}
	free(bytes);
	free(id);
}

static void words_and_states_agree(void **state)
{
	(void)state;
	assert_null(mt_symbolized_word(MT_SYMBOLIZED_NOT_TRIED));
	assert_int_equal(mt_symbolized_find(""), MT_SYMBOLIZED_NOT_TRIED);
	for (int i = MT_SYMBOLIZED_NOT_TRIED + 1; i < MT_SYMBOLIZED_COUNT; i++)
		assert_int_equal(mt_symbolized_find(mt_symbolized_word((enum mt_symbolized)i)), i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(unoptimised_c_agrees),
	        cmocka_unit_test(functions_inlined_by_the_compiler_agree),
	        cmocka_unit_test(the_older_dwarf_4_agrees),
	        cmocka_unit_test(clang_without_its_address_table_agrees),
	        cmocka_unit_test(cxx_templates_and_lambdas_agree),
	        cmocka_unit_test(link_time_optimisation_agrees),
	        cmocka_unit_test(rust_agrees),
	        cmocka_unit_test(separate_debug_information_is_found),
	        cmocka_unit_test(a_relative_source_is_found_from_anywhere),
	        cmocka_unit_test(a_table_of_symbols_gives_the_name_alone),
	        cmocka_unit_test(a_replaced_binary_is_not_asked),
	        cmocka_unit_test(without_a_build_id_a_younger_file_is_another_one),
	        cmocka_unit_test(what_is_not_there_is_missing),
	        cmocka_unit_test(garbled_binaries_are_survived),
	        cmocka_unit_test(words_and_states_agree),
	};

	return cmocka_run_group_tests(tests, NULL, fixture_clean);
}
