/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cfi.h - call frame information: what .eh_frame says about one pc.
 *
 * Called by rules.c and by the slow walk, in the traced process, any context; and by the unit test, which holds
 * it against libdw row by row. Reads only the module's own .eh_frame_hdr and .eh_frame, keeps nothing, needs
 * under 2 KiB of stack, and believes no length: every read is checked against the module's bounds.
 *
 *	.eh_frame_hdr   a table of (first pc, FDE), sorted: binary search
 *	FDE             one function: its range, its program, its CIE
 *	CIE             what functions share: alignment factors, a program that runs first, 'S' = signal frame
 *
 * Running the two programs up to a pc gives a row: where the CFA is (the stack pointer before the call), and
 * where each register of the caller was saved.
 */
#ifndef MT_PRELOAD_CFI_H
#define MT_PRELOAD_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DWARF registers 0 to 16 of x86-64: 16 is the return address. Others (vector, mask) are not kept. */
#define MT_CFI_REGISTERS 17u

enum mt_cfi_how {
	MT_CFI_UNSAID = 0, /* the program says nothing: same value, as compilers mean it */
	MT_CFI_SAME,
	MT_CFI_UNDEFINED,
	MT_CFI_OFFSET,     /* saved at CFA + value */
	MT_CFI_VAL_OFFSET, /* is CFA + value */
	MT_CFI_EXPRESSION, /* saved at the address that the expression gives, CFA pushed first */
	MT_CFI_VAL_EXPRESSION, /* is what the expression gives, CFA pushed first */
	MT_CFI_REGISTER,       /* is in register `value`; of a CFA: register + value2 */
};

struct mt_cfi_rule {
	uint8_t how;
	uint8_t reg;           /* REGISTER; of a CFA: the register that value is added to */
	uint16_t length_bytes; /* of the expression */
	int64_t value;         /* the offset; or the expression's address */
};

struct mt_cfi_row {
	struct mt_cfi_rule cfa; /* REGISTER (reg + value) or EXPRESSION */
	struct mt_cfi_rule registers[MT_CFI_REGISTERS];
	bool is_signal;  /* the frame of a signal handler's return: the caller was interrupted */
	uintptr_t start; /* the row holds from start up to, not including, end */
	uintptr_t end;
};

/* Where a module's call frame information is; all of it lies in [start, end). */
struct mt_cfi_module {
	uintptr_t header; /* .eh_frame_hdr; 0: it has none */
	uintptr_t start;
	uintptr_t end;
};

/* The row of `pc`. -ENOENT: no FDE covers it; -ENOTSUP: a form that we do not read; -EINVAL: malformed. */
int mt_cfi_find(const struct mt_cfi_module *module, uintptr_t pc, struct mt_cfi_row *ret_row);

#endif
