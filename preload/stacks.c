/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.c - the table of known stacks.
 *
 * A stack is known by a 64-bit hash of its frames, seeded with the load epoch (stacks.h) and checked by its
 * depth and a second hash. The table is a few levels of growing size, lock-free:
 *
 *	level 0: 16384 entries   1: 65536   2: 262144   3: 1048576
 *
 * A hash has one group of 8 entries (two cache lines) a level. Look-up goes through the levels in use from
 * the smallest; the hot stacks were met first and so stand in the first. That is 256 KiB, and each of them has a
 * cache line of its own. So a stack is first looked for in a table of single words, eight to a line, which holds what was
 * looked up last.
 *
 * Where something may have been unloaded (the epoch is not 0), a stack keeps its id all the same. One whose frames all
 * lie in objects that are there for good has a seed of its own, and so has its place. Any other stands there twice: by its
 * frames and the files that they lie in, for as long as the process lives, so that a library that comes back to where
 * it was makes no stack new; and by its frames and the epoch, where it is found quickly until the epoch moves. Then
 * another may take that place: an id that somebody has read there stays what it is.
 *
 * The mapping is wiped in a forked child, which so defines its stacks anew under its own ids.
 *
 * Two threads may define the same stack at once under two ids: the collector joins them by their frames.
 * An id is put into the table only after its definition was published, so nobody can use it earlier.
 */
#include "preload/stacks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "preload/clock.h"
#include "preload/emit.h"
#include "preload/module.h"
#include "preload/own.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/unwind.h"

#define LEVELS          4u
#define LEVEL0_BITS     14u
#define LEVEL_STEP_BITS 2u
#define GROUP           8u
/* When the table is full the innermost frames stand for the stack. */
#define FRAMES_WHEN_FULL 8u

/* The seed of stacks that no unloading concerns; no epoch gets so far. */
#define PERMANENT UINT32_MAX

struct entry {
	_Atomic uint64_t hash;  /* 0: empty, and never again; claimed by compare-exchange */
	_Atomic uint64_t value; /* 0: not yet set; id | check << 32 */
};

/*
 * What was looked up last: a tag of 44 bits and the id, if it fits into the other 20; 0: nothing. With the 11 bits that
 * say in which line it stands the tag is as good as 55: among a million stacks two that are taken for each other have a
 * chance of one in 70 000. A word is read and written whole. A line has room for more stacks than usually meet there,
 * because it is in the caches of all threads until one of them writes to it.
 */
#define RECENT_BITS    14u
#define RECENT_PLACES  8u
#define RECENT_ID_MASK ((UINT64_C(1) << 20) - 1)

/* A bit for each page of what follows it. */
#define PAGE_BYTES 4096u
#define MAP_BYTES  PAGE_BYTES

static _Atomic uint64_t *written;
static _Atomic uint64_t *recent;
static struct entry *entries;

static struct entry *group_of(uint32_t level, uint64_t hash)
{
	size_t before = 0;
	uint32_t bits = LEVEL0_BITS + level * LEVEL_STEP_BITS;

	for (uint32_t i = 0; i < level; i++)
		before += (size_t)1 << (LEVEL0_BITS + i * LEVEL_STEP_BITS);
	return entries + before + ((hash >> (64 - bits)) & ~(uint64_t)(GROUP - 1));
}

int mt_stacks_init(void)
{
	const size_t recent_bytes = sizeof(*recent) << RECENT_BITS;
	size_t count = 0, bytes;
	void *memory;

	for (uint32_t i = 0; i < LEVELS; i++)
		count += (size_t)1 << (LEVEL0_BITS + i * LEVEL_STEP_BITS);
	bytes = MAP_BYTES + recent_bytes + count * sizeof(struct entry);
	memory = mt_own_map(bytes, true);
	if (!memory)
		return -errno;
	written = memory;
	recent = (void *)((unsigned char *)memory + MAP_BYTES);
	entries = (void *)((unsigned char *)recent + recent_bytes);
	return 0;
}

/* That of `at`, which is in the mapping. */
static void count_page(const volatile void *at)
{
	size_t page = (size_t)((const volatile unsigned char *)at -
	                       (const volatile unsigned char *)recent) /
	              PAGE_BYTES;
	uint64_t bit = (uint64_t)1 << page % 64;

	if (atomic_load_explicit(&written[page / 64], memory_order_relaxed) & bit)
		return;
	if (!(atomic_fetch_or_explicit(&written[page / 64], bit, memory_order_relaxed) & bit))
		atomic_fetch_add_explicit(&mt_process.slot->stack_table_bytes, PAGE_BYTES,
		                          memory_order_relaxed);
}

