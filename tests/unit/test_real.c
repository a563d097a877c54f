/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_real.c - preload/real.c against dlsym(RTLD_NEXT). */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>

#include <cmocka.h>

#include "preload/real.h"

/* Names with one version, with several, an indirect function, and of libraries that come later. */
static const char *const names[] = {
        "malloc",
        "free",
        "mmap",
        "dlopen",
        "dlclose",
        "quick_exit",
        "execve",
        "memcpy",
        "strlen",
        "pthread_key_create",
        "__libc_start_main",
        "posix_spawn",
        "_dl_find_object",
        "cmocka_set_test_filter",
};

static void it_finds_what_dlsym_next_finds(void **state)
{
	(void)state;
	assert_non_null(mt_real_self());
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *expected = dlsym(RTLD_NEXT, names[i]);

		assert_non_null(expected);
		if (mt_real_find(names[i]) != expected)
			fail_msg("%s: %p, dlsym says %p", names[i], mt_real_find(names[i]),
			         expected);
	}
}

static void what_nobody_defines_is_not_found(void **state)
{
	(void)state;
	assert_null(mt_real_find("mt_no_such_function"));
	assert_null(mt_real_find(""));
}

static void it_finds_what_a_private_plugin_defines(void **state)
{
	void *plugin = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);

	(void)state;
	assert_non_null(plugin);
	/* a sanitizer's runtime, where there is one, comes first */
	assert_ptr_equal(mt_real_find("_Znwm"), dlsym(RTLD_NEXT, "_Znwm")
	                                                ? dlsym(RTLD_NEXT, "_Znwm")
	                                                : dlsym(plugin, "_Znwm"));
	assert_ptr_equal(mt_real_find_in(plugin, "_ZdlPv"), dlsym(plugin, "_ZdlPv"));
	dlclose(plugin);
}

static void it_knows_where_the_loader_is(void **state)
{
	(void)state;
	assert_int_equal(mt_real_loader_base(), getauxval(AT_BASE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_finds_what_dlsym_next_finds),
	        cmocka_unit_test(what_nobody_defines_is_not_found),
	        cmocka_unit_test(it_finds_what_a_private_plugin_defines),
	        cmocka_unit_test(it_knows_where_the_loader_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
