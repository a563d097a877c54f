/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_database.c - the commands that read a file, on files that anybody may have made up.
 *
 * The input says which command, in which format, and what the file is: a good one with some bytes of it changed, or
 * one that has lost its checks, with rows of any kind and with statements that a memtrace never ran. Each must end,
 * with exit status 0, 2 or 125; as text it prints nothing that a terminal would obey.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "report/arguments.h"
#include "report/command.h"
#include "store/store.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/replay.h"

#define ROWS_MAX  64u
#define PATCH_MAX 64u

static char path[64];
static unsigned char *whole, *unchecked; /* images: with rows, and without checks */
static size_t whole_bytes, unchecked_bytes;

/* --- what is asked ----------------------------------------------------------------------------------- */

static const char *const questions[][3] = {
        {"leaks", NULL, NULL},
        {"leaks", "--limit=0", NULL},
        {"leaks", "--mtrace", NULL},
        {"top", "--by=leaked", NULL},
        {"top", "--by=peak", "--limit=0"},
        {"timeline", NULL, NULL},
        {"tree", NULL, NULL},
        {"tree", "--reverse", "--limit=0"},
        {"tree", "--by=calls", NULL},
        {"info", NULL, NULL},
        {"info", "--process=1", NULL},
        {"sql", NULL, "SELECT * FROM leak_report LIMIT 100"},
        {"sql", NULL, "SELECT * FROM stack_frame LIMIT 1000"},
        {"sql", NULL, "SELECT * FROM site JOIN process_variance LIMIT 100"},
        {"sql", NULL, "SELECT * FROM note, sqlite_schema LIMIT 100"},
        {"rss", "--at=peak", NULL},
        /* from here on with RESIDENT */
        {"rss", NULL, NULL},
        {"rss", "--limit=0", "--at=1"},
        {"rss", "--diff=1,2", NULL},
        {"rss", "--at=exit", NULL},
        {"maps", NULL, NULL},
        {"maps", "--at=1", NULL},
        {"maps", "--wide", NULL},
        {"maps", "--summary", "--sort=rss"},
        {"top", "--by=growth", NULL},
        {"top", "--by=growth", "--diff=1,2"},
        {"tree", "--by=growth", NULL},
        {"tree", "--by=growth", "--diff=1,2"},
        {"timeline", NULL, NULL},
        {"info", NULL, NULL},
        {"system", NULL, NULL},
        {"system", "--at=1", "--raw"},
        {"system", "--at=peak", "--explain"},
        {"sql", NULL, "SELECT * FROM resident_owner LIMIT 100"},
        {"sql", NULL, "SELECT * FROM growth, anonymous, pin LIMIT 100"},
};

/* A bit of how the file is made: the later questions, and the tables that they read, too. */
#define RESIDENT        0x80
#define QUESTIONS       16u
#define LATER_QUESTIONS (sizeof(questions) / sizeof(questions[0]) - QUESTIONS)
#define TABLES_OF_HEAP  18u

static const char *const formats[] = {NULL, "--format=json", "--format=csv"};

/* --- what the file is -------------------------------------------------------------------------------- */

/* Takes words out of the schema, so that everything can be put in. */
static void blank(char *text, const char *word)
{
	for (char *at = text; (at = strstr(at, word)); at += strlen(word))
		if (at - text < 3 || strncmp(at - 3, "IS ", 3) != 0)
			memset(at, ' ', strlen(word));
}

static void make(const char *schema, const char *rows)
{
	sqlite3 *db;

	unlink(path);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA page_size = 1024; BEGIN", NULL, NULL,
	                 NULL) != SQLITE_OK ||
	    sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, rows, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s\n", sqlite3_errmsg(db));
		abort();
	}
	sqlite3_close(db);
}

static void *read_file(const char *name, size_t *ret_bytes)
{
	FILE *file = fopen(name, "rb");
	char *bytes = NULL;
	size_t size = 0;
	FILE *copy = open_memstream(&bytes, &size);
	int c;

	if (!file || !copy)
		abort();
	while ((c = getc(file)) != EOF)
		putc(c, copy);
	fclose(file);
	fclose(copy);
	*ret_bytes = size;
	return bytes;
}

