/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * packed.c - see packed.h.
 */
#include "store/packed.h"

#include "store/nodes.h"
#include "store/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 10u

struct cell {
	int64_t number;
	bool is_null;
	const char *word; /* NULL: it is a number */
	size_t word_bytes;
};

struct cursor;

struct kind {
	const char *name;
	const char *columns;
	/* Of each pack: the length of its text, the data, what its rows have in common. Of all; and by the first column. */
	const char *sql;
	const char *key_sql;
	/* False: there is no such row. */
	bool (*give)(struct cursor *cursor, const struct mt_unpack_row *row, struct cell *cells);
};

struct table {
	sqlite3_vtab base;
	sqlite3 *db;
	int64_t *steps_left;
	const struct kind *kind;
	struct mt_nodes nodes; /* of stack alone */
};

struct cursor {
	sqlite3_vtab_cursor base;
	sqlite3_stmt *packs[2]; /* all, by key; made when they are needed */
	sqlite3_stmt *pack;     /* that of the two which is in use; NULL: none */
	struct mt_unpack unpack;
	struct cell cells[COLUMNS_MAX]; /* of the row */
	int64_t last;                   /* what the next row is told as a difference to */
	int64_t number;                 /* of the row, from 1 */
	bool is_done;
	bool is_one; /* a stack by its id */
};

static struct cell number_cell(int64_t number)
{
	return (struct cell){.number = number};
}

/* NULL where the row has none. */
static struct cell cell_of(const struct mt_unpack_row *row, unsigned int at)
{
	return (struct cell){.number = row->numbers[at], .is_null = row->nulls >> at & 1};
}

