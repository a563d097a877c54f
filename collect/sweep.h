/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sweep.h - removes the sockets of collectors that were killed.
 *
 * Called by a collector at its own end, when nobody waits for it. A killed one cannot remove its socket itself, and the
 * programs that it traced make no system call for it.
 */
#ifndef MT_COLLECT_SWEEP_H
#define MT_COLLECT_SWEEP_H

/*
 * Removes each folder memtrace-XXXXXX of our own user in `parent` whose socket nobody listens at, and that is not of
 * this minute: a collector that is just being started has bound its socket, and does not listen yet.
 */
void mt_sweep(const char *parent);

#endif
