/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spawn.h - starts a program and its collector, in the order that loses nothing.
 *
 * Used by cmd_run.c and cmd_doctor.c:
 *
 *	mt_spawn_program     forks; the child waits: its pid is known, and nothing of it has run
 *	mt_spawn_collector   starts memtrace-collect (wire/hello.h) and asks for the session
 *	mt_spawn_go          lets the child exec, traced or not
 *	mt_spawn_wait        until it ends
 *	mt_spawn_summary     what the collector has to say about it
 *	mt_spawn_close
 */
#ifndef MT_REPORT_SPAWN_H
#define MT_REPORT_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "wire/hello.h"

struct mt_spawn {
	pid_t child;
	int go_fd;     /* what the child waits for */
	int exec_fd;   /* where it says why it could not exec */
	int socket_fd; /* to the collector; -1: there is none */
	pid_t collector;
};

/* What the child finds in its environment. Borrowed until mt_spawn_go has returned. */
struct mt_spawn_environment {
	const char *library; /* goes first into LD_PRELOAD */
	const char *options; /* MEMTRACE_OPTIONS */
};

/* Forks. argv and environment are borrowed until mt_spawn_go. */
int mt_spawn_program(char *const argv[], const struct mt_spawn_environment *environment,
                     struct mt_spawn *ret_spawn);

/*
 * Starts the collector with these arguments (argv[0] is the path of its file) and asks it for its
 * session. -errno: it could not be started or did not answer; the program may go on without.
 */
int mt_spawn_collector(struct mt_spawn *spawn, char *const argv[], struct mt_welcome *ret_welcome);

/*
 * Lets the child exec; session NULL: untraced. 0, or why exec failed. From here to mt_spawn_close
 * SIGINT and SIGQUIT, which a terminal sends to the program as well, are ignored, SIGTERM and
 * SIGHUP are passed on to the child while it lives. One child at a time.
 */
int mt_spawn_go(struct mt_spawn *spawn, const char *session);

/* Waits for the child's end; returns its wait status, or -errno. */
int mt_spawn_wait(struct mt_spawn *spawn);

/* -errno: there is no collector, or it did not answer within the time. */
int mt_spawn_summary(struct mt_spawn *spawn, int timeout_ms, struct mt_summary *ret_summary);

/* Removes the socket of a session whose collector was killed, and so could not. */
void mt_spawn_forget(const char *session);

/* A child that was not let go ends. */
void mt_spawn_close(struct mt_spawn *spawn);

#endif
