/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lifecycle.c - see lifecycle.h.
 *
 * A process goes through these, in this order: seen (its slot is LIVE), revealed (has a row), ended (its
 * figures are final), gone (nothing of it runs), settled (its rings were read to the end and given back),
 * committed (all of it is in the file), released (its slot is free).
 */
#include "collect/lifecycle.h"

#include "collect/kept.h"

#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An image that is not back this long after its execve is not traced. */
#define EXEC_SILENCE_NS 5000000000ull

static struct mt_slot *slot_of(const struct mt_ledger *ledger, const struct mt_process *process)
{
	return &mt_segment_slots(ledger->segment)[process->slot];
}

/* --- coming ------------------------------------------------------------------------------------------ */

static void leave_out(struct mt_ledger *ledger, struct mt_process *process)
{
	process->attention |= MT_ATTEND_QUIET | MT_ATTEND_LEFT_OUT;
	process->was_off = true;
	mt_notes_add(&ledger->notes, 0, process->started_ns, "not-followed", 1,
	             "programs ran without being recorded, because follow= leaves them out");
}

static void enter(struct mt_ledger *ledger, struct mt_process *process, uint64_t stamp)
{
	uint32_t gate;

	if (ledger->sample_bytes) {
		process->estimate = mt_estimate_new(ledger->sample_bytes);
		process->out_of_memory += !process->estimate;
	}
	process->started_ns = mt_stamp_ns(&ledger->stamps, stamp);
	process->point_ticks = ledger->point_ticks;
	process->point_stamp = stamp + ledger->point_ticks;
	gate = *(volatile uint32_t *)&slot_of(ledger, process)->first_gate;
	if (gate & MT_GATE_LEFT_OUT)
		leave_out(ledger, process);
	else if (gate & MT_GATE_STOPPED)
		mt_process_stop(process, process->started_ns);
	mt_process_point(process, process->started_ns, NULL);
	if (ledger->is_full)
		process->attention |= MT_ATTEND_FULL;
	process->next = ledger->first;
	ledger->first = process;
	ledger->by_slot[process->slot] = process;
}

void mt_lifecycle_joined(struct mt_ledger *ledger, struct mt_mail *mail)
{
	struct mt_process *process;

	if (mail->slot >= MT_SLOTS || ledger->by_slot[mail->slot])
		return;
	process = mt_process_new(mail->slot, mail->generation, mail->pid);
	if (!process)
		return;
	process->origin = mail->previous_slot < MT_SLOTS ? "exec" : "start";
	process->identity = mail->identity;
	memset(&mail->identity, 0, sizeof(mail->identity));
	enter(ledger, process, mail->stamp);
	if (!(process->attention & MT_ATTEND_LEFT_OUT))
		process->id = ++ledger->process_ids;
}

/*
 * A forked child can be adopted once its parent's past up to the fork is applied: what it inherits is not
 * known earlier. Its own first event is stamped later still, and finds it then.
 */
static bool is_ripe(const struct mt_ledger *ledger, uint32_t slot)
{
	const struct mt_slot *shared = &mt_segment_slots(ledger->segment)[slot];
	uint64_t begin_stamp = *(const volatile uint64_t *)&shared->begin_stamp;

	/* One that lies in the future is not to be waited for: no clock is a second ahead. */
	return ledger->by_slot[slot] || begin_stamp < ledger->cut_stamp ||
	       begin_stamp - ledger->cut_stamp > mt_stamp_ticks(&ledger->stamps, 1000000000u);
}

bool mt_lifecycle_descended(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	struct mt_process *process, *previous;

	if (mail->slot >= MT_SLOTS || mail->previous_slot >= MT_SLOTS)
		return true;
	if (!is_ripe(ledger, mail->previous_slot))
		return false;
	process = ledger->by_slot[mail->slot];
	previous = mt_lifecycle_find(ledger, mail->previous_slot, mail->previous_generation);
	/* A child that did nothing but exec has no row: then its parent stands for it. */
	if (process && previous) {
		process->parent = previous->id ? previous->id : previous->parent;
		process->is_dirty = true;
	}
	return true;
}

