/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_segment.c - the collector's rounds against a segment in which anybody may write anything.
 *
 * The input is a list of steps: a record of any form, bytes of no form, a field of the header, of a slot or of a ring
 * that is overwritten, a word of the service thread, a round, a batch. It must end, and the collector must stay
 * within its limits; that nothing is read outside is the sanitizer's to see. With FUZZ_RACE in the environment,
 * another thread keeps changing what is being read.
 */
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/collector.h"
#include "collect/lifecycle.h"
#include "collect/output.h"
#include "collect/segment.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/replay.h"

#define PLACES     8u /* slots and rings that are played with */
#define RING_BYTES MT_RING_BYTES_MIN
#define STEPS_MAX  4000u

static struct mt_segment *segment;
static struct mt_segment header; /* as the collector has made it */
static struct mt_collector collector;
static struct mt_mailbox to_service;
static struct mt_writer *writer;
static char path[64]; /* of its file */
static uint64_t past; /* stamps from here on are before every cut */
static atomic_bool is_racing;

/* --- the other thread -------------------------------------------------------------------------------- */

static void *race(void *unused)
{
	uint64_t seed = 1;

	(void)unused;
	for (;;) {
		uint64_t *words =
		        (uint64_t *)(void *)((unsigned char *)segment + MT_SEGMENT_DATA_AT);
		volatile uint64_t *word;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (!atomic_load_explicit(&is_racing, memory_order_relaxed))
			continue;
		word = &words[(seed >> 33) % (2 * RING_BYTES / sizeof(*words))];
		/* One bit of it, and back: what is looked at twice differs, and the rest stays what it was. */
		*word ^= 1ull << (seed >> 20) % 64;
		*word ^= 1ull << (seed >> 20) % 64;
		if ((seed >> 40) % 64 == 0) {
			struct mt_ring *ring = &mt_segment_rings(segment)[(seed >> 50) % PLACES];
			struct mt_slot *slot = &mt_segment_slots(segment)[(seed >> 50) % PLACES];

			atomic_fetch_add(&ring->head, MT_EVENT_UNIT);
			*(volatile uint32_t *)&ring->size_bytes ^= RING_BYTES;
			*(volatile uint32_t *)&slot->parent_slot ^= 1;
			atomic_fetch_xor(&slot->state, 2);
		}
	}
	return NULL;
}

/* --- one life of a collector ------------------------------------------------------------------------- */

static int begin_once(void)
{
	pthread_t thread;
	struct mt_error error;
	int fd;

	if (mt_segment_create("", 16, MT_CLOCK_MONOTONIC, &segment, &fd, &error) < 0)
		return -1;
	header = *segment;
	if (getenv("FUZZ_RACE"))
		pthread_create(&thread, NULL, race, NULL);
	return 0;
}

static void *first_slots(void)
{
	return mt_segment_slots(segment);
}

static void *first_rings(void)
{
	return mt_segment_rings(segment);
}

static void open_collector(uint8_t how)
{
	memcpy((void *)segment, (void *)&header, sizeof(header));
	memset(first_slots(), 0, PLACES * sizeof(struct mt_slot));
	memset(first_rings(), 0, PLACES * sizeof(struct mt_ring));
	memset((unsigned char *)segment + MT_SEGMENT_DATA_AT, 0, (size_t)PLACES * RING_BYTES);
	segment->sample_bytes = how & 1 ? 4096 : 0;
	mt_mailbox_init(&to_service);
	mt_collector_init(&collector, segment, MT_CLOCK_MONOTONIC, how & 2 ? 0 : 100, &to_service,
	                  -1, NULL);
	collector.ledger.stamps.origin_ns -= 2000000000u;
	collector.ledger.stamps.piece.stamp -= 2000000000u;
	past = mt_stamp_monotonic_ns() - 1000000000u;
	for (uint32_t i = 0; i < PLACES; i++) {
		struct mt_ring *ring = &mt_segment_rings(segment)[i];

		ring->size_bytes = RING_BYTES;
		ring->offset_bytes = MT_SEGMENT_DATA_AT + i * RING_BYTES;
		atomic_store(&ring->state, MT_RING_OWNED);
	}
	atomic_store(&segment->ring_count, PLACES);
}

static void close_collector(void)
{
	mt_collector_free(&collector);
	mt_mailbox_free(&to_service);
	/* Also which rings it knew, and that they were broken: the next one begins anew. */
	memset(&collector, 0, sizeof(collector));
}

/* --- the steps --------------------------------------------------------------------------------------- */

static struct mt_ring *ring_of(struct bytes *bytes)
{
	return &mt_segment_rings(segment)[bytes_u8(bytes) % PLACES];
}