static void write_file(const unsigned char *bytes, size_t count)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0)
		abort();
}

static void end(void)
{
	unlink(path);
}

static void begin_once(void)
{
	static const char session[] =
	        "INSERT INTO session VALUES (1, '0', 1600000000000000000, 'tsc', 'box', '6.1', "
	        "'x86_64', 4096, 1, 1,"
	        " 'complete', 'depth=128', 0);"
	        "INSERT INTO kind VALUES (1, 'malloc', 1), (2, 'calloc', 1), (7, 'mmap', 0);";
	const char *source = getenv("top_srcdir");
	static const char *const parts[] = {"loose.sql", "handmade.sql", "pack.sql"};
	char *schema = strdup(mt_store_schema), *rows = strdup("");

	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	snprintf(path, sizeof(path), "/dev/shm/memtrace-fuzz-%d.db", (int)getpid());
	atexit(end);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *name, *part, *all;
		size_t bytes;

		if (asprintf(&name, "%s/tests/e2e/%s", source ? source : MT_SOURCE, parts[i]) < 0)
			abort();
		part = read_file(name, &bytes);
		if (asprintf(&all, "%s%.*s", rows, (int)bytes, part) < 0)
			abort();
		free(rows);
		free(part);
		free(name);
		rows = all;
	}
	make(mt_store_schema, rows);
	whole = read_file(path, &whole_bytes);
	blank(schema, " STRICT");
	blank(schema, "NOT NULL");
	blank(schema, "CHECK (id = 1)");
	/* Of ") STRICT, WITHOUT ROWID" that is the comma. */
	for (char *at = schema; (at = strstr(at, ", WITHOUT ROWID"));)
		*at = ' ';
	make(schema, session);
	unchecked = read_file(path, &unchecked_bytes);
	free(schema);
	free(rows);
}

/* Some bytes of a good file are others. */
static void patch(struct bytes *bytes)
{
	unsigned char *image = malloc(whole_bytes);
	size_t kept = whole_bytes;

	memcpy(image, whole, whole_bytes);
	for (uint32_t i = 0; bytes->left && i < PATCH_MAX; i++) {
		size_t at = (bytes_u8(bytes) << 16 | bytes_u16(bytes)) % whole_bytes;
		uint8_t how = bytes_u8(bytes);
		size_t count = how & 15;

		if (how == 0xff) {
			kept = at;
			continue;
		}
		if (count > whole_bytes - at)
			count = whole_bytes - at;
		bytes_take(bytes, image + at, count);
	}
	write_file(image, kept);
	free(image);
}

static const char *const tables[] = {
        "process", "stack_pack", "frame", "symbol", "module", "total_pack", "block_pack",
        "snapshot", "session", "note", "timeline", "pause", "sample", "weight", "kind", "thread",
        "walk", "tracing",
        /* with RESIDENT */
        "resident", "mapping", "owner_pack", "meminfo", "growth", "anonymous", "pin"};

static const char *const texts[] = {"",
                                    "exit",
                                    "recording",
                                    "/dev/zero",
                                    "/bin",
                                    "\033[2J\033]0;x\a",
                                    "\302\233c\177\r\n\t",
                                    "\377\376\355\240\200",
                                    "../../%s%n",
                                    "f(int)<a, b>::{lambda(x)#1}::operator()",
                                    "dwarf",
                                    "definite",
                                    "exec",
                                    "_Z1fILi1EEvv",
                                    "((((((<<<<<{{{{",
                                    "'\"\\\\,;"};

static void bind(sqlite3_stmt *statement, int at, struct bytes *bytes)
{
	uint8_t how = bytes_u8(bytes);
	char text[256];

	switch (how >> 5) {
	case 0:
	case 1:
	case 2:
	case 3: sqlite3_bind_int64(statement, at, how & 31); break;
	case 4: sqlite3_bind_int64(statement, at, (int64_t)bytes_number(bytes)); break;
	case 5: sqlite3_bind_text(statement, at, texts[how & 15], -1, SQLITE_STATIC); break;
	case 6:
		if (how & 1)
			sqlite3_bind_null(statement, at);
		else
			sqlite3_bind_double(statement, at,
			                    how & 2   ? 1e308
			                    : how & 4 ? -1e308
			                              : 0.5);
		break;
	default:
		bytes_take(bytes, text, how & 31);
		if (how & 16)
			sqlite3_bind_blob(statement, at, text, how & 31, SQLITE_TRANSIENT);
		else
			sqlite3_bind_text(statement, at, text, how & 31, SQLITE_TRANSIENT);
	}
}

