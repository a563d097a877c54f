/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks.c - the malloc family of libc.
 *
 * Runs in the traced process, any thread, any context, also before the constructor. Each hook is alike:
 * real call, record; a free is recorded before its real call. The guard is inside the record, so what the
 * real call does (a signal handler, a new_handler, another hook) is never hidden.
 *
 * Some allocators build one function on another (realloc on malloc and free). Then the inner hook records
 * the block and the outer one sees that it was: mt_tls.recorded, mt_tls.freeing.
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

#define CALLER(kind, bytes) \
	take_caller(kind, bytes, __builtin_return_address(0), __builtin_frame_address(0))

/*
 * Who asked: this hook's caller, or the caller of the operator new that is calling us. An operator that cannot give a
 * block throws, and the exception is allocated here: that is not what it was asked for, and has another size.
 */
static inline struct mt_caller take_caller(unsigned int kind, size_t size_bytes,
                                           const void *address, const void *frame)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_caller caller = {kind, address, 0, frame};

	if (mt_unlikely(tls->outer_kind)) {
		if (mt_outer_is_asked(tls, size_bytes)) {
			caller.kind = tls->outer_kind;
			caller.address = tls->outer_caller;
			caller.size_bytes = tls->outer_is_aligned ? tls->outer_size_bytes : 0;
			caller.frame = tls->outer_frame;
		}
		tls->outer_kind = 0;
	}
	return caller;
}

/* Records a block unless a hook further in has done so. */
static inline void record(const struct mt_caller *caller, const void *block, size_t size_bytes)
{
	struct mt_tls *tls = &mt_tls;

	if (mt_likely(tls->recorded != block))
		mt_gate_alloc(caller, block,
		              mt_unlikely(caller->size_bytes != 0) ? caller->size_bytes
		                                                   : size_bytes);
	if (caller->kind == MT_KIND_NEW || caller->kind == MT_KIND_NEW_ARRAY)
		tls->outer_recorded = block;
}

static inline void need_real(void)
{
	if (mt_unlikely(!mt_real.found))
		mt_real_init();
}

MT_HOOK void *malloc(size_t size)
{
	struct mt_caller caller = CALLER(MT_KIND_MALLOC, size);
	void *block;

	need_real();
	mt_tls.recorded = NULL;
	block = mt_real.malloc(size);
	if (mt_likely(block != NULL))
		record(&caller, block, size);
	return block;
}

MT_HOOK void *calloc(size_t count, size_t size)
{
	struct mt_caller caller = CALLER(MT_KIND_CALLOC, count * size);
	void *block;

	need_real();
	mt_tls.recorded = NULL;
	block = mt_real.calloc(count, size);
	if (mt_likely(block != NULL))
		record(&caller, block, count * size);
	return block;
}

/* In line, because a tail call would take away the frame that `caller` speaks of. */
__attribute__((always_inline)) static inline void *reallocate(void *old, size_t size,
                                                              struct mt_caller caller)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_gate_realloc begun;
	void *block;

	need_real();
	tls->recorded = NULL;
	if (!old) {
		block = mt_real.realloc(NULL, size);
		if (block)
			record(&caller, block, size);
		return block;
	}
	begun = mt_gate_realloc_begin(old);
	if (mt_unlikely(begun.wants_stack))
		mt_emit_free_stack(&caller, old);
	tls->freeing = old;
	block = mt_real.realloc(old, size);
	tls->freeing = NULL;
	if (!block && size != 0) {
		mt_gate_realloc_failed(begun, old);
		return NULL;
	}
	/* realloc(old, 0) that gives NULL has freed. */
	mt_gate_realloc_done(begun, old);
	if (block)
		record(&caller, block, size);
	return block;
}

MT_HOOK void *realloc(void *old, size_t size)
{
	return reallocate(old, size, CALLER(MT_KIND_REALLOC, size));
}

/* No allocator's own is more than this; libc's would call our realloc. */
MT_HOOK void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return reallocate(old, bytes, CALLER(MT_KIND_REALLOC, bytes));
}

/* True: the stack is asked for as well. */
static inline bool record_free(const void *block)
{
	return mt_likely(block && mt_tls.freeing != block) && mt_gate_free(MT_KIND_FREE, block);
}

/* Left to by a tail call, so that its caller is the program. */
MT_COLD static void free_with_stack(void *block)
{
	struct mt_caller caller = {MT_KIND_FREE, __builtin_return_address(0), 0,
	                           __builtin_frame_address(0)};

	mt_emit_free_stack(&caller, block);
	mt_real.free(block);
}

MT_HOOK void free(void *block)
{
	need_real();
	if (mt_unlikely(record_free(block))) {
		free_with_stack(block);
		return;
	}
	mt_real.free(block);
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
	struct mt_caller caller = CALLER(MT_KIND_MEMALIGN, size);
	int error;

	need_real();
	mt_tls.recorded = NULL;
	error = mt_real.posix_memalign(ret_block, alignment, size);
	if (!error && *ret_block)
		record(&caller, *ret_block, size);
	return error;
}

#define ALIGNED_HOOK(name)                                                \
	MT_HOOK void *name(size_t alignment, size_t size)                 \
	{                                                                 \
		struct mt_caller caller = CALLER(MT_KIND_MEMALIGN, size); \
		void *block;                                              \
                                                                          \
		need_real();                                              \
		mt_tls.recorded = NULL;                                   \
		block = mt_real.name(alignment, size);                    \
		if (block)                                                \
			record(&caller, block, size);                     \
		return block;                                             \
	}

ALIGNED_HOOK(aligned_alloc)
ALIGNED_HOOK(memalign)

#define PAGE_HOOK(name)                                                   \
	MT_HOOK void *name(size_t size)                                   \
	{                                                                 \
		struct mt_caller caller = CALLER(MT_KIND_MEMALIGN, size); \
		void *block;                                              \
                                                                          \
		need_real();                                              \
		mt_tls.recorded = NULL;                                   \
		block = mt_real.name(size);                               \
		if (block)                                                \
			record(&caller, block, size);                     \
		return block;                                             \
	}

PAGE_HOOK(valloc)
PAGE_HOOK(pvalloc)

MT_HOOK size_t malloc_usable_size(void *block)
{
	need_real();
	return mt_real.malloc_usable_size(block);
}
