/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.h - the service thread: the conversation of hello.h, and who is alive.
 *
 * It owns the sockets and the pidfds and does all that may block: /proc, accept, send. What it learns
 * goes to the drain thread by mail. One struct mt_session a collector; the main thread runs it.
 */
#ifndef MT_COLLECT_SESSION_H
#define MT_COLLECT_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "collect/collector.h"
#include "collect/commit.h"
#include "wire/hello.h"

#define MT_SESSION_CLIENTS 256u

/* What is watched of the process in a slot. */
struct mt_watch {
	uint32_t generation;
	pid_t pid;
	int pidfd; /* 0 (which is never one): cannot be watched, or has gone */
	bool is_used;
	bool was_joined;    /* over the socket; else it is a forked child */
	bool is_gone;       /* the drain thread was told */
	bool has_ended;     /* its end is in the file */
	char *oom_file;     /* mt_host_oom_file(); owned */
	uint64_t oom_kills; /* what it had counted when the process came */
};

/*
 * A process that has ended. `memtrace run` asks for that of its child right after its end, nobody else asks; so the
 * last ones are enough, and a session that lives for ever remembers no more of them.
 */
#define MT_SESSION_ENDED 4096u

struct mt_ended {
	pid_t pid;
	struct mt_outcome outcome;
};

struct mt_client {
	int fd;           /* -1: no client */
	bool is_trusted;  /* the one who started us: needs no token */
	bool is_known;    /* has shown the token */
	bool is_stranger; /* another user, and not root */
	uint64_t number;  /* in the order of coming */
	bool has_asked;   /* for a summary, of: */
	pid_t pid;
	uint64_t snapshot;       /* the serial of one that it waits for; 0: none */
	uint64_t known_since_ns; /* the answer is only kept back for the end; 0: it is not */
};

struct mt_session {
	struct mt_segment *segment;
	int segment_fd;
	ino_t segment_inode;
	enum mt_clock clock;
	struct mt_collector *collector;
	struct mt_commit *commit;
	struct mt_mailbox mail; /* to this thread */
	int event_fd;           /* an eventfd: there is mail */
	int signal_fd;
	int epoll_fd;
	int listen_fd; /* -1: no socket could be made: children cannot join */
	char folder[108];
	char socket_path[108];
	uint8_t token[MT_TOKEN_BYTES];
	char entry[160]; /* the value of MEMTRACE_SESSION; "" without a socket */
	char output[4096];
	char message[512]; /* for the first welcome */
	char *follow;      /* the option follow=; owned */
	bool has_first;    /* follow=first: it has come */
	struct mt_watch watches[MT_SLOTS];
	uint32_t slot_count; /* slots, and watches, that there are to look at */
	uint32_t watched; /* used ones */
	int spare_fd;     /* given up for a moment to turn a client away when there are no more */
	struct mt_client clients[MT_SESSION_CLIENTS];
	uint64_t client_count;                   /* that ever came */
	struct mt_ended ended[MT_SESSION_ENDED]; /* the last ones, in a circle */
	uint64_t ended_count;
	uint32_t processes;      /* images that joined, and forked children with a row */
	uint64_t stop_at_ns;     /* told to stop: what still lives then is cut off; 0: not told */
	uint64_t empty_since_ns; /* no process and nobody to ask; 0: not so */
	bool was_cut_off;        /* processes lived when we had to stop */
	bool is_resting;         /* the drain thread has nothing left */
	bool has_asked_rest;
	bool keeps_back;    /* a summary, for the end */
	uint64_t snapshots; /* asked for so far: the last serial */
};

/*
 * *session is zeroed memory, of which most is never touched. Makes the socket and the token. Without a socket the session goes on, socket_path being "". 0 or -errno; before
 * anything else, and to be closed if that fails.
 */
int mt_session_listen(struct mt_session *session);

/* Makes the rest, after mt_session_listen(). 0 or -errno. */
int mt_session_open(struct mt_session *session, struct mt_segment *segment, int segment_fd,
                    enum mt_clock clock);

/* One message of a client, answered. False: it is done, or broke a rule. mt_session_run() calls it; tests do. */
bool mt_session_hear(struct mt_session *session, struct mt_client *client);

/* Serves `starter_fd` (takes it) and the socket until everything has ended. */
void mt_session_run(struct mt_session *session, int starter_fd);

/* After the file is closed: answers who still waits for a summary. */
void mt_session_finish(struct mt_session *session);

/* Removes the socket and its folder, closes everything. */
void mt_session_close(struct mt_session *session);

/* Wakes the service thread: an event for session->event_fd. Any thread. */
void mt_session_wake(struct mt_session *session);

/* Watches the pidfd of a slot. 0 or -errno. */
int mt_session_attend_slot(struct mt_session *session, uint32_t slot);

#endif
