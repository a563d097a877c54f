/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.h - asks the collector of a running process.
 *
 * Used by the commands that take the pid of a traced process. The conversation is that of wire/control.h.
 */
#ifndef MT_REPORT_CONTROL_H
#define MT_REPORT_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

#include "wire/control.h"

/* Has the process a session's segment mapped? False also where that cannot be seen; nothing is said. */
bool mt_control_is_traced(pid_t pid);

/*
 * Finds the session of `pid` and asks it; `argument` is for verbs that take one, else NULL. MT_EXIT_FINE, or the exit status after having said what is wrong: no such
 * process, not traced, another user's, or what the collector says.
 */
int mt_control_ask(pid_t pid, enum mt_control_verb verb, const char *argument,
                   struct mt_answer *ret_answer);

#endif
