/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thread.c - threads attach at their first event and give their rings back when they end.
 *
 * The end is seen by the destructor of a pthread key, put off to the last pass over the destructors, so that
 * what other destructors free is still recorded in place. What comes even later attaches for one event.
 */
#include "preload/thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/config.h"
#include "preload/emit.h"
#include "preload/own.h"
#include "preload/real.h"
#include "preload/say.h"
#include "preload/unwind.h"

/* glibc's PTHREAD_DESTRUCTOR_ITERATIONS */
#define DESTRUCTOR_PASSES 4u
/* A frame this far above another one on the same stack cannot be a live caller's of ours. */
#define STALE_WITHIN_BYTES (1u << 20)

__thread struct mt_tls mt_tls
        __attribute__((tls_model("initial-exec"))) = {.generation = MT_DETACHED, .cold = true};

static struct mt_thread *places; /* MT_RINGS of them, one a ring; wiped in a forked child */
static unsigned int key;
static bool have_key;

static void on_thread_end(void *set)
{
	if (++mt_tls.passes < DESTRUCTOR_PASSES) {
		mt_real.pthread_setspecific(key, set);
		return;
	}
	mt_tls.transient = true;
	if (mt_tls.generation == atomic_load_explicit(&mt_wiped->generation, memory_order_relaxed))
		mt_thread_detach();
}

int mt_thread_init(void)
{
	places = mt_own_map(MT_RINGS * sizeof(struct mt_thread), true);
	if (!places)
		return -errno;
	have_key = mt_real.pthread_key_create && mt_real.pthread_setspecific &&
	           mt_real.pthread_key_create(&key, on_thread_end) == 0;
	return 0;
}

/* Takes a free ring or makes one; NULL: neither is to be had. */
static struct mt_ring *claim_ring(uint32_t tid, uint32_t *ret_index)
{
	struct mt_segment *segment = mt_process.segment;
	struct mt_ring *rings = mt_segment_rings(segment);
	uint32_t count = atomic_load_explicit(&segment->ring_count, memory_order_acquire);
	struct mt_ring *ring;
	uint64_t used;
	uint32_t bytes;

	for (uint32_t i = 0; i < count && i < MT_RINGS; i++) {
		uint32_t state = MT_RING_FREE;

		if (atomic_load_explicit(&rings[i].state, memory_order_relaxed) != MT_RING_FREE)
			continue;
		/* acquire: head as the last owner left it; partner: its release in give_back() */
		if (atomic_compare_exchange_strong_explicit(&rings[i].state, &state, MT_RING_OWNED,
		                                            memory_order_acquire,
		                                            memory_order_relaxed)) {
			atomic_store_explicit(&rings[i].owner_slot, mt_process.slot_index,
			                      memory_order_relaxed);
			atomic_store_explicit(&rings[i].owner_tid, tid, memory_order_relaxed);
			*ret_index = i;
			return &rings[i];
		}
	}
	if (count >= MT_RINGS)
		return NULL;
	used = atomic_load_explicit(&segment->ring_data_used, memory_order_relaxed);
	do {
		bytes = mt_segment_ring_bytes(segment->ring_bytes, used);
		if (used + bytes > MT_RING_DATA_BYTES)
			return NULL;
	} while (!atomic_compare_exchange_weak(&segment->ring_data_used, &used, used + bytes));
	*ret_index = atomic_fetch_add(&segment->ring_count, 1);
	if (*ret_index >= MT_RINGS)
		return NULL;
	ring = &rings[*ret_index];
	atomic_fetch_add_explicit(&mt_process.slot->rings, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&mt_process.slot->ring_bytes, bytes, memory_order_relaxed);
	ring->size_bytes = bytes;
	ring->offset_bytes = MT_SEGMENT_DATA_AT + used;
	atomic_store_explicit(&ring->owner_slot, mt_process.slot_index, memory_order_relaxed);
	atomic_store_explicit(&ring->owner_tid, tid, memory_order_relaxed);
	/* release: size and offset; partner: the collector's acquire load of state */
	atomic_store_explicit(&ring->state, MT_RING_OWNED, memory_order_release);
	return ring;
}

static void give_back(struct mt_ring_writer *writer)
{
	struct mt_ring *ring = writer->ring;

	writer->ring = NULL;
	atomic_store_explicit(&ring->state, MT_RING_FREE, memory_order_release);
}

/* Sets a writer up on a claimed ring and says who writes now. */
static bool begin(struct mt_ring_writer *writer, struct mt_ring *ring, uint32_t tid)
{
	writer->data = (unsigned char *)mt_process.segment + ring->offset_bytes;
	writer->mask = ring->size_bytes - 1;
	writer->head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	writer->limit = 0;
	writer->space_end = 0;
	writer->bell_at = writer->head + ring->size_bytes / 2;
	writer->ring = ring;
	return mt_emit_fixed(writer, mt_event_word(MT_EVENT_THREAD_BEGIN, 0, tid),
	                     mt_process.slot_index, mt_process.slot_generation, 0);
}

