/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.h - what can be asked of the collector of a running session.
 *
 * Asked over the session's socket (hello.h), one message each way:
 *
 *	memtrace                                    collector
 *	struct mt_request (verb, pid)     ------->
 *	                                  <-------  struct mt_answer
 *
 * The socket is found from the pid of any process of the session: its segment is a memfd whose name says where
 * the socket is, as /proc/PID/maps has it:
 *
 *	/memfd:memtrace:/run/user/1000/memtrace-ab12cd/socket (deleted)
 *
 * No token is asked for: the collector answers its own user and root, by SO_PEERCRED. A question about a
 * process gives its pid as the collector sees it.
 */
#ifndef MT_WIRE_CONTROL_H
#define MT_WIRE_CONTROL_H

#include <assert.h>
#include <stdint.h>

#include "hello.h"

#define MT_CONTROL_MAGIC   0x4c5254434d544d4dull
#define MT_CONTROL_VERSION 1u
/* The memfd's name, in front of the path of the socket. */
#define MT_CONTROL_MEMFD "memtrace:"

enum mt_control_verb {
	MT_CONTROL_START = 1, /* record from now on */
	MT_CONTROL_STOP,      /* record no allocation from now on */
	MT_CONTROL_SNAPSHOT,  /* what is resident and whose; answered when it is in the file */
	MT_CONTROL_BLOCKS,    /* the same, with the live blocks of a stack; `argument` is its number in the file */
};

struct mt_request {
	uint64_t magic;
	uint32_t version;
	uint32_t verb;
	uint32_t pid;
	uint32_t reserved;
	char argument[232]; /* of verbs that take one, NUL-terminated */
};
static_assert(sizeof(struct mt_request) != sizeof(struct mt_hello),
              "the length tells them apart, too");

struct mt_answer {
	uint64_t magic;
	uint32_t version;
	int32_t status;    /* 0, or -errno: not done, `message` says why */
	char message[512]; /* a sentence without the name of the command; "" where all went well */
	char output[4096]; /* the session's file, absolute */
};

#endif
