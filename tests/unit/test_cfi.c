/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_cfi.c - preload/cfi.c and the rules of step.h against libdw, every row of every FDE of real programs, and
 * against damage.
 *
 * The programs are those of this machine that make check finds; libc and libstdc++ are always among them.
 * More can be named in MT_TEST_CFI_FILES, separated by ':'.
 */
#include <dlfcn.h>
#include <dwarf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <elfutils/libdw.h>
#include <gelf.h>

#include "preload/cfi.h"
#include "preload/step.h"

#define RBP 6u
#define RSP 7u
#define RIP 16u

/* An ELF file laid out in memory as the loader would, so that its own relative pointers hold. */
struct image {
	Elf *elf;
	int fd;
	uint8_t *memory; /* of the lowest address; addresses of the file + bias are ours */
	size_t bytes;
	uintptr_t bias;
	struct mt_cfi_module module;
};

static int open_image(const char *path, struct image *ret_image)
{
	struct image image = {.fd = open(path, O_RDONLY)};
	uint64_t low = UINT64_MAX, high = 0;
	size_t count = 0;
	GElf_Phdr header;

	if (image.fd < 0)
		return -errno;
	image.elf = elf_begin(image.fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(image.elf);
	assert_int_equal(elf_getphdrnum(image.elf, &count), 0);
	for (int i = 0; i < (int)count; i++) {
		assert_non_null(gelf_getphdr(image.elf, i, &header));
		if (header.p_type != PT_LOAD)
			continue;
		low = header.p_vaddr < low ? header.p_vaddr : low;
		high = header.p_vaddr + header.p_memsz > high ? header.p_vaddr + header.p_memsz
		                                              : high;
	}
	image.bytes = high - low;
	image.memory = calloc(1, image.bytes);
	assert_non_null(image.memory);
	image.bias = (uintptr_t)image.memory - low;
	image.module.start = (uintptr_t)image.memory;
	image.module.end = image.module.start + image.bytes;
	for (int i = 0; i < (int)count; i++) {
		gelf_getphdr(image.elf, i, &header);
		if (header.p_type == PT_LOAD)
			assert_int_equal(pread(image.fd, (void *)(image.bias + header.p_vaddr),
			                       header.p_filesz, (off_t)header.p_offset),
			                 header.p_filesz);
		if (header.p_type == PT_GNU_EH_FRAME)
			image.module.header = image.bias + header.p_vaddr;
	}
	*ret_image = image;
	return 0;
}

static void close_image(struct image *image)
{
	free(image->memory);
	elf_end(image->elf);
	close(image->fd);
}

struct counts {
	unsigned long fdes;
	unsigned long rows;
	unsigned long unsupported;
	unsigned long rules[8]; /* by kind */
};

static bool same_expression(const Dwarf_Op *ops, size_t count, const struct mt_cfi_rule *rule)
{
	/* libdw has it decoded: the offsets of its operations must lie in ours, the last one at its end. */
	return count > 0 && ops[count - 1].offset < rule->length_bytes &&
	       *(const uint8_t *)rule->value == ops[0].atom;
}

static bool same_cfa(Dwarf_Frame *frame, const struct mt_cfi_rule *ours)
{
	Dwarf_Op *ops;
	size_t count;

	assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
	if (ours->how == MT_CFI_EXPRESSION)
		return same_expression(ops, count, ours);
	if (count != 1)
		return false;
	if (ops[0].atom == DW_OP_bregx)
		return ours->reg == ops[0].number && ours->value == (int64_t)ops[0].number2;
	return ours->reg == ops[0].atom - DW_OP_breg0 && ours->value == (int64_t)ops[0].number;
}

/* libdw's answer for one register, in our terms. */
static struct mt_cfi_rule theirs(Dwarf_Frame *frame, int reg, Dwarf_Op **ret_ops, size_t *ret_count)
{
	static Dwarf_Op memory[3];
	struct mt_cfi_rule rule = {0};
	Dwarf_Op *ops;
	size_t count;

	assert_int_equal(dwarf_frame_register(frame, reg, memory, &ops, &count), 0);
	*ret_ops = ops;
	*ret_count = count;
	if (count == 0) {
		rule.how = ops ? MT_CFI_UNDEFINED : MT_CFI_SAME;
	} else if (ops[0].atom == DW_OP_call_frame_cfa && ops == memory) {
		bool is_value = ops[count - 1].atom == DW_OP_stack_value;

		rule.how = is_value ? MT_CFI_VAL_OFFSET : MT_CFI_OFFSET;
		if (count > 1 && ops[1].atom == DW_OP_plus_uconst)
			rule.value = (int64_t)ops[1].number;
	} else if (count == 1 && ops == memory && ops[0].atom == DW_OP_regx) {
		rule.how = MT_CFI_REGISTER;
		rule.reg = (uint8_t)ops[0].number;
	} else {
		rule.how = ops[count - 1].atom == DW_OP_stack_value ? MT_CFI_VAL_EXPRESSION
		                                                    : MT_CFI_EXPRESSION;
	}
	return rule;
}

static bool same_register(Dwarf_Frame *frame, unsigned int reg, const struct mt_cfi_rule *ours)
{
	Dwarf_Op *ops;
	size_t count;
	struct mt_cfi_rule rule = theirs(frame, (int)reg, &ops, &count);

	/* What the program does not say, libdw takes from the ABI. */
	if (ours->how == MT_CFI_UNSAID)
		return rule.how == MT_CFI_SAME || rule.how == MT_CFI_UNDEFINED ||
		       (reg == RSP && rule.how == MT_CFI_VAL_OFFSET && rule.value == 0);
	if (ours->how != rule.how)
		return false;
	switch (ours->how) {
	case MT_CFI_OFFSET:
	case MT_CFI_VAL_OFFSET: return ours->value == rule.value;
	case MT_CFI_REGISTER: return ours->reg == rule.reg;
	case MT_CFI_EXPRESSION:
	case MT_CFI_VAL_EXPRESSION: return ops[0].atom == DW_OP_call_frame_cfa;
	default: return true;
	}
}

#ifdef MT_STEP

/* Is the register saved `bytes` below the CFA, as libdw has it? */
static bool is_saved_at(Dwarf_Frame *frame, unsigned int reg, uintptr_t bytes)
{
	Dwarf_Op *ops;
	size_t count;
	struct mt_cfi_rule rule = theirs(frame, (int)reg, &ops, &count);

	return rule.how == MT_CFI_OFFSET && rule.value == -(int64_t)bytes;
}

static bool is_breg(const Dwarf_Op *op, unsigned int reg, int64_t offset)
{
	if (op->atom == DW_OP_bregx)
		return op->number == reg && (int64_t)op->number2 == offset;
	return op->atom == DW_OP_breg0 + reg && (int64_t)op->number == offset;
}

/* The register is saved where "reg + offset" points. */
static bool is_saved_by_breg(Dwarf_Frame *frame, unsigned int saved, unsigned int reg,
                             int64_t offset)
{
	Dwarf_Op *ops;
	size_t count;

	return theirs(frame, (int)saved, &ops, &count).how == MT_CFI_EXPRESSION && count == 2 &&
	       is_breg(&ops[1], reg, offset);
}

/* What the rule says is what libdw says. What no rule can express must say so. */
static bool same_rule(Dwarf_Frame *frame, struct mt_rule rule)
{
	uintptr_t saved_bytes = rule.saved_bytes;
	int64_t offset = rule.offset_bytes;
	Dwarf_Op *ops;
	size_t count;

	assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
	switch (rule.kind) {
	case MT_RULE_SP:
	case MT_RULE_FP: {
		unsigned int base = rule.kind == MT_RULE_SP ? RSP : RBP;
		Dwarf_Op *fp_ops;
		size_t fp_count;
		struct mt_cfi_rule fp = theirs(frame, RBP, &fp_ops, &fp_count);

		/* .plt: rsp + 8 + ((rip & 15) >= n) * 8 */
		if (base == RSP && count > 4 && is_breg(&ops[0], RSP, 8) &&
		    is_breg(&ops[1], RIP, 0))
			return (offset == 8 || offset == 16) && !saved_bytes &&
			       is_saved_at(frame, RIP, 8);
		return count == 1 && is_breg(&ops[0], base, offset) && is_saved_at(frame, RIP, 8) &&
		       (saved_bytes ? is_saved_at(frame, RBP, saved_bytes) : fp.how == MT_CFI_SAME);
	}
	case MT_RULE_REALIGNED:
		return count == 2 && is_breg(&ops[0], RBP, offset) && ops[1].atom == DW_OP_deref &&
		       is_saved_by_breg(frame, RBP, RBP, 0) && is_saved_at(frame, RIP, 8);
	case MT_RULE_SIGNAL:
		return count == 2 && is_breg(&ops[0], RSP, MT_STEP_SIGNAL_SP) &&
		       ops[1].atom == DW_OP_deref &&
		       is_saved_by_breg(frame, RIP, RSP, MT_STEP_SIGNAL_PC) &&
		       is_saved_by_breg(frame, RBP, RSP, MT_STEP_SIGNAL_FP);
	case MT_RULE_END: {
		struct mt_cfi_rule rip = theirs(frame, RIP, &ops, &count);

		return rip.how == MT_CFI_UNDEFINED;
	}
	case MT_RULE_NONE:
		/* Never of the form that nearly all code has. */
		return !(count == 1 && ops[0].atom == DW_OP_bregx &&
		         (ops[0].number == RSP || ops[0].number == RBP) &&
		         is_saved_at(frame, RIP, 8) &&
		         theirs(frame, RBP, &ops, &count).how == MT_CFI_SAME);
	default: return false;
	}
}

static void check_rule(Dwarf_Frame *frame, const struct mt_cfi_row *row, uint64_t pc,
                       struct counts *counts)
{
	struct mt_rule rule = mt_step_rule(row, (uintptr_t)pc);

	counts->rules[rule.kind]++;
	if (!same_rule(frame, rule))
		fail_msg("pc 0x%lx: the rule is not what libdw says: kind %d, %d, %u",
		         (unsigned long)pc, rule.kind, rule.offset_bytes, rule.saved_bytes);
}

#else

static void check_rule(Dwarf_Frame *frame, const struct mt_cfi_row *row, uint64_t pc,
                       struct counts *counts)
{
	(void)frame;
	(void)row;
	(void)pc;
	(void)counts;
}

#endif

static void check_row(struct image *image, Dwarf_CFI *cfi, uint64_t pc, uint64_t *ret_next,
                      struct counts *counts)
{
	struct mt_cfi_row row;
	Dwarf_Frame *frame;
	Dwarf_Addr start, end;
	bool is_signal;
	int error;

	assert_int_equal(dwarf_cfi_addrframe(cfi, pc, &frame), 0);
	assert_int_equal(dwarf_frame_info(frame, &start, &end, &is_signal), 16);
	error = mt_cfi_find(&image->module, image->bias + pc, &row);
	counts->rows++;
	*ret_next = end;
	if (error == -ENOTSUP) {
		counts->unsupported++;
		free(frame);
		return;
	}
	if (error)
		fail_msg("pc 0x%lx: error %d", (unsigned long)pc, error);
	/* libdw tells the start of a row only roughly; but the row before ended here. */
	if (row.start != image->bias + pc || row.end != image->bias + end ||
	    row.is_signal != is_signal)
		fail_msg("pc 0x%lx: the row ends at 0x%lx, libdw says 0x%lx", (unsigned long)pc,
		         row.end - image->bias, (unsigned long)end);
	if (!same_cfa(frame, &row.cfa))
		fail_msg("pc 0x%lx: another CFA than libdw", (unsigned long)pc);
	for (unsigned int reg = 0; reg < MT_CFI_REGISTERS; reg++)
		if (!same_register(frame, reg, &row.registers[reg]))
			fail_msg("pc 0x%lx: register %u is not as libdw says", (unsigned long)pc,
			         reg);
	check_rule(frame, &row, pc, counts);
	free(frame);
}

static void check_image(struct image *image, struct counts *counts)
{
	Dwarf_CFI *cfi = dwarf_getcfi_elf(image->elf);
	const uint8_t *header = (const uint8_t *)image->module.header;
	const int32_t *table = (const int32_t *)(header + 12);
	uint32_t fdes;

	assert_non_null(cfi);
	assert_int_equal(header[3], 0x3b);
	memcpy(&fdes, header + 8, sizeof(fdes));
	for (uint32_t i = 0; i < fdes; i++) {
		uint64_t pc = (uintptr_t)header + (intptr_t)table[2 * i] - image->bias;
		uint64_t limit =
		        i + 1 < fdes ? (uintptr_t)header + (intptr_t)table[2 * i + 2] - image->bias
		                     : pc + 1;
		Dwarf_Frame *frame;

		counts->fdes++;
		while (pc < limit) {
			uint64_t next;

			/* The gap behind a function: we must not know it either. */
			if (dwarf_cfi_addrframe(cfi, pc, &frame) != 0) {
				struct mt_cfi_row row;

				assert_int_equal(
				        mt_cfi_find(&image->module, image->bias + pc, &row),
				        -ENOENT);
				break;
			}
			free(frame);
			check_row(image, cfi, pc, &next, counts);
			pc = next;
		}
	}
	dwarf_cfi_end(cfi);
}

static void check_file(const char *path, bool must_exist)
{
	struct counts counts = {0};
	struct image image;

	if (open_image(path, &image) != 0) {
		assert_false(must_exist);
		print_message("# %s: not on this machine\n", path);
		return;
	}
	check_image(&image, &counts);
	print_message(
	        "# %s: %lu functions, %lu rows: %lu by sp, %lu by fp, %lu realigned, %lu signal, "
	        "%lu end, %lu beyond a rule\n",
	        path, counts.fdes, counts.rows, counts.rules[MT_RULE_SP], counts.rules[MT_RULE_FP],
	        counts.rules[MT_RULE_REALIGNED], counts.rules[MT_RULE_SIGNAL],
	        counts.rules[MT_RULE_END], counts.rules[MT_RULE_NONE]);
	assert_true(counts.rows > counts.fdes);
	assert_int_equal(counts.unsupported, 0);
	close_image(&image);
}

/* The path of the loaded object that holds this address. */
static const char *path_of(const void *address)
{
	Dl_info info;

	assert_int_not_equal(dladdr(address, &info), 0);
	return info.dli_fname;
}

static void every_row_of_libc_is_as_libdw_reads_it(void **state)
{
	(void)state;
	check_file(path_of((const void *)(uintptr_t)&strtoul), true);
	check_file(path_of((const void *)(uintptr_t)&elf_begin), true);
}

static void every_row_of_installed_programs_is_as_libdw_reads_it(void **state)
{
	static const char *const paths[] = {
	        "/lib64/ld-linux-x86-64.so.2",
	        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	        "/usr/bin/perl",
	        "/usr/bin/python3",
	        "/usr/bin/git",
	        "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus",
	};
	const char *more = getenv("MT_TEST_CFI_FILES");

	(void)state;
	for (unsigned int i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		check_file(paths[i], false);
	while (more && *more) {
		size_t bytes = strcspn(more, ":");
		char *path = strndup(more, bytes);

		check_file(path, true);
		free(path);
		more += bytes + (more[bytes] == ':');
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Nothing to compare with: it must only stay in bounds and end, which the sanitizers and the memory's end see to. */
static void damaged_frame_information_is_refused_or_read_without_harm(void **state)
{
	struct image image;
	uint32_t seed = 1, fdes;
	unsigned long refused = 0, read = 0;
	const uint8_t *header;
	int32_t *table;

	(void)state;
	assert_int_equal(open_image(path_of((const void *)(uintptr_t)&elf_begin), &image), 0);
	header = (const uint8_t *)image.module.header;
	memcpy(&fdes, header + 8, sizeof(fdes));
	table = calloc(fdes, 8);
	assert_non_null(table);
	memcpy(table, header + 12, fdes * 8u);
	for (int round = 0; round < 300000; round++) {
		uint32_t i = next_random(&seed) % fdes;
		uintptr_t pc = (uintptr_t)header + (intptr_t)table[2 * i] + next_random(&seed) % 64;
		uintptr_t fde = (uintptr_t)header + (intptr_t)table[2 * i + 1];
		uint32_t to_cie;
		uint8_t *byte;
		uint8_t before;
		struct mt_cfi_row row;

		/* A byte of the FDE, of its CIE, of the header or of the table. */
		memcpy(&to_cie, (const uint8_t *)fde + 4, sizeof(to_cie));
		switch (next_random(&seed) % 4) {
		case 0: byte = (uint8_t *)fde + 4 - to_cie + next_random(&seed) % 24; break;
		case 1:
			byte = (uint8_t *)image.module.header +
			       next_random(&seed) % (12 + fdes * 8);
			break;
		default: byte = (uint8_t *)fde + next_random(&seed) % 48;
		}
		if (byte < image.memory || byte >= image.memory + image.bytes)
			continue;
		before = *byte;
		*byte = (uint8_t)next_random(&seed);
		if (mt_cfi_find(&image.module, pc, &row) == 0)
			read++;
		else
			refused++;
		/* What is not put back gathers; a damaged CIE or header would refuse everything from then on. */
		if (round % 500 || (uintptr_t)byte < fde)
			*byte = before;
	}
	print_message("# %lu read, %lu refused\n", read, refused);
	assert_true(read > 0 && refused > 0);
	free(table);
	close_image(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_row_of_libc_is_as_libdw_reads_it),
	        cmocka_unit_test(every_row_of_installed_programs_is_as_libdw_reads_it),
	        cmocka_unit_test(damaged_frame_information_is_refused_or_read_without_harm),
	};

	elf_version(EV_CURRENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
