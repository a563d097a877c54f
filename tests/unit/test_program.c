/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_program.c - report/program.c: finding a command as a shell does, and seeing what cannot be
 * traced.
 */
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/program.h"
#include "tests/unit/fixture.h"

static char why[256];

static void make_executable(const char *path, const char *text)
{
	fixture_write(path, text, strlen(text));
	assert_int_equal(chmod(path, 0755), 0);
}

static bool compile(const char *flags, const char *name)
{
	const char *compiler = getenv("CC");
	static const char source[] = "int main(void) { return 0; }\n";

	fixture_write(fixture_path("p.c"), source, sizeof(source) - 1);
	return fixture_status("cd '%s' && %s %s -o %s p.c 2>compile.log", fixture_folder(),
	                      compiler && *compiler ? compiler : "cc", flags, name) == 0;
}

static void commands_are_found_as_the_shell_finds_them(void **state)
{
	static const char *const names[] = {"sh", "ls", "awk", "no-such-command-anywhere"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX];
		char *expected = fixture_output("command -v %s | tr -d '\\n' || true", names[i]);
		int error = mt_program_find(names[i], path);

		if (*expected) {
			assert_int_equal(error, 0);
			assert_string_equal(path, expected);
		} else {
			assert_int_equal(error, -ENOENT);
		}
		free(expected);
	}
}

static void what_cannot_be_run_is_told_from_what_is_not_there(void **state)
{
	char path[PATH_MAX], old[4096];

	(void)state;
	fixture_write(fixture_path("text"), "x", 1);
	assert_int_equal(mt_program_find(fixture_path("text"), path), -EACCES);
	assert_int_equal(mt_program_find(fixture_path("none"), path), -ENOENT);
	assert_int_equal(mt_program_find(fixture_folder(), path), -EISDIR);
	assert_int_equal(mt_program_find("", path), -ENOENT);
	snprintf(old, sizeof(old), "%s", getenv("PATH"));
	assert_int_equal(setenv("PATH", fixture_folder(), 1), 0);
	assert_int_equal(mt_program_find("text", path), -EACCES);
	assert_int_equal(mt_program_find("sh", path), -ENOENT);
	/* One that cannot be run does not hide one that can. */
	assert_int_equal(mkdir(fixture_path("second"), 0755), 0);
	make_executable(fixture_path("second/text"), "#!/bin/sh\n");
	setenv("PATH", "/nowhere", 1);
	snprintf(path, sizeof(path), "%s:%s", fixture_folder(), fixture_path("second"));
	setenv("PATH", path, 1);
	assert_int_equal(mt_program_find("text", path), 0);
	assert_string_equal(path, fixture_path("second/text"));
	setenv("PATH", old, 1);
}

static void an_ordinary_program_can_be_traced(void **state)
{
	(void)state;
	assert_true(compile("", "plain"));
	assert_int_equal(mt_program_check(fixture_path("plain"), why), MT_PROGRAM_FINE);
	assert_string_equal(why, "");
	assert_int_equal(mt_program_check("/bin/sh", why), MT_PROGRAM_FINE);
	assert_int_equal(mt_program_check(fixture_path("none"), why), MT_PROGRAM_FINE);
}

static void a_static_program_is_seen(void **state)
{
	(void)state;
	if (!compile("-static", "static"))
		skip();
	assert_int_equal(mt_program_check(fixture_path("static"), why), MT_PROGRAM_HARMLESS);
	assert_non_null(strstr(why, "statically"));
	/* A script is as its interpreter is. */
	char script[512];

	snprintf(script, sizeof(script), "#! %s -x\necho\n", fixture_path("static"));
	make_executable(fixture_path("script"), script);
	assert_int_equal(mt_program_check(fixture_path("script"), why), MT_PROGRAM_HARMLESS);
	assert_non_null(strstr(why, "statically"));
	make_executable(fixture_path("plain-script"), "#!/bin/sh\n:\n");
	assert_int_equal(mt_program_check(fixture_path("plain-script"), why), MT_PROGRAM_FINE);
}

static void scripts_that_run_each_other_end(void **state)
{
	char script[512];

	(void)state;
	snprintf(script, sizeof(script), "#!%s\n", fixture_path("loop"));
	make_executable(fixture_path("loop"), script);
	assert_int_equal(mt_program_check(fixture_path("loop"), why), MT_PROGRAM_FINE);
}

