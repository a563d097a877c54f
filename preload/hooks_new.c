/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks_new.c - every global operator new and delete of C++17.
 *
 * Runs in the traced process, any thread. libstdc++'s operators call malloc and free: then those hooks record
 * the block, with the kind and caller that stand in mt_tls, and these only see that it was done. An
 * allocator that defines the operators itself calls nothing that we hook: then these record.
 *
 * The real operator may throw: the file is built with -fexceptions, and nothing here has to be undone, because the
 * malloc that failed, or that of the exception, has already taken what was left for it in mt_tls.
 *
 * The operators are looked for when they are first called: the C++ library may belong to a plugin that was
 * loaded later, out of the global scope.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "preload/gate.h"
#include "preload/real.h"
#include "preload/say.h"
#include "preload/thread.h"

typedef size_t mt_align; /* std::align_val_t */

/* Returns where the trail ends. */
static inline uint32_t outer_begin(unsigned int kind, const void *caller, const void *frame,
                                   size_t size_bytes)
{
	struct mt_tls *tls = &mt_tls;

	/* operator new[] calls operator new: the outermost is the one that the program called. */
	if (!tls->outer_kind) {
		tls->outer_caller = caller;
		tls->outer_size_bytes = size_bytes;
		tls->outer_frame = frame;
		/* a handler that comes here finds all of it, or nothing */
		atomic_signal_fence(memory_order_seq_cst);
		tls->outer_kind = kind;
	}
	tls->outer_recorded = NULL;
	return tls->trail_end;
}

static inline void outer_end(unsigned int kind, const void *caller, const void *frame,
                             const void *block, size_t size_bytes, uint32_t begin)
{
	struct mt_tls *tls = &mt_tls;

	if (block && tls->outer_recorded != block && !mt_thread_is_recorded(block, begin)) {
		if (tls->outer_kind) {
			kind = tls->outer_kind;
			caller = tls->outer_caller;
			frame = tls->outer_frame;
		}
		mt_gate_alloc(&(struct mt_caller){kind, caller, 0, frame}, block, size_bytes);
		tls->outer_recorded = block;
	}
	tls->outer_kind = 0;
}

/* Fills a pointer to a real operator; there is no going on without one. */
MT_COLD static void *look_up(_Atomic(void *) *place, const char *name)
{
	void *found = mt_real_find(name);

	if (!found) {
		mt_say("the program calls ", name, ", but no loaded object defines it", NULL);
		_exit(127);
	}
	atomic_store_explicit(place, found, memory_order_relaxed);
	return found;
}

/*
 * The body of an operator new: _passed where a sample takes nothing of what it is asked for. Unless a hook further in has
 * decided so as well, which shows in the distance that there was before, it is counted down there.
 */
