/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.h - find, start or join the collector (wire/hello.h).
 *
 * Called by init.c from the constructor only. After it the library holds no descriptor.
 */
#ifndef MT_PRELOAD_SESSION_H
#define MT_PRELOAD_SESSION_H

#include "wire/hello.h"

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

#endif
