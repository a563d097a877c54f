/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize_names.c - what a function is called: demangled where the debug information has the
 * linker's name, else its own name with those of the scopes around it.
 */
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#include "report/symbolize_private.h"

const char *mt_name_demangle(struct mt_arena *arena, const char *name)
{
	/* Rust first: its older names look like C++ ones, with a hash at the end. */
	char *plain = rust_demangle(name, DMGL_PARAMS);
	const char *copy;

	if (!plain)
		plain = cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
	copy = mt_arena_text(arena, plain ? plain : name);
	free(plain);
	return copy;
}

static const char *linkage_name(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute) ||
	    dwarf_attr_integrate(function, DW_AT_MIPS_linkage_name, &attribute))
		name = dwarf_formstring(&attribute);
	/*
	 * C has such names too where one function stands in for another: libc's __GI_ names are for
	 * nobody.
	 */
	return name && (strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0) ? name : NULL;
}

bool mt_name_is_plain(Dwarf_Die *function)
{
	return linkage_name(function) == NULL;
}

static bool has_scopes(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C:
	case DW_LANG_C89:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_Mips_Assembler: return false;
	default: return true;
	}
}

/* Where a function is declared: inlined and out-of-line copies only point there. */
static Dwarf_Die declaration_of(const Dwarf_Die *function)
{
	Dwarf_Die die = *function;

	/* As many steps as a chain of copies may have; a circle of them ends here too. */
	for (unsigned int i = 0; i < 8; i++) {
		Dwarf_Attribute attribute;
		Dwarf_Die next;

		if (!dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
		    !dwarf_attr(&die, DW_AT_specification, &attribute))
			break;
		if (!dwarf_formref_die(&attribute, &next))
			break;
		die = next;
	}
	return die;
}

static const char *scope_name(Dwarf_Die *scope)
{
	const char *name = dwarf_diename(scope);

	switch (dwarf_tag(scope)) {
	case DW_TAG_namespace: return name ? name : "(anonymous namespace)";
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type: return name ? name : "{unnamed type}";
	case DW_TAG_module:
	case DW_TAG_subprogram: return name;
	default: return NULL;
	}
}

static const char *qualified_name(struct mt_module *module, Dwarf_Die *declaration,
                                  const char *name)
{
	Dwarf_Die *scopes = NULL;
	int count = dwarf_getscopes_die(declaration, &scopes);

	/* The first is the declaration itself. */
	for (int i = 1; i < count; i++) {
		const char *scope = scope_name(&scopes[i]);

		if (scope)
			name = mt_arena_print(&module->arena, "%s::%s", scope, name);
	}
	if (count > 0)
		free(scopes);
	return name;
}

const char *mt_name_of(struct mt_module *module, Dwarf_Die *unit, Dwarf_Die *function)
{
	Dwarf_Die declaration = declaration_of(function);
	int64_t key = (int64_t)(uintptr_t)declaration.addr;
	char *known = mt_idmap_get(&module->names, key);
	const char *name;

	if (known)
		return known;
	name = linkage_name(function);
	if (name) {
		name = mt_name_demangle(&module->arena, name);
	} else {
		name = dwarf_diename(function);
		if (name && has_scopes(unit))
			name = qualified_name(module, &declaration, name);
	}
	if (name && declaration.addr)
		mt_idmap_put(&module->names, key, (void *)(uintptr_t)name);
	return name;
}
