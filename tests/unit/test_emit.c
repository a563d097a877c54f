/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_emit.c - preload/emit.c, thread.c, stacks.c, module.c, unwind.c against a segment of our own.
 *
 * The hooks and the constructor are not linked: the test plays the collector and reads the rings.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload/config.h"
#include "preload/emit.h"
#include "preload/module.h"
#include "preload/order.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/rules.h"
#include "preload/stacks.h"
#include "preload/thread.h"
#include "preload/unwind.h"
#include "preload/walk.h"

struct mt_process mt_process;
static struct mt_wiped not_begun;
struct mt_wiped *mt_wiped = &not_begun;

void mt_process_off(const char *why)
{
	(void)why;
	atomic_store(&mt_process.state, MT_PROCESS_OFF);
	atomic_store(&mt_wiped->generation, 0);
}

static void *wiped(size_t bytes)
{
	void *memory =
	        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	assert_int_equal(madvise(memory, bytes, MADV_WIPEONFORK), 0);
	return memory;
}

static int set_up(void **state)
{
	(void)state;
	mt_real_init();
	mt_wiped = wiped(sizeof(*mt_wiped));
	mt_process.segment = mmap(NULL, MT_SEGMENT_BYTES, PROT_READ | PROT_WRITE,
	                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(mt_process.segment != MAP_FAILED);
	mt_process.segment->clock = MT_CLOCK_MONOTONIC;
	mt_process.segment->ring_bytes = MT_RING_BYTES_MIN;
	mt_process.slot_index = 7;
	mt_process.slot_generation = 3;
	mt_process.slot = &mt_segment_slots(mt_process.segment)[7];
	mt_process.pid = getpid();
	assert_int_equal(mt_thread_init(), 0);
	assert_int_equal(mt_stacks_init(), 0);
	assert_int_equal(mt_rules_init(), 0);
	mt_module_init();
	atomic_store(&mt_wiped->generation, 7ull << 32 | 3);
	atomic_store(&mt_process.state, MT_PROCESS_ON);
	return 0;
}

/* One record as the collector would see it. */
struct seen {
	union {
		struct mt_event_large event;
		struct mt_event_fixed fixed;
	};
	unsigned char payload[MT_EVENT_PAYLOAD_MAX];
};

/* Takes the next record of a ring, behind its stamp; false: there is none. An ALLOC is told as a wide one is. */
static int next(unsigned int index, struct seen *ret_seen)
{
	struct mt_ring *ring = &mt_segment_rings(mt_process.segment)[index];
	const unsigned char *data = (unsigned char *)mt_process.segment + ring->offset_bytes;
	uint64_t mask = ring->size_bytes - 1, tail = atomic_load(&ring->tail);
	unsigned int type;
	uint64_t narrow;
	uint32_t bytes;

	if (atomic_load(&ring->head) == tail)
		return 0;
	memset(ret_seen, 0, sizeof(*ret_seen));
	mt_ring_get(data, mask, tail, &ret_seen->fixed.word, MT_EVENT_UNIT);
	if (mt_event_type(ret_seen->fixed.word) == MT_EVENT_STAMP) {
		tail += MT_EVENT_UNIT;
		/* It is published with what it is of. */
		assert_true(atomic_load(&ring->head) - tail >= MT_EVENT_UNIT);
		mt_ring_get(data, mask, tail, &ret_seen->fixed.word, MT_EVENT_UNIT);
	}
	type = mt_event_type(ret_seen->fixed.word);
	assert_int_not_equal(type, MT_EVENT_STAMP);
	bytes = mt_event_bytes(type, 0);
	assert_true(bytes > 0);
	mt_ring_get(data, mask, tail, &ret_seen->event, bytes);
	if (type == MT_EVENT_ALLOC) {
		narrow = ret_seen->fixed.size_bytes;
		ret_seen->fixed.size_bytes = (uint32_t)narrow;
		ret_seen->fixed.stack = (uint32_t)(narrow >> 32);
	}
	if (type >= MT_EVENT_STACK) {
		assert_true(ret_seen->event.length_bytes <= MT_EVENT_PAYLOAD_MAX);
		bytes = mt_event_bytes(type, ret_seen->event.length_bytes);
		mt_ring_get(data, mask, tail + sizeof(ret_seen->event), ret_seen->payload,
		            bytes - (uint32_t)sizeof(ret_seen->event));
	}
	assert_true(atomic_load(&ring->head) - tail >= bytes);
	atomic_store(&ring->tail, tail + bytes);
	return (int)type;
}

/* The next record that is not about modules. */
static int next_event(unsigned int index, struct seen *ret_seen)
{
	int type;

	do
		type = next(index, ret_seen);
	while (type == MT_EVENT_MODULE);
	return type;
}

static uint32_t stack_of(const struct seen *seen)
{
	return seen->fixed.stack;
}

/* As a hook says where it was called. */
#define HERE                                                         \
	(&(struct mt_caller){.kind = MT_KIND_MALLOC,                 \
	                     .address = __builtin_return_address(0), \
	                     .frame = __builtin_frame_address(0)})

static __attribute__((noinline)) void allocate(uintptr_t addr)
{
	mt_emit_alloc(HERE, (void *)addr, 100);
	__asm__ volatile("");
}

static void a_stack_is_defined_once_and_starts_at_the_caller(void **state)
{
	volatile int times = 3; /* one call site: not to be unrolled */
	struct seen seen, stack;

	(void)state;
	for (int i = 0; i < times; i++)
		allocate(0x1000 + (uintptr_t)i);
	assert_int_equal(next_event(0, &seen), MT_EVENT_THREAD_BEGIN);
	assert_int_equal(mt_event_addr(seen.fixed.word), gettid());
	assert_int_equal(seen.fixed.size_bytes, 7);
	assert_int_equal(stack_of(&seen), 3);
	assert_int_equal(next_event(0, &stack), MT_EVENT_STACK);
	assert_int_equal(stack.event.argument, MT_CUT_NONE);
	assert_true(stack.event.length_bytes >= 3 * 8);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next_event(0, &seen), MT_EVENT_ALLOC);
		assert_int_equal(mt_event_addr(seen.fixed.word), 0x1000 + i);
		assert_int_equal(seen.fixed.size_bytes, 100);
		assert_int_equal(stack_of(&seen), stack.event.id);
	}
	assert_int_equal(next_event(0, &seen), 0);
}