#define NEW_HOOK(symbol, kind, parameters, arguments)                                        \
	static _Atomic(void *) symbol##_real;                                                \
                                                                                             \
	MT_TAIL static void *symbol##_recorded parameters                                    \
	{                                                                                    \
		void *function = atomic_load_explicit(&symbol##_real, memory_order_relaxed); \
		const void *caller = __builtin_return_address(0);                            \
		const void *frame = __builtin_frame_address(0);                              \
		uint32_t begin;                                                              \
		void *block;                                                                 \
                                                                                             \
		if (mt_unlikely(!function))                                                  \
			function = look_up(&symbol##_real, #symbol);                         \
		begin = outer_begin(kind, caller, frame, size);                              \
		block = ((void *(*)parameters)function)arguments;                            \
		outer_end(kind, caller, frame, block, size, begin);                          \
		return block;                                                                \
	}                                                                                    \
                                                                                             \
	MT_TAIL static void *symbol##_passed parameters                                      \
	{                                                                                    \
		void *function = atomic_load_explicit(&symbol##_real, memory_order_relaxed); \
		uint64_t left = mt_tls.sample_left;                                          \
		void *block;                                                                 \
                                                                                             \
		if (mt_unlikely(!function))                                                  \
			function = look_up(&symbol##_real, #symbol);                         \
		block = ((void *(*)parameters)function)arguments;                            \
		if (mt_unlikely(mt_tls.sample_left == left) && block)                        \
			mt_sample_count_down(size);                                          \
		return block;                                                                \
	}                                                                                    \
                                                                                             \
	MT_HOOK void *symbol parameters;                                                     \
	MT_HOOK void *symbol parameters                                                      \
	{                                                                                    \
		return mt_unlikely(mt_sample_passes(size)) ? symbol##_passed arguments       \
		                                           : symbol##_recorded arguments;    \
	}

#define DELETE_HOOK(symbol, kind, parameters, arguments)                                          \
	static _Atomic(void *) symbol##_real;                                                     \
                                                                                                  \
	MT_TAIL static void symbol##_recorded parameters                                          \
	{                                                                                         \
		void *function = atomic_load_explicit(&symbol##_real, memory_order_relaxed);      \
		struct mt_tls *tls = &mt_tls;                                                     \
		const void *freeing = tls->freeing;                                               \
                                                                                                  \
		if (mt_unlikely(!function))                                                       \
			function = look_up(&symbol##_real, #symbol);                              \
		if (block && freeing != block) {                                                  \
			mt_thread_end_trail(block);                                               \
			if (mt_unlikely(mt_gate_free(kind, block)))                               \
				mt_emit_free_stack(                                               \
				        &(struct mt_caller){kind, __builtin_return_address(0), 0, \
				                            __builtin_frame_address(0)},          \
				        block);                                                   \
			tls->freeing = block;                                                     \
		}                                                                                 \
		((void(*) parameters)function) arguments;                                         \
		tls->freeing = freeing;                                                           \
	}                                                                                         \
                                                                                                  \
	MT_HOOK void symbol parameters;                                                           \
	MT_HOOK void symbol parameters                                                            \
	{                                                                                         \
		void *function = atomic_load_explicit(&symbol##_real, memory_order_relaxed);      \
                                                                                                  \
		if (mt_unlikely(mt_sample_passes_free(block)) && mt_likely(function != NULL))     \
			((void(*) parameters)function) arguments;                                 \
		else                                                                              \
			symbol##_recorded arguments;                                              \
	}

#define NOTHROW const struct mt_nothrow *nothrow

/* clang-format off */
NEW_HOOK(_Znwm, MT_KIND_NEW, (size_t size), (size))
NEW_HOOK(_Znam, MT_KIND_NEW_ARRAY, (size_t size), (size))
NEW_HOOK(_ZnwmRKSt9nothrow_t, MT_KIND_NEW, (size_t size, NOTHROW), (size, nothrow))
NEW_HOOK(_ZnamRKSt9nothrow_t, MT_KIND_NEW_ARRAY, (size_t size, NOTHROW), (size, nothrow))
NEW_HOOK(_ZnwmSt11align_val_t, MT_KIND_NEW, (size_t size, mt_align align), (size, align))
NEW_HOOK(_ZnamSt11align_val_t, MT_KIND_NEW_ARRAY, (size_t size, mt_align align), (size, align))
NEW_HOOK(_ZnwmSt11align_val_tRKSt9nothrow_t, MT_KIND_NEW, (size_t size, mt_align align, NOTHROW),
	 (size, align, nothrow))
NEW_HOOK(_ZnamSt11align_val_tRKSt9nothrow_t, MT_KIND_NEW_ARRAY, (size_t size, mt_align align, NOTHROW),
	 (size, align, nothrow))

DELETE_HOOK(_ZdlPv, MT_KIND_DELETE, (void *block), (block))
DELETE_HOOK(_ZdaPv, MT_KIND_DELETE_ARRAY, (void *block), (block))
DELETE_HOOK(_ZdlPvm, MT_KIND_DELETE, (void *block, size_t size), (block, size))
DELETE_HOOK(_ZdaPvm, MT_KIND_DELETE_ARRAY, (void *block, size_t size), (block, size))
DELETE_HOOK(_ZdlPvRKSt9nothrow_t, MT_KIND_DELETE, (void *block, NOTHROW), (block, nothrow))
DELETE_HOOK(_ZdaPvRKSt9nothrow_t, MT_KIND_DELETE_ARRAY, (void *block, NOTHROW), (block, nothrow))
DELETE_HOOK(_ZdlPvSt11align_val_t, MT_KIND_DELETE, (void *block, mt_align align), (block, align))
DELETE_HOOK(_ZdaPvSt11align_val_t, MT_KIND_DELETE_ARRAY, (void *block, mt_align align), (block, align))
DELETE_HOOK(_ZdlPvmSt11align_val_t, MT_KIND_DELETE, (void *block, size_t size, mt_align align),
	    (block, size, align))
DELETE_HOOK(_ZdaPvmSt11align_val_t, MT_KIND_DELETE_ARRAY, (void *block, size_t size, mt_align align),
	    (block, size, align))
DELETE_HOOK(_ZdlPvSt11align_val_tRKSt9nothrow_t, MT_KIND_DELETE, (void *block, mt_align align, NOTHROW),
	    (block, align, nothrow))
DELETE_HOOK(_ZdaPvSt11align_val_tRKSt9nothrow_t, MT_KIND_DELETE_ARRAY,
	    (void *block, mt_align align, NOTHROW), (block, align, nothrow))
