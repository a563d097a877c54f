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
#include "preload/order.h"
#include "preload/own.h"
#include "preload/real.h"
#include "preload/say.h"
#include "preload/shared.h"
#include "preload/unwind.h"

/* glibc's PTHREAD_DESTRUCTOR_ITERATIONS */
#define DESTRUCTOR_PASSES 4u
/* A frame this far above another one on the same stack cannot be a live caller's of ours. */
#define STALE_WITHIN_BYTES (1u << 20)
/* At least so much lies between a frame and that of a handler that interrupted it: red zone, registers, siginfo. */
#define SIGNAL_FRAME_BYTES 1000u

__thread struct mt_tls mt_tls
        __attribute__((tls_model("initial-exec"))) = {.generation = MT_DETACHED, .cold = true};

static struct mt_thread *places; /* MT_OWN_RINGS of them, one a ring; wiped in a forked child */
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
	places = mt_own_map(MT_OWN_RINGS * sizeof(struct mt_thread), true);
	if (!places)
		return -errno;
	have_key = mt_real.pthread_key_create && mt_real.pthread_setspecific &&
	           mt_real.pthread_key_create(&key, on_thread_end) == 0;
	return 0;
}

/* Room for a new ring of this thread's own: its size, and which of those rings it is. False: there is none. */
static bool reserve_ring(struct mt_segment *segment, uint32_t *ret_bytes, uint32_t *ret_place)
{
	uint64_t used = atomic_load_explicit(&segment->own_ring_data_used, memory_order_relaxed);
	uint32_t count = atomic_load_explicit(&segment->own_ring_count, memory_order_relaxed);
	uint32_t bytes;

	do
		if (count >= MT_OWN_RINGS)
			return false;
	while (!atomic_compare_exchange_weak(&segment->own_ring_count, &count, count + 1));
	do {
		bytes = mt_segment_ring_bytes(segment->ring_bytes, used);
		/* The count stays: there is no room for a further one either. */
		if (used + bytes > MT_OWN_RING_DATA_BYTES)
			return false;
	} while (!atomic_compare_exchange_weak(&segment->own_ring_data_used, &used, used + bytes));
	*ret_bytes = bytes;
	*ret_place = count;
	return true;
}

/* Takes a free ring or makes one; NULL: neither is to be had. */
static struct mt_ring *claim_ring(uint32_t tid)
{
	struct mt_segment *segment = mt_process.segment;
	struct mt_ring *rings = mt_segment_rings(segment);
	uint32_t count = atomic_load_explicit(&segment->ring_count, memory_order_acquire);
	struct mt_ring *ring;
	uint32_t bytes, place, index;
	uint64_t used;

	for (uint32_t i = 0; i < count && i < MT_RINGS; i++) {
		uint32_t state = MT_RING_FREE;

		if (atomic_load_explicit(&rings[i].state, memory_order_relaxed) != MT_RING_FREE ||
		    rings[i].is_shared)
			continue;
		/* acquire: head as the last owner left it; partner: its release in give_back() */
		if (atomic_compare_exchange_strong_explicit(&rings[i].state, &state, MT_RING_OWNED,
		                                            memory_order_acquire,
		                                            memory_order_relaxed)) {
			atomic_store_explicit(&rings[i].owner_slot, mt_process.slot_index,
			                      memory_order_relaxed);
			atomic_store_explicit(&rings[i].owner_tid, tid, memory_order_relaxed);
			return &rings[i];
		}
	}
	if (!reserve_ring(segment, &bytes, &place))
		return NULL;
	used = atomic_fetch_add(&segment->ring_data_used, bytes);
	index = atomic_fetch_add(&segment->ring_count, 1);
	if (index >= MT_RINGS || used + bytes > MT_RING_DATA_BYTES)
		return NULL;
	ring = &rings[index];
	atomic_fetch_add_explicit(&mt_process.slot->rings, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&mt_process.slot->ring_bytes, bytes, memory_order_relaxed);
	ring->size_bytes = bytes;
	ring->offset_bytes = MT_SEGMENT_DATA_AT + used;
	ring->place = place;
	atomic_store_explicit(&ring->owner_slot, mt_process.slot_index, memory_order_relaxed);
	atomic_store_explicit(&ring->owner_tid, tid, memory_order_relaxed);
	/* release: size and offset; partner: the collector's acquire load of state */
	atomic_store_explicit(&ring->state, MT_RING_OWNED, memory_order_release);
	return ring;
}

