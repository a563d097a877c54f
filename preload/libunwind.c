/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libunwind.c - opening libunwind, and taking away from it what it must not have in somebody's process.
 *
 * It is opened with RTLD_LOCAL by its exact name. As a NEEDED library its unversioned _Unwind_* would enter the
 * global scope and take over the C++ exceptions of the program's plugins.
 */
#include "preload/libunwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/process.h"
#include "preload/real.h"
#include "preload/redirect.h"

static _Atomic int state;
static int (*unw_backtrace)(void **, int);

extern char **environ;

/*
 * What libunwind imports and must not have here. To see whether an address can be read it writes from it
 * into a pipe, which it keeps open and first reads from: descriptors that a program may close, and then
 * reuse for a file of its own. So its read and write become a question to the kernel without any descriptor.
 * Its mappings go past our hooks: they are memtrace's own.
 */
static int no_pipe(int *ret_fds, int flags)
{
	(void)flags;
	ret_fds[0] = -1;
	ret_fds[1] = -1;
	errno = EMFILE;
	return -1;
}

static ssize_t nothing_to_read(int fd, void *bytes, size_t count)
{
	(void)fd;
	(void)bytes;
	(void)count;
	errno = EAGAIN;
	return -1;
}

static long is_readable(uintptr_t address, long count)
{
	/* The kernel copies the set before it looks at the (senseless) first argument. */
	if (syscall(SYS_rt_sigprocmask, -1, address & ~(uintptr_t)7, NULL, 8) != 0 &&
	    errno == EFAULT)
		return -1;
	return count;
}

/* libunwind's writes into the pipe, by a system call of its own making. */
static long no_write(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_write)
		return is_readable((uintptr_t)b, c);
	return syscall(number, a, b, c, d, e, f);
}

static int open_it(void)
{
	struct link_map *handle =
	        mt_real.dlopen ? mt_real.dlopen(MT_LIBUNWIND, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!handle || mt_redirect(handle, "pipe2", (void *)no_pipe) != 0 ||
	    mt_redirect(handle, "read", (void *)nothing_to_read) != 0 ||
	    mt_redirect(handle, "syscall", (void *)no_write) != 0 ||
	    mt_redirect(handle, "mmap", (void *)mt_real.mmap) != 0 ||
	    mt_redirect(handle, "munmap", (void *)mt_real.munmap) != 0)
		return -1;
	unw_backtrace = (int (*)(void **, int))mt_real_find_in(handle, "unw_backtrace");
	return unw_backtrace ? 0 : -1;
}

enum mt_libunwind_state mt_libunwind_state(void)
{
	/* acquire: unw_backtrace; partner: the release in mt_libunwind_open() */
	return (enum mt_libunwind_state)atomic_load_explicit(&state, memory_order_acquire);
}

enum mt_libunwind_state mt_libunwind_open(void)
{
	int expected = MT_LIBUNWIND_CLOSED;
	int saved_errno = errno;

	if (!environ ||
	    atomic_load_explicit(&mt_process.state, memory_order_relaxed) != MT_PROCESS_ON)
		return mt_libunwind_state();
	if (atomic_compare_exchange_strong(&state, &expected, MT_LIBUNWIND_OPENING))
		atomic_store_explicit(&state,
		                      open_it() == 0 ? MT_LIBUNWIND_OPEN : MT_LIBUNWIND_MISSING,
		                      memory_order_release);
	errno = saved_errno;
	return mt_libunwind_state();
}

int mt_libunwind_backtrace(void **frames, int limit)
{
	int saved_errno = errno;
	int depth = unw_backtrace(frames, limit);

	errno = saved_errno;
	return depth;
}
