/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libc.h - what glibc has mapped for itself, told by what glibc itself writes there.
 *
 * Called by the thread that takes a snapshot. libc's own calls of mmap() pass by the library. Of anonymous mappings of
 * which nothing else is known, a few words are read (process_vm_readv) and believed if they fit:
 *
 *	an arena's heap     starts at a multiple of 64 MiB with its own length and the address of its arena
 *	a thread's block    its first and third word are its own address, as the ABI of x86-64 wants; it lies at the upper end
 *	                    of its stack, or, of the first thread, in pages of the loader's
 *
 * So the arena in which no block is live, and the stack that an ended thread has left for the next one, have an owner.
 * What does not fit, or cannot be read, stays unexplained.
 */
#ifndef MT_COLLECT_LIBC_H
#define MT_COLLECT_LIBC_H

#include <sys/types.h>

#include "collect/owners.h"
#include "collect/regions.h"

/*
 * What a thread has above its thread pointer: glibc's struct pthread, 2304 bytes in 2.36 and 1800 in 2.41, with room
 * for a larger one. Behind it another mapping may follow that the kernel shows as one with the stack.
 */
#define MT_LIBC_ABOVE_THREAD_POINTER 2304u

/* Adds to *regions what it finds; input has all but regions. */
void mt_libc_find(pid_t pid, const struct mt_owner_input *input, struct mt_regions *regions);

#endif
