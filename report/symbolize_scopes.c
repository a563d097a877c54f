/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize_scopes.c - the functions that the compiler put inside a function at an address.
 */
#include "report/symbolize_private.h"

#define DEPTH_MAX 128u /* of blocks and inlined functions in each other */

/* Follows one block after the other; pushes what is inlined, the outermost first. */
static bool descend(Dwarf_Die *scope, Dwarf_Addr pc, Dwarf_Die *scopes, size_t *count,
                    unsigned int depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(scope, &die) != 0)
		return false;
	do {
		int tag = dwarf_tag(&die);
		bool is_block = tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
		                tag == DW_TAG_catch_block;

		if (!is_block && tag != DW_TAG_inlined_subroutine)
			continue;
		if (dwarf_haspc(&die, pc) > 0) {
			if (!is_block && *count < MT_SCOPES_MAX - 1)
				scopes[(*count)++] = die;
			descend(&die, pc, scopes, count, depth + 1);
			return true;
		}
		/* A block of declarations alone has no addresses; what is in it may have. */
		if (is_block && !dwarf_hasattr(&die, DW_AT_ranges) &&
		    !dwarf_hasattr(&die, DW_AT_low_pc) &&
		    descend(&die, pc, scopes, count, depth + 1))
			return true;
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

size_t mt_scopes_find(const Dwarf_Die *function, Dwarf_Addr pc, Dwarf_Die ret_scopes[MT_SCOPES_MAX])
{
	Dwarf_Die start = *function;
	size_t count = 0;

	ret_scopes[count++] = start;
	descend(&start, pc, ret_scopes, &count, 0);
	for (size_t i = 0; i < count / 2; i++) {
		Dwarf_Die swap = ret_scopes[i];

		ret_scopes[i] = ret_scopes[count - 1 - i];
		ret_scopes[count - 1 - i] = swap;
	}
	return count;
}
