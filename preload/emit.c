/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emit.c - one event into this thread's ring; what to do when the ring is full.
 *
 * Runs in the traced process, any thread, any context. errno is saved where something is done that may set it,
 * which is never so on the usual path.
 */
#include "preload/emit.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/config.h"
#include "preload/early.h"
#include "preload/order.h"
#include "preload/patience.h"
#include "preload/shared.h"
#include "preload/stacks.h"
#include "preload/thread.h"
#include "preload/unwind.h"
#include "preload/wait.h"

#define SPINS_BEFORE_SLEEP 200
#define WAIT_STEP_NS       100000000u

void mt_emit_ring_bell(void)
{
	struct mt_segment *segment = mt_process.segment;

	/* seq_cst: the collector stores collector_sleeps, then looks at the heads once more */
	if (atomic_load(&segment->collector_sleeps)) {
		atomic_fetch_add(&segment->doorbell, 1);
		syscall(SYS_futex, &segment->doorbell, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

/* True once there is space; false: tracing was given up. */
MT_COLD static bool wait_for_space(struct mt_ring_writer *writer, uint32_t bytes)
{
	struct mt_ring *ring = writer->ring;
	struct mt_patience patience = {0, 0};
	enum mt_collector_state state;

	mt_emit_ring_bell();
	for (int i = 0; i < SPINS_BEFORE_SLEEP; i++) {
		if (mt_ring_has_space(writer, bytes))
			return true;
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
	}
	for (;;) {
		uint32_t space = atomic_load(&ring->space);
		uint64_t waited_ns;

		/* seq_cst: the reader stores tail, then looks at writer_waits */
		atomic_store(&ring->writer_waits, 1);
		if (mt_ring_has_space(writer, bytes))
			break;
		mt_emit_ring_bell();
		waited_ns = mt_wait(&ring->space, space, WAIT_STEP_NS);
		if (mt_ring_has_space(writer, bytes))
			break;
		if (atomic_load_explicit(&mt_process.state, memory_order_relaxed) !=
		            MT_PROCESS_ON ||
		    atomic_load_explicit(&ring->state, memory_order_relaxed) == MT_RING_BROKEN)
			return false;
		state = mt_patience_step(&patience, mt_process.segment, waited_ns);
		if (state == MT_COLLECTOR_ALIVE)
			continue;
		if (state == MT_COLLECTOR_HUNG)
			atomic_store(&mt_process.slot->gave_up, MT_GAVE_UP_HEARTBEAT);
		mt_process_off(NULL);
		mt_patience_say(mt_process.segment, state);
		return false;
	}
	atomic_store_explicit(&ring->writer_waits, 0, memory_order_relaxed);
	return true;
}

/* Half a ring was written since the collector was last seen to read: see that it is awake. */
MT_COLD static void check_bell(struct mt_ring_writer *writer)
{
	uint64_t size_bytes = writer->mask + 1;
	uint64_t tail = atomic_load_explicit(&writer->ring->tail, memory_order_relaxed);

	if (writer->head - tail >= size_bytes / 2)
		mt_emit_ring_bell();
	writer->bell_at = writer->head + size_bytes / 4;
}

static bool has_space_in_time(struct mt_ring_writer *writer, uint32_t bytes)
{
	return mt_ring_has_space(writer, bytes) ||
	       (!mt_config.overflow_drops && wait_for_space(writer, bytes));
}

/* In a shared ring, which is held from here on until the event is done. */
static bool find_shared_space(struct mt_ring_writer *writer, uint32_t bytes)
{
	struct mt_event_fixed begin = {.word = mt_event_word(MT_EVENT_THREAD_BEGIN, 0, writer->tid),
	                               .size_bytes = mt_process.slot_index,
	                               .stack = mt_process.slot_generation,
	                               .flags = writer->share == MT_RING_SHARED ? MT_THREAD_AGAIN
	                                                                        : 0};
	uint32_t announced_bytes = 0, at;

	if (!mt_shared_hold(writer))
		return false;
	if (!begin.flags || mt_shared_last() != writer->tid)
		announced_bytes = MT_EVENT_UNIT + sizeof(begin);
	if (!has_space_in_time(writer, announced_bytes + bytes))
		return false;
	if (announced_bytes) {
		at = mt_order_now(writer, true);
		mt_ring_put(writer, at, &begin, sizeof(begin));
		mt_ring_publish(writer, at + sizeof(begin));
		writer->share = MT_RING_SHARED;
		mt_shared_set_last(writer->tid);
	}
	return true;
}

/* Beyond the writer's limit. False: the event is dropped, and counted. */
MT_COLD static bool find_space(struct mt_ring_writer *writer, uint32_t bytes)
{
	int saved_errno = errno;
	bool is_own = writer->share == MT_RING_OWN;
	bool has_space =
	        is_own ? has_space_in_time(writer, bytes) : find_shared_space(writer, bytes);

	if (!has_space)
		atomic_fetch_add_explicit(&mt_process.slot->dropped, 1, memory_order_relaxed);
	else if (writer->head >= writer->bell_at)
		check_bell(writer);
	if (is_own)
		writer->limit =
		        writer->space_end < writer->bell_at ? writer->space_end : writer->bell_at;
	errno = saved_errno;
	return has_space;
}

/* For a record of so many bytes, and its stamp. */
static inline bool make_space(struct mt_ring_writer *writer, uint32_t bytes)
{
	bytes += MT_EVENT_UNIT;
	return mt_likely(writer->head + bytes <= writer->limit) || find_space(writer, bytes);
}

static inline bool is_of_block(unsigned int type)
{
	return type == MT_EVENT_ALLOC || type == MT_EVENT_REALLOC ||
	       type == MT_EVENT_REALLOC_FAILED;
}

/* gcc 12 takes it for too large. */
__attribute__((always_inline)) static inline bool put_fixed(struct mt_ring_writer *writer,
                                                            uint64_t word, uint64_t size,
                                                            uint32_t stack, uint32_t flags)
{
	uint32_t at;

	if (mt_unlikely(!make_space(writer, sizeof(struct mt_event_fixed))))
		return false;
	at = is_of_block(mt_event_type(word))
	             ? mt_order_stamp(writer, mt_event_addr(word),
	                              mt_order_is_large(mt_event_addr(word), size))
	             : mt_order_now(writer, true);
	at += mt_ring_put_fixed(writer, at, word, size, stack, flags);
	mt_ring_publish(writer, at);
	return true;
}

bool mt_emit_fixed(struct mt_ring_writer *writer, uint64_t word, uint64_t size, uint32_t stack,
                   uint32_t flags)
{
	return put_fixed(writer, word, size, stack, flags);
}

bool mt_emit_large(struct mt_ring_writer *writer, enum mt_event_type type, uint32_t id,
                   uint64_t argument, const void *first, uint32_t first_bytes, const void *second,
                   uint32_t second_bytes)
{
	uint32_t length_bytes = first_bytes + second_bytes;
	uint32_t bytes = mt_event_bytes(type, length_bytes);
	struct mt_event_large event = {mt_event_word(type, 0, 0), length_bytes, id, argument};
	uint32_t at;

	if (length_bytes > MT_EVENT_PAYLOAD_MAX || !make_space(writer, bytes))
		return false;
	at = type == MT_EVENT_STACK ? mt_order_early(writer) : mt_order_now(writer, true);
	mt_ring_put(writer, at, &event, sizeof(event));
	mt_ring_put(writer, at + sizeof(event), first, first_bytes);
	if (second_bytes)
		mt_ring_put(writer, at + sizeof(event) + first_bytes, second, second_bytes);
	mt_ring_publish(writer, at + bytes);
	return true;
}

/* What to do with an event for which there is no ring. */
MT_COLD static void missed(enum mt_event_type type, const struct mt_caller *caller,
                           const void *addr, size_t size_bytes)
{
	uint32_t state = atomic_load_explicit(&mt_process.state, memory_order_relaxed);

	if (state == MT_PROCESS_EARLY)
		mt_early_keep(type, caller, addr, size_bytes);
	else if (atomic_load_explicit(&mt_process.adopting, memory_order_relaxed))
		atomic_fetch_add_explicit(&mt_process.missed, 1, memory_order_relaxed);
	else if (state == MT_PROCESS_ON && mt_process.slot)
		atomic_fetch_add_explicit(&mt_process.slot->dropped, 1, memory_order_relaxed);
}

MT_COLD static void too_high(void)
{
	if (mt_process.slot)
		atomic_fetch_add_explicit(&mt_process.slot->high_addresses, 1,
		                          memory_order_relaxed);
}

/* Everything but a plain free: a fixed record, with a stack when `with_stack`. False: it was not written. */
__attribute__((always_inline)) static inline bool emit_inline(enum mt_event_type type,
                                                              const struct mt_caller *caller,
                                                              const void *addr, uint64_t size,
                                                              uint32_t flags, bool with_stack)
{
	struct mt_ring_writer *writer;
	struct mt_thread *thread;
	bool is_written = false;
	uint32_t stack = 0;
	uint32_t level;

	if (mt_unlikely((uintptr_t)addr >> MT_EVENT_ADDR_BITS)) {
		too_high();
		return false;
	}
	thread = mt_thread_enter(&level);
	if (mt_unlikely(!thread)) {
		missed(type, caller, addr, size);
		return false;
	}
	writer = mt_thread_writer(thread, level);
	if (mt_likely(writer != NULL)) {
		if (with_stack)
			stack = mt_stacks_take(thread, level, writer, caller);
		is_written = put_fixed(writer, mt_event_word(type, caller->kind, (uintptr_t)addr),
		                       size, stack, flags);
	} else {
		missed(type, caller, addr, size);
	}
	mt_thread_leave(level);
	return is_written;
}

/* All but an allocation as it usually is. */
static __attribute__((noinline)) bool emit(enum mt_event_type type, const struct mt_caller *caller,
                                           const void *addr, uint64_t size, uint32_t flags,
                                           bool with_stack)
{
	return emit_inline(type, caller, addr, size, flags, with_stack);
}

/* The thread's first allocation, one of memtrace's own, or one past the thread's end. */
MT_COLD static bool emit_odd_alloc(const struct mt_caller *caller, const void *block,
                                   size_t size_bytes)
{
	struct mt_tls *tls = &mt_tls;
	int saved_errno = errno;
	bool is_written;

	if (tls->cold)
		mt_unwind_warm_up(caller->address);
	is_written = emit(MT_EVENT_ALLOC, caller, block, size_bytes, tls->own ? MT_ALLOC_OWN : 0,
	                  !tls->own);
	errno = saved_errno;
	return is_written;
}

bool mt_emit_alloc(const struct mt_caller *caller, const void *block, size_t size_bytes)
{
	struct mt_tls *tls = &mt_tls;
	bool is_written;

	mt_thread_leave_trail(block);
	if (mt_unlikely(tls->freeing == block))
		tls->freeing = NULL;
	if (mt_likely(!tls->odd))
		is_written = emit_inline(MT_EVENT_ALLOC, caller, block, size_bytes, 0, true);
	else
		is_written = emit_odd_alloc(caller, block, size_bytes);
	if (mt_unlikely(tls->wants_libunwind))
		mt_unwind_fetch_libunwind();
	return is_written;
}

void mt_emit_free(unsigned int kind, const void *block)
{
	struct mt_ring_writer *writer;
	struct mt_thread *thread;
	uint32_t level, at;

	if (mt_unlikely((uintptr_t)block >> MT_EVENT_ADDR_BITS))
		return;
	thread = mt_thread_enter(&level);
	if (mt_unlikely(!thread)) {
		missed(MT_EVENT_FREE, &(struct mt_caller){.kind = kind}, block, 0);
		return;
	}
	writer = mt_thread_writer(thread, level);
	if (mt_likely(writer && make_space(writer, MT_EVENT_UNIT))) {
		at = mt_order_stamp(writer, (uintptr_t)block,
		                    mt_order_is_large((uintptr_t)block, 0));
		mt_ring_put_word(writer, at, mt_event_word(MT_EVENT_FREE, kind, (uintptr_t)block));
		mt_ring_publish(writer, at + MT_EVENT_UNIT);
	}
	mt_thread_leave(level);
}

void mt_emit_realloc(unsigned int kind, const void *block)
{
	struct mt_caller caller = {.kind = kind};

	emit(MT_EVENT_REALLOC, &caller, block, 0, 0, false);
}

void mt_emit_free_stack(const struct mt_caller *caller, const void *block)
{
	struct mt_tls *tls = &mt_tls;
	int saved_errno = errno;

	if (tls->cold)
		mt_unwind_warm_up(caller->address);
	if (!tls->own)
		emit(MT_EVENT_FREE_STACK, caller, block, 0, 0, true);
	errno = saved_errno;
}

void mt_emit_realloc_failed(const void *block)
{
	static const struct mt_caller caller = {.kind = MT_KIND_REALLOC};

	emit(MT_EVENT_REALLOC_FAILED, &caller, block, 0, 0, false);
}

/* The mapping hooks also run inside an allocator that holds its locks, where nothing may allocate. */
static void emit_mapping(enum mt_event_type type, const struct mt_caller *caller, const void *addr,
                         uint64_t size, uint32_t flags, bool with_stack)
{
	if (!mt_tls.own)
		emit(type, caller, addr, size, flags, with_stack);
}

void mt_emit_map(const struct mt_caller *caller, const void *start, size_t size_bytes,
                 uint32_t flags)
{
	emit_mapping(MT_EVENT_MAP, caller, start, size_bytes, flags, true);
}

void mt_emit_unmap(const struct mt_caller *caller, const void *start, size_t size_bytes)
{
	emit_mapping(MT_EVENT_UNMAP, caller, start, size_bytes, 0, false);
}

void mt_emit_unmap_failed(const struct mt_caller *caller, const void *start, size_t size_bytes)
{
	emit_mapping(MT_EVENT_UNMAP_FAILED, caller, start, size_bytes, 0, false);
}

void mt_emit_break(const struct mt_caller *caller, const void *new_break, int64_t change_bytes)
{
	emit_mapping(MT_EVENT_BREAK, caller, new_break, (uint64_t)change_bytes, 0, true);
}

void mt_emit_growth(const struct mt_caller *caller, const void *start, int64_t change_bytes,
                    uint32_t flags)
{
	emit(MT_EVENT_GROWTH, caller, start, (uint64_t)change_bytes, flags,
	     caller->frame && !mt_tls.own);
}

const struct mt_ring *mt_emit_life(enum mt_event_type type, unsigned int kind, uint64_t value)
{
	const struct mt_ring *ring = NULL;
	struct mt_ring_writer *writer;
	struct mt_thread *thread;
	uint32_t level;

	thread = mt_thread_enter(&level);
	if (thread) {
		writer = mt_thread_writer(thread, level);
		if (writer && put_fixed(writer, mt_event_word(type, kind, 0), value, 0, 0))
			ring = writer->ring;
		mt_thread_leave(level);
	}
	return ring;
}

static void emit_text(enum mt_event_type type, uint32_t id, const char *text, size_t most)
{
	struct mt_ring_writer *writer;
	struct mt_thread *thread;
	uint32_t level;

	thread = mt_thread_enter(&level);
	if (!thread)
		return;
	writer = mt_thread_writer(thread, level);
	if (writer)
		mt_emit_large(writer, type, id, 0, text, (uint32_t)strnlen(text, most), NULL, 0);
	mt_thread_leave(level);
}

void mt_emit_untraced(enum mt_untraced why, const char *path)
{
	emit_text(MT_EVENT_UNTRACED, why, path, PATH_MAX);
}

void mt_emit_name(const char *name)
{
	emit_text(MT_EVENT_NAME, 0, name, MT_EVENT_NAME_MAX);
}