static void a_sanitizer_is_seen_wherever_it_sits(void **state)
{
	unsigned int tried = 0;

	(void)state;
	if (compile("-fsanitize=address", "asan")) {
		assert_int_equal(mt_program_check(fixture_path("asan"), why),
		                 MT_PROGRAM_NOT_PRELOADED);
		assert_non_null(strstr(why, "sanitizer"));
		tried++;
	}
	/* In the executable itself, as clang does by default. */
	if (compile("-fsanitize=address -static-libasan -rdynamic", "asan-inside")) {
		assert_int_equal(mt_program_check(fixture_path("asan-inside"), why),
		                 MT_PROGRAM_NOT_PRELOADED);
		tried++;
	}
	if (compile("-fsanitize=undefined", "ubsan")) {
		assert_int_equal(mt_program_check(fixture_path("ubsan"), why), MT_PROGRAM_FINE);
		tried++;
	}
	if (tried == 0)
		skip();
}

static void a_program_for_musl_must_run_without(void **state)
{
	(void)state;
	/*
	 * A glibc program that says so: the header is all that is looked at, and all that the
	 * kernel looks at.
	 */
	assert_true(compile("-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1", "musl"));
	assert_int_equal(mt_program_check(fixture_path("musl"), why), MT_PROGRAM_NOT_PRELOADED);
	assert_non_null(strstr(why, "musl"));
}

static void a_program_of_another_kind_is_seen(void **state)
{
	Elf32_Ehdr header = {.e_type = ET_EXEC,
	                     .e_machine = EM_386,
	                     .e_version = EV_CURRENT,
	                     .e_ehsize = sizeof(header)};

	(void)state;
	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS32;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_ident[EI_VERSION] = EV_CURRENT;
	fixture_write(fixture_path("i386"), &header, sizeof(header));
	assert_int_equal(mt_program_check(fixture_path("i386"), why), MT_PROGRAM_HARMLESS);
	assert_non_null(strstr(why, "32-bit"));
}

static void a_setuid_program_is_seen_unless_it_changes_nothing(void **state)
{
	(void)state;
	if (getuid() != 0)
		skip();
	assert_true(compile("", "setuid"));
	assert_int_equal(chmod(fixture_path("setuid"), 04755), 0);
	assert_int_equal(mt_program_check(fixture_path("setuid"), why), MT_PROGRAM_FINE);
	assert_int_equal(chown(fixture_path("setuid"), 65534, 65534), 0);
	assert_int_equal(chmod(fixture_path("setuid"), 04755), 0);
	assert_int_equal(mt_program_check(fixture_path("setuid"), why), MT_PROGRAM_HARMLESS);
	assert_non_null(strstr(why, "privileges"));
}

static void garbled_headers_are_survived(void **state)
{
	unsigned char bytes[4096];
	uint64_t seed = 9;
	FILE *file;

	(void)state;
	assert_true(compile("", "whole"));
	for (unsigned int round = 0; round < 500; round++) {
		file = fopen(fixture_path("whole"), "re");
		assert_non_null(file);
		assert_int_equal(fread(bytes, 1, sizeof(bytes), file), sizeof(bytes));
		fclose(file);
		for (unsigned int i = 0; i < 8; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bytes[16 + (seed >> 20) % 1000] = (unsigned char)(seed >> 10);
		}
		fixture_write(fixture_path("garbled"), bytes, 64 + (seed >> 30) % 4000);
		mt_program_check(fixture_path("garbled"), why);
		assert_true(strlen(why) < sizeof(why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(commands_are_found_as_the_shell_finds_them),
	        cmocka_unit_test(what_cannot_be_run_is_told_from_what_is_not_there),
	        cmocka_unit_test(an_ordinary_program_can_be_traced),
	        cmocka_unit_test(a_static_program_is_seen),
	        cmocka_unit_test(scripts_that_run_each_other_end),
	        cmocka_unit_test(a_sanitizer_is_seen_wherever_it_sits),
	        cmocka_unit_test(a_program_for_musl_must_run_without),
	        cmocka_unit_test(a_program_of_another_kind_is_seen),
	        cmocka_unit_test(a_setuid_program_is_seen_unless_it_changes_nothing),
	        cmocka_unit_test(garbled_headers_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, fixture_clean);
}