static void the_module_of_a_frame_is_told_with_its_build_id(void **state)
{
	uintptr_t here = (uintptr_t)the_module_of_a_frame_is_told_with_its_build_id;
	bool found = false;
	struct seen seen;
	int type;

	(void)state;
	mt_module_new_epoch(NULL); /* everything is told anew */
	allocate(0x2000);
	while ((type = next(0, &seen))) {
		const struct mt_module_payload *payload = (const void *)seen.payload;

		if (type != MT_EVENT_MODULE || here < payload->start || here >= payload->end)
			continue;
		found = true;
		assert_int_equal(seen.event.id, atomic_load(&mt_process.epoch));
		assert_int_equal(payload->build_id_bytes, 20);
		assert_memory_equal((const char *)(payload + 1) + payload->path_bytes - 9,
		                    "test_emit", 9);
	}
	assert_true(found);
}

static void frees_and_reallocs_are_records_without_a_stack(void **state)
{
	struct seen seen;

	(void)state;
	mt_emit_free(MT_KIND_DELETE, (void *)0x3000);
	mt_emit_realloc(MT_KIND_REALLOC, (void *)0x3010);
	mt_emit_realloc_failed((void *)0x3010);
	assert_int_equal(next_event(0, &seen), MT_EVENT_FREE);
	assert_int_equal(mt_event_kind(seen.fixed.word), MT_KIND_DELETE);
	assert_int_equal(mt_event_addr(seen.fixed.word), 0x3000);
	assert_int_equal(next_event(0, &seen), MT_EVENT_REALLOC);
	assert_int_equal(next_event(0, &seen), MT_EVENT_REALLOC_FAILED);
	assert_int_equal(mt_event_addr(seen.fixed.word), 0x3010);
}

static void an_address_over_48_bits_is_counted_not_recorded(void **state)
{
	struct seen seen;

	(void)state;
	allocate((uintptr_t)1 << 48);
	assert_int_equal(atomic_load(&mt_process.slot->high_addresses), 1);
	assert_int_equal(next_event(0, &seen), 0);
}

