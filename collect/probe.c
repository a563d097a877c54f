/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe.c - see probe.h.
 *
 * /proc is read without the lock: a row is copied, and found again by its slot and generation.
 */
#include "collect/probe.h"

#include "base/array.h"
#include "collect/collector.h"
#include "collect/host.h"
#include "collect/kept.h"
#include "collect/resident.h"
#include "collect/snapshots.h"
#include "wire/moments.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS      1000000ull
#define GROWING_NS     (10 * NS_PER_MS)
#define CALM_NS        (100 * NS_PER_MS)
#define RESTING_NS     (400 * NS_PER_MS)
#define REST_BEGINS_NS (2000 * NS_PER_MS)
/* All is read so often where what is resident does not change. */
#define UNCHANGED_NS (1000 * NS_PER_MS)
/* A round is followed by this many times its own cost. */
#define COST_FACTOR 200u
/* A process that often gives much back, of which nothing is a peak, is asked to say so at least so seldom. */
#define USELESS_NS_MAX (1000 * NS_PER_MS)
/* A release of this part of a process is told, and none that is less: many together may be the end of a peak. */
#define RELEASE_PART 100u
#define RELEASE_MIN  (256u << 10)
/* The drain thread is far behind: nothing more is put on it. */
#define UNREAD_MAX 4096u

static struct mt_probed *find(struct mt_probe *probe, uint32_t slot, uint32_t generation)
{
	for (size_t i = 0; i < probe->count; i++)
		if (probe->rows[i].slot == slot && probe->rows[i].generation == generation)
			return &probe->rows[i];
	return NULL;
}

static struct mt_segment *segment_of(const struct mt_probe *probe)
{
	return probe->collector->ledger.segment;
}

static struct mt_slot *slot_of(const struct mt_probe *probe, const struct mt_probed *row)
{
	return &mt_segment_slots(segment_of(probe))[row->slot];
}

