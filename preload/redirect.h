/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * redirect.h - gives one loaded object another function for a name that it imports.
 *
 * Used by unwind.c on libunwind, right after it was opened and before it has run: nobody else's calls change.
 */
#ifndef MT_PRELOAD_REDIRECT_H
#define MT_PRELOAD_REDIRECT_H

#include <link.h>

/* 0 also when the object does not import the name; -errno when its table cannot be written. */
int mt_redirect(const struct link_map *object, const char *name, void *function);

#endif
