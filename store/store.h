/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * store.h - the memtrace file as such: what marks one, its schema, and SQLite's errors as -errno.
 *
 * Used by writer.c and reader.c, and by whoever has to tell a memtrace file from a foreign one before it
 * opens or replaces it. SQLite is seen only in store/.
 */
#ifndef MT_STORE_STORE_H
#define MT_STORE_STORE_H

#include <stdbool.h>

#define MT_STORE_APPLICATION_ID 0x4d545243u /* "MTRC", as in schema.sql */
#define MT_STORE_FORMAT         2           /* user_version, as in schema.sql */

/* store/schema.sql, whole; the build makes store/schema.c from it. */
extern const char mt_store_schema[];

/*
 * What an open file is: 1 a memtrace file, 0 something else (also a database of another program),
 * -errno when it cannot be read. Looks at the first 100 bytes with pread() only.
 */
int mt_store_is_ours(int fd);

/* An SQLite result code as -errno; 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int mt_store_errno(int sqlite_code);

#endif
