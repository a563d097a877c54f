/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon.h - leaving the traced program's world: its session, signals, limits, descriptors, environment.
 *
 * Called by the collector's main, once each, first of all. Nothing here is fatal but a failing fork: a
 * collector with a lower limit is better than none.
 */
#ifndef MT_COLLECT_DAEMON_H
#define MT_COLLECT_DAEMON_H

/*
 * Goes on in a process of its own session whose parent is init. The process that was started ends with
 * status 0 when the other one is on its way; so its parent can wait for it without delay. 0, or -errno
 * in the first process.
 */
int mt_daemon_detach(void);

/*
 * Undoes what was inherited: signals, scheduling, limits, descriptors (all but fd 0, which is moved to
 * *ret_starter_fd), standard streams, working folder, umask. 0 or -errno: fd 0 could not be moved.
 */
int mt_daemon_clean(int *ret_starter_fd);

/* Takes LD_PRELOAD and MEMTRACE_* out of the environment. */
void mt_daemon_clean_environment(void);

#endif
