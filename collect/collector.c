/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * collector.c - see collector.h.
 */
#include "collect/collector.h"

#include "collect/batch.h"
#include "collect/kept.h"
#include "collect/lifecycle.h"
#include "collect/resident.h"

#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH_NS 800000000ull /* so that with the writing it is at most a second */
/* At first more often: a short program waits at its end for little more than what came last. */
#define BEGINNING_NS   1000000000ull
#define FIRST_BATCH_NS 200000000ull
#define TICK_NS        50000000ull
#define SCAN_NS        1000000000ull
#define SLEEP_NS_MIN   1000000ull
/* With many events; but at first, and when a process ends, somebody waits for what a few rounds do. */
#define SLEEP_NS_BUSY 3000000ull
/*
 * Else for as long as so many take to come: below, most of a round is its wake-up. A ring is far from full then, and
 * each event has a stamp of its own (MT_SEGMENT_TICK_NS).
 */
#define ROUND_EVENTS 512u
#define STARTING_NS  100000000ull
#define SLEEP_NS_MAX 50000000ull
/* Nothing has come for this long: the program rests, and so does the collector. */
#define SILENCE_NS  2000000000ull
#define REST_NS_MAX 200000000ull
/* A round, and the sleep before it, that took longer: we were stopped, or the machine was. */
#define ROUND_NS_MAX 1000000000ull

void mt_collector_init(struct mt_collector *collector, struct mt_segment *segment,
                       enum mt_clock clock, uint32_t point_ms, struct mt_mailbox *to_service,
                       int service_event_fd, struct mt_commit *commit)
{
	collector->begun_ns = mt_stamp_monotonic_ns();
	mt_mailbox_init(&collector->mail);
	collector->to_service = to_service;
	collector->service_event_fd = service_event_fd;
	collector->commit = commit;
	mt_ledger_init(&collector->ledger, segment, clock, point_ms, to_service);
	collector->ledger.collector = collector;
}

void mt_collector_free(struct mt_collector *collector)
{
	while (collector->unread) {
		struct mt_mail *next = collector->unread->next;

		mt_mail_free(collector->unread);
		collector->unread = next;
	}
	mt_mailbox_free(&collector->mail);
	mt_ledger_free(&collector->ledger);
}

