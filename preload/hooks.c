/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks.c - the malloc family of libc.
 *
 * Runs in the traced process, any thread, any context, also before the constructor. Each hook is alike:
 * real call, record; a free is recorded before its real call. The guard is inside the record, so what the
 * real call does (a signal handler, a new_handler, another hook) is never hidden.
 *
 * Some allocators build one function on another (realloc on malloc and free). Then the inner hook records
 * the block and the outer one sees that it was: mt_tls.trail, mt_tls.freeing.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "preload/gate.h"
#include "preload/real.h"
#include "preload/thread.h"

/* Not in this libc's headers, or in no header any more. */
void cfree(void *block);
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

/* At least: what is asked of valloc() and pvalloc() is rounded up by them. */
#define PAGE_BYTES 4096u

#define CALLER(kind, size, align) \
	take_caller(kind, __builtin_return_address(0), __builtin_frame_address(0), size, align)

/*
 * Does an operator new that was asked for outer_size_bytes ask for this? It makes 1 of 0, and multiples of the alignment
 * of the rest. What a signal handler allocates meanwhile is seldom the same.
 */
static inline bool is_outers(size_t size, size_t align)
{
	return size - mt_tls.outer_size_bytes < align ||
	       (!mt_tls.outer_size_bytes && size <= align);
}

/* Who asked: this hook's caller, or the caller of the operator new that is calling us. */
static inline struct mt_caller take_caller(unsigned int kind, const void *address,
                                           const void *frame, size_t size, size_t align)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_caller caller = {kind, address, 0, frame};

	if (mt_unlikely(tls->outer_kind) && is_outers(size, align)) {
		caller.kind = tls->outer_kind;
		caller.address = tls->outer_caller;
		caller.size_bytes = align > 1 ? tls->outer_size_bytes : 0;
		caller.frame = tls->outer_frame;
		tls->outer_kind = 0;
	}
	return caller;
}

/* Records a block unless a hook further in has done so since the trail ended at `begin`. */
__attribute__((always_inline)) static inline void
record(const struct mt_caller *caller, const void *block, size_t size_bytes, uint32_t begin)
{
	if (mt_likely(!mt_thread_is_recorded(block, begin)))
		mt_gate_alloc(caller, block,
		              mt_unlikely(caller->size_bytes != 0) ? caller->size_bytes
		                                                   : size_bytes);
	if (caller->kind == MT_KIND_NEW || caller->kind == MT_KIND_NEW_ARRAY)
		mt_tls.outer_recorded = block;
}

static inline void need_real(void)
{
	if (mt_unlikely(!mt_real.found))
		mt_real_init();
}

/* A sample is recorded, and no operator new has called us: then most calls leave nothing to be recorded. */
static inline bool is_sampled(void)
{
	return mt_gate_samples() && mt_likely(!mt_tls.outer_kind);
}

/* The rest of a call of which something is to be recorded after all. Not a tail call: `caller` stands in the hook's frame. */
MT_COLD static void *record_sampled(const struct mt_caller *caller, void *block, size_t size_bytes,
                                    uint32_t begin)
{
	if (block)
		record(caller, block, size_bytes, begin);
	return block;
}

/* Apart from the way of calls that are recorded: what those keep over the real call need not be kept here. */
#define RETURN_SAMPLED(kind, real_call, size_bytes)                                             \
	do {                                                                                    \
		uint32_t end = mt_tls.trail_end;                                                \
		void *given;                                                                    \
                                                                                                \
		mt_growth_before();                                                             \
		given = real_call;                                                              \
		if (mt_likely(given != NULL) &&                                                 \
		    mt_likely(mt_gate_passes_alloc(given, size_bytes, end)))                    \
			return given;                                                           \
		return record_sampled(&(struct mt_caller){kind, __builtin_return_address(0), 0, \
		                                          __builtin_frame_address(0)},          \
		                      given, size_bytes, end);                                  \
	} while (0)

MT_HOOK void *malloc(size_t size)
{
	struct mt_caller caller;
	uint32_t begin;
	void *block;

	if (is_sampled())
		RETURN_SAMPLED(MT_KIND_MALLOC, mt_real.malloc(size), size);
	caller = CALLER(MT_KIND_MALLOC, size, 1);
	begin = mt_tls.trail_end;
	mt_growth_before();
	block = mt_real.malloc(size);
	if (mt_likely(block != NULL))
		record(&caller, block, size, begin);
	return block;
}

MT_HOOK void *calloc(size_t count, size_t size)
{
	struct mt_caller caller;
	uint32_t begin;
	void *block;

	if (is_sampled())
		RETURN_SAMPLED(MT_KIND_CALLOC, mt_real.calloc(count, size), count * size);
	caller = CALLER(MT_KIND_CALLOC, count * size, 1);
	begin = mt_tls.trail_end;
	mt_growth_before();
	block = mt_real.calloc(count, size);
	if (mt_likely(block != NULL))
		record(&caller, block, count * size, begin);
	return block;
}

/* In line, because a tail call would take away the frame that `caller` speaks of. */
__attribute__((always_inline)) static inline void *reallocate(void *old, size_t size,
                                                              struct mt_caller caller)
{
	struct mt_tls *tls = &mt_tls;
	const void *freeing = tls->freeing;
	struct mt_gate_realloc begun;
	uint32_t begin;
	void *block;

