/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixture.c - see fixture.h.
 */
#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

const char *fixture_folder(void)
{
	if (!*folder) {
		strcpy(folder, "/tmp/memtrace-test-XXXXXX");
		assert_non_null(mkdtemp(folder));
	}
	return folder;
}

int fixture_clean(void **state)
{
	(void)state;
	if (*folder)
		fixture_status("rm -rf '%s'", folder);
	*folder = '\0';
	return 0;
}

const char *fixture_path(const char *format, ...)
{
	static char paths[8][256];
	static unsigned int next;
	char *path = paths[next++ % 8];
	int bytes = snprintf(path, sizeof(paths[0]), "%s/", fixture_folder());
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + bytes, sizeof(paths[0]) - (size_t)bytes, format, arguments);
	va_end(arguments);
	return path;
}

void fixture_sql(const char *path, const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	/* A reader may be at it, as the collector expects, too. */
	sqlite3_busy_timeout(db, 10000);
	sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", path, message);
	sqlite3_close(db);
}

int64_t fixture_number(const char *path, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t number;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

void fixture_file(const char *path, const char *sql)
{
	static const char rows[] =
	        "INSERT INTO session VALUES (1, '0.1.0', 1600000000000000000, 'tsc', 'host',"
	        " '6.1', 'x86_64', 4096, 1, 1, 'complete', 'depth=128', 0);"
	        "INSERT INTO kind VALUES (1, 'malloc', 1), (2, 'calloc', 1), (7, 'mmap', 0);"
	        "INSERT INTO process (id, pid, origin, command, arguments, executable, started_ns,"
	        " ended_ns, end_reason, exit_status)"
	        " VALUES (1, 100, 'start', 'app', './app', '/tmp/app', 0, 2000000000, 'exit', 0);";
	const char *source = getenv("top_srcdir");
	char *schema, *loose, *pack, *all = NULL;

	source = source ? source : MT_SOURCE;
	schema = fixture_output("cat '%s/store/schema.sql'", source);
	loose = fixture_output("cat '%s/tests/e2e/loose.sql'", source);
	pack = fixture_output("cat '%s/tests/e2e/pack.sql'", source);
	unlink(path);
	assert_true(asprintf(&all, "%s BEGIN; %s %s %s; %s COMMIT;", schema, rows, loose, sql,
	                     pack) > 0);
	fixture_sql(path, all);
	free(all);
	free(pack);
	free(loose);
	free(schema);
}

__attribute__((format(printf, 1, 0))) static FILE *start(const char *format, va_list arguments)
{
	char *command = NULL;
	FILE *shell;

	assert_true(vasprintf(&command, format, arguments) > 0);
	shell = popen(command, "r");
	assert_non_null(shell);
	free(command);
	return shell;
}

static char *read_all(FILE *shell)
{
	char *text = NULL;
	size_t size = 0;

	if (getdelim(&text, &size, '\0', shell) < 0) {
		free(text);
		text = strdup("");
	}
	return text;
}

char *fixture_output(const char *format, ...)
{
	va_list arguments;
	FILE *shell;
	char *text;

	va_start(arguments, format);
	shell = start(format, arguments);
	va_end(arguments);
	text = read_all(shell);
	if (pclose(shell) != 0)
		fail_msg("a command failed: %s", format);
	return text;
}

int fixture_status(const char *format, ...)
{
	va_list arguments;
	FILE *shell;
	int status;

	va_start(arguments, format);
	shell = start(format, arguments);
	va_end(arguments);
	free(read_all(shell));
	status = pclose(shell);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void fixture_write(const char *path, const void *bytes, size_t count)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, count, file), count);
	assert_int_equal(fclose(file), 0);
}