static struct mt_process *adopt(struct mt_ledger *ledger, uint32_t index, uint32_t generation)
{
	struct mt_slot *slot = &mt_segment_slots(ledger->segment)[index];
	uint32_t parent_slot = *(volatile uint32_t *)&slot->parent_slot;
	uint32_t parent_generation = *(volatile uint32_t *)&slot->parent_generation;
	uint64_t serial = *(volatile uint64_t *)&slot->fork_serial;
	uint64_t begin_stamp = *(volatile uint64_t *)&slot->begin_stamp;
	struct mt_process *process, *parent;
	struct mt_fork *fork;

	/* What joined over the socket is made known by the service thread. */
	if (parent_slot >= MT_SLOTS)
		return NULL;
	process = mt_process_new(index, generation, (int32_t) * (volatile uint32_t *)&slot->pid);
	if (!process)
		return NULL;
	parent = ledger->by_slot[parent_slot];
	if (parent && parent->generation != parent_generation)
		parent = NULL;
	process->origin = "fork";
	process->attention = MT_ATTEND_QUIET;
	if (parent)
		process->parent = parent->id ? parent->id : parent->parent;
	fork = mt_forks_take(&ledger->forks, parent_slot, parent_generation, serial);
	if (fork) {
		process->parent = fork->parent;
		mt_fork_inherit(fork, process);
		mt_fork_free(fork);
	} else {
		process->lost_inheritance = true;
		if (parent)
			mt_identity_copy(&parent->identity, &process->identity);
	}
	enter(ledger, process, begin_stamp);
	mt_ledger_post(ledger,
	               &(struct mt_mail){.type = MT_MAIL_WATCH,
	                                 .slot = index,
	                                 .generation = generation,
	                                 .pid = process->pid,
	                                 .parent_pid = parent ? parent->pid : 0,
	                                 .stamp = ledger->stamps.origin_ns + process->started_ns});
	return process;
}

struct mt_process *mt_lifecycle_find(struct mt_ledger *ledger, uint32_t slot, uint32_t generation)
{
	struct mt_slot *shared = &mt_segment_slots(ledger->segment)[slot];
	struct mt_process *process = ledger->by_slot[slot];

	if (process)
		return process->generation == generation ? process : NULL;
	/* acquire: the slot's fields; partner: the child's release when it has claimed the slot */
	if (atomic_load_explicit(&shared->state, memory_order_acquire) != MT_SLOT_LIVE ||
	    atomic_load_explicit(&shared->generation, memory_order_relaxed) != generation)
		return NULL;
	return adopt(ledger, slot, generation);
}

bool mt_lifecycle_switched(struct mt_ledger *ledger, struct mt_mail *mail)
{
	struct mt_process *process;
	uint64_t now_ns;

	if (mail->slot >= MT_SLOTS)
		return true;
	if (!is_ripe(ledger, mail->slot))
		return false;
	process = mt_lifecycle_find(ledger, mail->slot, mail->generation);
	/* Once is enough. */
	mail->slot = MT_SLOTS;
	if (!process || process->has_ended)
		return true;
	now_ns = mt_stamp_ns(&ledger->stamps, mail->stamp);
	/* From now on it counts after all. */
	process->attention &= ~(uint32_t)MT_ATTEND_LEFT_OUT;
	if (mail->status)
		mt_process_start(process, now_ns);
	else
		mt_process_stop(process, now_ns);
	return true;
}

bool mt_lifecycle_scan(struct mt_ledger *ledger)
{
	struct mt_slot *slots = mt_segment_slots(ledger->segment);
	bool is_claiming = false;

	ledger->slot_count = mt_segment_slot_count(ledger->segment, ledger->slot_count);
	for (uint32_t i = 0; i < ledger->slot_count; i++) {
		uint32_t state = atomic_load_explicit(&slots[i].state, memory_order_acquire);

		if (state == MT_SLOT_CLAIMING)
			is_claiming = true;
		if (state != MT_SLOT_LIVE || ledger->by_slot[i])
			continue;
		if (is_ripe(ledger, i))
			mt_lifecycle_find(
			        ledger, i,
			        atomic_load_explicit(&slots[i].generation, memory_order_relaxed));
		else
			is_claiming = true;
	}
	return is_claiming;
}

void mt_lifecycle_reveal(struct mt_ledger *ledger, struct mt_process *process)
{
	process->attention &= ~(uint32_t)MT_ATTEND_QUIET;
	process->id = ++ledger->process_ids;
	process->is_dirty = true;
}

