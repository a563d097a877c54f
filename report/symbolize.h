/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize.h - from a return address in a module to functions, files and lines.
 *
 * Used by stacks.c. The debug information is libdw's to read, and libdw is seen only in
 * symbolize*.c:
 *
 *	symbolize.c         the modules by path; one address through all of the below
 *	symbolize_module.c  a module's file, its build-id, its table of symbols
 *	symbolize_units.c   which compile unit an address is in; which function of it
 *	symbolize_scopes.c  the functions inlined at an address
 *	symbolize_names.c   what a function is called
 *	symbolize_allocator.c  whether a module holds an allocator of its own
 */
#ifndef MT_REPORT_SYMBOLIZE_H
#define MT_REPORT_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/memory.h"

/*
 * How well a frame is known, the worst first; the words are those of the column frame.symbolized.
 */
enum mt_symbolized {
	MT_SYMBOLIZED_NOT_TRIED = 0,
	MT_SYMBOLIZED_MISSING, /* the module's file is not there, or cannot be read */
	MT_SYMBOLIZED_CHANGED, /* another file is there now */
	MT_SYMBOLIZED_NONE,    /* the file says nothing about this address */
	MT_SYMBOLIZED_SYMTAB,  /* the function's name only */
	MT_SYMBOLIZED_DWARF,   /* from debug information */
	MT_SYMBOLIZED_COUNT
};

/* "dwarf" and so on; NULL for NOT_TRIED. */
const char *mt_symbolized_word(enum mt_symbolized symbolized);
enum mt_symbolized mt_symbolized_find(const char *word);

struct mt_symbol {
	const char *function; /* demangled; NULL: not known */
	const char *file;     /* NULL: not known */
	int64_t line;         /* 0: not known */
	bool is_inlined;      /* into the next of the frame's symbols */
};

/* What a frame stands for, the innermost inlined function first; the last one is not inlined. */
struct mt_symbols {
	enum mt_symbolized symbolized;
	const struct mt_symbol *items;
	size_t count;
};

struct mt_symbolizer;

/*
 * newest_utc_s: the end of the recording, in seconds since 1970. A module without a build-id whose
 * file is younger is another file. 0: not known.
 */
struct mt_symbolizer *mt_symbolizer_new(int64_t newest_utc_s);
void mt_symbolizer_free(struct mt_symbolizer *symbolizer);

/*
 * path and build_id (hexadecimal; NULL: it has none) name the module, offset is a return address
 * relative to the module's own addresses. Strings and symbols are put into `arena`.
 */
void mt_symbolizer_resolve(struct mt_symbolizer *symbolizer, const char *path, const char *build_id,
                           uint64_t offset, struct mt_arena *arena, struct mt_symbols *ret_symbols);

/* In the place of a build-id: the file may have one. Its time alone tells whether it is the same. */
#define MT_BUILD_ID_UNKNOWN "?"

/*
 * The name of a function that allocates past libmemtrace.so, which the module holds, or (*ret_imported) calls in
 * another; NULL: none is known, or the file is not there any more.
 */
const char *mt_symbolize_allocator(const char *path, const char *build_id, int64_t newest_utc_s,
                                   bool *ret_imported);

#endif
