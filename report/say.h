/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * say.h - lines for a person on standard error, each starting with "memtrace: ".
 *
 * Used all over report/. Standard output is the report's own.
 */
#ifndef MT_REPORT_SAY_H
#define MT_REPORT_SAY_H

/* One line in one write; control characters in it are escaped. */
void mt_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
