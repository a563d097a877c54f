/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * apply.c - see apply.h.
 *
 * The loop runs tens of millions of times a second. What it must not do is wait for memory: the entries
 * of the live table that the next records will touch are fetched AHEAD_RECORDS before their turn.
 */
#include "collect/apply.h"

#include "collect/books.h"
#include "collect/charge.h"
#include "collect/define.h"
#include "collect/lifecycle.h"

#include <stdlib.h>

#define AHEAD_RECORDS 12u
/* The ring's own lines come earlier still: with many rings the hardware does not see the streams. */
#define AHEAD_BYTES 1024u
/* A size of this or more is no block: addresses have 47 bits. */
#define SIZE_LIMIT (1ull << MT_EVENT_ADDR_BITS)

static const bool kind_is_heap[256] = {
#define KIND(name, text, heap) [MT_KIND_##name] = heap,
        MT_KINDS(KIND)
#undef KIND
};

/* The words after the first one: size, and stack | flags << 32. */
struct tail {
	uint64_t size_bytes;
	uint32_t stack;
	uint32_t flags;
};

static inline struct tail tail_of(const struct mt_drain *drain)
{
	struct tail tail;
	uint64_t words[2] = {mt_drain_word(drain, drain->at + MT_EVENT_UNIT),
	                     mt_drain_word(drain, drain->at + 2 * MT_EVENT_UNIT)};

	memcpy(&tail, words, sizeof(tail));
	return tail;
}

/* That of an ALLOC. */
static inline struct tail narrow_tail_of(const struct mt_drain *drain)
{
	uint64_t word = mt_drain_word(drain, drain->at + MT_EVENT_UNIT);

	return (struct tail){.size_bytes = (uint32_t)word, .stack = (uint32_t)(word >> 32)};
}

/* The time of the present stamp, which many events have. */
static inline uint64_t now_ns(const struct mt_ledger *ledger, struct mt_drain *drain)
{
	if (drain->ns_stamp != drain->stamp) {
		drain->ns_stamp = drain->stamp;
		drain->ns = mt_stamp_ns(&ledger->stamps, drain->stamp);
	}
	return drain->ns;
}

/* --- the timeline ------------------------------------------------------------------------------------ */

/* The event at `stamp` is the first one at or behind the point that is due. */
static void cross_points(struct mt_ledger *ledger, struct mt_process *process, uint64_t stamp)
{
	uint64_t beyond = stamp - process->point_stamp;
	uint64_t ticks = process->point_ticks;

	if (process->events != process->point_events)
		mt_process_point(process, mt_stamp_ns(&ledger->stamps, process->point_stamp), NULL);
	/* After a silence: the state just before this event. */
	if (beyond >= ticks) {
		process->point_stamp += beyond / ticks * ticks;
		mt_process_point(process, mt_stamp_ns(&ledger->stamps, process->point_stamp), NULL);
	}
	process->point_stamp += ticks;
}

/* --- blocks ------------------------------------------------------------------------------------------ */

/* The path of nearly every event: gcc takes it for too large, and calls cost more than all else that is new in it. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* The free of a block that is not live: where tracing was off, it may have been allocated then. */
static inline uint64_t *unknown_frees(struct mt_process *process)
{
	return process->was_off ? &process->unknown_frees : &process->unmatched_frees;
}

/* What there is to say of the free of a block of the process's own, before its entry goes. */
static ALWAYS_INLINE void judge_free(struct mt_ledger *ledger, struct mt_drain *drain,
                                     struct mt_process *process, const struct mt_live_entry *block,
                                     struct mt_drain_event head)
{
	drain->last_bad_free = 0;
	if (unlikely(!(block->total & MT_LIVE_FLAGS) &&
	             !mt_frees_match(process->totals.rows[block->total].kind,
	                             mt_event_kind(head.word))))
		mt_frees_mismatched(ledger, drain, head, block);
	mt_frees_remember(&process->frees, block);
	drain->last_grave = process->frees.next;
}

static ALWAYS_INLINE void apply_free(struct mt_ledger *ledger, struct mt_drain *drain,
                                     struct mt_process *process, struct mt_drain_event head)
{
	struct mt_live_entry *block = mt_books_find(process, mt_event_addr(head.word));

