/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixture.h - memtrace files made by hand, and programs run, for the unit tests of the tool side.
 *
 * A file is made of store/schema.sql and the rows that a test writes in SQL, by SQLite itself.
 */
#ifndef MT_TESTS_UNIT_FIXTURE_H
#define MT_TESTS_UNIT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A temporary folder of this test program; removed by fixture_clean. */
const char *fixture_folder(void);
int fixture_clean(void **state);

/* A path in that folder, borrowed until eight more were asked for. */
const char *fixture_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * schema.sql, one session (complete, started in 2020) and one process (id 1, pid 100, ended), then
 * `sql`, which writes rows of stack, total, block and owner one by one (tests/e2e/loose.sql).
 */
void fixture_file(const char *path, const char *sql);

/* Runs SQL on any database. */
void fixture_sql(const char *path, const char *sql);

/* One number by SQL. */
int64_t fixture_number(const char *path, const char *sql);

/* Standard output of a shell command, which must succeed; give back with free(). */
char *fixture_output(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit status of a shell command; its output is thrown away. */
int fixture_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

void fixture_write(const char *path, const void *bytes, size_t count);

#endif
