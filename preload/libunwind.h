/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libunwind.h - libunwind, opened when it is needed.
 *
 * Called by unwind.c only, which knows when it may be opened and entered.
 */
#ifndef MT_PRELOAD_LIBUNWIND_H
#define MT_PRELOAD_LIBUNWIND_H

#define MT_LIBUNWIND "libunwind.so.8"

enum mt_libunwind_state {
	MT_LIBUNWIND_CLOSED = 0,
	MT_LIBUNWIND_OPENING, /* by another thread, or further out in this one */
	MT_LIBUNWIND_OPEN,
	MT_LIBUNWIND_MISSING, /* for good */
};

enum mt_libunwind_state mt_libunwind_state(void);

/* Opens it once libc is up. May allocate and takes the loader's lock. */
enum mt_libunwind_state mt_libunwind_open(void);

/* The return addresses from its own caller outwards; only while it is open. The first time in a thread it allocates. */
int mt_libunwind_backtrace(void **frames, int limit);

#endif
