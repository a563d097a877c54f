/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mail.h - messages between the collector's three threads.
 *
 *	service thread (session.c)  <---->  drain thread (collector.c)  <---->  writer thread (commit.c)
 *
 * The drain thread must never wait for a file or for /proc, so it asks the service thread and goes on;
 * a mailbox is a list under a mutex that is held for a few instructions. Their number is bounded by the
 * number of process slots: each process causes a fixed number of them.
 */
#ifndef MT_COLLECT_MAIL_H
#define MT_COLLECT_MAIL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/usage.h"

/* Who a process is, as /proc said when it joined. All strings are owned. */
struct mt_identity {
	char *command;
	char *arguments;
	char *executable;
	char *folder; /* its working folder: relative paths of modules start there */
};

/* What a summary says of a process that has ended. */
struct mt_outcome {
	bool has_row; /* false: a forked child that did nothing is not in the file */
	uint64_t allocations;
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t peak_bytes;
	uint64_t dropped_events;
	bool gave_up; /* it stopped tracing, because we did not move */
};

enum mt_mail_type {
	/* service to drain */
	MT_MAIL_JOINED, /* slot, generation, pid, stamp, identity, previous_*: the image it replaced */
	MT_MAIL_GONE, /* slot, generation, stamp, reason, status, signal: nothing runs there any more */
	MT_MAIL_UNTRACED, /* slot, generation, text: the process now runs this, untraced */
	MT_MAIL_PID, /* slot, generation, pid: what the process is known by outside of its namespace */
	MT_MAIL_THREADS, /* slot, generation, tid, text: a thread's name */
	MT_MAIL_SWITCHED, /* slot, generation, stamp, status: tracing is on (1) or off (0) from there on */
	MT_MAIL_NOTE,     /* reason (the note's kind), text: of the session */
	MT_MAIL_COPY,     /* resident: its process's live blocks are wanted */
	MT_MAIL_RESIDENT, /* resident: done, to be written; or failed */
	MT_MAIL_USAGE,    /* slot, generation, usage: for the timeline */
	MT_MAIL_STOP,     /* finish what is published, then rest */
	MT_MAIL_REST,     /* is there anything left to do? answered by RESTING or BUSY */
	/* drain or writer to service */
	MT_MAIL_WATCH, /* slot, generation, pid, parent_pid, stamp (CLOCK_MONOTONIC): a forked child */
	MT_MAIL_NAME,     /* slot, generation, pid, tid: what is this thread called? */
	MT_MAIL_EXECUTED, /* slot, generation, pid: it called execve and was not heard of since */
	MT_MAIL_ENDED,    /* slot, generation, pid, outcome: in the file */
	MT_MAIL_RELEASED, /* slot, generation: the slot is free again */
	MT_MAIL_WRITTEN,  /* stamp (the serial), status, text: a snapshot of pages is in the file */
	MT_MAIL_RESTING,
	MT_MAIL_BUSY,
};

#define MT_MAIL_UNKNOWN INT64_MIN

struct mt_mail {
	struct mt_mail *next;
	enum mt_mail_type type;
	uint32_t slot;
	uint32_t generation;
	uint32_t previous_slot; /* MT_SLOTS: none */
	uint32_t previous_generation;
	int32_t pid;
	int32_t parent_pid;
	int32_t tid;
	uint64_t stamp;
	const char *reason; /* static; NULL: not known */
	int64_t status;     /* MT_MAIL_UNKNOWN: not known */
	int64_t signal;
	char *text;
	struct mt_identity identity;
	struct mt_outcome outcome;
	struct mt_usage usage;
	struct mt_resident *resident; /* MT_MAIL_COPY borrows it, MT_MAIL_RESIDENT gives it */
};

struct mt_mailbox {
	pthread_mutex_t mutex;
	struct mt_mail *first;
	struct mt_mail **last;
	uint64_t lost; /* posts that found no memory */
};

void mt_mailbox_init(struct mt_mailbox *box);
void mt_mailbox_free(struct mt_mailbox *box);

/* Copies *mail and takes its strings, also when it fails. False: out of memory. */
bool mt_mailbox_post(struct mt_mailbox *box, const struct mt_mail *mail);

/* Takes all, oldest first; each is freed with mt_mail_free(). NULL: none. */
struct mt_mail *mt_mailbox_take(struct mt_mailbox *box);

/* Frees one message and the strings still in it. */
void mt_mail_free(struct mt_mail *mail);

void mt_identity_free(struct mt_identity *identity);

/* 0 or -ENOMEM. */
int mt_identity_copy(const struct mt_identity *identity, struct mt_identity *ret_copy);

#endif