	if (unlikely(!block)) {
		++*unknown_frees(process);
		mt_frees_unmatched(ledger, drain, head);
		return;
	}
	judge_free(ledger, drain, process, block, head);
	if (unlikely(block->size_bytes >= process->growth.chunk_min_bytes))
		mt_growth_unmap(&process->growth, block->addr, NULL);
	mt_books_release(drain, process, block, head.word);
	mt_books_remove(process, block);
}

/* False: the record is impossible. */
static ALWAYS_INLINE bool apply_alloc(struct mt_ledger *ledger, struct mt_drain *drain,
                                      struct mt_process *process, struct mt_drain_event head,
                                      struct tail tail)
{
	uint64_t addr = mt_event_addr(head.word);
	unsigned int kind = mt_event_kind(head.word);
	struct mt_live_entry *block;
	struct mt_thread *thread;
	uint32_t total;
	bool was_live;

	if (unlikely(!addr || !kind_is_heap[kind] || tail.size_bytes >= SIZE_LIMIT))
		return false;
	if (unlikely(tail.flags & MT_ALLOC_OWN)) {
		total = MT_LIVE_OWN;
	} else {
		total = mt_totals_find(&process->totals, tail.stack, kind);
		if (unlikely(!total))
			total = mt_define_total(ledger, drain, process, tail.stack, kind);
	}
	block = total ? mt_books_insert(process, addr, &was_live) : NULL;
	if (unlikely(!block)) {
		process->out_of_memory++;
		return true;
	}
	if (unlikely(was_live))
		mt_books_overwrite(process, block);
	block->size_bytes = tail.size_bytes;
	block->born_ns = now_ns(ledger, drain);
	block->total = total;
	block->thread = drain->thread;
	if (unlikely(total == MT_LIVE_OWN)) {
		process->own_allocations++;
		process->own_bytes += tail.size_bytes;
		return true;
	}
	thread = &process->threads[drain->thread];
	thread->last_alloc = addr;
	thread->live_blocks++;
	mt_books_alloc(process, total, tail.size_bytes, block->born_ns);
	return true;
}

/* Where a thread's next realloc is kept; NULL: no memory. */
static struct mt_realloc *keep_realloc(struct mt_thread *thread)
{
	if (!thread->reallocs)
		thread->reallocs = calloc(1, sizeof(*thread->reallocs));
	if (!thread->reallocs)
		return NULL;
	return &thread->reallocs->last[thread->reallocs->next++ % MT_THREAD_REALLOCS];
}

static void apply_realloc(struct mt_ledger *ledger, struct mt_drain *drain,
                          struct mt_process *process, struct mt_drain_event head)
{
	struct mt_live_entry *block = mt_books_find(process, mt_event_addr(head.word));
	struct mt_realloc *kept = keep_realloc(&process->threads[drain->thread]);
	struct mt_realloc begun = {.kind = MT_REALLOC_UNMATCHED};

	begun.block.addr = mt_event_addr(head.word);
	if (block) {
		judge_free(ledger, drain, process, block, head);
		begun.kind = MT_REALLOC_BLOCK;
		begun.block = *block;
		mt_growth_unmap(&process->growth, block->addr, &begun.chunk);
		begun.was_temporary = mt_books_release(drain, process, block, head.word);
		mt_books_remove(process, block);
	} else {
		++*unknown_frees(process);
		mt_frees_unmatched(ledger, drain, head);
	}
	if (kept)
		*kept = begun;
	else
		process->out_of_memory++;
}

/* The thread's last realloc of `addr`; kind NONE: there was none. It is forgotten. */
static struct mt_realloc take_realloc(struct mt_thread *thread, uint64_t addr)
{
	struct mt_realloc none = {.kind = MT_REALLOC_NONE};

	for (uint32_t i = 1; thread->reallocs && i <= MT_THREAD_REALLOCS; i++) {
		struct mt_realloc *kept =
		        &thread->reallocs->last[(thread->reallocs->next - i) % MT_THREAD_REALLOCS];
		struct mt_realloc found = *kept;

		if (found.kind == MT_REALLOC_NONE || found.block.addr != addr)
			continue;
		kept->kind = MT_REALLOC_NONE;
		return found;
	}
	return none;
}

/* The call failed, so the block was live all the time. */
static void undo_realloc(struct mt_ledger *ledger, struct mt_drain *drain,
                         struct mt_process *process, struct mt_drain_event head)
{
	struct mt_thread *thread = &process->threads[drain->thread];
	struct mt_realloc begun = take_realloc(thread, mt_event_addr(head.word));
	const struct mt_live_entry *old = &begun.block;
	struct mt_live_entry *block;
	bool was_live;