void mt_lifecycle_fork(struct mt_ledger *ledger, struct mt_process *process, uint64_t serial)
{
	if (mt_forks_add(&ledger->forks, process, serial, ledger->awake_ns) < 0)
		process->out_of_memory++;
}

/* --- going ------------------------------------------------------------------------------------------- */

static void note(struct mt_ledger *ledger, const struct mt_process *process, const char *kind,
                 uint64_t count, const char *text)
{
	if (count)
		mt_notes_add(&ledger->notes, process->id,
		             mt_stamp_ns(&ledger->stamps, mt_stamp_read(ledger->stamps.clock)),
		             kind, count, "%s", text);
}

static void note_losses(struct mt_ledger *ledger, struct mt_process *process)
{
	struct mt_slot *slot = slot_of(ledger, process);
	uint32_t gave_up = atomic_load(&slot->gave_up);

	note(ledger, process, "dropped", atomic_load(&slot->dropped),
	     "events were not written: the process's rings were full or none was left");
	note(ledger, process, "dropped", atomic_load(&slot->early),
	     "events before the library was ready found no room");
	note(ledger, process, "dropped", atomic_load(&slot->high_addresses),
	     "events with an address over 48 bits are not recorded");
	note(ledger, process, "dropped", process->out_of_memory,
	     "events were lost because the collector had no memory for them");
	note(ledger, process, "cut", atomic_load(&slot->stacks_cut),
	     "stacks were cut for another reason than the depth limit");
	note(ledger, process, "lost-stack", process->lost_stacks,
	     "stacks were used whose frames never came");
	note(ledger, process, "threads", process->replaced_threads,
	     "threads that had ended and owned no live block are not in the table of threads");
	note(ledger, process, "overwritten", process->overwritten,
	     "blocks were allocated where one was still live: a free was missed");
	note(ledger, process, "samples-lost", process->samples_lost,
	     "sampled blocks were left out because the set of live ones was full: the figures are "
	     "too low");
	if (process->lost_inheritance && process->unmatched_frees)
		note(ledger, process, "fork", 1,
		     "what this child inherited is not known: its frees of that are unmatched");
	if (gave_up == MT_GAVE_UP_HEARTBEAT)
		note(ledger, process, "gave-up", 1,
		     "the process stopped tracing: the collector had not moved for 10 s");
	if (gave_up == MT_GAVE_UP_RINGS)
		note(ledger, process, "gave-up", 1,
		     "no memory was left for some threads: their events are missing");
	note(ledger, process, "shared-ring", atomic_load(&slot->sharers),
	     "threads found no ring of their own left and shared one: all is recorded, but it "
	     "slows them down");
}

void mt_lifecycle_measure(struct mt_ledger *ledger, struct mt_process *process)
{
	struct mt_slot *slot = slot_of(ledger, process);

	process->samples_lost = atomic_load_explicit(&slot->samples_lost, memory_order_relaxed);
	process->dropped_events =
	        atomic_load_explicit(&slot->dropped, memory_order_relaxed) +
	        atomic_load_explicit(&slot->early, memory_order_relaxed) +
	        atomic_load_explicit(&slot->high_addresses, memory_order_relaxed) +
	        process->out_of_memory + process->broken_rings + process->samples_lost;
	process->stacks_cut = atomic_load_explicit(&slot->stacks_cut, memory_order_relaxed);
	process->walks = atomic_load_explicit(&slot->walks, memory_order_relaxed);
	process->frames_stepped = atomic_load_explicit(&slot->frames_stepped, memory_order_relaxed);
	process->frames_kept = atomic_load_explicit(&slot->frames_kept, memory_order_relaxed);
	process->walks_libunwind =
	        atomic_load_explicit(&slot->walks_libunwind, memory_order_relaxed);
	process->walks_verified = atomic_load_explicit(&slot->walks_verified, memory_order_relaxed);
	process->walks_different =
	        atomic_load_explicit(&slot->walks_different, memory_order_relaxed);
	process->rings = atomic_load_explicit(&slot->rings, memory_order_relaxed);
	process->ring_bytes = atomic_load_explicit(&slot->ring_bytes, memory_order_relaxed);
	process->stack_table_bytes =
	        atomic_load_explicit(&slot->stack_table_bytes, memory_order_relaxed);
}

