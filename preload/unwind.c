/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unwind.c - the stack walk by libunwind.
 *
 * libunwind is opened with RTLD_LOCAL by its exact name. As a NEEDED library its unversioned _Unwind_*
 * would enter the global scope and take over the C++ exceptions of the program's plugins.
 *
 * It is opened late: dlopen() in our constructor, which runs first of all, would initialise libc with empty
 * arguments and environment. So the first allocation after libc is up opens it, or __libc_start_main.
 *
 * It is never entered where it could hang: in a child forked from a process with several threads (its
 * lock, or the loader's, may be held by a thread that does not exist there).
 */
#include "preload/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/config.h"
#include "preload/module.h"
#include "preload/real.h"
#include "preload/redirect.h"
#include "preload/say.h"

#define LIBUNWIND "libunwind.so.8"

enum state { CLOSED, OPENING, OPEN, FAILED };

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

static int open_libunwind(void)
{
	struct link_map *handle =
	        mt_real.dlopen ? mt_real.dlopen(LIBUNWIND, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!handle || mt_redirect(handle, "pipe2", (void *)no_pipe) != 0 ||
	    mt_redirect(handle, "read", (void *)nothing_to_read) != 0 ||
	    mt_redirect(handle, "syscall", (void *)no_write) != 0 ||
	    mt_redirect(handle, "mmap", (void *)mt_real.mmap) != 0 ||
	    mt_redirect(handle, "munmap", (void *)mt_real.munmap) != 0)
		return -1;
	unw_backtrace = (int (*)(void **, int))mt_real_find_in(handle, "unw_backtrace");
	return unw_backtrace ? 0 : -1;
}

static int walk_libunwind(void **frames, int limit)
{
	return unw_backtrace(frames, limit);
}

static int open_none(void)
{
	return 0;
}

static int walk_none(void **frames, int limit)
{
	(void)frames;
	(void)limit;
	return 0;
}

static const struct mt_unwinder unwinders[] = {
        [MT_CONFIG_UNWIND_LIBUNWIND] = {"libunwind", open_libunwind, walk_libunwind},
        [MT_CONFIG_UNWIND_NONE] = {"none", open_none, walk_none},
};

/* True once it is open; opens it when libc is up. */
static bool is_open(void)
{
	int expected = CLOSED;

	/* acquire: the pointer to the walker; partner: the release below */
	if (atomic_load_explicit(&state, memory_order_acquire) == OPEN)
		return true;
	if (!environ ||
	    atomic_load_explicit(&mt_process.state, memory_order_relaxed) != MT_PROCESS_ON)
		return false;
	if (!atomic_compare_exchange_strong(&state, &expected, OPENING))
		return false;
	if (unwinders[mt_config.unwind].open() == 0) {
		atomic_store_explicit(&state, OPEN, memory_order_release);
		return true;
	}
	atomic_store(&state, FAILED);
	mt_say("cannot open " LIBUNWIND ": stacks are cut to the calling function; "
	       "install libunwind (Debian: libunwind8)",
	       NULL);
	return false;
}

void mt_unwind_warm_up(const void *caller)
{
	struct mt_tls *tls = &mt_tls;
	void *frames[4];

	if (tls->own || tls->level || mt_process.fork_was_threaded)
		return;
	/* No dlopen() from within the loader. */
	if (atomic_load_explicit(&state, memory_order_relaxed) != OPEN &&
	    mt_module_is_loader(caller))
		return;
	tls->own = true;
	if (is_open()) {
		tls->walked = true;
		unwinders[mt_config.unwind].walk(frames, 4);
	}
	tls->own = false;
}

uint32_t mt_unwind_walk(struct mt_thread *thread, const void *caller, void ***ret_frames,
                        enum mt_cut *ret_cut)
{
	void **frames = thread->frames;
	uint32_t limit = mt_config.depth + MT_WALK_MARGIN;
	enum mt_cut cut = MT_CUT_UNWINDER;
	uint32_t first = 0;
	int walked;

	if (!mt_tls.walked) {
		cut = atomic_load_explicit(&state, memory_order_relaxed) == CLOSED ? MT_CUT_EARLY
		                                                                   : MT_CUT_UNSAFE;
		goto caller_only;
	}
	if (mt_process.fork_was_threaded) {
		cut = MT_CUT_UNSAFE;
		goto caller_only;
	}
	walked = unwinders[mt_config.unwind].walk(frames, (int)limit);
	while ((int)first < walked && frames[first] != caller)
		first++;
	if ((int)first >= walked)
		goto caller_only;
	walked -= (int)first;
	/* libunwind may end with a null address where a thread's first frame has no caller. */
	while (walked > 1 && !frames[first + (uint32_t)walked - 1])
		walked--;
	*ret_cut = MT_CUT_NONE;
	if (walked > (int)mt_config.depth) {
		walked = (int)mt_config.depth;
		*ret_cut = MT_CUT_DEPTH;
	}
	*ret_frames = frames + first;
	return (uint32_t)walked;

caller_only:
	frames[0] = (void *)caller;
	*ret_frames = frames;
	*ret_cut = cut;
	return 1;
}