	if (begun.kind == MT_REALLOC_UNMATCHED)
		--*unknown_frees(process);
	/* Where a block lives since, the call cannot have failed. */
	if (begun.kind != MT_REALLOC_BLOCK || mt_live_find(&process->live, old->addr))
		return;
	block = mt_books_insert(process, old->addr, &was_live);
	if (!block) {
		process->out_of_memory++;
		return;
	}
	*block = *old;
	if (begun.chunk.addr)
		mt_growth_undo(&process->growth, &begun.chunk);
	if (old->total & MT_LIVE_FLAGS) {
		mt_books_restore_flagged(process, old);
		return;
	}
	process->threads[old->thread].live_blocks++;
	mt_books_undo(process, old->total, old->size_bytes, begun.was_temporary,
	              mt_stamp_ns(&ledger->stamps, head.stamp));
	if (begun.was_temporary)
		thread->last_alloc = old->addr;
}

/* The index of totals that a record's stack and kind lead to; 0: memory is out. */
static uint32_t find_site(struct mt_ledger *ledger, struct mt_drain *drain,
                          struct mt_process *process, uint32_t stack, unsigned int kind)
{
	uint32_t total = mt_totals_find(&process->totals, stack, kind);

	if (!total)
		total = mt_define_total(ledger, drain, process, stack, kind);
	if (!total)
		process->out_of_memory++;
	return total;
}

static uint32_t node_of(const struct mt_process *process, uint32_t total)
{
	return total ? process->totals.rows[total].node : 0;
}

/* addr is the new break. */
static void move_break(struct mt_ledger *ledger, struct mt_process *process, uint64_t addr,
                       int64_t change, uint32_t node)
{
	if (change < 0 && change > -(int64_t)SIZE_LIMIT)
		mt_regions_unmap(&process->regions, addr, (uint64_t)-change, ledger->page_bytes);
	else if (change > 0 && (uint64_t)change <= addr)
		mt_regions_put(&process->regions, addr - (uint64_t)change, (uint64_t)change,
		               MT_REGION_BREAK, node, ledger->page_bytes);
}

static bool apply_map(struct mt_ledger *ledger, struct mt_drain *drain, struct mt_process *process,
                      struct mt_drain_event head)
{
	unsigned int kind = mt_event_kind(head.word);
	struct tail tail = tail_of(drain);
	bool is_break = mt_event_type(head.word) == MT_EVENT_BREAK;
	int64_t change = (int64_t)tail.size_bytes; /* of the break */
	uint32_t total, node;

	if (kind == MT_KIND_NONE && mt_event_type(head.word) == MT_EVENT_MAP &&
	    tail.size_bytes < SIZE_LIMIT) {
		mt_regions_put(&process->regions, mt_event_addr(head.word), tail.size_bytes,
		               MT_REGION_MEMTRACE, 0, ledger->page_bytes);
		return true;
	}
	if (kind == MT_KIND_NONE || kind >= MT_KIND_COUNT || kind_is_heap[kind])
		return false;
	/* The break may shrink: that is no growth. */
	if (is_break && change < 0)
		tail.size_bytes = 0;
	if (tail.size_bytes >= SIZE_LIMIT)
		return false;
	total = find_site(ledger, drain, process, tail.stack, kind);
	if (total)
		mt_totals_map(&process->totals, total, tail.size_bytes);
	node = node_of(process, total);
	if (is_break) {
		move_break(ledger, process, mt_event_addr(head.word), change, node);
		mt_charge_break(process, mt_event_addr(head.word), change, node);
	} else {
		mt_regions_map(&process->regions, mt_event_addr(head.word), tail.size_bytes, node,
		               ledger->page_bytes);
	}
	return true;
}

static bool apply_growth(struct mt_ledger *ledger, struct mt_drain *drain,
                         struct mt_process *process, struct mt_drain_event head)
{
	struct tail tail = tail_of(drain);
	uint32_t node = 0;

	if (tail.stack)
		node = node_of(process, find_site(ledger, drain, process, tail.stack,
		                                  mt_event_kind(head.word)));
	return mt_charge_growth(ledger, process, head, (int64_t)tail.size_bytes, tail.flags, node);
}