/* JSON as a pack has it, nearly. */
static size_t make_text(struct bytes *bytes, char *text, size_t most)
{
	char *at = text, *end = text + most - 64;

	*at++ = '[';
	for (uint8_t what; at < end && (what = bytes_u8(bytes)) != 0;) {
		switch (what >> 5) {
		case 0: at = stpcpy(at, "[0,"); break;
		case 1: *at++ = '['; break;
		case 2: at = stpcpy(at, what & 1 ? "]," : "]"); break;
		case 3: at = stpcpy(at, what & 1 ? "null," : "\"cut\"]"); break;
		case 4: at += sprintf(at, "%lld,", (long long)bytes_number(bytes)); break;
		case 5: *at++ = (char)bytes_u8(bytes); break;
		default: at += sprintf(at, "%d,", what & 63); break;
		}
	}
	if (at[-1] == ',')
		at--;
	*at++ = ']';
	return (size_t)(at - text);
}

/* The last two columns of a pack: sometimes they fit each other. */
static void bind_pack(sqlite3_stmt *statement, int at, struct bytes *bytes)
{
	unsigned char data[8192];
	uLongf data_bytes = sizeof(data);
	char text[4096];
	uint8_t how = bytes_u8(bytes);
	size_t count = make_text(bytes, text, sizeof(text));

	sqlite3_bind_int64(statement, at, how & 1 ? (int64_t)count : how - 8);
	if (how & 2 && compress2(data, &data_bytes, (unsigned char *)text, count, 1) == Z_OK) {
		if (how & 4 && data_bytes)
			data[how % data_bytes] ^= how;
		sqlite3_bind_blob(statement, at + 1, data, (int)data_bytes, SQLITE_TRANSIENT);
	} else {
		sqlite3_bind_blob(statement, at + 1, text, (int)count, SQLITE_TRANSIENT);
	}
}

static void insert(sqlite3 *db, const char *table, struct bytes *bytes)
{
	sqlite3_stmt *statement = NULL;
	char *sql;
	int columns = 0;

	sql = sqlite3_mprintf("SELECT * FROM %s", table);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK)
		columns = sqlite3_column_count(statement);
	sqlite3_finalize(statement);
	sqlite3_free(sql);
	if (!columns)
		return;
	sql = sqlite3_mprintf(
	        "INSERT OR REPLACE INTO %s VALUES (?%.*s)", table, 2 * (columns - 1),
	        ",?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?");
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		bool is_packed = strstr(table, "_pack") && bytes_u8(bytes) < 0xf0;

		for (int i = 1; i <= columns - 2 * is_packed; i++)
			bind(statement, i, bytes);
		if (is_packed)
			bind_pack(statement, columns - 1, bytes);
		sqlite3_step(statement);
	}
	sqlite3_finalize(statement);
	sqlite3_free(sql);
}

/* What somebody may have run on it. */
static const char *const statements[] = {
        "DROP VIEW leak; CREATE VIEW leak AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + "
        "1 FROM r) SELECT n AS process,"
        " n AS stack, 'x' AS class, n AS blocks, n AS bytes, 0 AS first_ns, 0 AS last_ns, 0 AS "
        "samples, 0 AS blocks_variance,"
        " 0 AS bytes_variance FROM r",
        "ALTER TABLE stack_pack RENAME TO s; CREATE VIEW stack_pack AS WITH RECURSIVE r(n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM r)"
        " SELECT n AS number, 9 AS raw_bytes, CAST('[1,1,1,1]' AS BLOB) AS data FROM r",
        "CREATE TRIGGER t AFTER UPDATE ON frame BEGIN DELETE FROM process; END",
        /* A circle, and something between packs. */
        "UPDATE stack_pack SET raw_bytes = 17, data = CAST('[[-1,1],1,[-9,2]]' AS BLOB)",
        "UPDATE stack_pack SET number = number * 4611686018427387904 + 1",
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = 2 WHERE name = "
        "'total_pack'",
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'INTEGER', "
        "'TEXT') WHERE name = 'process'",
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE kind "
        "USING fts5(id, name, heap)'"
        " WHERE name = 'kind'",
        "PRAGMA user_version = 0",
        "ALTER TABLE total_pack ADD COLUMN more AS (number * 2)",
        "PRAGMA encoding = 'UTF-16'; VACUUM",
        "CREATE INDEX i ON total_pack (process) WHERE number > 1; ANALYZE; UPDATE sqlite_stat1 SET "
        "stat = "
        "'1 1 1'",
        "PRAGMA journal_mode = WAL",
        "INSERT INTO session SELECT 2, memtrace, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 FROM session",
        "UPDATE process SET pid = 1, ended_ns = NULL; UPDATE session SET state = 'recording', "
        "collector_pid = 0",
        "UPDATE note SET text = zeroblob(20000000) WHERE id = (SELECT min(id) FROM note)",
};

