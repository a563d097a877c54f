/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_cfi.c - preload/cfi.c and the rules of step.h against frame information that anybody may have made up.
 *
 * The input is the pc to look up (2 bytes, signed, from the header on) and a module: .eh_frame_hdr first, .eh_frame
 * behind it. Nothing is to be compared: it must end, and read nothing outside of the module, whose block the
 * sanitizer guards to the byte.
 */
#include <stdlib.h>
#include <string.h>

#include "preload/cfi.h"
#include "preload/step.h"
#include "tests/fuzz/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct mt_cfi_module module;
	struct mt_cfi_row row;
	uint8_t *memory;
	uintptr_t pc;
	int16_t at;

	if (bytes <= sizeof(at))
		return 0;
	memcpy(&at, data, sizeof(at));
	data += sizeof(at);
	bytes -= sizeof(at);
	memory = malloc(bytes);
	if (!memory)
		return 0;
	memcpy(memory, data, bytes);
	module = (struct mt_cfi_module){(uintptr_t)memory, (uintptr_t)memory,
	                                (uintptr_t)memory + bytes};
	pc = (uintptr_t)memory + (uintptr_t)(intptr_t)at;
	if (mt_cfi_find(&module, pc, &row) == 0) {
		volatile struct mt_rule rule;

		if (pc < row.start || pc >= row.end)
			abort();
#ifdef MT_STEP
		rule = mt_step_rule(&row, pc);
		if (rule.kind == MT_RULE_MISSING || rule.kind == MT_RULE_WIDE ||
		    rule.offset_bytes % MT_RULE_WORD_BYTES || rule.saved_bytes % MT_RULE_WORD_BYTES)
			abort();
#endif
	}
	free(memory);
	return 0;
}
