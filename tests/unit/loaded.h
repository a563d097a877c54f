/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loaded.h - stands in for preload/module.c and real.c where the walk is linked into a program of its own.
 */
#ifndef MT_TESTS_LOADED_H
#define MT_TESTS_LOADED_H

#include <dlfcn.h>
#include <sys/mman.h>

#include "preload/module.h"
#include "preload/real.h"

struct mt_real mt_real = {.mmap = mmap};

bool mt_module_find(const void *pc, struct mt_module_found *ret_found)
{
	return _dl_find_object((void *)pc, (struct dl_find_object *)ret_found) == 0;
}

/* The objects of these programs have no gaps. */
bool mt_module_segment(const struct mt_module_found *found, uintptr_t addr, uintptr_t *ret_start,
                       uintptr_t *ret_end)
{
	*ret_start = (uintptr_t)found->map_start;
	*ret_end = (uintptr_t)found->map_end;
	return addr >= *ret_start && addr < *ret_end;
}

bool mt_module_is_loader(const void *pc)
{
	(void)pc;
	return false;
}

#endif
