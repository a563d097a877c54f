/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cfi.c - reading .eh_frame_hdr and .eh_frame, running a call frame program.
 */
#include "preload/cfi.h"

#include <errno.h>
#include <string.h>

#include "preload/bytes.h"

/* Deeper nesting of remember_state was not seen in any program; it makes "no rule", not a wrong one. */
#define REMEMBERED_MAX 4u

enum {
	OP_ADVANCE = 0x40, /* in the two high bits; so OFFSET and RESTORE */
	OP_OFFSET = 0x80,
	OP_RESTORE = 0xc0,
	OP_HIGH = 0xc0,
	OP_NOP = 0x00,
	OP_SET_LOC,
	OP_ADVANCE1,
	OP_ADVANCE2,
	OP_ADVANCE4,
	OP_OFFSET_EXTENDED,
	OP_RESTORE_EXTENDED,
	OP_UNDEFINED,
	OP_SAME,
	OP_REGISTER,
	OP_REMEMBER,
	OP_RESTORE_STATE,
	OP_DEF_CFA,
	OP_DEF_CFA_REGISTER,
	OP_DEF_CFA_OFFSET,
	OP_DEF_CFA_EXPRESSION,
	OP_EXPRESSION,
	OP_OFFSET_EXTENDED_SF,
	OP_DEF_CFA_SF,
	OP_DEF_CFA_OFFSET_SF,
	OP_VAL_OFFSET,
	OP_VAL_OFFSET_SF,
	OP_VAL_EXPRESSION,
	OP_GNU_ARGS_SIZE = 0x2e,
	OP_GNU_NEGATIVE_OFFSET = 0x2f,
};

struct entry {
	uint64_t code_factor;
	int64_t data_factor;
	uint8_t pointer_encoding;
	bool has_augmentation_data;
	bool is_signal;
	struct mt_bytes program; /* the CIE's */
};

/* The contents of the CIE or FDE at `address`, behind its length; bad where they leave the module. */
static struct mt_bytes entry_at(const struct mt_cfi_module *module, uintptr_t address)
{
	struct mt_bytes bytes = {(const uint8_t *)address, (const uint8_t *)module->end, false};
	uint64_t length;

	if (address < module->start || address >= module->end) {
		bytes.at = bytes.end;
		bytes.bad = true;
		return bytes;
	}
	length = mt_bytes_fixed(&bytes, 4);
	if (length == 0xffffffff)
		length = mt_bytes_fixed(&bytes, 8);
	if (length > (uint64_t)(bytes.end - bytes.at)) {
		bytes.at = bytes.end;
		bytes.bad = true;
	} else {
		bytes.end = bytes.at + length;
	}
	return bytes;
}

static int read_cie(const struct mt_cfi_module *module, uintptr_t address, struct entry *ret_entry)
{
	struct mt_bytes bytes = entry_at(module, address);
	struct entry entry = {.pointer_encoding = MT_ENCODED_ABSPTR};
	const char *augmentation;
	uint8_t version;

	if (mt_bytes_fixed(&bytes, 4) != 0) /* an FDE, not a CIE */
		return -EINVAL;
	version = (uint8_t)mt_bytes_fixed(&bytes, 1);
	if (version != 1 && version != 3)
		return -ENOTSUP;
	augmentation = (const char *)bytes.at;
	while (mt_bytes_fixed(&bytes, 1))
		;
	entry.code_factor = mt_bytes_uleb(&bytes);
	entry.data_factor = mt_bytes_sleb(&bytes);
	/* The return address's column. */
	if ((version == 1 ? mt_bytes_fixed(&bytes, 1) : mt_bytes_uleb(&bytes)) !=
	    MT_CFI_REGISTERS - 1)
		return -ENOTSUP;
	if (bytes.bad)
		return -EINVAL;
	if (*augmentation == 'z') {
		uint64_t length = mt_bytes_uleb(&bytes);
		struct mt_bytes data;

		if (length > (uint64_t)(bytes.end - bytes.at))
			return -EINVAL;
		data = (struct mt_bytes){bytes.at, bytes.at + length, false};
		entry.has_augmentation_data = true;
		bytes.at = data.end;
		while (*++augmentation) {
			switch (*augmentation) {
			case 'R': entry.pointer_encoding = (uint8_t)mt_bytes_fixed(&data, 1); break;
			case 'L': mt_bytes_fixed(&data, 1); break;
			case 'P': {
				uint8_t encoding = (uint8_t)mt_bytes_fixed(&data, 1);

				mt_bytes_pointer(&data, encoding & MT_ENCODED_FORMAT, 0);
				break;
			}
			case 'S': entry.is_signal = true; break;
			case 'B': break; /* aarch64 pointer authentication: no data */
			default: return -ENOTSUP;
			}
		}
		if (data.bad)
			return -EINVAL;
	} else if (*augmentation) {
		return -ENOTSUP;
	}
	entry.program = bytes;
	*ret_entry = entry;
	return bytes.bad ? -EINVAL : 0;
}

