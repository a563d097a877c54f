/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_probe.c - tests of preload/probe.c, with the libunwind that is installed. */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload/probe.h"

static void what_can_be_read_is_told_from_what_cannot(void **state)
{
	char *pages = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	assert_true(mt_probe_is_readable(pages));
	/* To the last byte of the page, and no further. */
	assert_true(mt_probe_is_readable(pages + 4095));
	assert_false(mt_probe_is_readable(pages + 4096));
	assert_false(mt_probe_is_readable(pages + 8191));
	assert_false(mt_probe_is_readable(NULL));
	assert_false(mt_probe_is_readable((void *)(UINTPTR_MAX - 7)));
	assert_int_equal(munmap(pages, 8192), 0);
	assert_false(mt_probe_is_readable(pages));
}

static int lowest_free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void libunwind_walks_and_has_no_descriptor(void **state)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	int (*walk)(void **, int);
	int before = lowest_free_descriptor();
	void *frames[32];

	(void)state;
	if (!library)
		skip();
	*(void **)&walk = dlsym(library, "unw_backtrace");
	assert_non_null(walk);
	assert_int_equal(mt_probe_install(library), 0);
	/* What it must not take for a reason to try again. */
	errno = EINTR;
	/* This function, cmocka, main and libc's two. */
	assert_true(walk(frames, 32) >= 4);
	assert_int_equal(lowest_free_descriptor(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_can_be_read_is_told_from_what_cannot),
	        cmocka_unit_test(libunwind_walks_and_has_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