static void *thread_body(void *unused)
{
	(void)unused;
	allocate(0x4000);
	return NULL;
}

static void a_thread_gives_its_ring_to_the_next_one(void **state)
{
	struct seen seen;

	(void)state;
	for (int i = 0; i < 50; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, thread_body, NULL), 0);
		pthread_join(thread, NULL);
	}
	assert_int_equal(atomic_load(&mt_process.segment->ring_count), 2);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(next_event(1, &seen), MT_EVENT_THREAD_BEGIN);
		if (i == 0)
			assert_int_equal(next_event(1, &seen), MT_EVENT_STACK);
		assert_int_equal(next_event(1, &seen), MT_EVENT_ALLOC);
		assert_int_equal(next_event(1, &seen), MT_EVENT_THREAD_END);
	}
	assert_int_equal(next_event(1, &seen), 0);
}

static void *thread_that_stays(void *barrier)
{
	allocate(0x4000);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	return NULL;
}

static void run_on(void *stack, size_t bytes, void *(*body)(void *))
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	assert_int_equal(pthread_attr_setstack(&attributes, stack, bytes), 0);
	assert_int_equal(pthread_create(&thread, &attributes, body, NULL), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

/* What a thread remembers of its stack must not be believed by the next one at its place. */
static void a_thread_knows_nothing_of_the_stack_of_the_one_before_it(void **state)
{
	size_t bytes = 1 << 20;
	char *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_barrier_t barrier;
	pthread_t other;
	struct seen seen;
	int type, events = 0;

	(void)state;
	assert_true(stack != MAP_FAILED);
	/* It has the place of the threads before, so that the next ones get one that nobody had. */
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&other, NULL, thread_that_stays, &barrier), 0);
	pthread_barrier_wait(&barrier);
	run_on(stack, bytes, thread_body);
	/* Where its frames were is nothing now, and the next stack lies where its lower end was. */
	munmap(stack + bytes / 2, bytes / 2);
	run_on(stack, bytes / 2, thread_body);
	munmap(stack, bytes / 2);
	pthread_barrier_wait(&barrier);
	pthread_join(other, NULL);
	pthread_barrier_destroy(&barrier);
	for (uint32_t ring = 0; ring < atomic_load(&mt_process.segment->ring_count); ring++)
		while ((type = next_event(ring, &seen)))
			events += type == MT_EVENT_ALLOC;
	assert_int_equal(events, 3);
}

#define RACERS       4u
#define RACES        3000u
#define RACING_SITES 5u

static __attribute__((noinline)) void allocate_at(uint32_t site, uintptr_t addr)
{
	/* Five call sites: the compiler must not make one of them. */
	switch (site) {
	case 0:
		allocate(addr);
		__asm__ volatile("nop");
		break;
	case 1:
		allocate(addr);
		__asm__ volatile("nop;nop");
		break;
	case 2:
		allocate(addr);
		__asm__ volatile("nop;nop;nop");
		break;
	case 3:
		allocate(addr);
		__asm__ volatile("nop;nop;nop;nop");
		break;
	default: allocate(addr); __asm__ volatile("nop;nop;nop;nop;nop");
	}
}

/* As after the thread's destructors: it takes a place for each event, and gives it back to the others. */
static void *race(void *which)
{
	mt_tls.transient = true;
	for (uint32_t i = 0; i < RACES; i++)
		allocate_at(i % RACING_SITES, 0x100000 + i % RACING_SITES);
	return which;
}

struct racing {
	uint64_t frames[RACING_SITES][4]; /* the innermost ones of each site's stack */
	uint8_t sites_of[4096];           /* by stack id: site + 1 */
	uint32_t events;
};

