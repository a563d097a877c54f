/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real.c - looking up the real functions in the loader's list of objects.
 *
 * The list hangs off DT_DEBUG of the executable, which the kernel's auxiliary vector leads to. It is read
 * without the loader's lock: entries are only ever appended while a program starts, and later reads happen
 * once per operator that was missing before.
 */
#include "preload/real.h"

#include <elf.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

struct mt_real mt_real;

/* What of an object's dynamic section the look-up needs. */
struct symbols {
	const ElfW(Sym) * table;
	const char *names;
	const uint32_t *gnu_hash;
	const uint32_t *sysv_hash;
	const uint16_t *versions;
};

const struct r_debug *mt_real_debug(void)
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	unsigned long count = getauxval(AT_PHNUM);
	const ElfW(Dyn) *dynamic = NULL;
	uintptr_t base = 0;

	if (!headers)
		return NULL;
	for (unsigned long i = 0; i < count; i++)
		if (headers[i].p_type == PT_PHDR)
			base = (uintptr_t)headers - headers[i].p_vaddr;
	for (unsigned long i = 0; i < count; i++)
		if (headers[i].p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)(base + headers[i].p_vaddr);
	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++)
		if (dynamic->d_tag == DT_DEBUG)
			return (const struct r_debug *)dynamic->d_un.d_ptr;
	return NULL;
}

const struct link_map *mt_real_objects(void)
{
	const struct r_debug *debug = mt_real_debug();

	return debug ? debug->r_map : NULL;
}

uintptr_t mt_real_loader_base(void)
{
	const struct r_debug *debug = mt_real_debug();

	return debug ? debug->r_ldbase : 0;
}

const struct link_map *mt_real_self(void)
{
	const struct link_map *object = mt_real_objects();

	while (object && object->l_ld != _DYNAMIC)
		object = object->l_next;
	return object;
}

/* glibc relocates the pointers of a dynamic section in place, but not those of the vdso. */
uintptr_t mt_real_pointer(const struct link_map *object, uintptr_t value)
{
	return value < object->l_addr ? value + object->l_addr : value;
}

static bool read_dynamic(const struct link_map *object, struct symbols *ret_symbols)
{
	struct symbols symbols = {0};

	if (!object->l_ld)
		return false;
	for (const ElfW(Dyn) *dynamic = object->l_ld; dynamic->d_tag != DT_NULL; dynamic++) {
		const void *pointer = (const void *)mt_real_pointer(object, dynamic->d_un.d_ptr);

		switch (dynamic->d_tag) {
		case DT_SYMTAB: symbols.table = pointer; break;
		case DT_STRTAB: symbols.names = pointer; break;
		case DT_GNU_HASH: symbols.gnu_hash = pointer; break;
		case DT_HASH: symbols.sysv_hash = pointer; break;
		case DT_VERSYM: symbols.versions = pointer; break;
		default: break;
		}
	}
	if (!symbols.table || !symbols.names || (!symbols.gnu_hash && !symbols.sysv_hash))
		return false;
	*ret_symbols = symbols;
	return true;
}

/* 0: no match, 1: a hidden version (an old ABI), 2: the default one. */
static int match(const struct symbols *symbols, uint32_t index, const char *name)
{
	const ElfW(Sym) *symbol = &symbols->table[index];
	unsigned int type = symbol->st_info & 0xf;

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_value == 0)
		return 0;
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return 0;
	if (strcmp(symbols->names + symbol->st_name, name) != 0)
		return 0;
	return symbols->versions && symbols->versions[index] & 0x8000 ? 1 : 2;
}

static const ElfW(Sym) * find_gnu(const struct symbols *symbols, const char *name)
{
	const uint32_t *table = symbols->gnu_hash;
	uint32_t bucket_count = table[0], first = table[1], bloom_words = table[2];
	const uint32_t *buckets = (const uint32_t *)((const ElfW(Addr) *)(table + 4) + bloom_words);
	const uint32_t *chains = buckets + bucket_count;
	const ElfW(Sym) *old_version = NULL;
	uint32_t hash = 5381;
	uint32_t index;

	for (const char *at = name; *at; at++)
		hash = hash * 33 + (unsigned char)*at;
	if (bucket_count == 0)
		return NULL;
	index = buckets[hash % bucket_count];
	if (index < first)
		return NULL;
	for (;; index++) {
		uint32_t chain = chains[index - first];

		if ((chain | 1) == (hash | 1)) {
			int how = match(symbols, index, name);

			if (how == 2)
				return &symbols->table[index];
			if (how == 1)
				old_version = &symbols->table[index];
		}
		if (chain & 1)
			return old_version;
	}
}

static const ElfW(Sym) * find_sysv(const struct symbols *symbols, const char *name)
{
	uint32_t bucket_count = symbols->sysv_hash[0];
	const uint32_t *buckets = symbols->sysv_hash + 2;
	const uint32_t *chains = buckets + bucket_count;
	const ElfW(Sym) *old_version = NULL;
	uint32_t hash = 0;

	for (const char *at = name; *at; at++) {
		uint32_t high;

		hash = (hash << 4) + (unsigned char)*at;
		high = hash & 0xf0000000;
		hash = (hash ^ high >> 24) & ~high;
	}
	if (bucket_count == 0)
		return NULL;
	for (uint32_t index = buckets[hash % bucket_count]; index; index = chains[index]) {
		int how = match(symbols, index, name);

		if (how == 2)
			return &symbols->table[index];
		if (how == 1)
			old_version = &symbols->table[index];
	}
	return old_version;
}

void *mt_real_find_in(const struct link_map *object, const char *name)
{
	struct symbols symbols;
	const ElfW(Sym) * symbol;
	uintptr_t address;

	if (!read_dynamic(object, &symbols))
		return NULL;
	symbol = symbols.gnu_hash ? find_gnu(&symbols, name) : find_sysv(&symbols, name);
	if (!symbol)
		return NULL;
	address = object->l_addr + symbol->st_value;
	if ((symbol->st_info & 0xf) == STT_GNU_IFUNC)
		address = ((uintptr_t(*)(void))address)();
	return (void *)address;
}

void *mt_real_find(const char *name)
{
	const struct link_map *object = mt_real_self();

	for (object = object ? object->l_next : NULL; object; object = object->l_next) {
		void *found = mt_real_find_in(object, name);

		if (found)
			return found;
	}
	return NULL;
}

void mt_real_init(void)
{
#define MT_REAL_FIND(result, name, arguments) \
	if (!mt_real.name)                    \
		mt_real.name = (result(*) arguments)mt_real_find(#name);
	MT_REALS(MT_REAL_FIND)
#undef MT_REAL_FIND
	mt_real.found = true;
}