static void give_back(struct mt_ring_writer *writer)
{
	struct mt_ring *ring = writer->ring;
	uint32_t state = MT_RING_OWNED;

	writer->ring = NULL;
	/* Not one that is broken: nobody would read what the next one writes. */
	atomic_compare_exchange_strong_explicit(&ring->state, &state, MT_RING_FREE,
	                                        memory_order_release, memory_order_relaxed);
}

/* Sets a writer up on a claimed ring and says who writes now. False: there is no room for that; the ring is given back. */
static bool begin(struct mt_ring_writer *writer, struct mt_ring *ring, uint32_t tid)
{
	writer->data = (unsigned char *)mt_process.segment + ring->offset_bytes;
	writer->mask = ring->size_bytes - 1;
	writer->head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	writer->limit = 0;
	writer->space_end = 0;
	writer->bell_at = writer->head + ring->size_bytes / 2;
	writer->share = MT_RING_OWN;
	writer->number = mt_order_number(ring);
	writer->stamp_uses = 0;
	writer->ring = ring;
	if (mt_emit_fixed(writer, mt_event_word(MT_EVENT_THREAD_BEGIN, 0, tid),
	                  mt_process.slot_index, mt_process.slot_generation, 0))
		return true;
	give_back(writer);
	return false;
}

/* No ring is left: the process's shared one. */
MT_COLD static bool share(struct mt_ring_writer *writer, uint32_t tid)
{
	if (!mt_shared_join(writer, tid))
		return false;
	if (!mt_tls.transient)
		atomic_fetch_add_explicit(&mt_process.slot->sharers, 1, memory_order_relaxed);
	return true;
}

/* The writer's first ring. */
static bool open_writer(struct mt_ring_writer *writer, struct mt_ring *ring, uint32_t tid)
{
	return ring ? begin(writer, ring, tid) : share(writer, tid);
}

MT_COLD struct mt_ring_writer *mt_thread_writer_slow(struct mt_thread *thread, uint32_t level)
{
	int saved_errno = errno;
	uint32_t tid = (uint32_t)syscall(SYS_gettid);
	struct mt_ring_writer *writer = &thread->writers[level];
	bool is_open = open_writer(writer, claim_ring(tid), tid);

	errno = saved_errno;
	return is_open ? writer : NULL;
}

