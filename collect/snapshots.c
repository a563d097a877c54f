/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshots.c - see snapshots.h.
 */
#include "collect/snapshots.h"

#include "collect/collector.h"
#include "collect/probe.h"
#include "collect/resident.h"

#include <string.h>

/* What it has become goes on to the drain thread, a failure too: who waits is told. */
static void hand_over(struct mt_snapshots *snapshots, struct mt_resident *resident)
{
	struct mt_collector *collector = resident->collector;

	if (snapshots->probe)
		mt_probe_took(snapshots->probe, resident);
	mt_mailbox_post(&collector->mail,
	                &(struct mt_mail){.type = MT_MAIL_RESIDENT, .resident = resident});
	mt_collector_wake(collector);
}

static struct mt_resident *next(struct mt_snapshots *snapshots, bool *ret_is_stopping)
{
	struct mt_resident *resident;

	pthread_mutex_lock(&snapshots->mutex);
	while (!snapshots->first && !snapshots->is_stopping)
		pthread_cond_wait(&snapshots->changed, &snapshots->mutex);
	resident = snapshots->first;
	if (resident)
		snapshots->first = resident->next;
	*ret_is_stopping = snapshots->is_stopping;
	pthread_mutex_unlock(&snapshots->mutex);
	return resident;
}

static void *run(void *context)
{
	struct mt_snapshots *snapshots = context;
	struct mt_resident *resident;
	bool is_stopping;

	pthread_setname_np(pthread_self(), "snapshots");
	while ((resident = next(snapshots, &is_stopping))) {
		resident->next = NULL;
		if (is_stopping)
			mt_resident_refuse(resident);
		else
			mt_resident_take(resident);
		hand_over(snapshots, resident);
	}
	return NULL;
}

int mt_snapshots_start(struct mt_snapshots *snapshots, struct mt_probe *probe)
{
	memset(snapshots, 0, sizeof(*snapshots));
	snapshots->probe = probe;
	pthread_mutex_init(&snapshots->mutex, NULL);
	pthread_cond_init(&snapshots->changed, NULL);
	return -pthread_create(&snapshots->thread, NULL, run, snapshots);
}

void mt_snapshots_add(struct mt_snapshots *snapshots, struct mt_resident *resident)
{
	struct mt_resident **at;
	bool is_end = resident->reason == MT_RESIDENT_EXIT;

	pthread_mutex_lock(&snapshots->mutex);
	if (snapshots->is_stopping) {
		pthread_mutex_unlock(&snapshots->mutex);
		mt_resident_refuse(resident);
		hand_over(snapshots, resident);
		return;
	}
	for (at = &snapshots->first; *at && !(is_end && (*at)->reason != MT_RESIDENT_EXIT);)
		at = &(*at)->next;
	resident->next = *at;
	*at = resident;
	pthread_cond_signal(&snapshots->changed);
	pthread_mutex_unlock(&snapshots->mutex);
}

void mt_snapshots_stop(struct mt_snapshots *snapshots)
{
	pthread_mutex_lock(&snapshots->mutex);
	snapshots->is_stopping = true;
	pthread_cond_signal(&snapshots->changed);
	pthread_mutex_unlock(&snapshots->mutex);
	pthread_join(snapshots->thread, NULL);
}
