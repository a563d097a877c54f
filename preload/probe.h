/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe.h - libunwind's test whether memory can be read, without its pipe.
 *
 * libunwind asks the kernel about every address that it has not seen lately by writing a byte from there into
 * a pipe of its own, and reading one back. It keeps the two descriptors for ever by number. A program that
 * closes all descriptors, as daemons do, and opens its own, gets the same numbers: then libunwind
 * reads from the program's files, writes into them, and closes them at their end.
 *
 * So the functions are replaced where libunwind calls them: in its own table of imports, nowhere else.
 *
 * Called by unwind.c, once, after libunwind is opened and before anything in it is called.
 */
#ifndef MT_PRELOAD_PROBE_H
#define MT_PRELOAD_PROBE_H

#include <link.h>
#include <stdbool.h>

/* 0, or -errno when the library has a pipe that could not be taken away. */
int mt_probe_install(const struct link_map *library);

/* Whether the word that `addr` lies in can be read. One system call without effect; any context. */
bool mt_probe_is_readable(const void *addr);

#endif
