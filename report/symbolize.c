/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize.c - see symbolize.h.
 */
#include "report/symbolize.h"

#include <stdlib.h>
#include <string.h>

#include "report/symbolize_private.h"

struct mt_symbolizer {
	int64_t newest_utc_s;
	struct mt_module **modules;
	size_t count;
	size_t capacity;
};

static const char *const words[MT_SYMBOLIZED_COUNT] = {
        [MT_SYMBOLIZED_MISSING] = "missing", [MT_SYMBOLIZED_CHANGED] = "changed",
        [MT_SYMBOLIZED_NONE] = "none",       [MT_SYMBOLIZED_SYMTAB] = "symtab",
        [MT_SYMBOLIZED_DWARF] = "dwarf",
};

const char *mt_symbolized_word(enum mt_symbolized symbolized)
{
	return words[symbolized];
}

enum mt_symbolized mt_symbolized_find(const char *word)
{
	for (unsigned int i = 0; i < MT_SYMBOLIZED_COUNT; i++)
		if (words[i] && strcmp(words[i], word) == 0)
			return (enum mt_symbolized)i;
	return MT_SYMBOLIZED_NOT_TRIED;
}

struct mt_symbolizer *mt_symbolizer_new(int64_t newest_utc_s)
{
	struct mt_symbolizer *symbolizer = mt_memory_new(1, sizeof(*symbolizer));

	symbolizer->newest_utc_s = newest_utc_s;
	return symbolizer;
}

void mt_symbolizer_free(struct mt_symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	for (size_t i = 0; i < symbolizer->count; i++)
		mt_module_close(symbolizer->modules[i]);
	free(symbolizer->modules);
	free(symbolizer);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct mt_module *find_module(struct mt_symbolizer *symbolizer, const char *path,
                                     const char *build_id)
{
	struct mt_module *module;

	/* A program has tens of modules; the same one is asked for again and again. */
	for (size_t i = symbolizer->count; i-- > 0;) {
		module = symbolizer->modules[i];
		if (strcmp(module->path, path) == 0 && is_same(module->build_id, build_id))
			return module;
	}
	module = mt_module_open(path, build_id, symbolizer->newest_utc_s);
	symbolizer->modules = mt_memory_grow(symbolizer->modules, symbolizer->count,
	                                     &symbolizer->capacity, sizeof(*symbolizer->modules));
	symbolizer->modules[symbolizer->count++] = module;
	return module;
}

/* A relative path starts from where the compiler ran; libdw joins the two only for older DWARF. */
static const char *whole_path(Dwarf_Die *unit, const char *path, struct mt_arena *arena)
{
	Dwarf_Attribute attribute;
	const char *folder = NULL;

	if (path[0] != '/' && dwarf_attr(unit, DW_AT_comp_dir, &attribute))
		folder = dwarf_formstring(&attribute);
	/* Joined already: the folder may be a relative path itself. */
	if (!folder || strncmp(path, folder, strlen(folder)) == 0)
		return mt_arena_text(arena, path);
	return mt_arena_print(arena, "%s/%s", folder, path);
}

static void take_line(Dwarf_Die *unit, Dwarf_Addr pc, struct mt_arena *arena,
                      struct mt_symbol *symbol)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, pc);
	const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	int number = 0;

	if (!file)
		return;
	symbol->file = whole_path(unit, file, arena);
	/*
	 * Line 0, as everywhere here, is the compiler's way to say that no line stands for this
	 * code.
	 */
	if (dwarf_lineno(line, &number) == 0 && number > 0)
		symbol->line = number;
}

/* Where an inlined function was called. */
static void take_call_site(Dwarf_Die *unit, Dwarf_Die *inlined, struct mt_arena *arena,
                           struct mt_symbol *symbol)
{
	Dwarf_Attribute attribute;
	Dwarf_Word file = 0, line = 0;
	Dwarf_Files *files = NULL;
	size_t count = 0;
	const char *path = NULL;

