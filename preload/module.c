/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * module.c - ranges of loaded objects, their paths and build-ids.
 */
#include "preload/module.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "preload/emit.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/rules.h"

#define KNOWN_RANGES 1024u
#define PAGE_BYTES   4096u
/* Objects that a program begins with; of more, some are taken for such as may go. */
#define FIRST_OBJECTS 512u

/*
 * A cache only: overwriting one costs another MODULE record. epoch_plus_1 is written last (release) and
 * read first and last, so a torn entry is never used.
 */
struct range {
	_Atomic uint32_t epoch_plus_1;
	_Atomic uintptr_t start;
	_Atomic uintptr_t end;
	_Atomic uint64_t identity;
};

/* What stands in an entry: a range, and which file it is of; 0: that cannot be told for longer than an epoch. */
struct known {
	uintptr_t start;
	uintptr_t end;
	uint64_t identity;
};

/* The identity of what is in no object: code that was generated. */
#define NOWHERE 2u

static struct {
	struct range ranges[KNOWN_RANGES];
	_Atomic uint32_t next;
	const struct link_map *first[FIRST_OBJECTS];
	uint32_t first_count;
	uintptr_t loader_start;
	uintptr_t loader_end;
	char executable[4096];
	uint32_t executable_bytes;
} modules;

/*
 * The program headers of an object; NULL: they cannot be told. The kernel says where those of the executable are;
 * those of another object stand behind its ELF header, which begins its first segment.
 */
static const ElfW(Phdr) * segments_of(const struct link_map *object, uint32_t *ret_count)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)object->l_addr;

	if (object == mt_real_objects()) {
		*ret_count = (uint32_t)getauxval(AT_PHNUM);
		return (const ElfW(Phdr) *)getauxval(AT_PHDR);
	}
	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > PAGE_BYTES)
		return NULL;
	*ret_count = header->e_phnum;
	return (const ElfW(Phdr) *)(object->l_addr + header->e_phoff);
}

/* Without _dl_find_object(): what its program headers say of an object. False: `pc` is not in it. */
static bool find_in(const struct link_map *object, uintptr_t pc, struct mt_module_found *ret_found)
{
	struct mt_module_found found = {.object = (struct link_map *)object};
	uintptr_t low = UINTPTR_MAX, high = 0;
	uint32_t count;
	const ElfW(Phdr) *segments = segments_of(object, &count);

	if (!segments)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uintptr_t start = object->l_addr + segments[i].p_vaddr;

		if (segments[i].p_type == PT_LOAD) {
			low = start < low ? start : low;
			high = start + segments[i].p_memsz;
		} else if (segments[i].p_type == PT_GNU_EH_FRAME) {
			found.eh_frame = (void *)start;
		}
	}
	if (pc < low || pc >= high)
		return false;
	found.map_start = (void *)low;
	found.map_end = (void *)high;
	*ret_found = found;
	return true;
}

bool mt_module_segment(const struct mt_module_found *found, uintptr_t addr, uintptr_t *ret_start,
                       uintptr_t *ret_end)
{
	const ElfW(Phdr) * segments;
	uint32_t count;

	if (addr >= (uintptr_t)found->map_start && addr < (uintptr_t)found->map_end) {
		*ret_start = (uintptr_t)found->map_start;
		*ret_end = (uintptr_t)found->map_end;
		return true;
	}
	/* An object with gaps is found by one of its segments. */
	segments = segments_of(found->object, &count);
	for (uint32_t i = 0; segments && i < count; i++) {
		uintptr_t start = found->object->l_addr + segments[i].p_vaddr;

		if (segments[i].p_type == PT_LOAD && addr - start < segments[i].p_memsz) {
			*ret_start = start;
			*ret_end = start + segments[i].p_memsz;
			return true;
		}
	}
	return false;
}

bool mt_module_find(const void *pc, struct mt_module_found *ret_found)
{
	if (mt_real._dl_find_object)
		return mt_real._dl_find_object((void *)pc, ret_found) == 0;
	for (const struct link_map *object = mt_real_objects(); object; object = object->l_next)
		if (find_in(object, (uintptr_t)pc, ret_found))
			return true;
	return false;
}

void mt_module_init(void)
{
	struct mt_module_found found;
	ssize_t bytes = readlink("/proc/self/exe", modules.executable, sizeof(modules.executable));

	modules.executable_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	for (const struct link_map *object = mt_real_objects();
	     object && modules.first_count < FIRST_OBJECTS; object = object->l_next)
		modules.first[modules.first_count++] = object;
	if (mt_module_find((const void *)mt_real_loader_base(), &found)) {
		modules.loader_start = (uintptr_t)found.map_start;
		modules.loader_end = (uintptr_t)found.map_end;
	}
}

bool mt_module_is_permanent(const void *pc)
{
	struct mt_module_found found;

	if (!mt_module_find(pc, &found))
		return false;
	for (uint32_t i = 0; i < modules.first_count; i++)
		if (modules.first[i] == found.object)
			return true;
	return false;
}

bool mt_module_is_loader(const void *pc)
{
	return (uintptr_t)pc - modules.loader_start < modules.loader_end - modules.loader_start;
}

void mt_module_new_epoch(const void *leaving)
{
	if (leaving)
		mt_rules_forget_object(leaving);
	else
		mt_rules_forget();
	/* release: rules are forgotten before; partner is the acquire in mt_stacks_take() */
	atomic_fetch_add_explicit(&mt_process.epoch, 1, memory_order_release);
}