static void read_races(struct racing *racing, unsigned int ring)
{
	const struct mt_ring *from = &mt_segment_rings(mt_process.segment)[ring];
	struct seen seen;
	int type;

	/* acquire: where it is; partner: claim_ring() */
	if (atomic_load_explicit(&from->state, memory_order_acquire) == MT_RING_UNUSED)
		return;
	while ((type = next_event(ring, &seen))) {
		if (type == MT_EVENT_STACK) {
			assert_true(seen.event.id < sizeof(racing->sites_of));
			assert_int_equal(racing->sites_of[seen.event.id], 0);
			for (uint32_t site = 0; site < RACING_SITES; site++) {
				if (racing->frames[site][0] &&
				    memcmp(racing->frames[site], seen.payload, 32) != 0)
					continue;
				memcpy(racing->frames[site], seen.payload, 32);
				racing->sites_of[seen.event.id] = (uint8_t)(site + 1);
				break;
			}
			/* Of five sites come five stacks, however often they are defined. */
			assert_int_not_equal(racing->sites_of[seen.event.id], 0);
		}
		racing->events += type == MT_EVENT_ALLOC;
	}
}

static void threads_that_define_stacks_at_once_agree_on_them(void **state)
{
	static struct racing racing;
	pthread_t threads[RACERS];
	uint32_t count;

	(void)state;
	for (uintptr_t i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, NULL), 0);
	while (racing.events < RACERS * RACES) {
		count = atomic_load(&mt_process.segment->ring_count);
		for (uint32_t ring = 0; ring < count; ring++)
			read_races(&racing, ring);
		sched_yield();
	}
	for (uint32_t i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	count = atomic_load(&mt_process.segment->ring_count);
	for (uint32_t ring = 0; ring < count; ring++)
		read_races(&racing, ring);
	assert_int_equal(racing.events, RACERS * RACES);
	for (uint32_t site = 0; site < RACING_SITES; site++)
		assert_int_not_equal(racing.frames[site][0], 0);
}

static void on_signal(int number)
{
	(void)number;
	allocate(0x5000);
}

/* Plays a handler that interrupts memtrace: the level is held as if in the middle of a record. */
static void a_handler_inside_memtrace_writes_to_a_ring_of_its_own(void **state)
{
	uint32_t level = 0, rings = atomic_load(&mt_process.segment->ring_count);
	struct seen seen;

	(void)state;
	signal(SIGUSR1, on_signal);
	assert_non_null(mt_thread_enter(&level));
	assert_int_equal(level, 0);
	raise(SIGUSR1);
	assert_int_equal(mt_thread_levels(), 1);
	mt_thread_leave(level);
	assert_int_equal(next_event(0, &seen), 0);
	/* the ring that the threads before have given back */
	assert_int_equal(rings, 2);
	assert_int_equal(next_event(1, &seen), MT_EVENT_THREAD_BEGIN);
	assert_int_equal(next_event(1, &seen), MT_EVENT_STACK);
	assert_int_equal(seen.event.argument, MT_CUT_NESTED);
	assert_int_equal(seen.event.length_bytes, 8);
	assert_int_equal(next_event(1, &seen), MT_EVENT_ALLOC);
	raise(SIGUSR1); /* outside memtrace: the thread's own ring, a whole stack */
	assert_int_equal(next_event(0, &seen), MT_EVENT_STACK);
	assert_int_equal(seen.event.argument, MT_CUT_NONE);
	assert_int_equal(next_event(0, &seen), MT_EVENT_ALLOC);
}

static sigjmp_buf jump;

static void on_signal_jump(int number)
{
	(void)number;
	siglongjmp(jump, 1);
}

static __attribute__((noinline)) void be_interrupted(void)
{
	volatile char deep[4096];
	uint32_t level;

	deep[0] = 1;
	mt_thread_enter(&level);
	deep[0] += deep[0];
	raise(SIGUSR2);
	fail();
}

static void a_level_left_by_siglongjmp_is_taken_off(void **state)
{
	static uint32_t level; /* not in a register that the jump restores */

	(void)state;
	signal(SIGUSR2, on_signal_jump);
	if (!sigsetjmp(jump, 1))
		be_interrupted();
	assert_int_equal(mt_thread_levels(), 1);
	assert_non_null(mt_thread_enter(&level));
	assert_int_equal(level, 0);
	mt_thread_leave(level);
	assert_int_equal(mt_thread_levels(), 0);
}