/* The place of a thread without a ring. A forked child has none of it. */
MT_COLD static struct mt_thread *map_place(void)
{
	struct mt_thread *thread = mt_real.mmap(NULL, sizeof(*thread), PROT_READ | PROT_WRITE,
	                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint32_t expected = MT_GAVE_UP_NONE;

	if (thread != MAP_FAILED) {
		madvise(thread, sizeof(*thread), MADV_DONTFORK);
		thread->is_mapped = true;
		return thread;
	}
	/* Said once; each event that is lost is counted. */
	if (atomic_compare_exchange_strong(&mt_process.slot->gave_up, &expected, MT_GAVE_UP_RINGS))
		mt_say("no memory is left for a further thread: its events are not recorded", NULL);
	return NULL;
}

/* Says that the place, which is a mapping of its own, is there or is about to go. */
static void say_place(struct mt_thread *thread, enum mt_event_type type)
{
	if (thread->is_mapped && thread->writers[0].ring)
		mt_emit_fixed(&thread->writers[0],
		              mt_event_word(type, MT_KIND_NONE, (uintptr_t)thread), sizeof(*thread),
		              0, 0);
}

/* A thread's last words in a ring. */
static void end(struct mt_ring_writer *writer)
{
	if (writer->share == MT_RING_SHARED_NEW) {
		writer->ring = NULL;
		return;
	}
	mt_emit_fixed(writer, mt_event_word(MT_EVENT_THREAD_END, 0, 0), 0, 0, 0);
	if (writer->share == MT_RING_OWN) {
		give_back(writer);
		return;
	}
	writer->ring = NULL;
	if (mt_tls.holding)
		mt_shared_set_last(0);
	mt_shared_let_go();
}

/* Gives back the rings of a place, level 0's last: the place goes with it, and is another thread's from then on. */
static void dismiss(struct mt_thread *thread)
{
	bool is_mapped = thread->is_mapped;

	say_place(thread, MT_EVENT_UNMAP);
	for (uint32_t i = MT_LEVELS; i-- > 0;)
		if (thread->writers[i].ring)
			end(&thread->writers[i]);
	if (is_mapped)
		mt_real.munmap(thread, sizeof(*thread));
	atomic_fetch_sub_explicit(&mt_process.threads, 1, memory_order_relaxed);
}

/* A place and its ring, of which nobody else knows; NULL: none is to be had. */
static struct mt_thread *claim_place(void)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);
	struct mt_ring *ring = claim_ring(tid);
	struct mt_thread *thread = ring ? &places[ring->place % MT_OWN_RINGS] : map_place();

	if (!thread)
		return NULL;
	for (uint32_t i = 0; i < MT_LEVELS; i++)
		thread->writers[i].ring = NULL;
	/* The stack of whoever had the place before may not even be mapped any more. */
	thread->tail.count = 0;
	thread->known_stacks = 0;
	thread->tail.has_looked = false;
	if (!open_writer(&thread->writers[0], ring, tid)) {
		if (!ring)
			mt_real.munmap(thread, sizeof(*thread));
		return NULL;
	}
	atomic_fetch_add_explicit(&mt_process.threads, 1, memory_order_relaxed);
	/* That is an event of its own: the one that brought the thread here has not begun. */
	say_place(thread, MT_EVENT_MAP);
	mt_shared_let_go();
	return thread;
}

/*
 * The thread has this place from now on. False: a handler has interrupted us since it was at `before`, and attached the
 * thread: what it has written stands in its own place.
 */
static bool settle(struct mt_thread *thread, struct mt_thread *before, uint64_t generation)
{
	struct mt_tls *tls = &mt_tls;

	if (!__atomic_compare_exchange_n(&tls->thread, &before, thread, false, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED))
		return false;
	atomic_signal_fence(memory_order_seq_cst);
	tls->generation = generation;
	/* One that came between the two did not know of ours. */
	return __atomic_load_n(&tls->thread, __ATOMIC_RELAXED) == thread;
}

/* A handler may interrupt this after any instruction; it finds the thread attached, or attaches it. False: neither. */
static bool attach(uint64_t generation)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_thread *before = __atomic_load_n(&tls->thread, __ATOMIC_RELAXED);
	struct mt_thread *thread;

	atomic_signal_fence(memory_order_seq_cst);
	if (tls->generation == generation)
		return true;
	thread = claim_place();
	if (!thread)
		return false;
	if (!settle(thread, before, generation))
		dismiss(thread);
	/* The key is among the first ones of the process: setting it does not allocate. */
	else if (have_key && !tls->transient)
		mt_real.pthread_setspecific(key, thread);
	return true;
}

MT_COLD struct mt_thread *mt_thread_attach_slow(uintptr_t here)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_thread *thread = NULL;
	uint64_t generation;
	int saved_errno = errno;

	if (atomic_load_explicit(&mt_process.state, memory_order_acquire) != MT_PROCESS_ON)
		return NULL;
	generation = atomic_load_explicit(&mt_wiped->generation, memory_order_acquire);
	/* Zero while on: the mapping was wiped by a fork that ran no handler of ours. */
	if (generation == 0 && mt_process_adopt_child())
		generation = atomic_load_explicit(&mt_wiped->generation, memory_order_acquire);
	while (generation && attach(generation)) {
		tls->guard = (here & ~MT_GUARD_COUNT) | 1;
		atomic_signal_fence(memory_order_seq_cst);
		thread = tls->thread;
		/* Until the level was entered, a handler past the thread's end detached it again behind itself. */
		if (tls->generation == generation)
			break;
		tls->guard = 0;
		thread = NULL;
	}
	errno = saved_errno;
	return thread;
}