static void fill(struct bytes *bytes, size_t table_count)
{
	uint32_t done = 0; /* of the statements, a bit each */
	sqlite3 *db;

	write_file(unchecked, unchecked_bytes);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		abort();
	sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; BEGIN", NULL, NULL,
	             NULL);
	for (uint32_t i = 0; bytes->left && i < ROWS_MAX; i++) {
		uint8_t what = bytes_u8(bytes);

		if (what >= 0xf0) {
			/* Once: they do no more the second time, and one writes 20 MB. */
			if (done & 1u << (what & 15))
				continue;
			done |= 1u << (what & 15);
			sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
			sqlite3_exec(db, statements[what & 15], NULL, NULL, NULL);
			sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
		} else {
			insert(db, tables[what % table_count], bytes);
		}
	}
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(db);
}

/* --- and what comes of it ---------------------------------------------------------------------------- */

/* A terminal obeys what is below a blank, DEL, and U+0080 to U+009F. */
static bool is_obeyed(const unsigned char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if ((text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f ||
		    (text[i] == 0xc2 && i + 1 < bytes && text[i + 1] >= 0x80 && text[i + 1] < 0xa0))
			return true;
	return false;
}

static void ask(const char *const *question, const char *format)
{
	const struct mt_command *command = mt_command_find(question[0]);
	char *arguments[6], *output = NULL;
	FILE *before = stdout;
	int count = 0, status;
	struct mt_call call;
	size_t bytes = 0;
	bool is_done;

	if (question[1])
		arguments[count++] = (char *)(uintptr_t)question[1];
	if (question[2] && question[2][0] == '-')
		arguments[count++] = (char *)(uintptr_t)question[2];
	if (format)
		arguments[count++] = (char *)(uintptr_t)format;
	arguments[count++] = path;
	if (question[2] && question[2][0] != '-')
		arguments[count++] = (char *)(uintptr_t)question[2];
	arguments[count] = NULL;
	stdout = open_memstream(&output, &bytes);
	status = mt_arguments_parse(command, count, arguments, &call, &is_done);
	if (status == MT_EXIT_FINE && !is_done)
		status = command->run(&call);
	fclose(stdout);
	stdout = before;
	if (status != MT_EXIT_FINE && status != MT_EXIT_CANNOT && status != MT_EXIT_USAGE)
		abort();
	if (!format && is_obeyed((unsigned char *)output, bytes))
		abort();
	free(output);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct bytes bytes = {data, count};
	uint8_t question = bytes_u8(&bytes), how = bytes_u8(&bytes);
	char journal[80];

	if (!whole)
		begin_once();
	if (how & 1)
		patch(&bytes);
	else
		fill(&bytes, how & RESIDENT ? sizeof(tables) / sizeof(tables[0]) : TABLES_OF_HEAP);
	ask(questions[how & RESIDENT ? QUESTIONS + question % LATER_QUESTIONS
	                             : question % QUESTIONS],
	    formats[(question >> 4) % 3]);
	snprintf(journal, sizeof(journal), "%s-wal", path);
	unlink(journal);
	snprintf(journal, sizeof(journal), "%s-shm", path);
	unlink(journal);
	return 0;
}
