/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * collect_rate.c - how many events a second the collector's drain thread takes, with live table, totals, peak
 * and timeline, by the number of live blocks and of rings.
 *
 *	bench/collect_rate [LIVE_BLOCKS [RINGS [handoff]]]	make -C build bench/collect_rate
 *
 * Each step frees a random live block and allocates one of the same number again, from one of 1024 stacks.
 * Filling the rings is not timed, reading them is: one thread, one core, nothing else to wait for. With
 * several rings the steps go round: runs of two records. With handoff, each record goes to a ring at
 * random, so blocks are freed by other threads than allocated them: the worst case for the merge.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/collector.h"
#include "collect/segment.h"

#define STACKS      1024u
#define DATA_KIB    32768u /* of all rings */
#define RINGS_MAX   16u
#define SECONDS_MIN 1.5

struct bench {
	struct mt_segment *segment;
	struct mt_collector *collector;
	struct mt_mailbox to_service;
	uint32_t slot;
	uint32_t generation;
	struct mt_ring_writer writers[RINGS_MAX];
	uint32_t rings;
	uint32_t ring_bytes;
	bool hands_off;
	uint64_t seed;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "collect_rate: %s\n", what);
	exit(1);
}

static uint64_t next_random(struct bench *bench)
{
	uint64_t z = (bench->seed += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t *addresses;

/* Where an allocator would put blocks: one behind the other, of any size. */
static void make_addresses(struct bench *bench, uint64_t blocks)
{
	uint64_t at = 0x7f0000000010u;

	addresses = calloc(blocks, sizeof(*addresses));
	if (!addresses)
		fail("out of memory");
	for (uint64_t i = 0; i < blocks; i++) {
		addresses[i] = at;
		at += 32 + (next_random(bench) % 24) * 16;
	}
}

/* Of what follows: as preload/order.h has it, one for 16 events where no other ring knows the block. Its bytes. */
static uint32_t put_stamp(const struct bench *bench, struct mt_ring_writer *writer)
{
	uint64_t stamp;

	if (bench->rings == 1 && writer->stamp_uses) {
		writer->stamp_uses--;
		return 0;
	}
	writer->stamp_uses = 15;
	stamp = mt_stamp_read((enum mt_clock)bench->segment->clock);
	mt_ring_put_word(writer, 0, mt_event_stamp_word(stamp));
	return MT_EVENT_UNIT;
}

static void put(struct bench *bench, uint32_t ring, enum mt_event_type type, unsigned int kind,
                uint64_t addr, uint64_t size_bytes, uint32_t stack)
{
	struct mt_ring_writer *writer = &bench->writers[ring];
	uint32_t at;

	if (!mt_ring_has_space(writer, MT_EVENT_UNIT + sizeof(struct mt_event_fixed)))
		fail("a ring is full");
	at = put_stamp(bench, writer);
	at += mt_ring_put_fixed(writer, at, mt_event_word(type, kind, addr), size_bytes, stack, 0);
	mt_ring_publish(writer, at);
}

static void put_stack(struct bench *bench, uint32_t id)
{
	struct mt_event_large event = {
	        .word = mt_event_word(MT_EVENT_STACK, 0, 0), .length_bytes = 8 * 16, .id = id};
	struct mt_ring_writer *writer = &bench->writers[0];
	uint64_t pcs[16];
	uint32_t at;

	for (uint64_t i = 0; i < 16; i++)
		pcs[i] = 0x400000 + (i < 4 ? id * 16 + i : i * 4096);
	if (!mt_ring_has_space(writer, MT_EVENT_UNIT + sizeof(event) + sizeof(pcs)))
		fail("a ring is full");
	at = put_stamp(bench, writer);
	mt_ring_put(writer, at, &event, sizeof(event));
	mt_ring_put(writer, at + sizeof(event), pcs, sizeof(pcs));
	mt_ring_publish(writer, at + sizeof(event) + sizeof(pcs));
}

static void add_ring(struct bench *bench, uint32_t index)
{
	struct mt_ring *ring = &mt_segment_rings(bench->segment)[index];
	uint32_t bytes = bench->ring_bytes;

	ring->size_bytes = bytes;
	ring->offset_bytes = MT_SEGMENT_DATA_AT + (uint64_t)index * bytes;
	atomic_store(&ring->state, MT_RING_OWNED);
	atomic_store(&bench->segment->ring_count, index + 1);
	bench->writers[index] = (struct mt_ring_writer){
	        .ring = ring,
	        .data = (unsigned char *)bench->segment + ring->offset_bytes,
	        .mask = bytes - 1,
	};
	put(bench, index, MT_EVENT_THREAD_BEGIN, 0, 1000 + index, bench->slot, bench->generation);
}

static void open_bench(struct bench *bench, uint32_t rings, bool hands_off)
{
	enum mt_clock clock = mt_stamp_choose("");
	struct mt_mail mail = {.type = MT_MAIL_JOINED, .pid = 1, .previous_slot = MT_SLOTS};
	struct mt_error error;
	int fd;

	memset(bench, 0, sizeof(*bench));
	bench->rings = rings;
	bench->ring_bytes = 1u << (31 - __builtin_clz(DATA_KIB * 1024 / rings));
	bench->hands_off = hands_off;
	if (mt_segment_create("", bench->ring_bytes / 1024, clock, &bench->segment, &fd, &error) <
	    0)
		fail(error.text);
	close(fd);
	mt_mailbox_init(&bench->to_service);
	bench->collector = calloc(1, sizeof(*bench->collector));
	if (!bench->collector)
		fail("out of memory");
	mt_collector_init(bench->collector, bench->segment, clock, 100, &bench->to_service, -1,
	                  NULL);
	mail.stamp = mt_stamp_read(clock);
	if (mt_segment_claim(bench->segment, 1, mail.stamp, &bench->slot, &bench->generation) < 0)
		fail("no slot");
	mail.slot = bench->slot;
	mail.generation = bench->generation;
	mt_mailbox_post(&bench->collector->mail, &mail);
	for (uint32_t i = 0; i < rings; i++)
		add_ring(bench, i);
	for (uint32_t id = 1; id <= STACKS; id++)
		put_stack(bench, id);
	mt_collector_round(bench->collector);
}

static void close_bench(struct bench *bench)
{
	mt_collector_free(bench->collector);
	free(bench->collector);
	mt_mailbox_free(&bench->to_service);
	munmap(bench->segment, MT_SEGMENT_BYTES);
	free(addresses);
}

static void step(struct bench *bench, uint64_t i, uint64_t blocks)
{
	uint64_t random = next_random(bench);
	uint64_t addr = addresses[random % blocks];
	uint32_t ring = (uint32_t)(bench->hands_off ? random >> 36 : i) % bench->rings;

	put(bench, ring, MT_EVENT_FREE, MT_KIND_FREE, addr, 0, 0);
	if (bench->hands_off)
		ring = (uint32_t)(random >> 50) % bench->rings;
	put(bench, ring, MT_EVENT_ALLOC, MT_KIND_MALLOC, addr, 16 + (random >> 40) % 400,
	    1 + (uint32_t)(random >> 20) % STACKS);
}

static void measure(uint64_t blocks, uint32_t rings, bool hands_off)
{
	/* With random rings, one is filled more than another. */
	uint64_t steps = (uint64_t)DATA_KIB * 1024 / 48 * 8 / 10;
	static struct bench bench;
	const struct mt_process *process;
	uint64_t events = 0, ns = 0;

	open_bench(&bench, rings, hands_off);
	make_addresses(&bench, blocks);
	for (uint64_t i = 0; i < blocks; i++) {
		put(&bench, 0, MT_EVENT_ALLOC, MT_KIND_MALLOC, addresses[i], 100,
		    1 + (uint32_t)i % STACKS);
		if (i % 10000 == 0)
			mt_collector_round(bench.collector);
	}
	mt_collector_round(bench.collector);
	while (ns < (uint64_t)(SECONDS_MIN * 1e9)) {
		uint64_t start;

		for (uint64_t i = 0; i < steps; i++)
			step(&bench, i, blocks);
		start = mt_stamp_monotonic_ns();
		events += mt_collector_round(bench.collector);
		ns += mt_stamp_monotonic_ns() - start;
	}
	process = bench.collector->ledger.by_slot[bench.slot];
	if (process->live.count != blocks || process->unmatched_frees || process->overwritten)
		fail("the books are wrong");
	printf("%10" PRIu64 " live blocks, %2" PRIu32
	       " ring%s %s %6.1f million events/s  %5.1f ns each\n",
	       blocks, rings, rings == 1 ? ", " : "s,", hands_off ? "handing off," : "            ",
	       (double)events * 1e3 / (double)ns, (double)ns / (double)events);
	fflush(stdout);
	close_bench(&bench);
}

int main(int argc, char **argv)
{
	static const uint64_t blocks[] = {100, 10000, 100000, 1000000, 10000000};

	if (argc > 1) {
		uint32_t rings = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;

		if (rings < 1 || rings > RINGS_MAX)
			fail("1 to 16 rings");
		measure(strtoull(argv[1], NULL, 10), rings, argc > 3);
		return 0;
	}
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
		for (uint32_t rings = 1; rings <= 4; rings *= 4)
			measure(blocks[i], rings, false);
	measure(10000, 16, true);
	return 0;
}
