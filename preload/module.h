/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * module.h - which loaded objects the frames of stacks lie in.
 *
 * A module is told to the collector once per load epoch, before the first stack that has a frame in it. It is
 * found by address, without the loader's lock, through _dl_find_object() (glibc 2.35); where that is
 * missing, in the loader's list. It cannot go away meanwhile: a frame of ours is executing in it.
 */
#ifndef MT_PRELOAD_MODULE_H
#define MT_PRELOAD_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/ring.h"

struct link_map;

/* glibc's struct dl_find_object (<dlfcn.h> from 2.35 on), written out so that older headers do. */
struct mt_module_found {
	unsigned long long flags;
	void *map_start; /* of the whole object, or of one segment where it has gaps */
	void *map_end;
	struct link_map *object;
	void *eh_frame; /* .eh_frame_hdr; NULL: it has none */
	unsigned long long reserved[7];
};

/* The loaded object that this address lies in. False: in none. No lock, any context. */
bool mt_module_find(const void *pc, struct mt_module_found *ret_found);

/* Is the malloc behind ours libc's own? */
bool mt_module_has_libcs_malloc(void);

/* The mapped part of this object that `addr` lies in. False: in none of its parts. */
bool mt_module_segment(const struct mt_module_found *found, uintptr_t addr, uintptr_t *ret_start,
                       uintptr_t *ret_end);

/* Learns where the loader is. */
void mt_module_init(void);

/* True for an address in the dynamic loader. Any context. */
bool mt_module_is_loader(const void *pc);

/* Was what this address lies in there when the program began? Then it is never unloaded. No lock, any context. */
bool mt_module_is_permanent(const void *pc);

/*
 * Tells the collector of every module that these frames lie in and that it has not been told of in this epoch. Which
 * modules they are, as one number: the same for the same files in the same places, in whatever epoch. 0: that
 * cannot be told beyond this epoch.
 */
uint64_t mt_module_note(struct mt_ring_writer *writer, void *const *frames, uint32_t depth,
                        uint32_t epoch);

/*
 * Code may be or has been unloaded: what is known of ranges, rules and stacks is not used any more. `leaving`: an
 * address in the object that is about to be unloaded, NULL where it has been.
 */
void mt_module_new_epoch(const void *leaving);

#endif
