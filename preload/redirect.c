/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * redirect.c - writes into the global offset table of another object.
 */
#include "preload/redirect.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* The part of an object's address range that the loader has made read-only after relocation. */
struct span {
	uintptr_t start;
	uintptr_t end;
};

static struct span read_only_span(const struct link_map *object, uintptr_t page_bytes)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)object->l_addr;
	const ElfW(Phdr) * segments;
	struct span span = {0, 0};

	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return span;
	segments = (const ElfW(Phdr) *)(object->l_addr + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_GNU_RELRO)
			continue;
		span.start = (object->l_addr + segments[i].p_vaddr) & ~(page_bytes - 1);
		span.end = (object->l_addr + segments[i].p_vaddr + segments[i].p_memsz) &
		           ~(page_bytes - 1);
	}
	return span;
}

static int write_slot(const struct link_map *object, uintptr_t slot, void *function)
{
	uintptr_t page_bytes = getauxval(AT_PAGESZ);
	struct span read_only = read_only_span(object, page_bytes);
	void *page = (void *)(slot & ~(page_bytes - 1));
	int is_read_only = slot >= read_only.start && slot < read_only.end;

	if (is_read_only && mprotect(page, page_bytes, PROT_READ | PROT_WRITE) != 0)
		return -errno;
	*(void **)slot = function;
	if (is_read_only && mprotect(page, page_bytes, PROT_READ) != 0)
		return -errno;
	return 0;
}

int mt_redirect(const struct link_map *object, const char *name, void *function)
{
	const ElfW(Rela) * tables[2] = {NULL, NULL};
	size_t bytes[2] = {0, 0};
	const ElfW(Sym) *symbols = NULL;
	const char *names = NULL;

	for (const ElfW(Dyn) *dynamic = object->l_ld; dynamic->d_tag != DT_NULL; dynamic++) {
		switch (dynamic->d_tag) {
		case DT_SYMTAB: symbols = (const void *)dynamic->d_un.d_ptr; break;
		case DT_STRTAB: names = (const void *)dynamic->d_un.d_ptr; break;
		case DT_JMPREL: tables[0] = (const void *)dynamic->d_un.d_ptr; break;
		case DT_PLTRELSZ: bytes[0] = dynamic->d_un.d_val; break;
		case DT_RELA: tables[1] = (const void *)dynamic->d_un.d_ptr; break;
		case DT_RELASZ: bytes[1] = dynamic->d_un.d_val; break;
		default: break;
		}
	}
	if (!symbols || !names)
		return -ENOEXEC;
	for (int t = 0; t < 2; t++) {
		for (size_t i = 0; tables[t] && i < bytes[t] / sizeof(ElfW(Rela)); i++) {
			const ElfW(Rela) *entry = &tables[t][i];
			const ElfW(Sym) *symbol = &symbols[ELF64_R_SYM(entry->r_info)];
			int error;

			/* A function's slot: no addend, and a name. */
			if (ELF64_R_SYM(entry->r_info) == 0 || entry->r_addend != 0 ||
			    strcmp(names + symbol->st_name, name) != 0)
				continue;
			error = write_slot(object, object->l_addr + entry->r_offset, function);
			if (error)
				return error;
		}
	}
	return 0;
}