/* The figures are final. ended_ns may be MT_MAIL_UNKNOWN. */
static void end(struct mt_ledger *ledger, struct mt_process *process, const char *reason,
                int64_t ended_ns, const char *snapshot_reason)
{
	uint64_t now_ns =
	        ended_ns == MT_MAIL_UNKNOWN
	                ? mt_stamp_ns(&ledger->stamps, mt_stamp_read(ledger->stamps.clock))
	                : (uint64_t)ended_ns;

	ledger->is_unsettled = true;
	process->has_ended = true;
	process->attention |= MT_ATTEND_ENDED;
	process->attention &= ~(uint32_t)MT_ATTEND_EXEC;
	process->exec_drain = NULL;
	process->end_reason = reason;
	process->ended_ns = ended_ns;
	process->point_stamp = UINT64_MAX;
	process->is_dirty = true;
	/* What it inherited is not asked for any more, unless by a child of its own. */
	if (!process->source || !process->source->newest) {
		mt_past_free(process->inherited);
		process->inherited = NULL;
	}
	if (!process->id)
		return;
	mt_lifecycle_measure(ledger, process);
	note_losses(ledger, process);
	mt_process_point(process, now_ns, NULL);
	process->snapshot_reason = snapshot_reason;
	process->snapshot_ns = now_ns;
	ledger->is_urgent = true;
}

void mt_lifecycle_exit(struct mt_ledger *ledger, struct mt_process *process, uint64_t stamp,
                       unsigned int how, uint64_t status)
{
	const char *reason = how == MT_EXIT_IMMEDIATE ? "_exit"
	                     : how == MT_EXIT_QUICK   ? "quick_exit"
	                                              : "exit";

	/* What the parent gets to see of it. */
	process->exit_status = (int64_t)(status & 0xff);
	mt_kept_exit(ledger, process, stamp);
	end(ledger, process, reason, (int64_t)mt_stamp_ns(&ledger->stamps, stamp), "exit");
}

bool mt_lifecycle_gone(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	struct mt_process *process;

	if (mail->slot >= MT_SLOTS)
		return true;
	if (!is_ripe(ledger, mail->slot))
		return false;
	process = mt_lifecycle_find(ledger, mail->slot, mail->generation);
	if (!process || process->is_gone)
		return true;
	ledger->is_unsettled = true;
	ledger->wants_round = true;
	process->is_gone = true;
	process->gone_round = ledger->round;
	process->gone_reason = mail->reason;
	process->gone_status = mail->status;
	process->gone_signal = mail->signal;
	process->gone_stamp = mail->stamp;
	return true;
}

void mt_lifecycle_untraced(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	struct mt_process *process;

	if (mail->slot >= MT_SLOTS)
		return;
	process = ledger->by_slot[mail->slot];
	if (!process || process->generation != mail->generation || process->has_ended ||
	    !(process->attention & MT_ATTEND_EXEC))
		return;
	if (!process->is_told_untraced)
		mt_notes_add(&ledger->notes, process->id, process->started_ns, "untraced", 1,
		             "%s was exec'd and did not join: it runs untraced (static, setuid, of "
		             "another "
		             "word size, or without LD_PRELOAD in its environment)",
		             mail->text ? mail->text : "a program");
	end(ledger, process, "exec-untraced",
	    (int64_t)mt_stamp_ns(&ledger->stamps, mt_stamp_read(ledger->stamps.clock)), "exit");
}

/* Nothing of it runs and all it published was read: what the kernel says of its end counts. */
static void bury(struct mt_ledger *ledger, struct mt_process *process)
{
	bool was_killed = process->gone_signal != MT_MAIL_UNKNOWN;
	const char *reason = process->gone_reason ? process->gone_reason : "vanished";

	if (!process->has_ended) {
		if (process->attention & MT_ATTEND_EXEC && strcmp(reason, "exec") != 0)
			reason = "exec-untraced";
		process->exit_status = process->gone_status;
		process->exit_signal = process->gone_signal;
		end(ledger, process, reason,
		    (int64_t)mt_stamp_ns(&ledger->stamps, process->gone_stamp), "exit");
	} else if (was_killed && process->exit_signal != process->gone_signal) {
		/* It died in what it did after its orderly end. */
		process->end_reason = "signal";
		process->exit_signal = process->gone_signal;
		process->exit_status = MT_MAIL_UNKNOWN;
		process->is_dirty = true;
	} else if (process->gone_status != MT_MAIL_UNKNOWN &&
	           process->exit_status != process->gone_status) {
		process->exit_status = process->gone_status;
		process->is_dirty = true;
	}
	process->is_settled = true;
}

