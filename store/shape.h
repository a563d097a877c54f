/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shape.h - is a file of the shape that schema.sql gives it?
 *
 * Used by reader.c before the first question is asked. A file from elsewhere may have a view where a table should be,
 * columns that are computed, no keys, or views that never end: none of that is ever run. The tables are compared with
 * ours, and the views are our own, whatever the file has under their names.
 */
#ifndef MT_STORE_SHAPE_H
#define MT_STORE_SHAPE_H

#include <sqlite3.h>
#include <stdint.h>

/*
 * Compares, and puts our views in the place of the file's; those of packed rows are tables (packed.h), whose work is
 * taken off *steps_left. Tables and plain columns that we do not know do no harm;
 * what an older file lacks, the question that needs it will say. SQLITE_OK, SQLITE_SCHEMA: it is of another shape,
 * or what went wrong.
 */
int mt_shape_impose(sqlite3 *db, int64_t *steps_left);

#endif
