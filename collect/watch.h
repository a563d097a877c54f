/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch.h - the half of the service thread that watches processes: their coming, their pidfds, their end.
 *
 * Each slot has at most one watch, from the moment the process is known to this thread until the drain
 * thread has given the slot back.
 */
#ifndef MT_COLLECT_WATCH_H
#define MT_COLLECT_WATCH_H

#include "collect/session.h"

/*
 * The peer of a socket joins: `pid` as the socket says, `told_pid` as it says itself (for messages, and where
 * the socket cannot see it). Slot, or status and message, in *ret_welcome.
 */
void mt_watch_join(struct mt_session *session, int socket_fd, pid_t pid, pid_t told_pid,
                   struct mt_welcome *ret_welcome);

/* The slot of the image that now runs as `pid`, and its generation; MT_SLOTS: there is none. */
uint32_t mt_watch_find(struct mt_session *session, pid_t pid, uint32_t *ret_generation);

/* Tells the drain thread that tracing is switched on or off now. */
void mt_watch_switched(struct mt_session *session, uint32_t slot, uint32_t generation, bool is_on);

/* A pidfd has become readable. */
void mt_watch_ended(struct mt_session *session, uint32_t slot);

/* Deals with the mail of the drain and the writer thread. */
void mt_watch_read_mail(struct mt_session *session);

/* Is an image with this pid known whose end is not in the file yet? */
bool mt_watch_owes(struct mt_session *session, pid_t pid);

/* Is a process traced that has another pid? */
bool mt_watch_has_others(struct mt_session *session, pid_t pid);

/* The outcome of the last image with this pid; false: there is none, or it is long ago. */
bool mt_watch_outcome(struct mt_session *session, pid_t pid, struct mt_outcome *ret_outcome);

#endif