/*
 * Gives back the rings of a dead process. Only those which the records themselves say are its own: a
 * ring whose owner_slot says so may at this moment be in the hands of the next one.
 */
static void free_rings(struct mt_process *process, struct mt_drain *drains, uint32_t drain_count)
{
	for (uint32_t i = 0; i < drain_count; i++) {
		uint32_t state = MT_RING_OWNED;

		if (drains[i].process != process)
			continue;
		drains[i].process = NULL;
		/* release: all of it was read; partner: the next owner's acquire in its compare-exchange */
		if (!drains[i].broken)
			atomic_compare_exchange_strong_explicit(&drains[i].ring->state, &state,
			                                        MT_RING_FREE, memory_order_release,
			                                        memory_order_relaxed);
	}
}

void mt_lifecycle_commit_slot(struct mt_segment *segment, uint32_t index, enum mt_committed how)
{
	struct mt_slot *slot = &mt_segment_slots(segment)[index];

	atomic_store(&slot->committed, how);
	syscall(SYS_futex, &slot->committed, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* A forked child that did nothing: there is nothing to write. */
static void commit_quiet(struct mt_ledger *ledger, struct mt_process *process)
{
	process->is_committed = true;
	mt_lifecycle_commit_slot(ledger->segment, process->slot, MT_COMMITTED);
	mt_ledger_post(ledger, &(struct mt_mail){.type = MT_MAIL_ENDED,
	                                         .slot = process->slot,
	                                         .generation = process->generation,
	                                         .pid = process->pid});
}

static void release(struct mt_ledger *ledger, struct mt_process *process)
{
	mt_ledger_post(ledger, &(struct mt_mail){.type = MT_MAIL_RELEASED,
	                                         .slot = process->slot,
	                                         .generation = process->generation});
	ledger->by_slot[process->slot] = NULL;
	/* release: nobody here looks at it any more; partner: the next one's compare-exchange */
	atomic_store_explicit(&slot_of(ledger, process)->state, MT_SLOT_FREE, memory_order_release);
	mt_process_free(process);
}

void mt_lifecycle_settle(struct mt_ledger *ledger, struct mt_drain *drains, uint32_t drain_count)
{
	struct mt_process **at = &ledger->first;

	if (!ledger->is_unsettled)
		return;
	ledger->is_unsettled = false;
	while (*at) {
		struct mt_process *process = *at;

		/* The heads of this round were read after it was known to be gone. */
		if (process->is_gone && !process->is_settled &&
		    ledger->round != process->gone_round) {
			bury(ledger, process);
			free_rings(process, drains, drain_count);
		}
		if (process->attention & MT_ATTEND_EXEC &&
		    ledger->awake_ns - process->exec_round_ns > EXEC_SILENCE_NS) {
			process->exec_round_ns = ledger->awake_ns;
			mt_ledger_post(ledger, &(struct mt_mail){.type = MT_MAIL_EXECUTED,
			                                         .slot = process->slot,
			                                         .generation = process->generation,
			                                         .pid = process->pid});
		}
		/* So that it is noticed when it has waited long enough. */
		mt_kept_waits(ledger, process);
		if (process->has_ended && !process->id && !process->is_committed)
			commit_quiet(ledger, process);
		if (process->is_settled && process->is_committed && !process->is_in_batch) {
			if (!mt_process_is_owed(process)) {
				*at = process->next;
				release(ledger, process);
				continue;
			}
			/* Late events, or the kernel's word on its end: the session may wait for it. */
			ledger->is_urgent = true;
		}
		if (process->is_gone || process->has_ended || process->attention & MT_ATTEND_EXEC)
			ledger->is_unsettled = true;
		at = &process->next;
	}
}

void mt_lifecycle_stop(struct mt_ledger *ledger)
{
	for (struct mt_process *process = ledger->first; process; process = process->next)
		if (!process->has_ended)
			end(ledger, process, NULL, MT_MAIL_UNKNOWN, "stop");
}