void mt_thread_detach(void)
{
	struct mt_tls *tls = &mt_tls;
	struct mt_thread *thread = tls->thread;

	atomic_signal_fence(memory_order_seq_cst);
	/* A handler that comes before has done it; one that comes after attaches the thread anew, for as long as it runs. */
	if (__atomic_exchange_n(&tls->generation, MT_DETACHED, __ATOMIC_RELAXED) == MT_DETACHED)
		return;
	atomic_signal_fence(memory_order_seq_cst);
	mt_unwind_account(thread);
	dismiss(thread);
	tls->shares = false;
}

/*
 * One that walks just now may count a few of its walks twice: at the end of the process, and not for longer than it
 * takes the kernel to end it.
 */
MT_COLD void mt_thread_account(void)
{
	struct mt_segment *segment = mt_process.segment;
	const struct mt_ring *rings = mt_segment_rings(segment);
	uint32_t count = atomic_load_explicit(&segment->ring_count, memory_order_acquire);

	for (uint32_t i = 0; i < count && i < MT_RINGS; i++) {
		const struct mt_ring *ring = &rings[i];
		struct mt_thread *thread = &places[ring->place % MT_OWN_RINGS];

		if (atomic_load_explicit(&ring->state, memory_order_acquire) == MT_RING_OWNED &&
		    atomic_load_explicit(&ring->owner_slot, memory_order_relaxed) ==
		            mt_process.slot_index &&
		    !ring->is_shared && thread->tail.walks)
			mt_unwind_account(thread);
	}
}

MT_COLD void mt_thread_leave_odd(uint32_t level)
{
	if (mt_tls.shares)
		mt_shared_let_go();
	if (mt_tls.transient && level == 0) {
		int saved_errno = errno;

		mt_thread_detach();
		errno = saved_errno;
	}
}

static bool on_alternate_stack(void)
{
	stack_t stack;

	/* Cannot tell: then the levels are taken as live, which costs cut stacks, not wrong records. */
	return syscall(SYS_sigaltstack, NULL, &stack) != 0 || stack.ss_flags & SS_ONSTACK;
}

/*
 * Was the level with this guard left by a siglongjmp? A live one's handler runs below it, behind what the kernel puts
 * on the stack; but a handler on an alternate stack may lie anywhere.
 */
static bool is_stale(uintptr_t guard, uintptr_t here)
{
	uintptr_t frame = guard & ~MT_GUARD_COUNT;

	return here + SIGNAL_FRAME_BYTES > frame &&
	       (here < frame || here - frame < STALE_WITHIN_BYTES);
}

/* The level to enter at while others are entered. */
MT_COLD uint32_t mt_thread_level_slow(uintptr_t here)
{
	struct mt_tls *tls = &mt_tls;
	uintptr_t guard = tls->guard;
	int saved_errno = errno;
	uint32_t level;

	if (is_stale(guard, here) && !on_alternate_stack())
		while (guard && is_stale(guard, here))
			guard = tls->outer[(guard & MT_GUARD_COUNT) - 1];
	level = (uint32_t)(guard & MT_GUARD_COUNT);
	if (level < MT_LEVELS)
		tls->outer[level] = guard;
	if (mt_unlikely(tls->holding > level + 1))
		mt_shared_abandon();
	errno = saved_errno;
	return level;
}

MT_COLD bool mt_thread_is_recorded_slow(const void *block, uint32_t begin)
{
	const struct mt_tls *tls = &mt_tls;

	for (int32_t i = 1; i <= (int32_t)MT_TRAIL && i <= (int32_t)(tls->trail_end - begin); i++) {
		uintptr_t what = tls->trail[(tls->trail_end - (uint32_t)i) % MT_TRAIL];

		if ((what & ~(uintptr_t)1) == (uintptr_t)block)
			return !(what & 1);
	}
	return false;
}
