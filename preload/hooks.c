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

#define CALLER_ALONE(kind) \
	((struct mt_caller){kind, __builtin_return_address(0), 0, __builtin_frame_address(0)})
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

/*
 * Where a sample takes nothing of a call, there is nothing to do before it. The other calls are left to by a tail call, so that
 * these here keep next to nothing over the real call.
 *
 * Nor is looked at the break before it, as mt_growth_before() does: where a free gave something back, and the next call of
 * all that allocate takes more from the kernel, what both come to is recorded as the one change that it is.
 */
/* What the allocator has taken from the kernel for it is still to be looked at. */
__attribute__((cold)) MT_TAIL static void *look_at_passed(unsigned int kind, void *block)
{
	if (block)
		mt_growth_look(&CALLER_ALONE(kind), block);
	return block;
}

#define RETURN_PASSED(kind, real_call)                                          \
	do {                                                                    \
		void *given = real_call;                                        \
                                                                                \
		if (mt_unlikely(!given) || mt_unlikely(mt_growth_shows(given))) \
			return look_at_passed(kind, given);                     \
		return given;                                                   \
	} while (0)

/* The same where an allocator's functions may call each other by the hooks. */
#define RETURN_KEPT(real_call, bytes)                     \
	do {                                              \
		uint64_t kept = mt_tls.sample_kept;       \
		void *given = real_call;                  \
                                                          \
		mt_sample_count_kept(given, bytes, kept); \
		return given;                             \
	} while (0)

MT_TAIL static void *malloc_kept(size_t size)
{
	RETURN_KEPT(mt_real.malloc(size), size);
}

MT_TAIL static void *malloc_recorded(size_t size)
{
	struct mt_caller caller = CALLER(MT_KIND_MALLOC, size, 1);
	uint32_t begin = mt_tls.trail_end;
	void *block;

	mt_growth_before();
	block = mt_real.malloc(size);
	if (mt_likely(block != NULL))
		record(&caller, block, size, begin);
	return block;
}

MT_HOOK void *malloc(size_t size)
{
	if (!mt_sample_pass(size))
		return mt_sample_passes_kept(size) ? malloc_kept(size) : malloc_recorded(size);
	RETURN_PASSED(MT_KIND_MALLOC, mt_real.malloc(size));
}

MT_TAIL static void *calloc_kept(size_t count, size_t size)
{
	RETURN_KEPT(mt_real.calloc(count, size), count * size);
}

MT_TAIL static void *calloc_recorded(size_t count, size_t size)
{
	struct mt_caller caller = CALLER(MT_KIND_CALLOC, count * size, 1);
	uint32_t begin = mt_tls.trail_end;
	void *block;

	mt_growth_before();
	block = mt_real.calloc(count, size);
	if (mt_likely(block != NULL))
		record(&caller, block, count * size, begin);
	return block;
}

MT_HOOK void *calloc(size_t count, size_t size)
{
	if (!mt_sample_pass(count * size))
		return mt_sample_passes_kept(count * size) ? calloc_kept(count, size)
		                                           : calloc_recorded(count, size);
	RETURN_PASSED(MT_KIND_CALLOC, mt_real.calloc(count, size));
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

MT_TAIL static void *realloc_kept(void *old, size_t size)
{
	RETURN_KEPT(mt_real.realloc(old, size), size);
}

MT_TAIL static void *realloc_recorded(void *old, size_t size)
{
	return reallocate(old, size, CALLER(MT_KIND_REALLOC, size, 1));
}

MT_HOOK void *realloc(void *old, size_t size)
{
	if (!mt_sample_passes_free(old))
		return realloc_recorded(old, size);
	if (!mt_sample_pass(size))
		return mt_sample_passes_kept(size) ? realloc_kept(old, size)
		                                   : realloc_recorded(old, size);
	RETURN_PASSED(MT_KIND_REALLOC, mt_real.realloc(old, size));
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

__attribute__((cold)) MT_TAIL static void free_with_stack(void *block)
{
	mt_emit_free_stack(&CALLER_ALONE(MT_KIND_FREE), block);
	mt_real.free(block);
}

MT_TAIL static void free_recorded(void *block)
{
	need_real();
	if (mt_unlikely(record_free(block)))
		free_with_stack(block);
	else
		mt_real.free(block);
}

MT_HOOK void free(void *block)
{
	if (mt_unlikely(mt_sample_passes_free(block)))
		mt_real.free(block);
	else
		free_recorded(block);
}

#define RECORD_FREE(block)                                                      \
	do {                                                                    \
		if (mt_unlikely(record_free(block)))                            \
			mt_emit_free_stack(&CALLER_ALONE(MT_KIND_FREE), block); \
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
