/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cache.c - see cache.h.
 */
#include "store/cache.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Another report may be keeping its own symbols just now; not worth waiting for long. */
#define BUSY_MS 200

static const char frame_sql[] = "UPDATE frame SET symbolized = ?2 WHERE id = ?1";
static const char forget_sql[] = "DELETE FROM symbol WHERE frame = ?1";
static const char symbol_sql[] = "INSERT INTO symbol (frame, depth, function, file, line, inlined) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

struct mt_cache {
	sqlite3 *db;
	sqlite3_stmt *frame;
	sqlite3_stmt *forget;
	sqlite3_stmt *symbol;
	bool has_failed;
};

static void free_cache(struct mt_cache *cache)
{
	sqlite3_finalize(cache->frame);
	sqlite3_finalize(cache->forget);
	sqlite3_finalize(cache->symbol);
	sqlite3_close(cache->db);
	free(cache);
}

static bool begin(struct mt_cache *cache)
{
	sqlite3 *db = cache->db;

	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Triggers of a file from elsewhere are not ours to run. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_prepare_v2(db, frame_sql, -1, &cache->frame, NULL) == SQLITE_OK &&
	       sqlite3_prepare_v2(db, forget_sql, -1, &cache->forget, NULL) == SQLITE_OK &&
	       sqlite3_prepare_v2(db, symbol_sql, -1, &cache->symbol, NULL) == SQLITE_OK;
}

int mt_cache_open(const char *path, struct mt_cache **ret_cache)
{
	struct mt_cache *cache;
	char *plain = NULL;
	int code;

	/* SQLite would fall back to reading alone. */
	if (access(path, W_OK) < 0)
		return -errno;
	if (asprintf(&plain, "%s%s", path[0] == '/' ? "" : "./", path) < 0)
		return -ENOMEM;
	cache = calloc(1, sizeof(*cache));
	if (!cache) {
		free(plain);
		return -ENOMEM;
	}
	code = sqlite3_open_v2(plain, &cache->db, SQLITE_OPEN_READWRITE, NULL);
	free(plain);
	if (code != SQLITE_OK || !begin(cache)) {
		free_cache(cache);
		return -EBUSY;
	}
	*ret_cache = cache;
	return 0;
}

static int run(struct mt_cache *cache, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	if (code == SQLITE_DONE)
		return 0;
	cache->has_failed = true;
	return -EIO;
}

int mt_cache_frame(struct mt_cache *cache, int64_t frame, const char *symbolized)
{
	int error;

	sqlite3_bind_int64(cache->forget, 1, frame);
	error = run(cache, cache->forget);
	if (error < 0)
		return error;
	sqlite3_bind_int64(cache->frame, 1, frame);
	sqlite3_bind_text(cache->frame, 2, symbolized, -1, SQLITE_TRANSIENT);
	return run(cache, cache->frame);
}

int mt_cache_symbol(struct mt_cache *cache, int64_t frame, int64_t depth, const char *function,
                    const char *file, int64_t line, bool is_inlined)
{
	sqlite3_bind_int64(cache->symbol, 1, frame);
	sqlite3_bind_int64(cache->symbol, 2, depth);
	sqlite3_bind_text(cache->symbol, 3, function, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(cache->symbol, 4, file, -1, SQLITE_TRANSIENT);
	if (line > 0)
		sqlite3_bind_int64(cache->symbol, 5, line);
	sqlite3_bind_int64(cache->symbol, 6, is_inlined);
	return run(cache, cache->symbol);
}

int mt_cache_close(struct mt_cache *cache)
{
	int error = cache->has_failed ? -EIO : 0;
	const char *sql = cache->has_failed ? "ROLLBACK" : "COMMIT";

	if (sqlite3_exec(cache->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		error = -EIO;
	free_cache(cache);
	return error;
}
