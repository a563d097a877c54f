/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * say.h - the library's only voice: one line on standard error, for what was lost or could not be done.
 *
 * Any thread, any context; no memory, no locale, errno kept. At most MT_SAY_BUDGET lines a process.
 */
#ifndef MT_PRELOAD_SAY_H
#define MT_PRELOAD_SAY_H

#define MT_SAY_BUDGET 16

/* Looks at standard error, once, before the program can change it. */
void mt_say_begin(void);

/* Writes "memtrace: ", the strings up to a NULL, and a newline, in one write(2); not where descriptor 2 is not standard error any more. */
void mt_say(const char *first, ...) __attribute__((sentinel));

#endif