/* The check: 16 bits of a second hash | 5 of the epoch, 0 for what outlasts it | 11 of the depth. */
#define CHECK_EPOCH_SHIFT 11u
#define CHECK_EPOCH_MASK  31u

struct identity {
	uint64_t hash;
	uint32_t check;
};

static inline struct identity identify_by(const struct mt_walk *walk, uint64_t seed, uint32_t tag)
{
	__uint128_t product = (__uint128_t)(walk->hash ^ seed) * 0xa0761d6478bd642fu;
	uint64_t hash = (uint64_t)product ^ (uint64_t)(product >> 64);
	uint64_t check = (walk->check ^ walk->check >> 32) * 0xe7037ed1a0b428dbu;

	return (struct identity){hash ? hash : 1, (uint32_t)(check >> 48) << 16 |
	                                                  tag << CHECK_EPOCH_SHIFT |
	                                                  (walk->depth & 0x7ff)};
}

/* What was met before anything was unloaded is not worth the instruction. */
static inline uint32_t tag_of(uint32_t epoch)
{
	return epoch == 0 || epoch == PERMANENT ? 0 : 1 + epoch % CHECK_EPOCH_MASK;
}

static inline struct identity identify(const struct mt_walk *walk, uint32_t of)
{
	return identify_by(walk, ((uint64_t)of << 8 | walk->cut) * 0x9e3779b97f4a7c15u, tag_of(of));
}

/* By the files that its frames lie in. What outlasts every epoch has no tag. */
static struct identity identify_in(const struct mt_walk *walk, uint64_t modules)
{
	return identify_by(walk, modules + walk->cut * 0x9e3779b97f4a7c15u, 0);
}

/* The id; 0: not there. *ret_empty: where it may be put, NULL: there is no empty place. */
static uint32_t look_up(struct identity identity, struct entry **ret_empty)
{
	/* Each has its own first place in its group. */
	uint32_t first = identity.hash % GROUP;

	*ret_empty = NULL;
	for (uint32_t level = 0; level < LEVELS; level++) {
		struct entry *group = group_of(level, identity.hash);

		for (uint32_t i = 0; i < GROUP; i++) {
			struct entry *entry = &group[i ^ first];
			uint64_t hash = atomic_load_explicit(&entry->hash, memory_order_relaxed);

			if (hash == identity.hash) {
				/* acquire: an id is used after its definition; partner: put() */
				uint64_t value =
				        atomic_load_explicit(&entry->value, memory_order_acquire);

				if ((uint32_t)(value >> 32) == identity.check && (uint32_t)value)
					return (uint32_t)value;
			} else if (hash == 0) {
				*ret_empty = entry;
				return 0; /* what would stand further on would stand here */
			}
		}
	}
	return 0;
}

/* It was put there in an epoch that is over. */
static bool is_over(uint64_t value, uint32_t epoch)
{
	uint32_t tag = (uint32_t)(value >> (32 + CHECK_EPOCH_SHIFT)) & CHECK_EPOCH_MASK;

	return tag && tag != tag_of(epoch);
}

/* Where it may be put, first of all in place of what is over; NULL: nowhere. */
static struct entry *find_place(struct identity identity, uint32_t epoch)
{
	uint32_t first = identity.hash % GROUP;

	for (uint32_t level = 0; level < LEVELS; level++) {
		struct entry *group = group_of(level, identity.hash);

		for (uint32_t i = 0; i < GROUP; i++) {
			struct entry *entry = &group[i ^ first];

			if (!atomic_load_explicit(&entry->hash, memory_order_relaxed) ||
			    is_over(atomic_load_explicit(&entry->value, memory_order_relaxed),
			            epoch))
				return entry;
		}
	}
	return NULL;
}

/* Takes the entry from what stood there. False: another thread was quicker. */
static bool claim(struct entry *entry, uint64_t hash, uint32_t epoch)
{
	uint64_t empty = 0, value;

	if (atomic_compare_exchange_strong_explicit(&entry->hash, &empty, hash,
	                                            memory_order_relaxed, memory_order_relaxed))
		return true;
	value = atomic_load_explicit(&entry->value, memory_order_relaxed);
	if (!is_over(value, epoch) ||
	    !atomic_compare_exchange_strong_explicit(&entry->value, &value, 0, memory_order_relaxed,
	                                             memory_order_relaxed))
		return false;
	/* release: whoever sees this hash does not see the old value; who does not, is told by the check */
	atomic_store_explicit(&entry->hash, hash, memory_order_release);
	return true;
}

