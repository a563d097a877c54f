/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize_units.c - which compile unit an address is in, and which function of it.
 *
 * An index of our own: libdw's goes by .debug_aranges, which clang and rustc do not write.
 */
#include <stdlib.h>

#include "report/symbolize_private.h"

#define DEPTH_MAX 64u /* of namespaces, classes and functions in each other */

/* Code that the linker threw away keeps its debug information, at addresses near zero. */
static uint64_t first_code_addr(Dwfl_Module *dwfl_module)
{
	GElf_Addr bias = 0;
	Elf *elf = dwfl_module_getelf(dwfl_module, &bias);
	uint64_t first = UINT64_MAX;
	size_t count = 0;

	if (!elf || elf_getphdrnum(elf, &count) != 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD &&
		    (header.p_flags & PF_X) && header.p_vaddr < first)
			first = header.p_vaddr;
	}
	return first == UINT64_MAX ? 0 : first;
}

static void add_ranges(struct mt_ranges *ranges, Dwarf_Die *die, uint64_t lowest, uint32_t index)
{
	Dwarf_Addr base = 0, start = 0, end = 0;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
		if (start >= lowest)
			mt_ranges_add(ranges, start, end, index);
}

static void list_units(struct mt_module *module)
{
	uint64_t lowest = first_code_addr(module->dwfl_module);
	Dwarf_Die *die = NULL;
	Dwarf_Addr bias = 0;

	while ((die = dwfl_module_nextcu(module->dwfl_module, die, &bias))) {
		struct mt_unit unit = {.die = *die, .split = *die};
		int tag = dwarf_tag(die);

		module->bias = bias;
		if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit)
			continue;
		if (tag == DW_TAG_skeleton_unit) {
			Dwarf_Die contents = {0};

			if (dwarf_cu_info(die->cu, NULL, NULL, NULL, &contents, NULL, NULL, NULL) ==
			            0 &&
			    contents.addr)
				unit.split = contents;
		}
		module->units = mt_memory_grow(module->units, module->unit_count,
		                               &module->unit_capacity, sizeof(*module->units));
		add_ranges(&module->unit_ranges, die, lowest > bias ? lowest - bias : 0,
		           (uint32_t)module->unit_count);
		module->units[module->unit_count++] = unit;
	}
	mt_ranges_sort(&module->unit_ranges);
}

struct mt_unit *mt_unit_find(struct mt_module *module, uint64_t addr)
{
	const struct mt_range *range;

	if (!module->has_units) {
		list_units(module);
		module->has_units = true;
	}
	range = mt_ranges_find(&module->unit_ranges, addr - module->bias);
	return range ? &module->units[range->index] : NULL;
}

static void add_function(struct mt_unit *unit, Dwarf_Die *die)
{
	size_t before = unit->ranges.count;

	add_ranges(&unit->ranges, die, 1, (uint32_t)unit->function_count);
	if (unit->ranges.count == before)
		return;
	unit->functions = mt_memory_grow(unit->functions, unit->function_count,
	                                 &unit->function_capacity, sizeof(*unit->functions));
	unit->functions[unit->function_count++] = *die;
}

static bool may_hold_functions(int tag, bool is_deep)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type: return true;
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block: return is_deep;
	default: return false;
	}
}

static void list_functions(struct mt_unit *unit, Dwarf_Die *scope, bool is_deep, unsigned int depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(scope, &die) != 0)
		return;
	do {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_subprogram)
			add_function(unit, &die);
		if (may_hold_functions(tag, is_deep))
			list_functions(unit, &die, is_deep, depth + 1);
	} while (dwarf_siblingof(&die, &die) == 0);
}

static const struct mt_range *find_function(struct mt_unit *unit, uint64_t addr, bool is_deep)
{
	if (is_deep ? !unit->is_listed_deep : !unit->is_listed) {
		mt_ranges_free(&unit->ranges);
		unit->function_count = 0;
		list_functions(unit, &unit->split, is_deep, 0);
		mt_ranges_sort(&unit->ranges);
		unit->is_listed = true;
		unit->is_listed_deep = is_deep;
	}
	return mt_ranges_find(&unit->ranges, addr);
}

bool mt_unit_function(struct mt_module *module, struct mt_unit *unit, uint64_t addr,
                      Dwarf_Die *ret_function)
{
	const struct mt_range *range = find_function(unit, addr - module->bias, false);

	/*
	 * Lambdas and methods of local classes stand inside the function around them; reading all
	 * of a unit for them is dear, so it is done only where it has to be.
	 */
	if (!range)
		range = find_function(unit, addr - module->bias, true);
	if (range)
		*ret_function = unit->functions[range->index];
	return range != NULL;
}

void mt_unit_free_all(struct mt_module *module)
{
	for (size_t i = 0; i < module->unit_count; i++) {
		mt_ranges_free(&module->units[i].ranges);
		free(module->units[i].functions);
	}
	free(module->units);
	mt_ranges_free(&module->unit_ranges);
}