MT_COLD static void no_ring(void)
{
	uint32_t expected = MT_GAVE_UP_NONE;

	/* Said once; each event that is lost is counted. */
	if (atomic_compare_exchange_strong(&mt_process.slot->gave_up, &expected, MT_GAVE_UP_RINGS))
		mt_say("no ring is left for a further thread: its events are not recorded", NULL);
}

MT_COLD struct mt_ring_writer *mt_thread_writer_slow(struct mt_thread *thread, uint32_t level)
{
	int saved_errno = errno;
	uint32_t tid = (uint32_t)syscall(SYS_gettid);
	struct mt_ring_writer *writer = &thread->writers[level];
	struct mt_ring *ring;
	uint32_t index;

	ring = claim_ring(tid, &index);
	if (!ring)
		no_ring();
	else if (!begin(writer, ring, tid))
		ring = NULL;
	errno = saved_errno;
	return ring ? writer : NULL;
}

/* From the second thread on stamps take a fence (clock.h). Before this thread's first event, so that whoever knows of
 * that finds it set. */
static void note_second_thread(uint64_t generation)
{
	static _Atomic uint64_t first_of; /* the process in which a first thread has attached */

	if (atomic_exchange(&first_of, generation) == generation)
		atomic_store(&mt_process.has_threads, true);
}

MT_COLD struct mt_thread *mt_thread_attach_slow(void)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_thread *thread;
	struct mt_ring *ring;
	uint64_t generation;
	int saved_errno = errno;
	uint32_t index, tid;

	if (tls->attaching ||
	    atomic_load_explicit(&mt_process.state, memory_order_acquire) != MT_PROCESS_ON)
		return NULL;
	generation = atomic_load_explicit(&mt_wiped->generation, memory_order_acquire);
	tls->attaching = true;
	/* Zero while on: the mapping was wiped by a fork that ran no handler of ours. */
	if (generation == 0 && !mt_process_adopt_child(false))
		goto fail;
	generation = atomic_load_explicit(&mt_wiped->generation, memory_order_acquire);
	tid = (uint32_t)syscall(SYS_gettid);
	ring = claim_ring(tid, &index);
	if (!ring) {
		no_ring();
		goto fail;
	}
	thread = &places[index];
	for (uint32_t i = 0; i < MT_LEVELS; i++)
		thread->writers[i].ring = NULL;
	/* The stack of whoever had the place before may not even be mapped any more. */
	thread->tail.count = 0;
	thread->tail.has_looked = false;
	tls->level = 0;
	tls->thread = thread;
	tls->generation = generation;
	atomic_fetch_add_explicit(&mt_process.threads, 1, memory_order_relaxed);
	note_second_thread(generation);
	if (!begin(&thread->writers[0], ring, tid))
		goto fail;
	/* The key is among the first ones of the process: setting it does not allocate. */
	if (have_key && !tls->transient)
		mt_real.pthread_setspecific(key, thread);
	tls->attaching = false;
	errno = saved_errno;
	return thread;

fail:
	tls->attaching = false;
	errno = saved_errno;
	return NULL;
}

void mt_thread_detach(void)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_thread *thread = tls->thread;

	mt_unwind_account(thread);
	tls->generation = MT_DETACHED;
	tls->thread = NULL;
	/* Level 0's ring last: the place goes with it, and is another thread's from then on. */
	for (uint32_t i = MT_LEVELS; i-- > 0;) {
		struct mt_ring_writer *writer = &thread->writers[i];

		if (!writer->ring)
			continue;
		mt_emit_fixed(writer, mt_event_word(MT_EVENT_THREAD_END, 0, 0), 0, 0, 0);
		give_back(writer);
	}
	atomic_fetch_sub_explicit(&mt_process.threads, 1, memory_order_relaxed);
}

static bool on_alternate_stack(void)
{
	stack_t stack;

	/* Cannot tell: then the levels are taken as live, which costs cut stacks, not wrong records. */
	return syscall(SYS_sigaltstack, NULL, &stack) != 0 || stack.ss_flags & SS_ONSTACK;
}

/*
 * The level to enter at while others are entered. A level whose frame lies below ours on the same stack was
 * left by a siglongjmp; a handler on an alternate stack may lie anywhere, so that is asked first.
 */
MT_COLD uint32_t mt_thread_level_slow(uintptr_t here)
{
	struct mt_tls *tls = &mt_tls;
	uint32_t level = tls->level;
	int saved_errno = errno;

	if (tls->entered[level - 1] < here && here - tls->entered[level - 1] < STALE_WITHIN_BYTES &&
	    !on_alternate_stack())
		while (level && tls->entered[level - 1] < here)
			level--;
	errno = saved_errno;
	return level;
}
