/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emit.h - one event into this thread's ring.
 *
 * Called by the hooks. Every function keeps errno, may be called in any context, and does nothing when
 * tracing is off. A free is emitted before the real call, an allocation after it and before its caller
 * sees the block, so that events of one address are stamped in their true order (design: order across
 * threads).
 *
 * `caller` is the return address of the outermost hook: the stack recorded starts with it. `frame` is that hook's
 * frame address: its caller's frame pointer and the return address stand there, so the cheap walk starts without
 * stepping over frames of ours. The hook must not be left by a tail call while it is in use.
 */
#ifndef MT_PRELOAD_EMIT_H
#define MT_PRELOAD_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/event.h"
#include "wire/ring.h"

struct mt_caller {
	unsigned int kind;
	const void *address;
	size_t size_bytes; /* what an operator new asked for, where that is less than its malloc does; or 0 */
	const void *frame; /* NULL: the stack is gone, or none is wanted */
};

/* False: it was not written. */
bool mt_emit_alloc(const struct mt_caller *caller, const void *block, size_t size_bytes);
/* The kind of these two may have MT_FREE_LATER in it. */
void mt_emit_free(unsigned int kind, const void *block);
void mt_emit_realloc(unsigned int kind, const void *block);
/* After one of these two: who called it. */
void mt_emit_free_stack(const struct mt_caller *caller, const void *block);
void mt_emit_realloc_failed(const void *block);

void mt_emit_map(const struct mt_caller *caller, const void *start, size_t size_bytes,
                 uint32_t flags);
void mt_emit_unmap(const struct mt_caller *caller, const void *start, size_t size_bytes);
void mt_emit_unmap_failed(const struct mt_caller *caller, const void *start, size_t size_bytes);
void mt_emit_break(const struct mt_caller *caller, const void *new_break, int64_t change_bytes);

/* flags: enum mt_growth_kind, see wire/event.h; with no frame in the caller it is without a stack. */
void mt_emit_growth(const struct mt_caller *caller, const void *start, int64_t change_bytes,
                    uint32_t flags);

/* This thread has another name. */
void mt_emit_name(const char *name);

/* Life events: FORK, EXEC, EXEC_FAILED, EXIT. The ring that it stands in; NULL: it could not be written. */
const struct mt_ring *mt_emit_life(enum mt_event_type type, unsigned int kind, uint64_t value);

/* A program is about to be started that cannot be traced. */
void mt_emit_untraced(enum mt_untraced why, const char *path);

/* A large record, by code that already holds a level (stacks.c, module.c). False: dropped, counted. */
bool mt_emit_large(struct mt_ring_writer *writer, enum mt_event_type type, uint32_t id,
                   uint64_t argument, const void *first, uint32_t first_bytes, const void *second,
                   uint32_t second_bytes);

/* A fixed record through a writer that the caller holds (thread.c). */
bool mt_emit_fixed(struct mt_ring_writer *writer, uint64_t word, uint64_t size, uint32_t stack,
                   uint32_t flags);

/* Wakes the collector if it sleeps. */
void mt_emit_ring_bell(void);

#endif
