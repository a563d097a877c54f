/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bindings.h - which loaded code calls an allocator past our hooks.
 *
 * Who calls what is decided by the loader, when it fills a module's table of addresses; that table is read here, not
 * changed. Three things lead past us: an allocator that stands before us in the loader's order (the
 * executable's own, an earlier LD_PRELOAD), RTLD_DEEPBIND and its kin, and namespaces (dlmopen, LD_AUDIT). Calls
 * that a linker has bound within a module leave no trace in the table, and are not found.
 */
#ifndef MT_PRELOAD_BINDINGS_H
#define MT_PRELOAD_BINDINGS_H

/* Looks at what is loaded before main, and tells the collector. One thread. */
void mt_bindings_tell_first(void);

/* At an orderly end: looks at what was loaded since and is still there. */
void mt_bindings_tell_last(void);

#endif