static void apply_unmap(struct mt_ledger *ledger, struct mt_drain *drain,
                        struct mt_process *process, struct mt_drain_event head)
{
	struct tail tail = tail_of(drain);

	/* shmdt() names no length. */
	if (mt_event_kind(head.word) == MT_KIND_SHM)
		tail.size_bytes =
		        mt_event_type(head.word) == MT_EVENT_UNMAP
		                ? mt_regions_bytes(&process->regions, mt_event_addr(head.word))
		                : mt_regions_removed_bytes(&process->regions,
		                                           mt_event_addr(head.word));
	if (mt_event_type(head.word) == MT_EVENT_UNMAP)
		mt_regions_unmap(&process->regions, mt_event_addr(head.word), tail.size_bytes,
		                 ledger->page_bytes);
	else
		mt_regions_undo(&process->regions, mt_event_addr(head.word), tail.size_bytes,
		                ledger->page_bytes);
}

/* --- threads ----------------------------------------------------------------------------------------- */

static void end_thread(struct mt_drain *drain, uint64_t now_ns)
{
	struct mt_thread *thread = &drain->process->threads[drain->thread];

	if (thread->rings && --thread->rings == 0) {
		thread->has_ended = true;
		thread->ended_ns = now_ns;
		free(thread->reallocs);
		thread->reallocs = NULL;
		thread->is_dirty = true;
		drain->process->has_dirty_threads = true;
		if (!thread->live_blocks)
			mt_process_idle(drain->process, drain->thread);
	}
	drain->process = NULL;
}

static void begin_thread(struct mt_ledger *ledger, struct mt_drain *drain,
                         struct mt_drain_event head)
{
	struct tail tail = tail_of(drain);
	uint64_t now_ns = mt_stamp_ns(&ledger->stamps, head.stamp);
	struct mt_process *process = NULL;

	drain->last_grave = 0;
	drain->last_bad_free = 0;
	if (tail.size_bytes < MT_SLOTS)
		process = mt_lifecycle_find(ledger, (uint32_t)tail.size_bytes, tail.stack);
	/* In a shared ring the thread before has not ended: this one takes its turn. */
	if (drain->process && !drain->is_shared)
		end_thread(drain, now_ns);
	drain->process = NULL;
	drain->last_stack_node = 0;
	/* Of a settled one nothing runs, its rings were given back and it may be freed at any moment. */
	if (!process || process->is_settled)
		return;
	if (ledger->is_full) {
		process->out_of_memory++;
		return;
	}
	if (mt_process_thread(process, (uint32_t)mt_event_addr(head.word), now_ns, &drain->thread) <
	    0) {
		process->out_of_memory++;
		return;
	}
	drain->process = process;
	/* It was counted when it first began here. */
	if (drain->is_shared && tail.flags & MT_THREAD_AGAIN &&
	    process->threads[drain->thread].rings > 1)
		process->threads[drain->thread].rings--;
}

/* --- the slow path ----------------------------------------------------------------------------------- */

/* Does it take memory of ours to apply this? */
static bool makes_larger(unsigned int type)
{
	switch (type) {
	case MT_EVENT_ALLOC:
	case MT_EVENT_ALLOC_WIDE:
	case MT_EVENT_MAP:
	case MT_EVENT_BREAK:
	case MT_EVENT_GROWTH:
	case MT_EVENT_FORK:
	case MT_EVENT_STACK:
	case MT_EVENT_MODULE: return true;
	default: return false;
	}
}

/* Deals with the reason for attention; true when the event is to be applied after all. */
static bool attend(struct mt_ledger *ledger, struct mt_drain *drain, unsigned int type)
{
	struct mt_process *process = drain->process;

	if (type == MT_EVENT_THREAD_BEGIN || type == MT_EVENT_THREAD_END)
		return true;
	if (process->attention & MT_ATTEND_ENDED) {
		process->late_events++;
		return false;
	}
	if (process->attention & MT_ATTEND_EXEC && process->exec_drain == drain &&
	    process->exec_thread == drain->thread && type != MT_EVENT_EXEC) {
		process->attention &= ~(uint32_t)MT_ATTEND_EXEC;
		process->exec_drain = NULL;
	}
	if (process->attention & MT_ATTEND_QUIET && !(process->attention & MT_ATTEND_LEFT_OUT) &&
	    type != MT_EVENT_EXEC && type != MT_EVENT_EXEC_FAILED && type != MT_EVENT_UNTRACED)
		mt_lifecycle_reveal(ledger, process);
	if (process->attention & MT_ATTEND_FULL && makes_larger(type)) {
		process->out_of_memory++;
		return false;
	}
	return true;
}

