/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hello.h - how a process and a collector find each other.
 *
 * Over a SOCK_SEQPACKET unix socket, one message each way a question:
 *
 *	client                                      collector
 *	struct mt_hello (JOIN, token)     ------->
 *	                                  <-------  struct mt_welcome + the segment (SCM_RIGHTS)
 *
 * The one who starts a collector (preload/session.c, report/spawn.c) hands it one end of a socketpair as
 * its standard input; what comes over that end needs no token. Everyone else connects to the session's socket, whose
 * path and token stand in the environment:
 *
 *	MEMTRACE_SESSION=<path of the socket>:<token, 32 hexadecimal digits>
 *
 * The peer's pid is taken from SO_PEERCRED.
 */
#ifndef MT_WIRE_HELLO_H
#define MT_WIRE_HELLO_H

#include <stdint.h>

#define MT_HELLO_MAGIC   0x4f4c4c4548544d4dull
#define MT_HELLO_VERSION 2u
#define MT_SESSION_ENV   "MEMTRACE_SESSION"
#define MT_OPTIONS_ENV   "MEMTRACE_OPTIONS"
#define MT_TOKEN_BYTES   16u

enum mt_hello_purpose {
	MT_HELLO_JOIN = 1, /* trace me: a slot and the segment, please */
	MT_HELLO_SESSION,  /* session, output, message of the welcome; no slot (report/spawn.c) */
	MT_HELLO_SUMMARY, /* answered once the process `pid` has ended and is in the file, or never joined */
};

struct mt_hello {
	uint64_t magic;
	uint32_t version;
	uint32_t purpose;
	uint32_t pid;
	uint32_t reserved;
	uint8_t token[MT_TOKEN_BYTES];
};

struct mt_welcome {
	uint64_t magic;
	uint32_t version;
	int32_t status; /* 0, or -errno: not traced, `message` says why */
	uint32_t slot;  /* JOIN: the process's slot and its generation */
	uint32_t generation;
	uint64_t segment_bytes;
	char session[160]; /* the value of MEMTRACE_SESSION, NUL-terminated */
	char message[512]; /* what the client should say on stderr; "": nothing */
	char output[4096]; /* the file, absolute */
};

/* The answer to MT_HELLO_SUMMARY: the process `pid` as last joined. */
struct mt_summary {
	uint64_t magic;
	int32_t status; /* 0; -ESRCH: it never joined; -ENOENT: it did, but is left out (follow=); -EIO: the file
	                   is incomplete, see message */
	uint32_t processes; /* of the session so far */
	uint64_t allocations;
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t peak_bytes;
	uint64_t dropped_events;
	uint64_t sample_bytes; /* the figures are estimates; 0: they are exact */
	char message[512];
	char output[4096];
};

#endif
