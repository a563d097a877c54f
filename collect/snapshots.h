/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshots.h - the snapshot thread: takes snapshots of pages, one after the other.
 *
 * Whoever wants one puts it into the queue and goes on: the service thread what a person asks for, the drain thread that of a
 * process that waits at its end, the probe (probe.c) the others. Those of ends come first. All calls of ptrace come from
 * this thread.
 */
#ifndef MT_COLLECT_SNAPSHOTS_H
#define MT_COLLECT_SNAPSHOTS_H

#include <pthread.h>
#include <stdbool.h>

struct mt_resident;
struct mt_probe;

struct mt_snapshots {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct mt_resident *first; /* in the order in which they are taken */
	struct mt_probe *probe;    /* is told what became of them; NULL: nobody is (tests) */
	bool is_stopping;
};

/* 0 or -errno. */
int mt_snapshots_start(struct mt_snapshots *snapshots, struct mt_probe *probe);

/* Takes the snapshot; who wants it hears of it by mail (resident.h). Any thread. */
void mt_snapshots_add(struct mt_snapshots *snapshots, struct mt_resident *resident);

/* Ends the one that is under way, refuses the others and all that come yet, ends the thread. */
void mt_snapshots_stop(struct mt_snapshots *snapshots);

#endif