static bool find_known(uintptr_t pc, uint32_t epoch, struct known *ret_known)
{
	uint32_t next = atomic_load_explicit(&modules.next, memory_order_relaxed);

	/* From the newest: the others are of an older epoch. */
	for (uint32_t i = 1; i <= next && i <= KNOWN_RANGES; i++) {
		struct range *range = &modules.ranges[(next - i) % KNOWN_RANGES];
		struct known known;

		if (atomic_load_explicit(&range->epoch_plus_1, memory_order_acquire) != epoch + 1)
			continue;
		known.start = atomic_load_explicit(&range->start, memory_order_relaxed);
		known.end = atomic_load_explicit(&range->end, memory_order_relaxed);
		known.identity = atomic_load_explicit(&range->identity, memory_order_relaxed);
		if (pc < known.start || pc >= known.end)
			continue;
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&range->epoch_plus_1, memory_order_relaxed) != epoch + 1)
			continue;
		*ret_known = known;
		return true;
	}
	return false;
}

static void remember(const struct known *known, uint32_t epoch)
{
	uint32_t index = atomic_fetch_add_explicit(&modules.next, 1, memory_order_relaxed);
	struct range *range = &modules.ranges[index % KNOWN_RANGES];

	atomic_store_explicit(&range->epoch_plus_1, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&range->start, known->start, memory_order_relaxed);
	atomic_store_explicit(&range->end, known->end, memory_order_relaxed);
	atomic_store_explicit(&range->identity, known->identity, memory_order_relaxed);
	atomic_store_explicit(&range->epoch_plus_1, epoch + 1, memory_order_release);
}

/* Copies the GNU build-id out of a note segment; its length, 0: none there. */
static uint32_t read_note(const unsigned char *at, const unsigned char *end, uint8_t *ret_id)
{
	while ((size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
		size_t name_bytes = (note->n_namesz + 3u) & ~3u;
		size_t data_bytes = (note->n_descsz + 3u) & ~3u;
		const unsigned char *name = at + sizeof(*note);

		if (name_bytes > (size_t)(end - name) ||
		    data_bytes > (size_t)(end - name) - name_bytes)
			return 0;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    !memcmp(name, "GNU", 4)) {
			uint32_t bytes =
			        note->n_descsz < MT_BUILD_ID_MAX ? note->n_descsz : MT_BUILD_ID_MAX;

			memcpy(ret_id, name + name_bytes, bytes);
			return bytes;
		}
		at = name + name_bytes + data_bytes;
	}
	return 0;
}

static uint32_t read_build_id(const struct mt_module_found *found, uint8_t *ret_id)
{
	uint32_t count;
	const ElfW(Phdr) *segments = segments_of(found->object, &count);

	for (uint32_t i = 0; segments && i < count; i++) {
		uintptr_t note = found->object->l_addr + segments[i].p_vaddr;
		uintptr_t start, end;
		uint32_t bytes;

		if (segments[i].p_type != PT_NOTE ||
		    !mt_module_segment(found, note, &start, &end) ||
		    segments[i].p_memsz > end - note)
			continue;
		bytes = read_note((const unsigned char *)note,
		                  (const unsigned char *)note + segments[i].p_memsz, ret_id);
		if (bytes)
			return bytes;
	}
	return 0;
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ at[i]) * 0x100000001b3u;
	return hash;
}

/* 0 without a build-id: what comes to the same place under the same name may be another one. */
static uint64_t identify(const struct mt_module_payload *payload, const char *path)
{
	uint64_t hash = mix(0xcbf29ce484222325u, payload, sizeof(*payload));

	return payload->build_id_bytes ? mix(hash, path, payload->path_bytes) | 1 : 0;
}

static bool tell(struct mt_ring_writer *writer, const struct mt_module_found *found, uint32_t epoch,
                 struct known *ret_known)
{
	struct mt_module_payload payload = {0};
	const char *path = found->object->l_name;

	payload.base = found->object->l_addr;
	payload.start = (uintptr_t)found->map_start;
	payload.end = (uintptr_t)found->map_end;
	payload.build_id_bytes = read_build_id(found, payload.build_id);
	payload.path_bytes = path ? (uint32_t)strnlen(path, 4096) : 0;
	if (payload.path_bytes == 0) {
		path = modules.executable;
		payload.path_bytes = modules.executable_bytes;
	}
	if (!mt_emit_large(writer, MT_EVENT_MODULE, epoch, 0, &payload, sizeof(payload), path,
	                   payload.path_bytes))
		return false;
	*ret_known = (struct known){payload.start, payload.end, identify(&payload, path)};
	remember(ret_known, epoch);
	return true;
}

uint64_t mt_module_note(struct mt_ring_writer *writer, void *const *frames, uint32_t depth,
                        uint32_t epoch)
{
	struct known known = {0};
	struct mt_module_found found;
	uint64_t identity = 1;
	bool lasts = true;

	for (uint32_t i = 0; i < depth; i++) {
		/* A return address may be one past the end of its function, and of the object. */
		uintptr_t pc = (uintptr_t)frames[i] - 1;

		if (pc - known.start < known.end - known.start)
			continue;
		if (!find_known(pc, epoch, &known) &&
		    !(mt_module_find((const void *)pc, &found) && found.object &&
		      tell(writer, &found, epoch, &known)))
			known = (struct known){pc, pc + 1, NOWHERE};
		lasts = lasts && known.identity;
		identity = (identity + known.identity) * 0x9e3779b97f4a7c15u;
	}
	return lasts ? identity | 1 : 0;
}

bool mt_module_has_libcs_malloc(void)
{
	struct mt_module_found allocator, libc;

	return mt_module_find((const void *)mt_real.malloc, &allocator) &&
	       mt_module_find((const void *)mt_real.free, &libc) &&
	       allocator.object == libc.object &&
	       mt_module_find((const void *)mt_real.__libc_start_main, &libc) &&
	       allocator.object == libc.object;
}
