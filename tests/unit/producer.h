/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * producer.h - plays the traced side: claims slots and rings in a segment and writes records to them, as
 * preload/ does, but with stamps of the test's own choosing.
 *
 * Included by the tests of collect/. A test that fails here has failed; nothing is returned.
 */
#ifndef MT_TESTS_PRODUCER_H
#define MT_TESTS_PRODUCER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/collector.h"
#include "collect/segment.h"

/* One traced thread. */
struct producer {
	struct mt_segment *segment;
	struct mt_ring_writer writer;
	uint32_t slot;
	uint32_t generation;
	uint64_t stamp; /* of the next record; 0: the clock's */
};

/* A collector without its threads, and what it posts. */
struct bench {
	struct mt_segment *segment;
	int segment_fd;
	struct mt_mailbox to_service;
	struct mt_collector *collector;
	uint64_t past; /* a second ago: stamps from here on are before every cut */
};

static inline void bench_open(struct bench *bench, uint32_t point_ms)
{
	struct mt_error error;

	memset(bench, 0, sizeof(*bench));
	assert_int_equal(mt_segment_create("", 16, MT_CLOCK_MONOTONIC, &bench->segment,
	                                   &bench->segment_fd, &error),
	                 0);
	mt_mailbox_init(&bench->to_service);
	bench->collector = calloc(1, sizeof(*bench->collector));
	assert_non_null(bench->collector);
	mt_collector_init(bench->collector, bench->segment, MT_CLOCK_MONOTONIC, point_ms,
	                  &bench->to_service, -1, NULL);
	/* So that a second ago is after the origin. */
	bench->collector->ledger.stamps.origin_ns -= 2000000000u;
	bench->collector->ledger.stamps.piece.stamp -= 2000000000u;
	bench->past = mt_stamp_monotonic_ns() - 1000000000u;
}

static inline void bench_close(struct bench *bench)
{
	mt_collector_free(bench->collector);
	free(bench->collector);
	mt_mailbox_free(&bench->to_service);
	munmap(bench->segment, MT_SEGMENT_BYTES);
	close(bench->segment_fd);
}

static inline uint64_t bench_round(struct bench *bench)
{
	return mt_collector_round(bench->collector);
}

/* A process joins over the socket, as the service thread would tell it. */
static inline void bench_join(struct bench *bench, int32_t pid, struct producer *ret_producer)
{
	struct mt_mail mail = {.type = MT_MAIL_JOINED,
	                       .pid = pid,
	                       .previous_slot = MT_SLOTS,
	                       .stamp = bench->past};

	memset(ret_producer, 0, sizeof(*ret_producer));
	ret_producer->segment = bench->segment;
	assert_int_equal(mt_segment_claim(bench->segment, (uint32_t)pid, bench->past, &mail.slot,
	                                  &mail.generation),
	                 0);
	ret_producer->slot = mail.slot;
	ret_producer->generation = mail.generation;
	mail.identity.command = strdup("program");
	mail.identity.folder = strdup("/home/somebody");
	mail.identity.executable = strdup("/usr/bin/program");
	mt_mailbox_post(&bench->collector->mail, &mail);
}

/* A forked child claims a slot by itself, as preload/session.c does. */
static inline void producer_fork(const struct producer *parent, uint64_t serial, int32_t pid,
                                 uint64_t stamp, struct producer *ret_child)
{
	uint32_t index, generation;
	struct mt_slot *slot;

	memset(ret_child, 0, sizeof(*ret_child));
	assert_int_equal(
	        mt_segment_claim(parent->segment, (uint32_t)pid, stamp, &index, &generation), 0);
	slot = &mt_segment_slots(parent->segment)[index];
	slot->parent_slot = parent->slot;
	slot->parent_generation = parent->generation;
	slot->fork_serial = serial;
	atomic_fetch_add(&parent->segment->slot_claims, 1);
	ret_child->segment = parent->segment;
	ret_child->slot = index;
	ret_child->generation = generation;
	ret_child->stamp = stamp;
}

static inline struct mt_process *bench_process(struct bench *bench, const struct producer *producer)
{
	return bench->collector->ledger.by_slot[producer->slot];
}