	mt_growth_before();
	begin = tls->trail_end;
	if (!old) {
		block = mt_real.realloc(NULL, size);
		if (block)
			record(&caller, block, size, begin);
		return block;
	}
	mt_thread_end_trail(old);
	begin = tls->trail_end;
	begun = mt_gate_realloc_begin(old);
	if (mt_unlikely(begun.wants_stack))
		mt_emit_free_stack(&caller, old);
	tls->freeing = old;
	block = mt_real.realloc(old, size);
	/* A signal handler's realloc ends nothing of what it interrupted. */
	tls->freeing = freeing;
	if (!block && size != 0) {
		mt_thread_leave_trail(old);
		mt_gate_realloc_failed(begun, old);
		return NULL;
	}
	/* realloc(old, 0) that gives NULL has freed. */
	mt_gate_realloc_done(begun, old);
	if (block)
		record(&caller, block, size, begin);
	return block;
}

MT_HOOK void *realloc(void *old, size_t size)
{
	return reallocate(old, size, CALLER(MT_KIND_REALLOC, size, 1));
}

/* No allocator's own is more than this; libc's would call our realloc. */
MT_HOOK void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return reallocate(old, bytes, CALLER(MT_KIND_REALLOC, bytes, 1));
}

/* True: the stack is asked for as well. In line: the call alone would be ten instructions. */
__attribute__((always_inline)) static inline bool record_free(const void *block)
{
	if (mt_unlikely(!block || mt_tls.freeing == block))
		return false;
	mt_thread_end_trail(block);
	return mt_gate_free(MT_KIND_FREE, block);
}

/* Left to by a tail call, so that its caller is the program. */
MT_COLD static void free_with_stack(void *block)
{
	struct mt_caller caller = {MT_KIND_FREE, __builtin_return_address(0), 0,
	                           __builtin_frame_address(0)};

	mt_emit_free_stack(&caller, block);
	mt_real.free(block);
}

__attribute__((noinline)) static void free_recorded(void *block)
{
	if (mt_unlikely(record_free(block))) {
		free_with_stack(block);
		return;
	}
	mt_real.free(block);
}

/* By tail calls alone: so a free that a sample leaves out keeps nothing across a call, and makes no room for that. */
MT_HOOK void free(void *block)
{
	need_real();
	if (mt_gate_samples() && mt_likely(block != NULL) && mt_likely(mt_gate_passes_free(block)))
		mt_real.free(block);
	else
		free_recorded(block);
}

#define RECORD_FREE(block)                                                                     \
	do {                                                                                   \
		if (mt_unlikely(record_free(block)))                                           \
			mt_emit_free_stack(&(struct mt_caller){MT_KIND_FREE,                   \
			                                       __builtin_return_address(0), 0, \
			                                       __builtin_frame_address(0)},    \
			                   block);                                             \
	} while (0)

MT_HOOK void cfree(void *block)
{
	need_real();
	RECORD_FREE(block);
	(mt_real.cfree ? mt_real.cfree : mt_real.free)(block);
}

MT_HOOK void free_sized(void *block, size_t size)
{
	need_real();
	RECORD_FREE(block);
	if (mt_real.free_sized)
		mt_real.free_sized(block, size);
	else
		mt_real.free(block);
}

MT_HOOK void free_aligned_sized(void *block, size_t alignment, size_t size)
{
	need_real();
	RECORD_FREE(block);
	if (mt_real.free_aligned_sized)
		mt_real.free_aligned_sized(block, alignment, size);
	else
		mt_real.free(block);
}

MT_HOOK int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	struct mt_caller caller = CALLER(MT_KIND_MEMALIGN, size, alignment);
	uint32_t begin = mt_tls.trail_end;
	int error;

	mt_growth_before();
	error = mt_real.posix_memalign(ret_block, alignment, size);
	if (!error && *ret_block)
		record(&caller, *ret_block, size, begin);
	return error;
}

#define ALIGNED_HOOK(name)                                                           \
	MT_HOOK void *name(size_t alignment, size_t size)                            \
	{                                                                            \
		struct mt_caller caller = CALLER(MT_KIND_MEMALIGN, size, alignment); \
		uint32_t begin = mt_tls.trail_end;                                   \
		void *block;                                                         \
                                                                                     \
		mt_growth_before();                                                  \
		block = mt_real.name(alignment, size);                               \
		if (block)                                                           \
			record(&caller, block, size, begin);                         \
		return block;                                                        \
	}

ALIGNED_HOOK(aligned_alloc)
ALIGNED_HOOK(memalign)

#define PAGE_HOOK(name)                                                               \
	MT_HOOK void *name(size_t size)                                               \
	{                                                                             \
		struct mt_caller caller = CALLER(MT_KIND_MEMALIGN, size, PAGE_BYTES); \
		uint32_t begin = mt_tls.trail_end;                                    \
		void *block;                                                          \
                                                                                      \
		mt_growth_before();                                                   \
		block = mt_real.name(size);                                           \
		if (block)                                                            \
			record(&caller, block, size, begin);                          \
		return block;                                                         \
	}

PAGE_HOOK(valloc)
PAGE_HOOK(pvalloc)

MT_HOOK size_t malloc_usable_size(void *block)
{
	need_real();
	return mt_real.malloc_usable_size(block);
}
