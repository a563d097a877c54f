/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * modules.h - loaded objects: the session's list of them, and where each process has which.
 *
 * Owned by the drain thread. A module is a path and a build-id; two processes that load the same file
 * share a row. A process's ranges say what its addresses mean now: a later record wins over what it
 * overlaps, because the older object has gone.
 */
#ifndef MT_COLLECT_MODULES_H
#define MT_COLLECT_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "wire/event.h"

/*
 * Limits: of modules in a session, and of what is loaded in a process at a time. The kernel's own on mappings,
 * 65530 a process and at least three a module, is reached before the second.
 */
#define MT_MODULES_MAX (1u << 16)
#define MT_RANGES_MAX  (1u << 15)

struct mt_module {
	char *path;
	char *build_id; /* hexadecimal; "": has none */
};

/* rows[0] is not used: ids start at 1. A row's strings live as long as the session. */
struct mt_modules {
	struct mt_module *rows;
	size_t count;
	size_t capacity;
	struct mt_map index; /* (hash of path and build-id, nth with that hash) -> id */
	size_t written;      /* rows that a batch has taken */
};

/* [start, end) is module `module`, whose own addresses are relative to base. */
struct mt_range {
	uint64_t start;
	uint64_t end;
	uint64_t base;
	uint32_t module;
};

/* Sorted, without overlaps. All zero is empty. */
struct mt_ranges {
	struct mt_range *rows;
	size_t count;
	size_t capacity;
	uint64_t state; /* the same for the same ranges; another once one was added */
};

void mt_modules_free(struct mt_modules *modules);

/* Finds or adds; *ret_id is never 0. build_id: raw bytes. 0, -ENOMEM, or -ENOSPC: the limit is reached. */
int mt_modules_add(struct mt_modules *modules, const char *path, const uint8_t *build_id,
                   uint32_t build_id_bytes, uint32_t *ret_id);

void mt_ranges_free(struct mt_ranges *ranges);
int mt_ranges_copy(const struct mt_ranges *ranges, struct mt_ranges *ret_copy);

/* Puts a range over what is there; what sticks out of it stays. 0, -EINVAL (empty), -ENOMEM, -ENOSPC. */
int mt_ranges_add(struct mt_ranges *ranges, const struct mt_range *range);

/* The range that holds addr, or NULL. */
const struct mt_range *mt_ranges_find(const struct mt_ranges *ranges, uint64_t addr);

#endif