void mt_collector_wake(struct mt_collector *collector)
{
	struct mt_segment *segment = collector->ledger.segment;

	atomic_fetch_add(&segment->doorbell, 1);
	syscall(SYS_futex, &segment->doorbell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* --- one round --------------------------------------------------------------------------------------- */

static void note_broken(struct mt_collector *collector, struct mt_drain *drain)
{
	struct mt_ledger *ledger = &collector->ledger;
	struct mt_process *process = drain->process;

	if (!drain->broken || drain->is_noted)
		return;
	drain->is_noted = true;
	if (process)
		process->broken_rings++;
	mt_notes_add(&ledger->notes, process ? process->id : 0,
	             mt_stamp_ns(&ledger->stamps, ledger->cut_stamp), "broken-ring", 1,
	             "a thread's ring was left alone because %s: what it held is lost, the figures "
	             "are too low",
	             drain->broken);
}

/* A record from the future would block its ring for ever: no clock is a second ahead. */
static void check_future(struct mt_collector *collector, struct mt_drain *drain)
{
	struct mt_ledger *ledger = &collector->ledger;

	if (drain->stamp > ledger->cut_stamp &&
	    drain->stamp - ledger->cut_stamp > mt_stamp_ticks(&ledger->stamps, 1000000000u))
		mt_drain_break(drain, "a record's stamp lies in the future");
}

/* Reads all heads. How many rings have something to read. */
static size_t look_at_rings(struct mt_collector *collector)
{
	struct mt_segment *segment = collector->ledger.segment;
	/* acquire: as much as any thread's claim; the ring's own state has the rest */
	uint32_t count = atomic_load_explicit(&segment->ring_count, memory_order_acquire);
	size_t ready = 0;

	if (count > MT_RINGS)
		count = MT_RINGS;
	/* A ring that was once looked at may know its process: it is not forgotten, whatever is said later. */
	if (count > collector->drain_count)
		collector->drain_count = count;
	collector->is_backlogged = false;
	for (uint32_t i = 0; i < collector->drain_count; i++) {
		struct mt_drain *drain = &collector->drains[i];

		if (!mt_drain_open(drain, segment, i, &collector->areas) ||
		    !mt_drain_look(drain, collector->ledger.cut_stamp))
			continue;
		check_future(collector, drain);
		if (drain->broken)
			continue;
		if (mt_drain_pending_bytes(drain) > (drain->mask + 1) / 4)
			collector->is_backlogged = true;
		collector->entries[ready++].drain = drain;
	}
	return ready;
}

static void correct_pid(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	struct mt_process *process = mail->slot < MT_SLOTS ? ledger->by_slot[mail->slot] : NULL;

	if (!process || process->generation != mail->generation)
		return;
	process->pid = mail->pid;
	process->is_dirty = true;
}

static void name_thread(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	struct mt_process *process = mail->slot < MT_SLOTS ? ledger->by_slot[mail->slot] : NULL;
	uint32_t index;

	/* After the end, nobody is made to wait for a name. */
	if (!process || process->generation != mail->generation || process->has_ended ||
	    !mt_map_find(&process->thread_index, (uint32_t)mail->tid, 0, &index) ||
	    process->threads[index].tid != (uint32_t)mail->tid || process->threads[index].name[0])
		return;
	snprintf(process->threads[index].name, sizeof(process->threads[index].name), "%s",
	         mail->text);
	process->threads[index].is_dirty = true;
	process->has_dirty_threads = true;
	process->is_dirty = true;
}

/* Before the events: who joined before it could publish anything is known before that is applied. */
static void admit(struct mt_collector *collector)
{
	struct mt_mail **last = &collector->unread;

	while (*last)
		last = &(*last)->next;
	*last = mt_mailbox_take(&collector->mail);
	for (struct mt_mail *mail = *last; mail; mail = mail->next) {
		collector->has_changes = true;
		if (mail->type == MT_MAIL_JOINED)
			mt_lifecycle_joined(&collector->ledger, mail);
		else if (mail->type == MT_MAIL_SWITCHED)
			mt_lifecycle_switched(&collector->ledger, mail);
	}
}

/* False: it speaks of a forked child whose parent's past is not applied yet, so it has to wait. */
static bool read_one(struct mt_collector *collector, struct mt_mail *mail)
{
	struct mt_ledger *ledger = &collector->ledger;

	switch (mail->type) {
	case MT_MAIL_JOINED: return mt_lifecycle_descended(ledger, mail);
	case MT_MAIL_GONE: return mt_lifecycle_gone(ledger, mail);
	case MT_MAIL_SWITCHED: return mt_lifecycle_switched(ledger, mail);
	case MT_MAIL_UNTRACED: mt_lifecycle_untraced(ledger, mail); break;
	case MT_MAIL_PID: correct_pid(ledger, mail); break;
	case MT_MAIL_THREADS: name_thread(ledger, mail); break;
	case MT_MAIL_NOTE:
		mt_notes_add(&ledger->notes, 0, mt_stamp_ns(&ledger->stamps, ledger->cut_stamp),
		             mail->reason, 1, "%s", mail->text);
		break;
	case MT_MAIL_COPY:
		if (!mt_resident_copy(ledger, mail->resident))
			return false;
		mail->resident = NULL;
		break;
	case MT_MAIL_RESIDENT:
		mt_kept_arrived(ledger, mail->resident);
		mail->resident = NULL;
		break;
	case MT_MAIL_USAGE:
		mt_kept_usage(ledger, mail);
		atomic_fetch_sub(&collector->probe.unread, 1);
		break;
	case MT_MAIL_STOP: collector->is_stopping = true; break;
	case MT_MAIL_REST: collector->wants_rest = true; break;
	default: break;
	}
	return true;
}

/* After the events: what the service thread knows is never ahead of what was published. */
static void read_mail(struct mt_collector *collector)
{
	struct mt_mail **at = &collector->unread;

	while (*at) {
		struct mt_mail *mail = *at;

		if (!read_one(collector, mail)) {
			at = &mail->next;
			continue;
		}
		*at = mail->next;
		mt_mail_free(mail);
	}
}

/* A slot is claimed, or a process is not yet released: something is still to come. */
static void answer_rest(struct mt_collector *collector)
{
	struct mt_ledger *ledger = &collector->ledger;
	bool is_claiming = mt_lifecycle_scan(ledger);
	bool is_busy = is_claiming || ledger->first || collector->unread;

	collector->wants_rest = false;
	mt_ledger_post(ledger, &(struct mt_mail){.type = is_busy ? MT_MAIL_BUSY : MT_MAIL_RESTING});
}

/*
 * A claim is counted once it is complete. Only of a child that was killed in between is nothing heard, so
 * that is looked for rarely: to look at every slot takes 100 us, and twenty times a second they were nearly
 * all that the collector of an idle process did.
 */
static void scan_slots(struct mt_collector *collector, uint32_t claims)
{
	struct mt_ledger *ledger = &collector->ledger;

	if (claims == collector->slot_claims && ledger->now_ns - collector->last_scan_ns < SCAN_NS)
		return;
	collector->slot_claims = claims;
	collector->last_scan_ns = ledger->now_ns;
	mt_lifecycle_scan(ledger);
}

uint64_t mt_collector_round(struct mt_collector *collector)
{
	struct mt_ledger *ledger = &collector->ledger;
	struct mt_segment *segment = ledger->segment;
	/* Before the cut: whoever claimed a slot by now has published its parent's FORK before. */
	uint32_t claims = atomic_load_explicit(&segment->slot_claims, memory_order_acquire);
	bool has_tick;
	uint64_t done = 0, now_ns;
	size_t ready;

	mt_ledger_beat(segment);
	ledger->round++;
	ledger->wants_round = false;
	now_ns = mt_stamp_monotonic_ns();
	ledger->awake_ns +=
	        now_ns - ledger->now_ns < ROUND_NS_MAX ? now_ns - ledger->now_ns : ROUND_NS_MAX;
	ledger->now_ns = now_ns;
	has_tick = ledger->now_ns - collector->last_tick_ns >= TICK_NS;
	if (has_tick) {
		collector->last_tick_ns = ledger->now_ns;
		mt_stamp_tick(&ledger->stamps);
		mt_forks_expire(&ledger->forks, ledger->awake_ns);
		mt_ledger_weigh(ledger);
	}
	ledger->forks.round_bytes = 0;
	ledger->cut_stamp = mt_stamp_read(ledger->stamps.clock);
	ready = look_at_rings(collector);
	/* Behind the heads, too. */
	admit(collector);
	if (ready)
		done = mt_merge_run(ledger, collector->entries, ready, ledger->cut_stamp);
	for (uint32_t i = 0; i < collector->drain_count; i++) {
		note_broken(collector, &collector->drains[i]);
		mt_drain_release(&collector->drains[i]);
	}
	read_mail(collector);
	scan_slots(collector, claims);
	mt_lifecycle_settle(ledger, collector->drains, collector->drain_count);
	if (collector->wants_rest)
		answer_rest(collector);
	if (done) {
		collector->has_changes = true;
		collector->last_event_ns = ledger->now_ns;
	}
	return done;
}

/* --- what goes out ----------------------------------------------------------------------------------- */

static void wake_service(struct mt_collector *collector)
{
	uint64_t one = 1;

	if (!collector->ledger.service_has_mail)
		return;
	collector->ledger.service_has_mail = false;
	if (collector->service_event_fd >= 0 &&
	    write(collector->service_event_fd, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

static void note_orphans(struct mt_ledger *ledger)
{
	if (ledger->orphans)
		mt_notes_add(&ledger->notes, 0, mt_stamp_ns(&ledger->stamps, ledger->cut_stamp),
		             "orphans", ledger->orphans,
		             "events of threads that no known process owns were dropped");
	ledger->orphans = 0;
}

/* What met a limit since the last time. */
static void note_limits(struct mt_ledger *ledger)
{
	uint64_t now_ns = mt_stamp_ns(&ledger->stamps, ledger->cut_stamp);

	if (ledger->stacks.cut_off)
		mt_notes_add(&ledger->notes, 0, now_ns, "limit", ledger->stacks.cut_off,
		             "stacks were recorded without their frames: the session has as many "
		             "as are kept");
	if (ledger->forks.given_up)
		mt_notes_add(&ledger->notes, 0, now_ns, "limit", ledger->forks.given_up,
		             "forks whose inheritance was not kept: too much of it waited for "
		             "children that were not heard of");
	ledger->stacks.cut_off = ledger->forks.given_up = 0;
}

static void settle_batch(struct mt_collector *collector, bool wait)
{
	struct mt_batch *batch = mt_commit_collect(collector->commit, wait);

	if (!batch)
		return;
	mt_batch_settle(batch);
	collector->ledger.is_unsettled = true;
	collector->ledger.wants_round = true;
}

/*
 * Every process has said that it ends, and nothing is under way that could bring another one. Then the file
 * is closed before the last process may go, and whoever waited for that finds it whole.
 */
static bool is_last(struct mt_collector *collector)
{
	struct mt_ledger *ledger = &collector->ledger;

	if (!ledger->first || collector->unread || mt_lifecycle_scan(ledger) ||
	    atomic_load_explicit(&ledger->segment->forks_in_flight, memory_order_relaxed))
		return false;
	for (struct mt_process *process = ledger->first; process; process = process->next)
		if (!process->has_ended || process->pages_until_ns)
			return false;
	return true;
}

/* False: there is nothing to write, or no memory for it now. */
static bool offer_batch(struct mt_collector *collector)
{
	struct mt_batch *batch;

	note_orphans(&collector->ledger);
	note_limits(&collector->ledger);
	batch = mt_batch_build(&collector->ledger);
	if (!batch)
		return false;
	collector->has_changes = false;
	collector->ledger.is_urgent = false;
	collector->last_batch_ns = collector->ledger.now_ns;
	if (mt_batch_is_empty(batch)) {
		mt_batch_settle(batch);
		return false;
	}
	batch->is_last = is_last(collector);
	mt_commit_offer(collector->commit, batch);
	return true;
}

static void hand_over(struct mt_collector *collector)
{
	struct mt_ledger *ledger = &collector->ledger;
	bool is_beginning = ledger->now_ns - collector->begun_ns < BEGINNING_NS;
	bool is_due = ledger->now_ns - collector->last_batch_ns >=
	              (is_beginning ? FIRST_BATCH_NS : BATCH_NS);

	settle_batch(collector, false);
	if (!collector->has_changes && !ledger->is_urgent)
		return;
	if ((ledger->is_urgent || is_due) && mt_commit_is_idle(collector->commit))
		offer_batch(collector);
}

/* Sleeps until a writer rings, mail comes or the time is over. */
static void sleep_ns(struct mt_collector *collector, uint64_t ns)
{
	struct mt_segment *segment = collector->ledger.segment;
	struct timespec timeout = {0, (long)ns};
	uint32_t doorbell = atomic_load(&segment->doorbell);
	bool has_mail;

	if (ns > MT_SEGMENT_TICK_NS)
		atomic_store_explicit(&segment->tick, 0, memory_order_relaxed);
	/* seq_cst: the writer publishes, then looks at collector_sleeps; we store it, then look again */
	atomic_store(&segment->collector_sleeps, 1);
	for (uint32_t i = 0; i < collector->drain_count; i++) {
		const struct mt_drain *drain = &collector->drains[i];
		uint64_t spare_bytes = ns > SLEEP_NS_BUSY ? (drain->mask + 1) / 4 : 0;

		/* More comes at once, or the writer has found us awake when half of it was full. */
		if (drain->ring && atomic_load(&drain->ring->head) - drain->limit > spare_bytes)
			timeout.tv_nsec = (long)SLEEP_NS_MIN;
	}
	pthread_mutex_lock(&collector->mail.mutex);
	has_mail = collector->mail.first != NULL;
	pthread_mutex_unlock(&collector->mail.mutex);
	if (!has_mail)
		syscall(SYS_futex, &segment->doorbell, FUTEX_WAIT, doorbell, &timeout, NULL, 0);
	atomic_store(&segment->collector_sleeps, 0);
}

/* Everything that still lives ends here, and all of it goes into the file. */
static void stop(struct mt_collector *collector)
{
	settle_batch(collector, true);
	mt_collector_round(collector);
	mt_lifecycle_stop(&collector->ledger);
	mt_kept_stop(&collector->ledger);
	while (offer_batch(collector)) {
		settle_batch(collector, true);
		mt_lifecycle_settle(&collector->ledger, collector->drains, collector->drain_count);
		if (!collector->ledger.is_urgent)
			break;
	}
}

static uint64_t longest_sleep_ns(const struct mt_collector *collector)
{
	const struct mt_ledger *ledger = &collector->ledger;
	bool is_owing = collector->has_changes || collector->unread || ledger->is_unsettled;
	uint64_t silence_ns = ledger->now_ns - collector->last_event_ns;

	return is_owing || silence_ns < SILENCE_NS ? SLEEP_NS_MAX : REST_NS_MAX;
}

/*
 * After a round with so many events. A wake-up costs 70 us with what it has to bring back into the caches. Who claims a
 * slot, waits or has half filled a ring rings the bell, so a long sleep delays only what is in no hurry.
 */
static uint64_t next_sleep_ns(const struct mt_collector *collector, uint64_t done, uint64_t last_ns)
{
	const struct mt_ledger *ledger = &collector->ledger;
	bool is_waited_for =
	        ledger->is_unsettled || ledger->now_ns - collector->begun_ns < STARTING_NS;
	uint64_t most_ns = longest_sleep_ns(collector);
	uint64_t wanted_ns = last_ns * 2;

	if (done && is_waited_for)
		return SLEEP_NS_MIN;
	if (done > ROUND_EVENTS / 2) {
		wanted_ns = last_ns * ROUND_EVENTS / done;
		if (wanted_ns < SLEEP_NS_BUSY)
			wanted_ns = SLEEP_NS_BUSY;
	}
	return wanted_ns < most_ns ? wanted_ns : most_ns;
}

void *mt_collector_run(void *context)
{
	struct mt_collector *collector = context;
	uint64_t idle_ns = SLEEP_NS_MIN;

	while (!collector->is_stopping) {
		uint64_t done = mt_collector_round(collector);

		hand_over(collector);
		wake_service(collector);
		idle_ns = next_sleep_ns(collector, done, idle_ns);
		if (collector->is_stopping || collector->is_backlogged ||
		    collector->ledger.wants_round)
			continue;
		sleep_ns(collector, idle_ns);
	}
	stop(collector);
	wake_service(collector);
	return NULL;
}
