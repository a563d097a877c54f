/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trim.h - which part of a stack is worth showing.
 *
 * Used by whatever prints a stack. Two levels: what is memtrace's own is never the program's and is
 * left out everywhere; what is the allocator's, operator new's or a library's own allocation code,
 * and what comes before main, is left out of text for people.
 */
#ifndef MT_REPORT_TRIM_H
#define MT_REPORT_TRIM_H

#include "report/stacks.h"

/* A part of a resolved stack's lines: never empty unless the stack is. */
struct mt_trim {
	const struct mt_line *lines;
	size_t count;
};

/* Without memtrace's own lines at the top. */
struct mt_trim mt_trim_own(const struct mt_stack *stack);

/* Without the allocation code at the top and the start-up code at the end as well. */
struct mt_trim mt_trim_all(const struct mt_stack *stack);

/* True for malloc, operator new, std::allocator<...>::allocate, __rust_alloc and their kin. */
bool mt_trim_is_allocation(const char *function);

#endif
