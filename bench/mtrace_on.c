/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mtrace_on.c - mtrace_on.so: switches glibc's mtrace on, which otherwise the program itself must do.
 *
 * Loaded by bench/run beside libc_malloc_debug.so.0; the listing goes to the file that MALLOC_TRACE names.
 */
#include <mcheck.h>

__attribute__((constructor)) static void on(void)
{
	mtrace();
}