static void a_forked_child_claims_a_slot_and_rings_of_its_own(void **state)
{
	struct mt_slot *slots = mt_segment_slots(mt_process.segment);
	struct mt_slot *slot = NULL;
	struct seen seen;
	unsigned int ring;
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		allocate(0x6000);
		_exit(mt_tls.generation == atomic_load(&mt_wiped->generation) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (unsigned int i = 0; i < MT_SLOTS && !slot; i++)
		if (atomic_load(&slots[i].state) == MT_SLOT_LIVE)
			slot = &slots[i];
	assert_non_null(slot);
	assert_int_equal(slot->pid, child);
	assert_int_equal(slot->parent_slot, 7);
	assert_int_equal(slot->parent_generation, 3);
	/* not into the parent's ring */
	assert_int_equal(next_event(0, &seen), 0);
	for (ring = 1; !next_event(ring, &seen); ring++)
		;
	assert_int_equal(mt_event_type(seen.fixed.word), MT_EVENT_THREAD_BEGIN);
	assert_int_equal(mt_event_addr(seen.fixed.word), child);
	assert_int_equal(next_event(ring, &seen), MT_EVENT_STACK);
	assert_int_equal(seen.event.id, 1);
	assert_int_equal(next_event(ring, &seen), MT_EVENT_ALLOC);
}

/* Deep enough for any limit. */
static __attribute__((noinline)) int recurse(int depth)
{
	if (depth == 0) {
		allocate(0x7000);
		return 0;
	}
	int below = recurse(depth - 1);

	__asm__ volatile("" : "+r"(below)); /* not to become a loop */
	return below + 1;
}

static void a_deep_stack_is_cut_at_the_limit_and_marked(void **state)
{
	struct seen seen;

	(void)state;
	mt_config.depth = 32;
	recurse(1000);
	assert_int_equal(next_event(0, &seen), MT_EVENT_STACK);
	assert_int_equal(seen.event.argument, MT_CUT_DEPTH);
	assert_int_equal(seen.event.length_bytes, 32 * 8);
	assert_int_equal(next_event(0, &seen), MT_EVENT_ALLOC);
	mt_config.depth = 128;
}

static void a_full_ring_drops_and_counts_when_asked_to(void **state)
{
	struct seen seen;
	uint64_t written = 0;

	(void)state;
	mt_config.overflow_drops = true;
	for (unsigned int i = 0; i < MT_RING_BYTES_MIN / 16 + 10; i++)
		mt_emit_free(MT_KIND_FREE, (void *)0x8000);
	while (next_event(0, &seen))
		written++;
	assert_int_equal(written, MT_RING_BYTES_MIN / 16);
	assert_int_equal(atomic_load(&mt_process.slot->dropped), 10);
	mt_config.overflow_drops = false;
}

static void a_thread_gives_back_a_ring_that_has_no_room_for_it(void **state)
{
	struct mt_ring *ring = &mt_segment_rings(mt_process.segment)[1];
	uint32_t rings = atomic_load(&mt_process.segment->ring_count);
	uint32_t threads = atomic_load(&mt_process.threads);
	uint64_t dropped = atomic_load(&mt_process.slot->dropped);
	struct seen seen;
	pthread_t thread;

	(void)state;
	/* Who had it before has filled it, and the collector has not read that yet. */
	assert_int_equal(atomic_load(&ring->state), MT_RING_FREE);
	atomic_store(&ring->head, atomic_load(&ring->tail) + ring->size_bytes);
	mt_config.overflow_drops = true;
	assert_int_equal(pthread_create(&thread, NULL, thread_body, NULL), 0);
	pthread_join(thread, NULL);
	assert_true(atomic_exchange(&mt_process.slot->dropped, dropped) > dropped);
	assert_int_equal(atomic_load(&ring->state), MT_RING_FREE);
	assert_int_equal(atomic_load(&mt_process.threads), threads);
	atomic_store(&ring->tail, atomic_load(&ring->head));
	assert_int_equal(pthread_create(&thread, NULL, thread_body, NULL), 0);
	pthread_join(thread, NULL);
	mt_config.overflow_drops = false;
	assert_int_equal(atomic_load(&mt_process.segment->ring_count), rings);
	assert_int_equal(next_event(1, &seen), MT_EVENT_THREAD_BEGIN);
	assert_int_equal(next_event(1, &seen), MT_EVENT_ALLOC);
	assert_int_equal(next_event(1, &seen), MT_EVENT_THREAD_END);
	assert_int_equal(next_event(1, &seen), 0);
}

static _Atomic unsigned int handled;

static void on_signal_count(int number)
{
	(void)number;
	atomic_fetch_add(&handled, 1);
}

static void *write_beyond_a_full_ring(void *ret_done)
{
	for (unsigned int i = 0; i < MT_RING_BYTES_MIN / 16 + 10; i++)
		mt_emit_free(MT_KIND_FREE, (void *)0x8000);
	*(uint64_t *)ret_done = 1;
	return NULL;
}

/* The ring that somebody waits for, or -1. */
static int awaited_ring(void)
{
	for (unsigned int i = 0; i < atomic_load(&mt_process.segment->ring_count); i++)
		if (atomic_load(&mt_segment_rings(mt_process.segment)[i].writer_waits))
			return (int)i;
	return -1;
}

/* Far more signals than the wait has steps, none of which is a step: the collector is not given up for them. */
static void a_wait_that_signals_interrupt_is_no_shorter(void **state)
{
	struct sigaction action = {.sa_handler = on_signal_count};
	uint64_t done = 0, dropped = atomic_load(&mt_process.slot->dropped);
	struct seen seen;
	pthread_t writer;
	int ring;

	(void)state;
	sigaction(SIGUSR1, &action, NULL);
	assert_int_equal(pthread_create(&writer, NULL, write_beyond_a_full_ring, &done), 0);
	while ((ring = awaited_ring()) < 0)
		sched_yield();
	for (unsigned int i = 1; i <= 500; i++) {
		pthread_kill(writer, SIGUSR1);
		while (atomic_load(&handled) < i)
			sched_yield();
	}
	while (awaited_ring() >= 0 && atomic_load(&mt_process.state) == MT_PROCESS_ON) {
		while (next_event((unsigned int)ring, &seen))
			;
		atomic_fetch_add(&mt_segment_rings(mt_process.segment)[ring].space, 1);
		sched_yield();
	}
	pthread_join(writer, NULL);
	assert_int_equal(atomic_load(&mt_process.state), MT_PROCESS_ON);
	assert_int_equal(done, 1);
	assert_int_equal(atomic_load(&mt_process.slot->dropped), dropped);
	while (next_event((unsigned int)ring, &seen))
		;
}

/* Without the mark that it is shared, stamps there would go without a fence. */
static void a_district_is_one_rings_until_another_writes_of_a_block_there(void **state)
{
	unsigned char data[64];
	struct mt_ring_writer one = {.number = 1, .data = data, .mask = sizeof(data) - 1};
	struct mt_ring_writer two = {.number = 2, .data = data, .mask = sizeof(data) - 1};
	const uint64_t addr = 0x5555ull << MT_ORDER_DISTRICT_BITS;
	_Atomic uint16_t *districts = &mt_wiped->districts[0x5555];

	(void)state;
	assert_int_equal(districts[0], 0);
	mt_order_stamp(&one, addr + 16, false);
	assert_int_equal(districts[0], 1);
	mt_order_stamp(&one, addr + 0xfff0, false);
	assert_int_equal(districts[0], 1);
	mt_order_stamp(&two, addr + 0x10000, false);
	assert_int_equal(districts[0], 1);
	assert_int_equal(districts[1], 2);
	mt_order_stamp(&two, addr + 0xfff0, false);
	assert_int_equal(districts[0], MT_ORDER_SHARED);
	mt_order_stamp(&two, addr, false);
	mt_order_stamp(&one, addr, false);
	assert_int_equal(districts[0], MT_ORDER_SHARED);
}

/* The stamp that an event gets; a new one is said in the ring. */
static uint64_t said(struct mt_ring_writer *writer, uint32_t bytes)
{
	uint64_t word;

	if (bytes) {
		assert_int_equal(bytes, MT_EVENT_UNIT);
		memcpy(&word, writer->data, sizeof(word));
		assert_true(word == mt_event_stamp_word(writer->stamp));
		memset(writer->data, 0, sizeof(word));
	}
	return writer->stamp;
}

static void a_stamp_is_used_again_while_nobody_else_can_tell(void **state)
{
	unsigned char data[64];
	struct mt_ring_writer writer = {.number = 1, .data = data, .mask = sizeof(data) - 1};
	struct mt_ring_writer other = {.number = 2, .data = data, .mask = sizeof(data) - 1};
	const uint64_t addr = 0x6666ull << MT_ORDER_DISTRICT_BITS;
	uint64_t stamp;

	(void)state;
	mt_process.segment->tick = 5;
	stamp = said(&writer, mt_order_stamp(&writer, addr, false));
	for (unsigned int i = 0; i < MT_ORDER_STAMP_USES; i++)
		assert_int_equal(mt_order_stamp(&writer, addr, false), 0);
	assert_true(writer.stamp == stamp);
	assert_true(said(&writer, mt_order_stamp(&writer, addr, false)) > stamp);

	/* the collector has gone on; a fork, of which the collector has not heard yet; it sleeps */
	stamp = said(&writer, mt_order_early(&writer));
	mt_process.segment->tick = 6;
	assert_true(said(&writer, mt_order_early(&writer)) > stamp);
	stamp = said(&writer, mt_order_early(&writer));
	mt_order_renew();
	assert_true(said(&writer, mt_order_early(&writer)) > stamp);
	stamp = said(&writer, mt_order_early(&writer));
	assert_true(said(&writer, mt_order_early(&writer)) > stamp);
	mt_process.segment->tick = 6;

	/* what is large; what another ring has written of; what threads share */
	stamp = said(&writer, mt_order_early(&writer));
	assert_true(said(&writer, mt_order_stamp(&writer, addr, true)) > stamp);
	stamp = said(&writer, mt_order_early(&writer));
	mt_order_stamp(&other, addr, false);
	assert_true(said(&writer, mt_order_stamp(&writer, addr, false)) > stamp);
	writer.share = MT_RING_SHARED;
	stamp = said(&writer, mt_order_now(&writer, false));
	assert_true(said(&writer, mt_order_early(&writer)) > stamp);

	assert_true(mt_order_is_large(addr + 32, MT_ORDER_LARGE_BYTES));
	assert_false(mt_order_is_large(addr + 16, MT_ORDER_LARGE_BYTES - 1));
	assert_true(mt_order_is_large(addr + 16, 0) && mt_order_is_large(addr, 0));
	assert_false(mt_order_is_large(addr + 32, 0));
}

int main(int argc, char **argv)
{
	/* In this order: what is told once is told to the first. */
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_stack_is_defined_once_and_starts_at_the_caller),
	        cmocka_unit_test(the_module_of_a_frame_is_told_with_its_build_id),
	        cmocka_unit_test(frees_and_reallocs_are_records_without_a_stack),
	        cmocka_unit_test(an_address_over_48_bits_is_counted_not_recorded),
	        cmocka_unit_test(a_thread_gives_its_ring_to_the_next_one),
	        cmocka_unit_test(a_thread_gives_back_a_ring_that_has_no_room_for_it),
	        cmocka_unit_test(a_handler_inside_memtrace_writes_to_a_ring_of_its_own),
	        cmocka_unit_test(a_level_left_by_siglongjmp_is_taken_off),
	        cmocka_unit_test(a_forked_child_claims_a_slot_and_rings_of_its_own),
	        cmocka_unit_test(a_deep_stack_is_cut_at_the_limit_and_marked),
	        cmocka_unit_test(a_full_ring_drops_and_counts_when_asked_to),
	        cmocka_unit_test(a_thread_knows_nothing_of_the_stack_of_the_one_before_it),
	        cmocka_unit_test(threads_that_define_stacks_at_once_agree_on_them),
	        cmocka_unit_test(a_wait_that_signals_interrupt_is_no_shorter),
	        cmocka_unit_test(a_stamp_is_used_again_while_nobody_else_can_tell),
	        cmocka_unit_test(a_district_is_one_rings_until_another_writes_of_a_block_there),
	};

	(void)argc;
	mt_walk_init((uintptr_t)argv);
	return cmocka_run_group_tests(tests, set_up, NULL);
}