/* Made up figures may be of any size; then the sum means nothing, but it is one. */
static int64_t sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t difference(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* What the packs' row has behind data. */
static int64_t common(const struct cursor *cursor, int column)
{
	return sqlite3_column_int64(cursor->pack, column);
}

/* --- the four ---------------------------------------------------------------------------------------- */

static bool give_stack(struct cursor *cursor, const struct mt_unpack_row *row, struct cell *cells)
{
	struct mt_nodes_row node;

	if (!mt_nodes_read(row, common(cursor, 2), cursor->unpack.rows - 1, &node))
		return false;
	cells[0] = number_cell(node.id);
	cells[1] = (struct cell){.number = node.parent, .is_null = !node.parent};
	cells[2] = cell_of(row, !row->is_alone);
	cells[3] =
	        (struct cell){.is_null = !node.cut, .word = node.cut, .word_bytes = node.cut_bytes};
	return true;
}

static bool give_total(struct cursor *cursor, const struct mt_unpack_row *row, struct cell *cells)
{
	const int64_t *numbers = row->numbers;

	cursor->last = sum(cursor->last, numbers[0]);
	cells[0] = number_cell(common(cursor, 2));
	cells[1] = number_cell(cursor->last);
	cells[2] = number_cell(numbers[1]);
	cells[3] = number_cell(numbers[2]);
	cells[4] = number_cell(difference(numbers[2], numbers[7]));
	cells[5] = number_cell(numbers[3]);
	cells[6] = number_cell(difference(numbers[3], numbers[8]));
	cells[7] = number_cell(numbers[5]);
	cells[8] = number_cell(numbers[6]);
	cells[9] = number_cell(numbers[4]);
	return !row->is_alone;
}

static bool give_block(struct cursor *cursor, const struct mt_unpack_row *row, struct cell *cells)
{
	static const char class[] = "unclassified";
	int64_t before = cursor->unpack.rows > 1 ? cursor->last : common(cursor, 3);

	cursor->last = sum(before, row->numbers[0]);
	cells[0] = number_cell(common(cursor, 2));
	cells[1] = number_cell(cursor->last);
	cells[2] = cell_of(row, 1);
	cells[3] = number_cell(sum(common(cursor, 4), row->numbers[2]));
	cells[4] = cell_of(row, 3);
	cells[5] = cell_of(row, 4);
	cells[6] = cell_of(row, 5);
	cells[7] = (struct cell){.word = class, .word_bytes = sizeof(class) - 1};
	return !row->is_alone;
}

static bool give_owner(struct cursor *cursor, const struct mt_unpack_row *row, struct cell *cells)
{
	cursor->last = sum(cursor->last, row->numbers[0]);
	cells[0] = number_cell(common(cursor, 2));
	/* The kind is a text: it is taken from where it stands. */
	cells[2] = (struct cell){.number = cursor->last, .is_null = row->nulls & 1};
	cells[3] = (struct cell){.number = row->numbers[4], .is_null = !row->numbers[4]};
	cells[4] = number_cell(common(cursor, 4));
	cells[5] = number_cell(row->numbers[1]);
	cells[6] = number_cell(row->numbers[2]);
	cells[7] = number_cell(row->numbers[3]);
	return !row->is_alone;
}

/* The columns that the views of schema.sql have. */
static const struct kind kinds[] = {
        {"stack", "id INTEGER, parent INTEGER, frame INTEGER, cut TEXT",
         "SELECT raw_bytes, data, number FROM main.stack_pack",
         "SELECT raw_bytes, data, number FROM main.stack_pack WHERE number = ?1", give_stack},
        {"total",
         "process INTEGER, stack INTEGER, kind INTEGER, allocations INTEGER, frees INTEGER,"
         " bytes_allocated INTEGER, bytes_freed INTEGER, peak_blocks INTEGER, peak_bytes INTEGER,"
         " temporary INTEGER",
         "SELECT raw_bytes, data, process FROM main.total_pack",
         "SELECT raw_bytes, data, process FROM main.total_pack WHERE process = ?1", give_total},
        {"block",
         "snapshot INTEGER, addr INTEGER, size_bytes INTEGER, born_ns INTEGER, stack INTEGER,"
         " kind INTEGER, thread INTEGER, class TEXT",
         "SELECT raw_bytes, data, snapshot, addr, born_ns FROM main.block_pack",
         "SELECT raw_bytes, data, snapshot, addr, born_ns FROM main.block_pack WHERE snapshot = ?1",
         give_block},
        {"owner",
         "snapshot INTEGER, kind TEXT, stack INTEGER, thread INTEGER, mapping INTEGER,"
         " bytes INTEGER, pinned_bytes INTEGER, returned_bytes INTEGER",
         "SELECT raw_bytes, data, snapshot, kind, mapping FROM main.owner_pack",
         "SELECT raw_bytes, data, snapshot, kind, mapping FROM main.owner_pack WHERE snapshot = ?1",
         give_owner},
};

#define KINDS        (sizeof(kinds) / sizeof(kinds[0]))
#define STACK        (&kinds[0])
#define OWNER        (&kinds[3])
#define OWNER_KIND   1 /* the column */
#define OWNER_COMMON 3 /* where it is in the packs' row */

/* --- packs ------------------------------------------------------------------------------------------- */

static int code_of(int error)
{
	return error == 0 ? SQLITE_OK : error == -ENOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
}

static int prepare(struct cursor *cursor, bool by_key)
{
	const struct table *table = (const struct table *)cursor->base.pVtab;
	int code = SQLITE_OK;

	if (!cursor->packs[by_key])
		code = sqlite3_prepare_v3(table->db,
		                          by_key ? table->kind->key_sql : table->kind->sql, -1,
		                          SQLITE_PREPARE_PERSISTENT, &cursor->packs[by_key], NULL);
	cursor->pack = cursor->packs[by_key];
	return code;
}

/* The statement has a row: its text is what comes next. */
static int open_pack(struct cursor *cursor)
{
	struct table *table = (struct table *)cursor->base.pVtab;
	int64_t raw_bytes = sqlite3_column_int64(cursor->pack, 0);
	const void *data = sqlite3_column_blob(cursor->pack, 1);
	size_t bytes = (size_t)sqlite3_column_bytes(cursor->pack, 1);
	int r;

	if (sqlite3_column_type(cursor->pack, 1) != SQLITE_BLOB)
		return SQLITE_CORRUPT;
	r = mt_unpack_begin(&cursor->unpack, data, bytes, raw_bytes);
	if (r < 0)
		return code_of(r);
	*table->steps_left -= raw_bytes;
	cursor->last = 0;
	return *table->steps_left < 0 ? SQLITE_INTERRUPT : SQLITE_OK;
}

static int next_pack(struct cursor *cursor)
{
	int code = sqlite3_step(cursor->pack);

	if (code == SQLITE_ROW)
		return open_pack(cursor);
	cursor->is_done = true;
	sqlite3_reset(cursor->pack);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int next_row(struct cursor *cursor)
{
	const struct table *table = (const struct table *)cursor->base.pVtab;

	while (!cursor->is_done) {
		struct mt_unpack_row row;
		int next = mt_unpack_next(&cursor->unpack, &row), code;

		if (next < 0)
			return SQLITE_CORRUPT;
		if (next == 1) {
			if (!table->kind->give(cursor, &row, cursor->cells))
				continue;
			cursor->number++;
			return SQLITE_OK;
		}
		code = next_pack(cursor);
		if (code != SQLITE_OK)
			return code;
	}
	return SQLITE_OK;
}

/* --- a stack by its id ------------------------------------------------------------------------------- */

/* SQLITE_OK also where there is no such pack. */
static int load_nodes(struct cursor *cursor, uint32_t number)
{
	struct table *table = (struct table *)cursor->base.pVtab;
	int code = prepare(cursor, true);

	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_int64(cursor->pack, 1, number);
	code = sqlite3_step(cursor->pack);
	if (code == SQLITE_ROW) {
		code = open_pack(cursor);
		if (code == SQLITE_OK)
			code = code_of(mt_nodes_keep(&table->nodes, number, &cursor->unpack));
	}
	sqlite3_reset(cursor->pack);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int find_stack(struct cursor *cursor, int64_t id)
{
	struct table *table = (struct table *)cursor->base.pVtab;
	const struct mt_nodes_node *node;
	struct cell *cells = cursor->cells;
	uint32_t number, index;

	cursor->is_one = true;
	cursor->is_done = true;
	if (!mt_nodes_place(id, &number, &index))
		return SQLITE_OK;
	node = mt_nodes_find(&table->nodes, number, index);
	if (!node) {
		/* Not there, or not yet when its pack was read: the program may be running. */
		int code = load_nodes(cursor, number);

		if (code != SQLITE_OK)
			return code;
		node = mt_nodes_find(&table->nodes, number, index);
	}
	if (!node || !node->is_there)
		return SQLITE_OK;
	cells[0] = number_cell(id);
	cells[1] = (struct cell){.number = node->parent, .is_null = !node->parent};
	cells[2] = number_cell(node->frame);
	cells[3] = (struct cell){.is_null = !node->cut,
	                         .word = node->cut ? table->nodes.words[node->cut] : NULL,
	                         .word_bytes = strlen(table->nodes.words[node->cut])};
	cursor->is_done = false;
	return SQLITE_OK;
}

/* --- what SQLite asks -------------------------------------------------------------------------------- */

static int connect_table(sqlite3 *db, void *context, int count, const char *const *arguments,
                         sqlite3_vtab **ret_table, char **ret_message)
{
	int64_t *steps_left = context;
	struct table *table;
	char *sql;
	int code;

	(void)ret_message;
	for (size_t i = 0; i < KINDS; i++) {
		/* Ours alone: what a file calls so is nobody's. */
		if (count < 3 || strcmp(arguments[1], "temp") != 0 ||
		    strcmp(arguments[2], kinds[i].name) != 0)
			continue;
		sql = sqlite3_mprintf("CREATE TABLE x (%s)", kinds[i].columns);
		code = sql ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
		sqlite3_free(sql);
		if (code == SQLITE_OK)
			code = sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
		table = code == SQLITE_OK ? calloc(1, sizeof(*table)) : NULL;
		if (!table)
			return code == SQLITE_OK ? SQLITE_NOMEM : code;
		table->db = db;
		table->steps_left = steps_left;
		table->kind = &kinds[i];
		*ret_table = &table->base;
		return SQLITE_OK;
	}
	return SQLITE_ERROR;
}

static int disconnect(sqlite3_vtab *base)
{
	struct table *table = (struct table *)base;

	mt_nodes_free(&table->nodes);
	free(table);
	return SQLITE_OK;
}

#define BY_KEY 1 /* the plan: else all packs are read */

static int plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct table *table = (const struct table *)base;

	info->estimatedCost = 1e7;
	info->estimatedRows = 100000;
	for (int i = 0; i < info->nConstraint; i++) {
		if (info->aConstraint[i].iColumn != 0 || !info->aConstraint[i].usable ||
		    info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		info->aConstraintUsage[i].argvIndex = 1;
		info->idxNum = BY_KEY;
		if (table->kind == STACK) {
			info->estimatedCost = 1;
			info->estimatedRows = 1;
			info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
		} else {
			info->estimatedCost = 1e6;
			info->estimatedRows = 10000;
		}
		break;
	}
	return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **ret_cursor)
{
	struct cursor *cursor = calloc(1, sizeof(*cursor));

	(void)base;
	if (!cursor)
		return SQLITE_NOMEM;
	*ret_cursor = &cursor->base;
	return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;

	sqlite3_finalize(cursor->packs[false]);
	sqlite3_finalize(cursor->packs[true]);
	mt_unpack_free(&cursor->unpack);
	free(cursor);
	return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int which, const char *text, int count,
                  sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct table *table = (const struct table *)base->pVtab;
	bool by_key = which == BY_KEY && count == 1;
	int code;

	(void)text;
	cursor->number = 0;
	if (by_key && table->kind == STACK)
		return find_stack(cursor, sqlite3_value_int64(values[0]));
	if (cursor->pack)
		sqlite3_reset(cursor->pack);
	code = prepare(cursor, by_key);
	if (code == SQLITE_OK && by_key)
		code = sqlite3_bind_value(cursor->pack, 1, values[0]);
	cursor->is_done = cursor->is_one = false;
	if (code == SQLITE_OK)
		code = next_pack(cursor);
	return code == SQLITE_OK ? next_row(cursor) : code;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;

	if (!cursor->is_one)
		return next_row(cursor);
	cursor->is_done = true;
	return SQLITE_OK;
}

static int is_at_end(sqlite3_vtab_cursor *base)
{
	return ((struct cursor *)base)->is_done;
}

static int give_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct cell *cell = &cursor->cells[column];

	if (((const struct table *)base->pVtab)->kind == OWNER && column == OWNER_KIND)
		sqlite3_result_value(result, sqlite3_column_value(cursor->pack, OWNER_COMMON));
	else if (cell->is_null)
		sqlite3_result_null(result);
	else if (cell->word)
		sqlite3_result_text(result, cell->word, (int)cell->word_bytes, SQLITE_TRANSIENT);
	else
		sqlite3_result_int64(result, cell->number);
	return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_rowid)
{
	*ret_rowid = ((struct cursor *)base)->number;
	return SQLITE_OK;
}

static const sqlite3_module module = {
        .xCreate = connect_table,
        .xConnect = connect_table,
        .xBestIndex = plan,
        .xDisconnect = disconnect,
        .xDestroy = disconnect,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = filter,
        .xNext = next,
        .xEof = is_at_end,
        .xColumn = give_column,
        .xRowid = give_rowid,
};

bool mt_packed_is_view(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(name, kinds[i].name) == 0)
			return true;
	return false;
}

int mt_packed_impose(sqlite3 *db, int64_t *steps_left)
{
	int code = sqlite3_create_module(db, "memtrace_packed", &module, steps_left);

	for (size_t i = 0; i < KINDS && code == SQLITE_OK; i++) {
		char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE temp.%s USING memtrace_packed",
		                            kinds[i].name);

		code = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
		sqlite3_free(sql);
	}
	return code;
}