/* At the ring's head, where a well-behaved ring has its data, whatever its directory says now. */
static void publish(struct mt_ring *ring, const void *record, size_t count)
{
	size_t index = (size_t)(ring - mt_segment_rings(segment));
	unsigned char *data = (unsigned char *)segment + MT_SEGMENT_DATA_AT + index * RING_BYTES;
	uint64_t head = atomic_load(&ring->head);

	for (size_t i = 0; i < count; i++)
		data[(head + i) & (RING_BYTES - 1)] = ((const unsigned char *)record)[i];
	atomic_store(&ring->head,
	             head + ((count + MT_EVENT_UNIT - 1) & ~(size_t)(MT_EVENT_UNIT - 1)));
}

static uint64_t stamp_of(struct bytes *bytes)
{
	uint8_t how = bytes_u8(bytes);

	past += how & 3;
	return how < 0xf8 ? past : bytes_number(bytes);
}

/* Of what comes next in that ring; as often as not it has the one before. */
static void put_stamp(struct bytes *bytes, struct mt_ring *ring)
{
	uint64_t word = mt_event_stamp_word(stamp_of(bytes));

	if (word >> 8 & 1)
		publish(ring, &word, sizeof(word));
}

static void put_fixed(struct bytes *bytes)
{
	struct mt_ring *ring = ring_of(bytes);
	struct mt_event_fixed record = {0};
	unsigned int type = bytes_u8(bytes) % (MT_EVENT_TYPES + 1), kind = bytes_u8(bytes);

	put_stamp(bytes, ring);
	record.word =
	        mt_event_word(type, kind < 0xc0 ? kind % MT_KIND_COUNT : kind, bytes_number(bytes));
	if (type > MT_EVENT_FREE) {
		record.size_bytes = bytes_number(bytes);
		record.stack = (uint32_t)bytes_number(bytes);
		record.flags = (uint32_t)bytes_number(bytes);
	}
	publish(ring, &record, type < MT_EVENT_STACK ? mt_event_bytes(type, 0) : sizeof(record));
}

static void put_large(struct bytes *bytes)
{
	unsigned char record[sizeof(struct mt_event_large) + MT_EVENT_PAYLOAD_MAX + 256];
	struct mt_event_large head = {0};
	struct mt_ring *ring = ring_of(bytes);
	unsigned int how = bytes_u8(bytes);
	size_t length =
	        how & 0x40 ? bytes_u16(bytes) % (MT_EVENT_PAYLOAD_MAX + 200) : 8u * (how >> 1 & 15);
	uint8_t filler;

	put_stamp(bytes, ring);
	head.word = mt_event_word(how & 1 ? MT_EVENT_MODULE : MT_EVENT_STACK, 0, 0);
	head.id = (uint32_t)bytes_number(bytes);
	head.argument = bytes_number(bytes);
	head.length_bytes = (uint32_t)(how & 0x80 ? bytes_number(bytes) : length);
	filler = bytes_u8(bytes);
	/* Those that are rarer. */
	if (filler >= 0xf8)
		head.word = mt_event_word(
		        MT_EVENT_STACK + filler % (MT_EVENT_TYPES - MT_EVENT_STACK), 0, 0);
	memcpy(record, &head, sizeof(head));
	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = how & 0x20 ? i * 0x0101 + filler : bytes_number(bytes);

		memcpy(record + sizeof(head) + i, &word, 8);
	}
	publish(ring, record, sizeof(head) + length);
}

static void put_raw(struct bytes *bytes)
{
	struct mt_ring *ring = ring_of(bytes);
	unsigned char record[256];
	size_t count = bytes_u8(bytes);

	bytes_take(bytes, record, count);
	publish(ring, record, count);
}

/* A word anywhere in the header, a slot or a ring of the directory. */
static void put_word(struct bytes *bytes)
{
	static const size_t rest = sizeof(struct mt_segment);
	unsigned char *part = (unsigned char *)segment;
	uint8_t where = bytes_u8(bytes);
	size_t size = rest, at = bytes_u8(bytes) * (size_t)4;
	uint64_t value = bytes_number(bytes);
	uint32_t half = (uint32_t)value;

	if (where & 1) {
		part = (unsigned char *)first_slots() +
		       (where >> 2) % PLACES * sizeof(struct mt_slot);
		size = sizeof(struct mt_slot);
	} else if (where & 2) {
		part = (unsigned char *)first_rings() +
		       (where >> 2) % PLACES * sizeof(struct mt_ring);
		size = sizeof(struct mt_ring);
	}
	at %= size;
	if (where & 0x80 && at + 8 <= size)
		memcpy(part + at, &value, 8);
	else
		memcpy(part + at, &half, 4);
}

/* A forked child claims a slot by itself. */
static void claim(struct bytes *bytes)
{
	struct mt_slot *slot = &mt_segment_slots(segment)[bytes_u8(bytes) % PLACES];

	atomic_fetch_add(&slot->generation, 1);
	slot->pid = (uint32_t)bytes_number(bytes);
	slot->parent_slot = bytes_u8(bytes) % (PLACES + 1);
	slot->parent_generation = bytes_u8(bytes) % 4;
	slot->fork_serial = bytes_u8(bytes) % 4;
	slot->begin_stamp = stamp_of(bytes);
	mt_segment_use_slot(segment, PLACES - 1);
	atomic_store(&slot->state, MT_SLOT_LIVE);
	atomic_fetch_add(&segment->slot_claims, 1);
}