/* Takes a ring of the wanted size, or a free one. */
static inline void producer_ring(struct producer *producer, uint32_t bytes)
{
	struct mt_segment *segment = producer->segment;
	uint32_t index = atomic_fetch_add(&segment->ring_count, 1);
	struct mt_ring *ring = &mt_segment_rings(segment)[index];

	assert_true(index < MT_RINGS);
	ring->size_bytes = bytes;
	ring->offset_bytes = MT_SEGMENT_DATA_AT + atomic_fetch_add(&segment->ring_data_used, bytes);
	assert_true(ring->offset_bytes + bytes <= MT_SEGMENT_BYTES);
	atomic_store(&ring->owner_slot, producer->slot);
	atomic_store_explicit(&ring->state, MT_RING_OWNED, memory_order_release);
	producer->writer = (struct mt_ring_writer){
	        .ring = ring,
	        .data = (unsigned char *)segment + ring->offset_bytes,
	        .mask = bytes - 1,
	};
}

static inline uint64_t producer_stamp(struct producer *producer)
{
	if (!producer->stamp)
		return mt_stamp_read((enum mt_clock)producer->segment->clock);
	return producer->stamp++;
}

/* What follows has this one. */
static inline void producer_put_stamp(struct producer *producer)
{
	mt_ring_put_word(&producer->writer, 0, mt_event_stamp_word(producer_stamp(producer)));
}

/* Waits for space as preload/emit.c does; the test's other thread has to read. */
static inline void producer_wait(struct producer *producer, uint32_t bytes)
{
	while (!mt_ring_has_space(&producer->writer, bytes))
		usleep(50);
}

static inline void producer_fixed(struct producer *producer, enum mt_event_type type,
                                  unsigned int kind, uint64_t addr, uint64_t size_bytes,
                                  uint32_t stack, uint32_t flags)
{
	uint32_t at = MT_EVENT_UNIT;

	producer_wait(producer, at + sizeof(struct mt_event_fixed));
	producer_put_stamp(producer);
	at += mt_ring_put_fixed(&producer->writer, at, mt_event_word(type, kind, addr), size_bytes,
	                        stack, flags);
	mt_ring_publish(&producer->writer, at);
}

static inline void producer_large(struct producer *producer, enum mt_event_type type, uint32_t id,
                                  uint64_t argument, const void *payload, uint32_t length_bytes)
{
	struct mt_event_large event = {mt_event_word(type, 0, 0), length_bytes, id, argument};
	uint32_t bytes = MT_EVENT_UNIT + mt_event_bytes(type, length_bytes);

	producer_wait(producer, bytes);
	producer_put_stamp(producer);
	mt_ring_put(&producer->writer, MT_EVENT_UNIT, &event, sizeof(event));
	mt_ring_put(&producer->writer, MT_EVENT_UNIT + sizeof(event), payload, length_bytes);
	mt_ring_publish(&producer->writer, bytes);
}

static inline void producer_begin(struct producer *producer, uint32_t tid)
{
	if (!producer->writer.ring)
		producer_ring(producer, MT_RING_BYTES_MIN);
	producer_fixed(producer, MT_EVENT_THREAD_BEGIN, 0, tid, producer->slot,
	               producer->generation, 0);
}

static inline void producer_alloc(struct producer *producer, uint64_t addr, uint64_t size_bytes,
                                  uint32_t stack)
{
	producer_fixed(producer, MT_EVENT_ALLOC, MT_KIND_MALLOC, addr, size_bytes, stack, 0);
}

static inline void producer_free(struct producer *producer, uint64_t addr)
{
	producer_fixed(producer, MT_EVENT_FREE, MT_KIND_FREE, addr, 0, 0, 0);
}

/* A stack of one frame that no module holds. */
static inline void producer_stack(struct producer *producer, uint32_t id, uint64_t pc)
{
	producer_large(producer, MT_EVENT_STACK, id, MT_CUT_NONE, &pc, sizeof(pc));
}

/* Joins, takes a ring and defines the stacks 1 and 2. */
static inline void bench_start(struct bench *bench, int32_t pid, struct producer *ret_producer)
{
	bench_join(bench, pid, ret_producer);
	ret_producer->stamp = bench->past + 1;
	producer_begin(ret_producer, (uint32_t)pid);
	producer_stack(ret_producer, 1, 0x1000);
	producer_stack(ret_producer, 2, 0x2000);
}

#endif
