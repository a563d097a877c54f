/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.h - the writer thread: one batch after the other into the file.
 *
 * Only this thread touches the writer. When the disk is full or the file is lost, it stops writing and
 * goes on saying "committed", so that no process waits for what will not come; the session then is
 * 'incomplete'.
 */
#ifndef MT_COLLECT_COMMIT_H
#define MT_COLLECT_COMMIT_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"
#include "collect/batch.h"
#include "store/writer.h"

struct mt_commit {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct mt_segment *segment;
	struct mt_writer *writer;
	const char *socket_path, *folder; /* removed with the last process; NULL: there are none */
	int file_fd; /* the file that the writer writes; -1: it is not known (tests) */
	struct mt_mailbox *to_service;
	void (*wake)(
	        void *context); /* somebody should look: the drain thread and the service thread */
	void *wake_context;
	struct mt_batch *batch; /* offered, not yet taken up */
	struct mt_batch *done;  /* written, not yet collected */
	bool is_busy;           /* from the offer until it is collected */
	bool may_open;
	bool is_stopping;
	int failure; /* 0, or the -errno after which nothing is written */
	struct mt_error error;
};

/* Borrows everything until mt_commit_free(). */
void mt_commit_init(struct mt_commit *commit, struct mt_writer *writer, struct mt_segment *segment,
                    struct mt_mailbox *to_service, void (*wake)(void *context), void *wake_context);

/* Starts the thread. 0 or -errno. */
int mt_commit_start(struct mt_commit *commit);

/* Has it open the file now, rather than for the first batch. Before that it leaves the processor to who is waited for. */
void mt_commit_open(struct mt_commit *commit);

/* Can a batch be offered? Drain thread only. */
bool mt_commit_is_idle(struct mt_commit *commit);

/* Takes the batch. Drain thread only, when idle. */
void mt_commit_offer(struct mt_commit *commit, struct mt_batch *batch);

/* Gives back the batch that is done with, or NULL; with `wait`, waits for the one on its way. */
struct mt_batch *mt_commit_collect(struct mt_commit *commit, bool wait);

/* 0, or what went wrong and why. Any thread. */
int mt_commit_failure(struct mt_commit *commit, struct mt_error *ret_error);

/* One batch, as the thread writes it. 0 or -errno: then the writer has to be rolled back. */
int mt_commit_write(struct mt_writer *writer, struct mt_batch *batch);

/* Ends the thread; the writer is the caller's again. Nothing may be on its way. mt_commit_failure() still works. */
void mt_commit_stop(struct mt_commit *commit);

void mt_commit_free(struct mt_commit *commit);

#endif
