/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bindings.c - see bindings.h.
 *
 * Of relocations by name a module has some hundreds; those without (by far the most) stand first, and their number
 * is given. A slot that nobody has called through yet points into its own module, and a
 * slot may hold the address of a stub of the executable, which defines nothing: only what a module really
 * defines counts.
 */
#include "preload/bindings.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "preload/emit.h"
#include "preload/module.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/thread.h"

#if defined(__aarch64__)
#define IS_SLOT(type) ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT)
#else
#define IS_SLOT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT)
#endif

/* glibc's struct r_debug_extended (<link.h> from 2.35 on). */
struct debug_extended {
	struct r_debug base;
	struct debug_extended *next;
};

/* The part of a module's dynamic section that says what is bound by name. */
struct tables {
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * relocations[2];
	size_t counts[2];
};

/* The last module that was looked at before main. */
static const struct link_map *seen_last;
static unsigned int namespaces_told;

static const char *const functions[] = {"malloc", "free", "calloc", "realloc", "_Znwm", "_ZdlPv"};

static bool is_allocator(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(name, functions[i]) == 0)
			return true;
	return false;
}

static bool read_tables(const struct link_map *object, struct tables *ret_tables)
{
	struct tables tables = {0};
	size_t bytes[2] = {0, 0}, relative = 0;

	if (!object->l_ld)
		return false;
	for (const ElfW(Dyn) *dynamic = object->l_ld; dynamic->d_tag != DT_NULL; dynamic++) {
		const void *pointer = (const void *)mt_real_pointer(object, dynamic->d_un.d_ptr);

		switch (dynamic->d_tag) {
		case DT_SYMTAB: tables.symbols = pointer; break;
		case DT_STRTAB: tables.names = pointer; break;
		case DT_JMPREL: tables.relocations[0] = pointer; break;
		case DT_PLTRELSZ: bytes[0] = dynamic->d_un.d_val; break;
		case DT_RELA: tables.relocations[1] = pointer; break;
		case DT_RELASZ: bytes[1] = dynamic->d_un.d_val; break;
		case DT_RELACOUNT: relative = dynamic->d_un.d_val; break;
		default: break;
		}
	}
	if (!tables.symbols || !tables.names)
		return false;
	for (int i = 0; i < 2; i++)
		if (tables.relocations[i])
			tables.counts[i] = bytes[i] / sizeof(ElfW(Rela));
	if (relative < tables.counts[1]) {
		tables.relocations[1] += relative;
		tables.counts[1] -= relative;
	} else {
		tables.counts[1] = 0;
	}
	*ret_tables = tables;
	return true;
}

/* Does it stand before us? Then it is told of once, not for each module. */
static bool is_in_front(const struct link_map *object)
{
	const struct link_map *self = mt_real_self();

	for (const struct link_map *at = mt_real_objects(); at && at != self; at = at->l_next)
		if (at == object)
			return true;
	return false;
}

/* Where this module's allocator is another one than ours; NULL: nowhere. */
static const struct link_map *find_other(const struct link_map *object)
{
	struct tables tables;

	if (!read_tables(object, &tables))
		return NULL;
	for (int which = 0; which < 2; which++) {
		for (size_t i = 0; i < tables.counts[which]; i++) {
			const ElfW(Rela) *relocation = &tables.relocations[which][i];
			const ElfW(Sym) *symbol = &tables.symbols[ELF64_R_SYM(relocation->r_info)];
			const char *name = tables.names + symbol->st_name;
			struct mt_module_found found;
			const void *bound;

			if (!IS_SLOT(ELF64_R_TYPE(relocation->r_info)) || !is_allocator(name))
				continue;
			bound = *(const void *const *)(object->l_addr + relocation->r_offset);
			if (!bound || !mt_module_find(bound, &found) || !found.object ||
			    found.object == object || found.object == mt_real_self())
				continue;
			if (mt_real_find_in(found.object, name) == bound &&
			    !is_in_front(found.object))
				return found.object;
		}
	}
	return NULL;
}

static void tell(struct mt_ring_writer *writer, enum mt_unseen why, const struct link_map *object,
                 const struct link_map *other)
{
	const char *path = object->l_name ? object->l_name : "";
	const char *other_path = other && other->l_name ? other->l_name : "";
	uint32_t path_bytes = (uint32_t)strnlen(path, MT_EVENT_PAYLOAD_MAX / 2);
	uint32_t other_bytes = (uint32_t)strnlen(other_path, MT_EVENT_PAYLOAD_MAX / 2);

	mt_emit_large(writer, MT_EVENT_UNSEEN, path_bytes, why, path, path_bytes, other_path,
	              other_bytes);
}

static void tell_namespaces(struct mt_ring_writer *writer)
{
	const struct debug_extended *debug = (const struct debug_extended *)mt_real_debug();
	unsigned int number = 0;

	if (!debug || debug->base.r_version < 2)
		return;
	for (debug = debug->next; debug; debug = debug->next) {
		if (!debug->base.r_map || ++number <= namespaces_told)
			continue;
		namespaces_told = number;
		tell(writer, MT_UNSEEN_NAMESPACE, debug->base.r_map, NULL);
	}
}

static void tell_from(struct mt_ring_writer *writer, const struct link_map *object)
{
	for (; object; object = object->l_next) {
		const struct link_map *other;

		seen_last = object;
		if (object == mt_real_self())
			continue;
		other = find_other(object);
		if (other)
			tell(writer, MT_UNSEEN_MODULE, object, other);
	}
}

void mt_bindings_tell_first(void)
{
	struct mt_ring_writer *writer;
	struct mt_thread *thread;
	uint32_t level;

	thread = mt_thread_enter(&level);
	if (!thread)
		return;
	writer = mt_thread_writer(thread, level);
	if (writer) {
		for (const struct link_map *object = mt_real_objects();
		     object && object != mt_real_self(); object = object->l_next)
			if (mt_real_find_in(object, "malloc"))
				tell(writer, MT_UNSEEN_IN_FRONT, object, NULL);
		tell_from(writer, mt_real_objects());
		tell_namespaces(writer);
	}
	mt_thread_leave(level);
}

/* Holds the loader's list still while it is read. */
static int with_list(struct dl_phdr_info *info, size_t bytes, void *writer)
{
	(void)info;
	(void)bytes;
	tell_from(writer, seen_last->l_next);
	tell_namespaces(writer);
	return 1;
}

void mt_bindings_tell_last(void)
{
	struct mt_ring_writer *writer;
	struct mt_thread *thread;
	uint32_t level;

	/* The lock of the list may have been held by a thread that this child does not have. */
	if (!seen_last || !mt_real.dl_iterate_phdr || mt_process.fork_was_threaded)
		return;
	thread = mt_thread_enter(&level);
	if (!thread)
		return;
	writer = mt_thread_writer(thread, level);
	if (writer)
		mt_real.dl_iterate_phdr(with_list, writer);
	mt_thread_leave(level);
}