static bool apply_rare(struct mt_ledger *ledger, struct mt_drain *drain, struct mt_drain_event head,
                       const struct mt_event_large *large)
{
	struct mt_process *process = drain->process;

	switch (mt_event_type(head.word)) {
	case MT_EVENT_FREE: apply_free(ledger, drain, process, head); return true;
	case MT_EVENT_ALLOC:
		return apply_alloc(ledger, drain, process, head, narrow_tail_of(drain));
	case MT_EVENT_ALLOC_WIDE: return apply_alloc(ledger, drain, process, head, tail_of(drain));
	case MT_EVENT_REALLOC: apply_realloc(ledger, drain, process, head); return true;
	case MT_EVENT_REALLOC_FAILED: undo_realloc(ledger, drain, process, head); return true;
	case MT_EVENT_FREE_STACK:
		mt_frees_stack(ledger, drain, mt_event_addr(head.word), tail_of(drain).stack);
		return true;
	case MT_EVENT_MAP:
	case MT_EVENT_BREAK: return apply_map(ledger, drain, process, head);
	case MT_EVENT_GROWTH: return apply_growth(ledger, drain, process, head);
	case MT_EVENT_UNMAP:
	case MT_EVENT_UNMAP_FAILED: apply_unmap(ledger, drain, process, head); return true;
	case MT_EVENT_THREAD_BEGIN: begin_thread(ledger, drain, head); return true;
	case MT_EVENT_THREAD_END:
		end_thread(drain, mt_stamp_ns(&ledger->stamps, head.stamp));
		return true;
	case MT_EVENT_FORK:
		mt_lifecycle_fork(ledger, process, tail_of(drain).size_bytes);
		return true;
	case MT_EVENT_EXEC:
		process->attention |= MT_ATTEND_EXEC;
		process->exec_drain = drain;
		process->exec_thread = drain->thread;
		process->exec_round_ns = ledger->awake_ns;
		ledger->is_unsettled = true;
		return true;
	case MT_EVENT_EXEC_FAILED: process->is_told_untraced = false; return true;
	case MT_EVENT_EXIT:
		mt_lifecycle_exit(ledger, process, head.stamp, mt_event_kind(head.word),
		                  tail_of(drain).size_bytes);
		return true;
	case MT_EVENT_STACK: return mt_define_stack(ledger, drain, process, large);
	case MT_EVENT_MODULE: return mt_define_module(ledger, process, large);
	case MT_EVENT_NAME: return mt_define_name(ledger, drain, process, large);
	case MT_EVENT_UNSEEN:
		return mt_define_unseen(ledger, process, large, now_ns(ledger, drain));
	case MT_EVENT_UNTRACED:
		return mt_define_untraced(ledger, process, large, now_ns(ledger, drain));
	default: return false;
	}
}

/* One record of any type, whoever it belongs to. The bytes it took, or 0: the ring is broken now. */
static uint32_t apply_any(struct mt_ledger *ledger, struct mt_drain *drain,
                          struct mt_drain_event head)
{
	unsigned int type = mt_event_type(head.word);
	struct mt_event_large large = {.length_bytes = 0};
	uint64_t published = mt_drain_pending_bytes(drain);
	struct mt_process *process = drain->process;
	uint32_t bytes;

	if (type >= MT_EVENT_STACK && type < MT_EVENT_TYPES) {
		if (published >= sizeof(large))
			mt_drain_copy(drain, drain->at, &large, sizeof(large));
		if (large.length_bytes > MT_EVENT_PAYLOAD_MAX)
			type = MT_EVENT_NONE;
	}
	bytes = mt_event_bytes(type, large.length_bytes);
	if (!bytes || bytes > published) {
		mt_drain_break(drain, bytes ? "a record was published in part"
		                            : "it holds an unknown record");
		return 0;
	}
	if (large.length_bytes)
		mt_drain_copy(drain, drain->at + sizeof(large), ledger->payload,
		              large.length_bytes);
	if (!process && type != MT_EVENT_THREAD_BEGIN) {
		ledger->orphans++;
		return bytes;
	}
	if (process)
		process->events++;
	if (process && process->attention && !attend(ledger, drain, type))
		return bytes;
	if (!apply_rare(ledger, drain, head, &large)) {
		mt_drain_break(drain, "it holds an impossible record");
		return 0;
	}
	if (!process && drain->process)
		drain->process->events++;
	return bytes;
}

