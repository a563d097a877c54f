/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize_allocator.c - does a module's file hold an allocator that nobody can stand in front of?
 *
 * One that is linked in is bound within its module: a malloc that is local, or global under -Bsymbolic, or one under
 * a name of its own. A module that exports malloc for others is not meant: it is the program's allocator, and the
 * library stands before it. Only what a table of symbols says is found; a stripped module has but the exported.
 */
#include "report/symbolize_private.h"

#include <gelf.h>
#include <string.h>

/* As jemalloc, tcmalloc, mimalloc and others are called where they do not take malloc's place. */
static const char *const own_names[] = {
        "je_malloc", "_rjem_malloc", "rjem_malloc",    "mallocx",      "_rjem_mallocx",
        "tc_malloc", "mi_malloc",    "rpmalloc",       "scudo_malloc", "nedmalloc",
        "dlmalloc",  "GC_malloc",    "snmalloc_malloc"};

struct findings {
	const char *name; /* of what is defined and cannot be seen; NULL: nothing */
	const char *imported;
	bool has_local_malloc;
	bool exports_malloc;
	bool is_symbolic;
};

static const char *own_name(const char *name)
{
	for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++)
		if (strcmp(name, own_names[i]) == 0)
			return own_names[i];
	return NULL;
}

static void look_at_symbol(struct findings *findings, const GElf_Sym *symbol, const char *name,
                           bool is_dynamic)
{
	bool is_hidden = GELF_ST_VISIBILITY(symbol->st_other) == STV_HIDDEN ||
	                 GELF_ST_VISIBILITY(symbol->st_other) == STV_INTERNAL;
	const char *known = own_name(name);

	if (symbol->st_shndx == SHN_UNDEF) {
		if (known && is_dynamic)
			findings->imported = known;
		return;
	}
	if (GELF_ST_TYPE(symbol->st_info) != STT_FUNC)
		return;
	if (known)
		findings->name = known;
	if (strcmp(name, "malloc") != 0)
		return;
	if (is_dynamic)
		findings->exports_malloc = true;
	else if (is_hidden || GELF_ST_BIND(symbol->st_info) == STB_LOCAL)
		findings->has_local_malloc = true;
}

static void look_at_symbols(struct findings *findings, Elf *elf, Elf_Scn *section,
                            const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

	for (size_t i = 1; i < count && i < INT32_MAX; i++) {
		const char *name;
		GElf_Sym symbol;

		if (!gelf_getsym(data, (int)i, &symbol))
			return;
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name)
			look_at_symbol(findings, &symbol, name, header->sh_type == SHT_DYNSYM);
	}
}

static void look_at_dynamic(struct findings *findings, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		GElf_Dyn entry;

		if (!gelf_getdyn(data, (int)i, &entry))
			return;
		findings->is_symbolic |=
		        entry.d_tag == DT_SYMBOLIC ||
		        (entry.d_tag == DT_FLAGS && entry.d_un.d_val & DF_SYMBOLIC);
	}
}

static void look(struct findings *findings, Elf *elf)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header))
			return;
		if (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM)
			look_at_symbols(findings, elf, section, &header);
		else if (header.sh_type == SHT_DYNAMIC)
			look_at_dynamic(findings, section, &header);
	}
}

/* The loader has a small malloc for its own start. */
static bool is_loader(const char *path)
{
	const char *base = strrchr(path, '/');

	return strncmp(base ? base + 1 : path, "ld-linux", 8) == 0;
}

const char *mt_symbolize_allocator(const char *path, const char *build_id, int64_t newest_utc_s,
                                   bool *ret_imported)
{
	struct mt_module *module = mt_module_open(path, build_id, newest_utc_s);
	struct findings findings = {0};
	const char *name = NULL;
	Dwarf_Addr bias;
	Elf *elf;

	if (module->obstacle == MT_SYMBOLIZED_NOT_TRIED && !is_loader(path) &&
	    (elf = dwfl_module_getelf(module->dwfl_module, &bias)))
		look(&findings, elf);
	mt_module_close(module);
	*ret_imported = false;
	if (findings.exports_malloc)
		name = findings.is_symbolic ? "malloc" : NULL;
	else if (findings.has_local_malloc)
		name = "malloc";
	else
		name = findings.name;
	if (!name && findings.imported) {
		*ret_imported = true;
		name = findings.imported;
	}
	return name;
}
