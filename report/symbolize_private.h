/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize_private.h - what the files of the symbolizer share; nobody else includes it.
 */
#ifndef MT_REPORT_SYMBOLIZE_PRIVATE_H
#define MT_REPORT_SYMBOLIZE_PRIVATE_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include "report/idmap.h"
#include "report/memory.h"
#include "report/ranges.h"
#include "report/symbolize.h"

/* A compile unit. Its functions are listed when the first address in it is asked for. */
struct mt_unit {
	Dwarf_Die die;
	Dwarf_Die split; /* the unit's contents, elsewhere (-gsplit-dwarf); else the same as die */
	bool is_listed;
	bool is_listed_deep;     /* functions inside functions, too */
	struct mt_ranges ranges; /* of functions */
	Dwarf_Die *functions;
	size_t function_count;
	size_t function_capacity;
};

/* A module's file. Addresses are the module's own, as in its file. */
struct mt_module {
	struct mt_arena arena;
	const char *path;
	const char *build_id; /* as recorded; NULL: none */
	enum mt_symbolized
	        obstacle; /* NOT_TRIED: none; MISSING, CHANGED, NONE: nothing can be said */
	Dwfl *dwfl;
	Dwfl_Module *dwfl_module;
	/* symbolize_units.c */
	bool has_units;  /* the index below was made */
	Dwarf_Addr bias; /* what to take from an address to get the debug information's */
	struct mt_ranges unit_ranges;
	struct mt_unit *units;
	size_t unit_count;
	size_t unit_capacity;
	/* symbolize_module.c */
	bool has_entries;
	struct mt_ranges entry_ranges;
	const char **entries; /* names of functions */
	size_t entry_count;
	size_t entry_capacity;
	/* symbolize_names.c: names by the address of their entry in the debug information */
	struct mt_idmap names;
};

/* symbolize_module.c */
struct mt_module *mt_module_open(const char *path, const char *build_id, int64_t newest_utc_s);
void mt_module_close(struct mt_module *module);
/*
 * The name of the function at an address by the table of symbols, as it stands there; NULL: none.
 */
const char *mt_module_entry(struct mt_module *module, uint64_t addr);

/* symbolize_units.c */
/* The unit that holds an address; NULL: none. */
struct mt_unit *mt_unit_find(struct mt_module *module, uint64_t addr);
/* Its function at that address; false: none. */
bool mt_unit_function(struct mt_module *module, struct mt_unit *unit, uint64_t addr,
                      Dwarf_Die *ret_function);
void mt_unit_free_all(struct mt_module *module);

/* symbolize_scopes.c */
#define MT_SCOPES_MAX 64u
/*
 * The functions at an address of a function, the innermost inlined one first, the function itself
 * last.
 */
size_t mt_scopes_find(const Dwarf_Die *function, Dwarf_Addr pc,
                      Dwarf_Die ret_scopes[MT_SCOPES_MAX]);

/* symbolize_names.c */
/* What the function of an entry is called, demangled or qualified; NULL: it has no name. */
const char *mt_name_of(struct mt_module *module, Dwarf_Die *unit, Dwarf_Die *function);
/* True: the name is the source's, without what tells it from others of that name. */
bool mt_name_is_plain(Dwarf_Die *function);
const char *mt_name_demangle(struct mt_arena *arena, const char *name);

#endif
