/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.h - find, start or join the collector (wire/hello.h).
 *
 * Called by init.c from the constructor only. After it the library holds no descriptor.
 */
#ifndef MT_PRELOAD_SESSION_H
#define MT_PRELOAD_SESSION_H

#include <stdbool.h>

#include "wire/hello.h"

/* True in the collector itself, which /etc/ld.so.preload may bring this library into. */
bool mt_session_is_collector(void);

/*
 * Joins the session of the environment, or starts one of its own where there is none or it cannot be reached.
 * On success mt_process.segment, slot, slot_index, slot_generation and pid are set. -errno: not traced; what
 * there was to say has been said.
 */
int mt_session_begin(void);

/*
 * The environment with this session in it, for what the program will exec; NULL: the program's own will do.
 * Memory of ours, for ever.
 */
char **mt_session_environment(char **environment);

/* This process is not traced, and has said why: what it executes is not, either, and says nothing. */
void mt_session_refuse(void);

#endif
