/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe.h - the probe thread: looks at /proc of every traced process now and then.
 *
 * For the timeline it reads how much memory a process uses (base/usage.h), every timeline= milliseconds in which it
 * changes; and it has snapshots taken (snapshots.c): at a new peak of what is resident, and periodically. A process that grows
 * is looked at every 10 ms, one that rests 5 times a second. All of it together takes at most 0.5 % of a processor: with
 * very many processes each is looked at less often.
 */
#ifndef MT_COLLECT_PROBE_H
#define MT_COLLECT_PROBE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/usage.h"
#include "collect/peaks.h"
#include "wire/segment.h"

struct mt_collector;
struct mt_resident;

struct mt_probed {
	uint32_t slot;
	uint32_t generation;
	pid_t pid;
	bool is_busy;       /* a snapshot of it is under way */
	bool is_hopeless;   /* none can be taken */
	uint64_t born_ns;   /* all times: CLOCK_MONOTONIC */
	uint64_t look_ns;   /* when it is looked at next */
	uint64_t pace_ns;   /* and how long after that again */
	uint64_t change_ns; /* when it was last seen to change */
	uint64_t point_ns;  /* when its next point is due */
	uint64_t rss_bytes; /* as last looked at */
	struct mt_usage usage;
	struct mt_peaks peaks;
	uint32_t told;       /* the last of its releases that was seen (wire/segment.h) */
	uint64_t useless_ns; /* it is not asked to tell for so long, as the last one was none */
	uint64_t ask_ns;     /* not before this */
	uint64_t period_ns;
	uint64_t periodic_ns; /* when the next one is due */
	uint32_t periodic_count;
};

struct mt_probe {
	pthread_t thread;
	pthread_mutex_t mutex;
	struct mt_collector *collector;
	uint64_t moments; /* wire/moments.h, of the snapshots that are its business */
	uint64_t point_ns;
	uint64_t page_bytes;
	struct mt_probed *rows; /* in no order */
	size_t count;
	size_t capacity;
	_Atomic uint32_t unread; /* readings that the drain thread has not seen yet */
	bool is_stopping;
	bool is_running;
};

/* 0 or -errno. */
int mt_probe_start(struct mt_probe *probe, struct mt_collector *collector, uint64_t moments,
                   uint32_t point_ms);
void mt_probe_stop(struct mt_probe *probe);

/* A process has come, and gone. Service thread; before the start, and after the end, nothing happens. */
void mt_probe_add(struct mt_probe *probe, uint32_t slot, uint32_t generation, pid_t pid);
void mt_probe_remove(struct mt_probe *probe, uint32_t slot, uint32_t generation);

/* Whoever waits until its pages were read may go on. Snapshot thread. */
void mt_probe_read(struct mt_probe *probe, const struct mt_resident *resident);

/* A snapshot was taken, or failed. Snapshot thread. */
void mt_probe_took(struct mt_probe *probe, const struct mt_resident *resident);

#endif