/* Somebody has come, or the end; also rung by the processes themselves. */
static void ring(struct mt_probe *probe)
{
	struct mt_segment *segment = segment_of(probe);

	atomic_fetch_add(&segment->release_bell, 1);
	syscall(SYS_futex, &segment->release_bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* ---- Releases ---- */

static bool is_greedy(const struct mt_probe *probe)
{
	return probe->moments & MT_MOMENT_PEAK;
}

/* From now on it tells before it gives back what would be the end of a peak. */
static void ask(const struct mt_probe *probe, const struct mt_probed *row, uint64_t now_ns)
{
	uint64_t bytes = row->rss_bytes;

	if (!(probe->moments & (MT_MOMENT_AUTO | MT_MOMENT_PEAK)) || row->is_hopeless ||
	    row->is_busy || now_ns < row->ask_ns || !mt_peaks_may_look(&row->peaks, now_ns, true))
		return;
	if (bytes < MT_KEPT_WORTH_BYTES && !is_greedy(probe))
		bytes = MT_KEPT_WORTH_BYTES;
	atomic_store(&slot_of(probe, row)->release_bytes,
	             bytes < RELEASE_MIN * RELEASE_PART ? RELEASE_MIN : bytes / RELEASE_PART);
}

static bool has_told(const struct mt_probe *probe, const struct mt_probed *row)
{
	return atomic_load(&slot_of(probe, row)->releases_told) != row->told;
}

/* Who has told, as far as that was seen, may go on. */
static void answer(const struct mt_probe *probe, const struct mt_probed *row)
{
	struct mt_slot *slot = slot_of(probe, row);

	if (atomic_load(&slot->releases_seen) == row->told)
		return;
	atomic_store(&slot->releases_seen, row->told);
	syscall(SYS_futex, &slot->releases_seen, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* It has told, and that was a peak, or none: then it is asked less and less often. */
static void learn(struct mt_probed *row, bool is_peak, uint64_t now_ns)
{
	uint64_t useless_ns = row->useless_ns * 2;

	if (is_peak || useless_ns < GROWING_NS)
		useless_ns = GROWING_NS;
	if (useless_ns > USELESS_NS_MAX)
		useless_ns = USELESS_NS_MAX;
	row->useless_ns = useless_ns;
	row->ask_ns = is_peak ? 0 : now_ns + useless_ns;
}

/* ---- What is seen ---- */

static void want_snapshot(struct mt_probe *probe, struct mt_probed *row,
                          enum mt_resident_reason reason)
{
	struct mt_resident *resident =
	        mt_resident_new(probe->collector, row->slot, row->generation, row->pid, reason);

	if (!resident)
		return;
	row->is_busy = true;
	mt_snapshots_add(&probe->collector->snapshots, resident);
}

static bool is_peak(const struct mt_probe *probe, struct mt_probed *row, uint64_t now_ns,
                    bool is_told)
{
	if (!(probe->moments & (MT_MOMENT_AUTO | MT_MOMENT_PEAK)))
		return false;
	if (!is_greedy(probe) && !mt_kept_is_worth(now_ns - row->born_ns, row->rss_bytes))
		return false;
	return mt_peaks_is_due(&row->peaks, row->rss_bytes, now_ns, is_greedy(probe), is_told);
}

static void take_snapshots(struct mt_probe *probe, struct mt_probed *row, uint64_t now_ns,
                           bool is_told)
{
	if (row->is_busy || row->is_hopeless)
		return;
	if (row->period_ns && now_ns >= row->periodic_ns) {
		/* As the drain thread gives up every second one then (kept.c). */
		if (++row->periodic_count > MT_PROCESS_PERIODIC_MAX) {
			row->periodic_count = MT_PROCESS_PERIODIC_MAX / 2 + 1;
			row->period_ns *= 2;
		}
		row->periodic_ns = now_ns + row->period_ns;
		want_snapshot(probe, row, MT_RESIDENT_PERIODIC);
	} else if (is_peak(probe, row, now_ns, is_told)) {
		want_snapshot(probe, row, MT_RESIDENT_PEAK);
	}
}

static void set_pace(const struct mt_probe *probe, struct mt_probed *row, uint64_t rss_bytes,
                     uint64_t now_ns)
{
	bool rests = now_ns - row->change_ns >= REST_BEGINS_NS;
	uint64_t most_ns = rests ? RESTING_NS : CALM_NS;

	if (rss_bytes > row->rss_bytes + row->rss_bytes / 100)
		row->pace_ns = GROWING_NS;
	else
		row->pace_ns *= 2;
	if (rss_bytes != row->rss_bytes)
		row->change_ns = now_ns;
	/* Of who rests there are no points to take: nothing changes, and ten looks a second cost 0.1 % of a processor. */
	if (!(probe->moments & (MT_MOMENT_AUTO | MT_MOMENT_PEAK)))
		row->pace_ns = most_ns =
		        !rests && probe->point_ns < most_ns ? probe->point_ns : most_ns;
	else if (!rests && probe->point_ns < most_ns)
		most_ns = probe->point_ns > GROWING_NS ? probe->point_ns : GROWING_NS;
	if (row->pace_ns > most_ns)
		row->pace_ns = most_ns;
	row->look_ns = now_ns + row->pace_ns;
}

static void post(struct mt_probe *probe, const struct mt_probed *row, const struct mt_usage *usage)
{
	if (atomic_fetch_add(&probe->unread, 1) >= UNREAD_MAX ||
	    !mt_mailbox_post(&probe->collector->mail,
	                     &(struct mt_mail){.type = MT_MAIL_USAGE,
	                                       .slot = row->slot,
	                                       .generation = row->generation,
	                                       .usage = *usage})) {
		atomic_fetch_sub(&probe->unread, 1);
		return;
	}
	mt_collector_wake(probe->collector);
}

/* With the lock, which is given up meanwhile. */
static void look(struct mt_probe *probe, const struct mt_probed *at, uint64_t now_ns, bool is_told)
{
	struct mt_probed before = *at;
	struct mt_usage usage = before.usage;
	struct mt_probed *row;
	uint64_t rss_bytes;
	bool is_due = now_ns >= before.point_ns;

	pthread_mutex_unlock(&probe->mutex);
	rss_bytes = mt_usage_rss("", before.pid, probe->page_bytes);
	/* Where that has not changed, little else has: to read all takes ten times as long. */
	if (rss_bytes == before.rss_bytes && now_ns < before.point_ns + UNCHANGED_NS)
		is_due = false;
	if (rss_bytes && is_due && mt_usage_read("", before.pid, &usage) < 0)
		rss_bytes = 0;
	if (rss_bytes && !mt_usage_is_same(&usage, &before.usage))
		post(probe, &before, &usage);
	pthread_mutex_lock(&probe->mutex);
	row = find(probe, before.slot, before.generation);
	if (!row)
		return;
	/* It has ended, or nobody may look. */
	if (!rss_bytes) {
		row->look_ns = now_ns + RESTING_NS;
		return;
	}
	set_pace(probe, row, rss_bytes, now_ns);
	row->rss_bytes = rss_bytes;
	row->usage = usage;
	if (is_due)
		row->point_ns = now_ns + probe->point_ns;
	take_snapshots(probe, row, now_ns, is_told);
	if (is_told)
		learn(row, row->is_busy, now_ns);
	if (!row->is_busy)
		ask(probe, row, now_ns);
}

/* ---- The thread ---- */

/*
 * Those that wait to be looked at; they are answered here if nothing comes of it, else when their pages were read. Each once,
 * so that one which tells all the time does not keep the others from being looked at.
 */
static void attend(struct mt_probe *probe)
{
	for (size_t i = 0; i < probe->count; i++) {
		struct mt_probed *row = &probe->rows[i];
		struct mt_probed before;

		if (row->is_busy || !has_told(probe, row))
			continue;
		row->told = atomic_load(&slot_of(probe, row)->releases_told);
		before = *row;
		look(probe, &before, mt_stamp_monotonic_ns(), true);
		row = find(probe, before.slot, before.generation);
		if (row && !row->is_busy)
			answer(probe, row);
	}
}

static struct mt_probed *first_due(struct mt_probe *probe)
{
	struct mt_probed *first = NULL;

	for (size_t i = 0; i < probe->count; i++)
		if (!first || probe->rows[i].look_ns < first->look_ns)
			first = &probe->rows[i];
	return first;
}

/* With the lock, which is given up meanwhile. Until the bell, which was read before anything was looked at, is rung. */
static void wait_until(struct mt_probe *probe, uint32_t bell, uint64_t time_ns)
{
	struct timespec until = {(time_t)(time_ns / 1000000000u), (long)(time_ns % 1000000000u)};

	pthread_mutex_unlock(&probe->mutex);
	syscall(SYS_futex, &segment_of(probe)->release_bell, FUTEX_WAIT_BITSET, bell,
	        time_ns == UINT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
	pthread_mutex_lock(&probe->mutex);
}

static void *run(void *context)
{
	struct mt_probe *probe = context;
	uint64_t spent_ns = mt_stamp_thread_ns(), free_ns = 0;

	pthread_setname_np(pthread_self(), "probe");
	pthread_mutex_lock(&probe->mutex);
	while (!probe->is_stopping) {
		uint32_t bell = atomic_load(&segment_of(probe)->release_bell);
		struct mt_probed *row;
		uint64_t now_ns, due_ns, cost_ns;

		attend(probe);
		row = first_due(probe);
		now_ns = mt_stamp_monotonic_ns();
		due_ns = row ? row->look_ns : UINT64_MAX;
		if (row && due_ns < free_ns)
			due_ns = free_ns;
		if (due_ns > now_ns) {
			wait_until(probe, bell, due_ns);
			continue;
		}
		look(probe, row, now_ns, false);
		cost_ns = mt_stamp_thread_ns() - spent_ns;
		spent_ns += cost_ns;
		free_ns = now_ns > free_ns + 1000 * NS_PER_MS ? now_ns : free_ns;
		free_ns += cost_ns * COST_FACTOR;
	}
	pthread_mutex_unlock(&probe->mutex);
	return NULL;
}

int mt_probe_start(struct mt_probe *probe, struct mt_collector *collector, uint64_t moments,
                   uint32_t point_ms)
{
	int r;

	probe->collector = collector;
	probe->moments = moments;
	probe->point_ns = point_ms * NS_PER_MS;
	probe->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&probe->mutex, NULL);
	/* The numbers in another namespace's /proc are those of others. */
	if (!mt_host_has_proc())
		return 0;
	probe->is_running = true;
	r = pthread_create(&probe->thread, NULL, run, probe);
	if (r != 0)
		probe->is_running = false;
	return -r;
}

void mt_probe_stop(struct mt_probe *probe)
{
	if (!probe->is_running)
		return;
	pthread_mutex_lock(&probe->mutex);
	probe->is_stopping = true;
	ring(probe);
	pthread_mutex_unlock(&probe->mutex);
	pthread_join(probe->thread, NULL);
	pthread_mutex_lock(&probe->mutex);
	probe->is_running = false;
	free(probe->rows);
	probe->rows = NULL;
	probe->count = probe->capacity = 0;
	pthread_mutex_unlock(&probe->mutex);
}

void mt_probe_add(struct mt_probe *probe, uint32_t slot, uint32_t generation, pid_t pid)
{
	uint64_t now_ns = mt_stamp_monotonic_ns();
	uint64_t period_ns = mt_moments_period_ms(probe->moments) * NS_PER_MS;
	struct mt_probed *row;

	pthread_mutex_lock(&probe->mutex);
	if (probe->is_running && !find(probe, slot, generation) &&
	    MT_ARRAY_RESERVE(probe->rows, probe->capacity, probe->count + 1) == 0)
		probe->rows[probe->count++] = (struct mt_probed){.slot = slot,
		                                                 .generation = generation,
		                                                 .pid = pid,
		                                                 .born_ns = now_ns,
		                                                 .change_ns = now_ns,
		                                                 .look_ns = now_ns + GROWING_NS,
		                                                 .pace_ns = GROWING_NS,
		                                                 .usage = mt_usage_nothing(),
		                                                 .period_ns = period_ns,
		                                                 .periodic_ns = now_ns + period_ns};
	row = find(probe, slot, generation);
	if (row)
		ask(probe, row, now_ns);
	/* Where others are looked at, it is noticed soon enough. */
	if (probe->count == 1)
		ring(probe);
	pthread_mutex_unlock(&probe->mutex);
}

void mt_probe_remove(struct mt_probe *probe, uint32_t slot, uint32_t generation)
{
	struct mt_probed *row;

	pthread_mutex_lock(&probe->mutex);
	row = find(probe, slot, generation);
	if (row)
		*row = probe->rows[--probe->count];
	pthread_mutex_unlock(&probe->mutex);
}

void mt_probe_read(struct mt_probe *probe, const struct mt_resident *resident)
{
	struct mt_probed *row;

	pthread_mutex_lock(&probe->mutex);
	row = find(probe, resident->slot, resident->generation);
	if (row)
		answer(probe, row);
	pthread_mutex_unlock(&probe->mutex);
}

void mt_probe_took(struct mt_probe *probe, const struct mt_resident *resident)
{
	uint64_t now_ns = mt_stamp_monotonic_ns();
	uint64_t bytes = resident->owners.resident_bytes;
	struct mt_probed *row;

	if (resident->reason == MT_RESIDENT_ASKED || resident->reason == MT_RESIDENT_EXIT)
		return;
	pthread_mutex_lock(&probe->mutex);
	row = find(probe, resident->slot, resident->generation);
	if (row) {
		row->is_busy = false;
		/* A forked child that has done nothing yet may be asked about again. */
		row->is_hopeless = resident->status != 0 && resident->status != -EAGAIN;
	}
	if (row && resident->reason == MT_RESIDENT_PEAK)
		mt_peaks_looked(&row->peaks, bytes, resident->took_ns, resident->cpu_ns, now_ns,
		                is_greedy(probe));
	if (row) {
		answer(probe, row);
		ask(probe, row, now_ns);
		/* Told meanwhile: the pages may have been read before. */
		if (has_told(probe, row))
			ring(probe);
	}
	pthread_mutex_unlock(&probe->mutex);
}