static void put(struct entry *entry, struct identity identity, uint32_t id, uint32_t epoch)
{
	/* Lost to another thread: the id is used once and not found again. */
	if (!entry || !claim(entry, identity.hash, epoch))
		return;
	atomic_store_explicit(&entry->value, (uint64_t)identity.check << 32 | id,
	                      memory_order_release);
	count_page(entry);
}

/* --- what was looked up last --------------------------------------------------------------------------- */

/* The first of the places that a stack may stand in: those of one cache line. */
static inline _Atomic uint64_t *recent_place(struct identity identity)
{
	return &recent[identity.hash >> (64 - RECENT_BITS)];
}

/* The nth of them. */
static inline _Atomic uint64_t *recent_other(_Atomic uint64_t *place, size_t nth)
{
	return recent + ((size_t)(place - recent) ^ nth);
}

static inline uint64_t recent_tag(struct identity identity)
{
	return (identity.hash << RECENT_BITS ^ (uint64_t)identity.check << 32) & ~RECENT_ID_MASK;
}

/* The id; 0: there is another stack. */
static inline uint32_t recent_id(const _Atomic uint64_t *place, uint64_t tag)
{
	/* acquire: an id is used after its definition; partner: remember() */
	uint64_t id = atomic_load_explicit(place, memory_order_acquire) ^ tag;

	return id <= RECENT_ID_MASK ? (uint32_t)id : 0;
}

/* The id; 0: it is in none of the places from the nth on. */
static inline uint32_t recent_find(struct identity identity, size_t nth)
{
	_Atomic uint64_t *place = recent_place(identity);
	uint64_t tag = recent_tag(identity);
	uint32_t id = 0;

	for (; nth < RECENT_PLACES && !id; nth++)
		id = recent_id(recent_other(place, nth), tag);
	return id;
}

/* In the first of its places that is empty; where none is, what stands in the first takes another's. */
static void remember(struct identity identity, uint32_t id)
{
	_Atomic uint64_t *place = recent_place(identity);
	size_t nth = 0;

	if (id > RECENT_ID_MASK)
		return;
	while (nth < RECENT_PLACES &&
	       atomic_load_explicit(recent_other(place, nth), memory_order_relaxed))
		nth++;
	if (nth == RECENT_PLACES) {
		uint64_t before = atomic_load_explicit(place, memory_order_acquire);

		atomic_store_explicit(recent_other(place, 1 + id % (RECENT_PLACES - 1)), before,
		                      memory_order_release);
		nth = 0;
	}
	atomic_store_explicit(recent_other(place, nth), recent_tag(identity) | id,
	                      memory_order_release);
	count_page(place);
}

/* --- a new one ----------------------------------------------------------------------------------------- */

MT_COLD static uint32_t define(struct mt_ring_writer *writer, const struct mt_walk *walk,
                               uint32_t epoch)
{
	uint32_t id = atomic_fetch_add_explicit(&mt_wiped->next_stack, 1, memory_order_relaxed) + 1;

	mt_module_note(writer, walk->frames, walk->depth, epoch);
	if (!mt_emit_large(writer, MT_EVENT_STACK, id, walk->cut, walk->frames,
	                   walk->depth * (uint32_t)sizeof(*walk->frames), NULL, 0))
		id = 0;
	/* release: partner: know() */
	atomic_fetch_add_explicit(&mt_wiped->defined_stacks, 1, memory_order_release);
	return id;
}

/*
 * Another thread may just have defined the stack of this event, whose stamp must come after the definition's and is
 * not always fenced (order.h).
 */
MT_COLD static void know(struct mt_thread *thread)
{
	/* acquire: partner: define() */
	uint32_t defined = atomic_load_explicit(&mt_wiped->defined_stacks, memory_order_acquire);

	if (atomic_load_explicit(&mt_wiped->next_stack, memory_order_relaxed) == defined)
		thread->known_stacks = defined;
	mt_clock_fence();
}

/* The whole table is full: the innermost frames stand for the stack. */
MT_COLD static void shorten(struct mt_walk *walk)
{
	walk->depth = FRAMES_WHEN_FULL;
	walk->cut = MT_CUT_TABLE;
	mt_walk_identify(walk);
}

static bool is_permanent(const struct mt_walk *walk)
{
	for (uint32_t i = 0; i < walk->depth; i++)
		/* A return address may be one past the end of its object. */
		if (!mt_module_is_permanent((const char *)walk->frames[i] - 1))
			return false;
	return true;
}