static void join(struct bytes *bytes)
{
	struct mt_mail mail = {.type = MT_MAIL_JOINED, .previous_slot = MT_SLOTS, .stamp = past};
	uint32_t index = bytes_u8(bytes) % PLACES;
	struct mt_slot *slot = &mt_segment_slots(segment)[index];

	mail.slot = index;
	mail.pid = (int32_t)bytes_number(bytes);
	mail.generation = atomic_fetch_add(&slot->generation, 1) + 1;
	slot->parent_slot = MT_SLOTS;
	mt_segment_use_slot(segment, index);
	atomic_store(&slot->state, MT_SLOT_LIVE);
	mail.identity.folder = strdup("/home");
	mail.identity.executable = strdup("/bin/true");
	mt_mailbox_post(&collector.mail, &mail);
}

static void say(struct bytes *bytes)
{
	static const enum mt_mail_type types[] = {MT_MAIL_GONE,    MT_MAIL_UNTRACED, MT_MAIL_PID,
	                                          MT_MAIL_THREADS, MT_MAIL_SWITCHED, MT_MAIL_REST,
	                                          MT_MAIL_GONE,    MT_MAIL_JOINED};
	struct mt_mail mail = {
	        .type = types[bytes_u8(bytes) % 8], .stamp = past, .previous_slot = MT_SLOTS};

	mail.slot = bytes_u8(bytes) % PLACES;
	mail.generation = bytes_u8(bytes) % 4;
	mail.previous_slot = bytes_u8(bytes) % 16 ? MT_SLOTS : 1;
	mail.tid = bytes_u8(bytes);
	mail.status = bytes_u8(bytes) & 1;
	mail.signal = MT_MAIL_UNKNOWN;
	if (mail.type == MT_MAIL_THREADS || mail.type == MT_MAIL_UNTRACED)
		mail.text = strdup("name");
	mt_mailbox_post(&collector.mail, &mail);
}

static void run_round(void)
{
	atomic_store(&is_racing, true);
	mt_collector_round(&collector);
	atomic_store(&is_racing, false);
}

/* One file for all inputs, since to make one takes longer than all the rest: it refuses to keep anything. */
static int refuse(void *unused)
{
	(void)unused;
	return writer != NULL;
}

static int opened(sqlite3 *db, char **ret_error, const struct sqlite3_api_routines *unused)
{
	(void)ret_error;
	(void)unused;
	sqlite3_commit_hook(db, refuse, NULL);
	return SQLITE_OK;
}

static void remove_file(void)
{
	mt_writer_close(writer, NULL, NULL);
	unlink(path);
}

static void create_writer(void)
{
	static const struct mt_writer_session session = {.memtrace = "",
	                                                 .clock = "",
	                                                 .host = "",
	                                                 .kernel = "",
	                                                 .machine = "",
	                                                 .options = ""};
	struct mt_writer *created;
	struct mt_error error;
	char resolved[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/memtrace-fuzz-%d.db", (int)getpid());
	sqlite3_auto_extension((void (*)(void))opened);
	if (mt_output_claim(path, true, resolved, &fd, &error) < 0 ||
	    mt_writer_create(path, &session, &error, &created) < 0)
		abort();
	writer = created;
	atexit(remove_file);
}

/* As the writer thread would; all but the writing, where that is not asked for. */
static void batch(bool is_written)
{
	struct mt_batch *batch = mt_batch_build(&collector.ledger);

	if (!batch)
		return;
	for (size_t i = 0; i < batch->snapshots_count; i++)
		mt_snapshot_sort(&batch->snapshots[i]);
	if (is_written) {
		if (!writer)
			create_writer();
		mt_commit_write(writer, batch);
		mt_writer_rollback(writer);
	}
	mt_batch_settle(batch);
	collector.ledger.is_unsettled = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct bytes bytes = {data, count};
	uint8_t how = bytes_u8(&bytes);

	if (!segment && begin_once() < 0)
		return -1;
	open_collector(how);
	for (uint32_t step = 0; bytes.left && step < STEPS_MAX; step++) {
		uint8_t what = bytes_u8(&bytes);

		switch (what & 15) {
		case 0:
		case 1:
		case 2:
		case 3:
		case 4:
		case 5: put_fixed(&bytes); break;
		case 6:
		case 7: put_large(&bytes); break;
		case 8: put_raw(&bytes); break;
		case 9: put_word(&bytes); break;
		case 10: claim(&bytes); break;
		case 11: join(&bytes); break;
		case 12: say(&bytes); break;
		case 13: batch(false); break;
		default: run_round(); break;
		}
	}
	run_round();
	run_round();
	mt_lifecycle_stop(&collector.ledger);
	batch((how & 0xf0) == 0xf0);
	run_round();
	close_collector();
	return 0;
}
