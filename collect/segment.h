/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * segment.h - makes the shared memory of wire/segment.h.
 *
 * Called once by the collector's start.
 */
#ifndef MT_COLLECT_SEGMENT_H
#define MT_COLLECT_SEGMENT_H

#include "base/error.h"
#include "wire/segment.h"

/*
 * A sealed memfd, mapped and with its header filled in. ring_kib is rounded up to a power of two. `socket_path`
 * is where the session can be asked, "": nowhere.
 * 0 or -errno; munmap() and close() give it back.
 */
int mt_segment_create(const char *socket_path, uint64_t ring_kib, enum mt_clock clock,
                      struct mt_segment **ret_segment, int *ret_fd, struct mt_error *ret_error);

/* Claims a free slot for a process that joined over the socket. 0 or -EAGAIN: all are taken. */
int mt_segment_claim(struct mt_segment *segment, uint32_t pid, uint64_t stamp, uint32_t *ret_slot,
                     uint32_t *ret_generation);

/*
 * Puts this thread's death, of whatever, into the segment, for those who would wait. The collector's main thread,
 * once, before anybody joins.
 */
void mt_segment_attest_life(struct mt_segment *segment);

/* Says that nobody reads any more, and wakes all who wait for that. */
void mt_segment_close(struct mt_segment *segment);

#endif
