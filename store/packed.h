/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * packed.h - the tables stack, total, block and owner for a reader, out of their packs.
 *
 * Used by shape.c, in the place of the views of these names in schema.sql, which say the same: those leave the work to
 * SQLite's JSON functions, and take ten times as long. They are virtual tables that can only be read; a stack is found
 * by its id, totals by their process, blocks and owners by their snapshot; every other question reads all packs.
 */
#ifndef MT_STORE_PACKED_H
#define MT_STORE_PACKED_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Is a view of this name one that mt_packed_impose() takes the place of? */
bool mt_packed_is_view(const char *name);

/*
 * Makes the four as temporary tables of this database, in front of its own. Every byte of a pack's text is taken off
 * *steps_left; below 0, questions end with SQLITE_INTERRUPT. It is borrowed until the database is closed.
 */
int mt_packed_impose(sqlite3 *db, int64_t *steps_left);

#endif