static int64_t table_word(const uint8_t *table, uint64_t index)
{
	int32_t word;

	memcpy(&word, table + index * sizeof(word), sizeof(word));
	return word;
}

/* The address of the FDE whose range may hold `pc`, by the sorted table. */
static int find_fde(const struct mt_cfi_module *module, uintptr_t pc, uintptr_t *ret_fde)
{
	struct mt_bytes bytes = {(const uint8_t *)module->header, (const uint8_t *)module->end,
	                         false};
	uint8_t version, count_encoding, table_encoding, section_encoding;
	const uint8_t *table;
	uint64_t count, low, high;
	int64_t wanted = (int64_t)(pc - module->header);

	if (!module->header || module->header < module->start || module->header >= module->end)
		return -ENOENT;
	version = (uint8_t)mt_bytes_fixed(&bytes, 1);
	section_encoding = (uint8_t)mt_bytes_fixed(&bytes, 1);
	count_encoding = (uint8_t)mt_bytes_fixed(&bytes, 1);
	table_encoding = (uint8_t)mt_bytes_fixed(&bytes, 1);
	if (version != 1 || count_encoding == MT_ENCODED_OMIT ||
	    table_encoding != (MT_ENCODED_DATAREL | MT_ENCODED_SDATA4))
		return -ENOTSUP;
	mt_bytes_pointer(&bytes, section_encoding, module->header);
	count = mt_bytes_pointer(&bytes, count_encoding, module->header);
	if (bytes.bad || count > (uint64_t)(bytes.end - bytes.at) / 8)
		return -EINVAL;
	table = bytes.at;
	for (low = 0, high = count; low < high;) {
		uint64_t middle = low + (high - low) / 2;

		if (table_word(table, 2 * middle) <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return -ENOENT;
	*ret_fde = module->header + (uintptr_t)table_word(table, 2 * (low - 1) + 1);
	return 0;
}

/* Unsigned, because a malformed program may overflow. */
static int64_t scaled(uint64_t count, int64_t factor)
{
	return (int64_t)(count * (uint64_t)factor);
}

static void set(struct mt_cfi_row *row, uint64_t reg, enum mt_cfi_how how, int64_t value)
{
	if (reg < MT_CFI_REGISTERS)
		row->registers[reg] = (struct mt_cfi_rule){.how = (uint8_t)how, .value = value};
}

static struct mt_cfi_rule read_expression(struct mt_bytes *bytes, enum mt_cfi_how how)
{
	uint64_t length = mt_bytes_uleb(bytes);
	struct mt_cfi_rule rule = {.how = (uint8_t)how, .value = (intptr_t)bytes->at};

	if (length > (uint64_t)(bytes->end - bytes->at) || length > UINT16_MAX) {
		bytes->bad = true;
		return rule;
	}
	rule.length_bytes = (uint16_t)length;
	bytes->at += length;
	return rule;
}

struct machine {
	const struct entry *cie;
	uintptr_t header;
	const struct mt_cfi_row *initial; /* what the CIE's program gave; NULL while it runs */
	struct mt_cfi_row *row;
	struct {
		struct mt_cfi_rule cfa;
		struct mt_cfi_rule registers[MT_CFI_REGISTERS];
	} remembered[REMEMBERED_MAX];
	uint32_t depth;
};

static void restore(struct machine *machine, uint64_t reg)
{
	if (reg < MT_CFI_REGISTERS && machine->initial)
		machine->row->registers[reg] = machine->initial->registers[reg];
}

/* How far an instruction moves the location; 0: it is another one. */
static uint64_t read_advance(struct mt_bytes *program, uint8_t op)
{
	if ((op & OP_HIGH) == OP_ADVANCE)
		return op & 0x3f;
	switch (op) {
	case OP_ADVANCE1: return mt_bytes_fixed(program, 1);
	case OP_ADVANCE2: return mt_bytes_fixed(program, 2);
	case OP_ADVANCE4: return mt_bytes_fixed(program, 4);
	default: return 0;
	}
}

/* One instruction that says where a register is; -ENOTSUP: none of ours. */
static int run_register(struct machine *machine, struct mt_bytes *program, uint8_t op)
{
	struct mt_cfi_row *row = machine->row;
	int64_t factor = machine->cie->data_factor;
	uint64_t reg;

	if ((op & OP_HIGH) == OP_OFFSET) {
		set(row, op & 0x3f, MT_CFI_OFFSET, scaled(mt_bytes_uleb(program), factor));
		return 0;
	}
	if ((op & OP_HIGH) == OP_RESTORE) {
		restore(machine, op & 0x3f);
		return 0;
	}
	reg = mt_bytes_uleb(program);
	switch (op) {
	case OP_OFFSET_EXTENDED:
		set(row, reg, MT_CFI_OFFSET, scaled(mt_bytes_uleb(program), factor));
		break;
	case OP_OFFSET_EXTENDED_SF:
		set(row, reg, MT_CFI_OFFSET, scaled((uint64_t)mt_bytes_sleb(program), factor));
		break;
	case OP_GNU_NEGATIVE_OFFSET:
		set(row, reg, MT_CFI_OFFSET, scaled(-mt_bytes_uleb(program), factor));
		break;
	case OP_VAL_OFFSET:
		set(row, reg, MT_CFI_VAL_OFFSET, scaled(mt_bytes_uleb(program), factor));
		break;
	case OP_VAL_OFFSET_SF:
		set(row, reg, MT_CFI_VAL_OFFSET, scaled((uint64_t)mt_bytes_sleb(program), factor));
		break;
	case OP_RESTORE_EXTENDED: restore(machine, reg); break;
	case OP_UNDEFINED: set(row, reg, MT_CFI_UNDEFINED, 0); break;
	case OP_SAME: set(row, reg, MT_CFI_SAME, 0); break;
	case OP_REGISTER: {
		uint64_t holder = mt_bytes_uleb(program);

		set(row, reg, MT_CFI_REGISTER, 0);
		if (reg < MT_CFI_REGISTERS)
			row->registers[reg].reg =
			        holder < MT_CFI_REGISTERS ? (uint8_t)holder : UINT8_MAX;
		break;
	}
	case OP_EXPRESSION:
	case OP_VAL_EXPRESSION: {
		struct mt_cfi_rule rule = read_expression(
		        program, op == OP_EXPRESSION ? MT_CFI_EXPRESSION : MT_CFI_VAL_EXPRESSION);

		if (reg < MT_CFI_REGISTERS)
			row->registers[reg] = rule;
		break;
	}
	default: return -ENOTSUP;
	}
	return 0;
}

static void define_cfa(struct mt_cfi_row *row, uint64_t reg, int64_t offset)
{
	row->cfa = (struct mt_cfi_rule){
	        .how = MT_CFI_REGISTER,
	        .reg = reg < MT_CFI_REGISTERS ? (uint8_t)reg : UINT8_MAX,
	        .value = offset,
	};
}

/* One instruction that is neither an advance nor about a register. */
static int run_other(struct machine *machine, struct mt_bytes *program, uint8_t op)
{
	struct mt_cfi_row *row = machine->row;
	int64_t factor = machine->cie->data_factor;
	uint64_t reg;

	switch (op) {
	case OP_NOP: return 0;
	case OP_GNU_ARGS_SIZE: mt_bytes_uleb(program); return 0;
	case OP_REMEMBER:
		if (machine->depth == REMEMBERED_MAX)
			return -ENOTSUP;
		machine->remembered[machine->depth].cfa = row->cfa;
		memcpy(machine->remembered[machine->depth++].registers, row->registers,
		       sizeof(row->registers));
		return 0;
	case OP_RESTORE_STATE:
		if (machine->depth == 0)
			return -EINVAL;
		row->cfa = machine->remembered[--machine->depth].cfa;
		memcpy(row->registers, machine->remembered[machine->depth].registers,
		       sizeof(row->registers));
		return 0;
	case OP_DEF_CFA:
		reg = mt_bytes_uleb(program);
		define_cfa(row, reg, (int64_t)mt_bytes_uleb(program));
		return 0;
	case OP_DEF_CFA_SF:
		reg = mt_bytes_uleb(program);
		define_cfa(row, reg, scaled((uint64_t)mt_bytes_sleb(program), factor));
		return 0;
	case OP_DEF_CFA_REGISTER:
		if (row->cfa.how != MT_CFI_REGISTER)
			return -EINVAL;
		define_cfa(row, mt_bytes_uleb(program), row->cfa.value);
		return 0;
	case OP_DEF_CFA_OFFSET: row->cfa.value = (int64_t)mt_bytes_uleb(program); break;
	case OP_DEF_CFA_OFFSET_SF:
		row->cfa.value = scaled((uint64_t)mt_bytes_sleb(program), factor);
		break;
	case OP_DEF_CFA_EXPRESSION:
		row->cfa = read_expression(program, MT_CFI_EXPRESSION);
		return 0;
	default: return run_register(machine, program, op);
	}
	return row->cfa.how == MT_CFI_REGISTER ? 0 : -EINVAL;
}

/* Runs a program until the row of `pc` is complete: row->start <= pc < row->end. */
static int run(struct machine *machine, struct mt_bytes program, uintptr_t pc)
{
	struct mt_cfi_row *row = machine->row;
	uintptr_t limit = row->end;

	while (program.at < program.end) {
		uint8_t op = (uint8_t)mt_bytes_fixed(&program, 1);
		uint64_t advance = read_advance(&program, op);
		int error;

		if (advance || op == OP_SET_LOC) {
			uintptr_t next = row->start + advance * machine->cie->code_factor;

			if (op == OP_SET_LOC)
				next = mt_bytes_pointer(&program, machine->cie->pointer_encoding,
				                        machine->header);
			if (program.bad || next < row->start)
				return -EINVAL;
			if (next > pc) {
				row->end = next < limit ? next : limit;
				return 0;
			}
			row->start = next;
			continue;
		}
		if ((op & OP_HIGH) == OP_ADVANCE || (op >= OP_ADVANCE1 && op <= OP_ADVANCE4))
			continue; /* by nothing */
		error = run_other(machine, &program, op);
		if (error || program.bad)
			return error ? error : -EINVAL;
	}
	return 0;
}

int mt_cfi_find(const struct mt_cfi_module *module, uintptr_t pc, struct mt_cfi_row *ret_row)
{
	struct mt_cfi_row initial = {.cfa.how = MT_CFI_UNSAID};
	struct machine machine = {.header = module->header, .row = &initial};
	uintptr_t address = 0, id_at, start, length;
	struct mt_bytes fde;
	struct entry cie;
	uint32_t id;
	int error;

	error = find_fde(module, pc, &address);
	if (error)
		return error;
	fde = entry_at(module, address);
	id_at = (uintptr_t)fde.at;
	id = (uint32_t)mt_bytes_fixed(&fde, 4);
	if (fde.bad || id == 0)
		return -EINVAL;
	error = read_cie(module, id_at - id, &cie);
	if (error)
		return error;
	start = mt_bytes_pointer(&fde, cie.pointer_encoding, module->header);
	length = mt_bytes_pointer(&fde, cie.pointer_encoding & MT_ENCODED_FORMAT, 0);
	if (cie.has_augmentation_data) {
		uint64_t bytes = mt_bytes_uleb(&fde);

		if (bytes > (uint64_t)(fde.end - fde.at))
			return -EINVAL;
		fde.at += bytes;
	}
	if (fde.bad || start + length < start)
		return -EINVAL;
	if (pc - start >= length)
		return -ENOENT;
	machine.cie = &cie;
	initial.start = start;
	initial.end = start + length;
	/* The CIE's program holds for the whole function. */
	error = run(&machine, cie.program, UINTPTR_MAX);
	if (error)
		return error;
	initial.start = start;
	*ret_row = initial;
	ret_row->is_signal = cie.is_signal;
	machine.initial = &initial;
	machine.row = ret_row;
	return run(&machine, fde, pc);
}