/* --- the quick path ---------------------------------------------------------------------------------- */

static inline void fetch_ahead(struct mt_drain *drain, const struct mt_live *live)
{
	unsigned int type;
	uint64_t word, far;

	if (drain->ahead >= drain->limit)
		return;
	word = mt_drain_word(drain, drain->ahead);
	type = mt_event_type(word);
	if (unlikely(type == MT_EVENT_STAMP)) {
		drain->ahead += MT_EVENT_UNIT;
		if (drain->ahead >= drain->limit)
			return;
		word = mt_drain_word(drain, drain->ahead);
		type = mt_event_type(word);
	}
	/* Not behind the head: the writer would have to fetch its line back. */
	far = drain->ahead + AHEAD_BYTES < drain->limit ? drain->ahead + AHEAD_BYTES : drain->ahead;
	__builtin_prefetch(drain->data + (far & drain->mask));
	/* A large record: its length is somewhere else, so the look ahead starts again behind it. */
	if (unlikely(type < MT_EVENT_FREE || type >= MT_EVENT_STACK))
		return;
	mt_live_prefetch(live, mt_event_addr(word));
	/* mt_event_bytes() without its branches: of several rings none can guess the next type. */
	drain->ahead += MT_EVENT_UNIT * (1u + (type >= MT_EVENT_ALLOC) + (type > MT_EVENT_ALLOC));
}

static void start_ahead(struct mt_drain *drain, const struct mt_live *live)
{
	drain->ahead = drain->at;
	for (uint32_t i = 0; i < AHEAD_RECORDS; i++)
		fetch_ahead(drain, live);
}

uint64_t mt_apply_run(struct mt_ledger *ledger, struct mt_drain *drain, uint64_t bound,
                      uint64_t most)
{
	uint64_t done = 0;

	if (drain->process && drain->ahead <= drain->at)
		start_ahead(drain, &drain->process->live);
	while (drain->at < drain->limit && drain->stamp < bound && done < most) {
		struct mt_drain_event head = {drain->stamp, mt_drain_word(drain, drain->at)};
		struct mt_process *process = drain->process;
		unsigned int type = mt_event_type(head.word);
		uint32_t bytes;

		if (type == MT_EVENT_STAMP) {
			mt_drain_take_stamp(drain, head.word);
			continue;
		}
		done++;
		if (unlikely(process && head.stamp >= process->point_stamp))
			cross_points(ledger, process, head.stamp);
		if (likely(process && !process->attention)) {
			fetch_ahead(drain, &process->live);
			if (type == MT_EVENT_FREE) {
				apply_free(ledger, drain, process, head);
				process->events++;
				drain->at += MT_EVENT_UNIT;
				continue;
			}
			if (type == MT_EVENT_ALLOC &&
			    mt_drain_pending_bytes(drain) >= 2 * MT_EVENT_UNIT &&
			    likely(apply_alloc(ledger, drain, process, head,
			                       narrow_tail_of(drain)))) {
				process->events++;
				drain->at += 2 * MT_EVENT_UNIT;
				continue;
			}
		}
		bytes = apply_any(ledger, drain, head);
		if (!bytes)
			break;
		drain->at += bytes;
		if (drain->process && drain->ahead < drain->at)
			start_ahead(drain, &drain->process->live);
	}
	mt_drain_take_stamps(drain);
	return done;
}

unsigned int mt_apply_rank(const struct mt_drain *drain)
{
	uint64_t word = mt_drain_word(drain, drain->at);
	const struct mt_process *process = drain->process;
	bool is_live;

	switch (mt_event_type(word)) {
	case MT_EVENT_FREE:
	case MT_EVENT_REALLOC:
		is_live = process && mt_books_is_live(process, mt_event_addr(word));
		return is_live ? 1 : 3;
	case MT_EVENT_ALLOC:
	case MT_EVENT_ALLOC_WIDE:
		is_live = process && mt_books_is_live(process, mt_event_addr(word));
		return is_live ? 3 : 2;
	default: return 0;
	}
}