/* By what it is known in whatever epoch; if it cannot be, in this one. */
static struct identity identify_for_good(struct mt_ring_writer *writer, const struct mt_walk *walk,
                                         uint32_t epoch)
{
	uint64_t modules;

	if (epoch && is_permanent(walk))
		return identify(walk, PERMANENT);
	modules = epoch ? mt_module_note(writer, walk->frames, walk->depth, epoch) : 0;
	return modules ? identify_in(walk, modules) : identify(walk, epoch);
}

MT_COLD static uint32_t take_for_good(struct mt_ring_writer *writer, struct mt_walk *walk,
                                      uint32_t epoch)
{
	struct identity identity = identify_for_good(writer, walk, epoch);
	struct entry *place;
	uint32_t id = look_up(identity, &place);

	if (id)
		return id;
	if (epoch)
		place = find_place(identity, epoch);
	if (!place && walk->depth > FRAMES_WHEN_FULL) {
		shorten(walk);
		return take_for_good(writer, walk, epoch);
	}
	id = define(writer, walk, epoch);
	if (id) {
		put(place, identity, id, epoch);
		remember(identity, id);
	}
	return id;
}

MT_COLD static uint32_t take_new(struct mt_thread *thread, struct mt_ring_writer *writer,
                                 struct mt_walk *walk, uint32_t epoch)
{
	struct identity quick = {0};
	int saved_errno = errno;
	uint32_t id;

	if (epoch)
		quick = identify(walk, epoch);
	if (!walk->frames) {
		mt_walk_frames(&thread->tail, walk, thread->frames);
		walk->frames = thread->frames;
	}
	id = take_for_good(writer, walk, epoch);
	if (id && epoch && !is_permanent(walk))
		put(find_place(quick, epoch), quick, id, epoch);
	errno = saved_errno;
	return id;
}

/* --- the id of a stack ------------------------------------------------------------------------------------ */

/* By the whole table; 0: it is not known by this identity. */
static uint32_t find(struct identity identity)
{
	struct entry *unused;
	uint32_t id = look_up(identity, &unused);

	if (id)
		remember(identity, id);
	return id;
}

static __attribute__((noinline)) uint32_t take_further(struct mt_thread *thread,
                                                       struct mt_ring_writer *writer,
                                                       struct mt_walk *walk, uint32_t epoch,
                                                       struct identity identity)
{
	uint32_t id = recent_find(identity, 2);

	if (mt_unlikely(!id))
		id = find(identity);
	if (mt_unlikely(!id && epoch)) {
		struct identity quick = identify(walk, epoch);

		id = recent_find(quick, 0);
		if (!id)
			id = find(quick);
	}
	return id ? id : take_new(thread, writer, walk, epoch);
}

/* The id of a stack that is known by `walk`; defines it when it is new. */
static inline uint32_t take(struct mt_thread *thread, struct mt_ring_writer *writer,
                            struct mt_walk *walk, uint32_t epoch)
{
	struct identity identity = identify(walk, mt_likely(!epoch) ? 0 : PERMANENT);
	_Atomic uint64_t *place = recent_place(identity);
	uint64_t tag = recent_tag(identity);
	uint32_t id = recent_id(place, tag);

	if (mt_unlikely(!id))
		id = recent_id(recent_other(place, 1), tag);
	return mt_likely(id) ? id : take_further(thread, writer, walk, epoch, identity);
}

uint32_t mt_stacks_take(struct mt_thread *thread, uint32_t level, struct mt_ring_writer *writer,
                        const struct mt_caller *caller)
{
	void *alone[1];
	struct mt_walk walk;
	uint32_t epoch, id;

	/* acquire: ranges of the new epoch are looked up after it; partner: mt_module_new_epoch() */
	epoch = atomic_load_explicit(&mt_process.epoch, memory_order_acquire);
	/* What belongs to the thread is level 0's. */
	if (mt_likely(level == 0)) {
		mt_unwind_walk(thread, caller, epoch, &walk);
	} else {
		alone[0] = (void *)caller->address;
		walk = (struct mt_walk){.frames = alone, .depth = 1, .cut = MT_CUT_NESTED};
		mt_walk_identify(&walk);
	}
	if (mt_unlikely(walk.cut > MT_CUT_DEPTH))
		mt_unwind_count_cut(thread, level);
	if (walk.id && *walk.id)
		return *walk.id;
	id = take(thread, writer, &walk, epoch);
	if (mt_unlikely(id > thread->known_stacks))
		know(thread);
	if (walk.id)
		*walk.id = id;
	return id;
}
