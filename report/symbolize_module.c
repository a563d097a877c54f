/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * symbolize_module.c - a module's file: found, checked against the recorded build-id, its table of
 * symbols.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/symbolize_private.h"
#include "report/text.h"

/* libdwfl's own search: .debug beside the file, /usr/lib/debug, debuginfod where it is set up. */
static char *debuginfo_path;

static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = &debuginfo_path,
};

/* The database may name anything, also what must not be opened blindly, such as a pipe. */
static int open_regular(const char *path, struct stat *ret_status)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstat(fd, ret_status) < 0 || !S_ISREG(ret_status->st_mode)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static bool has_build_id(Dwfl_Module *dwfl_module, const char *wanted)
{
	const unsigned char *bits = NULL;
	GElf_Addr addr;
	int bytes = dwfl_module_build_id(dwfl_module, &bits, &addr);

	if (wanted && strcmp(wanted, MT_BUILD_ID_UNKNOWN) == 0)
		return true;
	if (bytes <= 0)
		return wanted == NULL;
	if (!wanted || strlen(wanted) != 2 * (size_t)bytes)
		return false;
	for (int i = 0; i < bytes; i++) {
		char pair[3];

		snprintf(pair, sizeof(pair), "%02x", bits[i]);
		if (strncasecmp(pair, wanted + 2 * (size_t)i, 2) != 0)
			return false;
	}
	return true;
}

/* Gives the file to libdwfl, at the addresses that stand in it. */
static enum mt_symbolized report_file(struct mt_module *module, int fd)
{
	GElf_Addr bias;

	module->dwfl = dwfl_begin(&callbacks);
	if (module->dwfl) {
		dwfl_report_begin(module->dwfl);
		module->dwfl_module = dwfl_report_elf(module->dwfl, mt_text_base(module->path),
		                                      module->path, fd, 0, true);
	}
	if (!module->dwfl_module) {
		close(fd);
		return MT_SYMBOLIZED_NONE;
	}
	dwfl_report_end(module->dwfl, NULL, NULL);
	/* The build-id is read with the file. */
	if (!dwfl_module_getelf(module->dwfl_module, &bias))
		return MT_SYMBOLIZED_NONE;
	return MT_SYMBOLIZED_NOT_TRIED;
}

static enum mt_symbolized open_file(struct mt_module *module, int64_t newest_utc_s)
{
	enum mt_symbolized obstacle;
	struct stat status;
	int fd;

	/* "[vdso]" and "linux-vdso.so.1" have no file and never had one. */
	if (strstr(module->path, "vdso") && module->path[0] != '/')
		return MT_SYMBOLIZED_NONE;
	if (module->path[0] != '/')
		return MT_SYMBOLIZED_MISSING;
	fd = open_regular(module->path, &status);
	if (fd < 0)
		return MT_SYMBOLIZED_MISSING;
	obstacle = report_file(module, fd);
	if (obstacle == MT_SYMBOLIZED_NONE)
		/* Not an ELF file any more: it was one when it was loaded. */
		return MT_SYMBOLIZED_CHANGED;
	if (!has_build_id(module->dwfl_module, module->build_id))
		return MT_SYMBOLIZED_CHANGED;
	if ((!module->build_id || strcmp(module->build_id, MT_BUILD_ID_UNKNOWN) == 0) &&
	    newest_utc_s > 0 && status.st_mtime > newest_utc_s)
		return MT_SYMBOLIZED_CHANGED;
	return obstacle;
}

struct mt_module *mt_module_open(const char *path, const char *build_id, int64_t newest_utc_s)
{
	struct mt_module *module = mt_memory_new(1, sizeof(*module));

	module->path = mt_arena_text(&module->arena, path);
	module->build_id = build_id ? mt_arena_text(&module->arena, build_id) : NULL;
	module->obstacle = open_file(module, newest_utc_s);
	return module;
}

void mt_module_close(struct mt_module *module)
{
	mt_unit_free_all(module);
	mt_ranges_free(&module->entry_ranges);
	free(module->entries);
	mt_idmap_free(&module->names);
	dwfl_end(module->dwfl);
	mt_arena_free(&module->arena);
	free(module);
}

/* Of several names for one function the one that a person would choose. */
static unsigned int name_rank(const GElf_Sym *symbol, const char *name)
{
	static const unsigned char of_binding[] = {
	        [STB_LOCAL] = 2, [STB_GLOBAL] = 0, [STB_WEAK] = 1};
	unsigned int binding = GELF_ST_BIND(symbol->st_info);

	return (unsigned int)strspn(name, "_") * 4 + (binding < 3 ? of_binding[binding] : 3);
}

struct entry {
	uint64_t start;
	uint64_t bytes;
	unsigned int rank;
	const char *name;
};

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (!a->bytes != !b->bytes)
		return a->bytes ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return strcmp(a->name, b->name);
}

static bool is_function(Dwfl_Module *dwfl_module, int index, struct entry *ret_entry)
{
	GElf_Sym symbol;
	GElf_Addr addr;
	GElf_Word section;
	unsigned int type;
	const char *name =
	        dwfl_module_getsym_info(dwfl_module, index, &symbol, &addr, &section, NULL, NULL);

	if (!name || !*name || section == SHN_UNDEF || section == SHN_ABS)
		return false;
	type = GELF_ST_TYPE(symbol.st_info);
	/* Hand-written code often says neither type nor size. */
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return false;
	*ret_entry = (struct entry){addr, symbol.st_size, name_rank(&symbol, name), name};
	return true;
}

/*
 * dwfl_module_addrinfo would do, but looks at every symbol of the table each time: a big C++
 * program has a hundred thousand of them.
 */
static void list_entries(struct mt_module *module)
{
	struct entry *entries = NULL;
	size_t count = 0, capacity = 0;
	int symbols = dwfl_module_getsymtab(module->dwfl_module);

	for (int i = 0; i < symbols; i++) {
		entries = mt_memory_grow(entries, count, &capacity, sizeof(*entries));
		count += is_function(module->dwfl_module, i, &entries[count]);
	}
	if (count > 1)
		qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < count; i++) {
		size_t next = i + 1;
		uint64_t end = entries[i].start + entries[i].bytes;

		if (i > 0 && entries[i].start == entries[i - 1].start)
			continue;
		while (next < count && entries[next].start == entries[i].start)
			next++;
		/* Without a size it goes on to the next symbol. */
		if (entries[i].bytes == 0)
			end = next < count ? entries[next].start : entries[i].start + 1;
		module->entries = mt_memory_grow(module->entries, module->entry_count,
		                                 &module->entry_capacity, sizeof(*module->entries));
		mt_ranges_add(&module->entry_ranges, entries[i].start, end,
		              (uint32_t)module->entry_count);
		module->entries[module->entry_count++] = entries[i].name;
	}
	free(entries);
	mt_ranges_sort(&module->entry_ranges);
}

const char *mt_module_entry(struct mt_module *module, uint64_t addr)
{
	const struct mt_range *range;
	const char *name, *version;

	if (!module->has_entries) {
		list_entries(module);
		module->has_entries = true;
	}
	range = mt_ranges_find(&module->entry_ranges, addr);
	if (!range)
		return NULL;
	name = module->entries[range->index];
	version = strchr(name, '@');
	return version ? mt_arena_bytes(&module->arena, name, (size_t)(version - name)) : name;
}
