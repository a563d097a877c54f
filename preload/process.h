/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.h - what this process knows of its own tracing; the library's one shared struct.
 *
 * Written by init.c, session.c and hooks_life.c; read everywhere in preload/. Memory comes in two kinds:
 *
 *	mt_process      ordinary: a forked child inherits it and so knows its parent's slot
 *	mt_wiped        one mapping marked MADV_WIPEONFORK: a forked child finds zeros there, and thereby
 *	                knows that it is one, without a system call
 *
 * Tracing is on exactly while mt_wiped->generation != 0. A thread is attached to this process exactly
 * while its own copy of the generation is equal (thread.c), so one compare on the path of a call covers
 * "not begun", "off", "first event of the thread" and "just forked".
 */
#ifndef MT_PRELOAD_PROCESS_H
#define MT_PRELOAD_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/segment.h"

#define mt_likely(x)   __builtin_expect(!!(x), 1)
#define mt_unlikely(x) __builtin_expect(!!(x), 0)
#define MT_HOOK        __attribute__((visibility("default"), noinline))
#define MT_COLD        __attribute__((cold, noinline))
/* Of a hook: left to by a tail call, so that its caller is the hook's; in line where the compiler makes none. */
#ifdef __OPTIMIZE__
#define MT_TAIL __attribute__((noinline))
#else
#define MT_TAIL __attribute__((always_inline)) inline
#endif

enum mt_process_state {
	MT_PROCESS_EARLY = 0, /* before the constructor: events go to the early log */
	MT_PROCESS_ON,
	MT_PROCESS_OFF, /* hooks only pass through, for good */
};

struct mt_process {
	_Atomic uint32_t state;     /* enum mt_process_state */
	_Atomic uint32_t epoch;     /* goes up when code may have been unloaded (hooks_life.c) */
	struct mt_segment *segment; /* shared with the collector; NULL until joined */
	struct mt_slot *slot;       /* this process's */
	/* What the hooks record, see preload/gate.h. Never NULL: open until joined, shut when off. */
	const _Atomic uint32_t *_Atomic gate;
	uint32_t slot_index;
	uint32_t slot_generation;
	pid_t pid;                    /* the owner of slot; a vfork child has another */
	_Atomic uint32_t threads;     /* attached now */
	_Atomic bool adopting;        /* a forked child is claiming its slot */
	_Atomic uint32_t missed;      /* events of handlers that interrupted that */
	_Atomic uint64_t fork_serial; /* forks so far, failed ones too */
	bool fork_was_threaded; /* this process was forked from one that had several threads */
	_Atomic bool ended;     /* MT_EVENT_EXIT is written */
	/* preload/mark.h; set once, by the constructor */
	size_t mark_limit_bytes; /* 0: nothing is known of marks */
	uint64_t mark;
	_Atomic uint64_t last_heartbeat; /* as last seen, by the waits of emit.c and init.c */
};

/* Who holds the shared ring, and what only the holder may touch (shared.c). */
struct mt_sharing {
	_Atomic uint32_t lock;
	uint32_t last_tid;    /* the thread that wrote last; 0: none */
	struct mt_ring *ring; /* NULL: not claimed yet */
	uint64_t signals;     /* what the holder had blocked before */
};

/* Districts that are known apart; others share the entry of one. */
#define MT_ORDER_DISTRICTS 65536u

struct mt_wiped {
	_Atomic uint64_t generation; /* slot << 32 | slot generation, never 0 while tracing is on */
	_Atomic uint32_t next_stack; /* the last stack id given out in this process */
	_Atomic uint32_t defined_stacks; /* how many of them are published */
	struct mt_sharing sharing;
	/* preload/order.h: whose a district is: 0 nobody's yet, the number of a ring, or MT_ORDER_SHARED */
	_Atomic uint16_t districts[MT_ORDER_DISTRICTS];
};

/* Hidden where they are declared, so that gcc does not go by the table of global offsets. */
#pragma GCC visibility push(hidden)
extern struct mt_process mt_process;
extern struct mt_wiped *mt_wiped; /* never NULL: a static one of zeros until init */
#pragma GCC visibility pop

/* init.c: stops tracing for good; says `why` in one line when it is not NULL. Any context. */
void mt_process_off(const char *why);

/* session.c: a forked child claims a slot and goes on in the inherited segment. False: it does not, or not yet. */
bool mt_process_adopt_child(void);

#endif