	if (!dwarf_attr(inlined, DW_AT_call_file, &attribute) ||
	    dwarf_formudata(&attribute, &file) != 0 ||
	    dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count)
		return;
	path = dwarf_filesrc(files, file, NULL, NULL);
	if (!path)
		return;
	symbol->file = whole_path(unit, path, arena);
	if (dwarf_attr(inlined, DW_AT_call_line, &attribute) &&
	    dwarf_formudata(&attribute, &line) == 0)
		symbol->line = (int64_t)line;
}

static bool is_mangled(const char *name)
{
	return strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0;
}

/*
 * The name of the function itself, which the table of symbols may have a better one for. For some
 * C++ functions (lambdas, what is local to a function) the debug information lacks the name that is
 * theirs alone. And libc's functions are known there by the names that programs call: strdup is
 * __strdup in its source.
 */
static const char *outer_name(struct mt_module *module, struct mt_unit *unit, Dwarf_Die *function,
                              uint64_t addr)
{
	const char *name = mt_name_of(module, &unit->die, function);
	const char *entry;

	if (!mt_name_is_plain(function) || !(entry = mt_module_entry(module, addr)))
		return name;
	if (is_mangled(entry)) {
		/* Without ".cold" and the like: a part of it is still it. */
		entry = mt_arena_bytes(&module->arena, entry, strcspn(entry, "."));
		return mt_name_demangle(&module->arena, entry);
	}
	if (name && name[0] == '_' && strstr(name, entry))
		return entry;
	return name;
}

static bool resolve_dwarf(struct mt_module *module, uint64_t addr, struct mt_arena *arena,
                          struct mt_symbols *ret_symbols)
{
	struct mt_unit *unit = mt_unit_find(module, addr);
	Dwarf_Die scopes[MT_SCOPES_MAX];
	struct mt_symbol *symbols;
	Dwarf_Addr pc = addr - module->bias;
	size_t count = 0;
	Dwarf_Die function;

	if (!unit)
		return false;
	if (mt_unit_function(module, unit, addr, &function))
		count = mt_scopes_find(&function, pc, scopes);
	symbols = mt_arena_take(arena, count ? count : 1, sizeof(*symbols));
	take_line(&unit->die, pc, arena, &symbols[0]);
	for (size_t i = 0; i < count; i++) {
		bool is_last = i + 1 == count;
		const char *name = is_last ? outer_name(module, unit, &scopes[i], addr)
		                           : mt_name_of(module, &unit->die, &scopes[i]);

		symbols[i].function = name ? mt_arena_text(arena, name) : NULL;
		symbols[i].is_inlined = !is_last;
		if (i > 0)
			take_call_site(&unit->die, &scopes[i - 1], arena, &symbols[i]);
	}
	if (count == 0 && !symbols[0].file)
		return false;
	if (count == 0) {
		const char *name = mt_module_entry(module, addr);

		symbols[0].function = name ? mt_name_demangle(arena, name) : NULL;
	}
	ret_symbols->symbolized = MT_SYMBOLIZED_DWARF;
	ret_symbols->items = symbols;
	ret_symbols->count = count ? count : 1;
	return true;
}

void mt_symbolizer_resolve(struct mt_symbolizer *symbolizer, const char *path, const char *build_id,
                           uint64_t offset, struct mt_arena *arena, struct mt_symbols *ret_symbols)
{
	struct mt_module *module = find_module(symbolizer, path, build_id);
	struct mt_symbol *symbol;
	const char *name;
	/* A return address is behind its call, and may be another function's already. */
	uint64_t addr = offset - 1;

	*ret_symbols = (struct mt_symbols){.symbolized = module->obstacle};
	if (module->obstacle != MT_SYMBOLIZED_NOT_TRIED ||
	    resolve_dwarf(module, addr, arena, ret_symbols))
		return;
	name = mt_module_entry(module, addr);
	if (!name) {
		ret_symbols->symbolized = MT_SYMBOLIZED_NONE;
		return;
	}
	symbol = mt_arena_take(arena, 1, sizeof(*symbol));
	symbol->function = mt_name_demangle(arena, name);
	*ret_symbols = (struct mt_symbols){MT_SYMBOLIZED_SYMTAB, symbol, 1};
}
