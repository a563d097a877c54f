/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image.c - see image.h.
 *
 * Offsets come from a file that may be anything: what is read is copied by pread(), in pieces of fixed size, and
 * loops have bounds.
 */
#include "preload/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INTERPRETERS_MAX 4u /* the kernel's own bound on scripts that run scripts */
#define HEADERS_MAX      64u
#define DYNAMIC_MAX      512u
#define NEEDED_MAX       64u
#define CHAIN_MAX        64u
#define NAME_BYTES       24u /* as much of a library's name as tells a sanitizer's */

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_NONE
#endif

extern char **environ;

/* The part of the file's image that one PT_LOAD maps. */
struct load {
	uint64_t addr;
	uint64_t bytes;
	uint64_t offset;
};

struct image {
	int fd;
	ElfW(Ehdr) header;
	struct load loads[8];
	unsigned int load_count;
	uint64_t dynamic_offset;
	uint64_t dynamic_bytes;
	uint64_t strings; /* addresses, as the dynamic section has them */
	uint64_t symbols;
	uint64_t hash;
	uint64_t needed[NEEDED_MAX];
	unsigned int needed_count;
	bool has_loader;
	bool has_musl;
};

static bool read_at(int fd, uint64_t offset, void *to, size_t bytes)
{
	return syscall(SYS_pread64, fd, to, bytes, offset) == (long)bytes;
}

/* Up to `bytes` - 1 bytes, zeros behind them. */
static void read_text(int fd, uint64_t offset, char *to, size_t bytes)
{
	long got = syscall(SYS_pread64, fd, to, bytes - 1, offset);

	memset(to + (got > 0 ? got : 0), 0, bytes - (size_t)(got > 0 ? got : 0));
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where in the file an address of the image lies; 0: nowhere. */
static uint64_t offset_of(const struct image *image, uint64_t addr)
{
	for (unsigned int i = 0; i < image->load_count; i++) {
		const struct load *load = &image->loads[i];

		if (addr >= load->addr && addr - load->addr < load->bytes)
			return addr - load->addr + load->offset;
	}
	return 0;
}

static bool read_headers(struct image *image)
{
	char loader[128];

	if (image->header.e_phentsize != sizeof(ElfW(Phdr)))
		return false;
	for (unsigned int i = 0; i < image->header.e_phnum && i < HEADERS_MAX; i++) {
		ElfW(Phdr) part;

		if (!read_at(image->fd, image->header.e_phoff + i * sizeof(part), &part,
		             sizeof(part)))
			return false;
		if (part.p_type == PT_INTERP) {
			image->has_loader = true;
			read_text(image->fd, part.p_offset, loader, sizeof(loader));
			image->has_musl = starts_with(base_of(loader), "ld-musl");
		} else if (part.p_type == PT_DYNAMIC) {
			image->dynamic_offset = part.p_offset;
			image->dynamic_bytes = part.p_filesz;
		} else if (part.p_type == PT_LOAD &&
		           image->load_count < sizeof(image->loads) / sizeof(*image->loads)) {
			image->loads[image->load_count++] =
			        (struct load){part.p_vaddr, part.p_filesz, part.p_offset};
		}
	}
	return true;
}

static void read_dynamic(struct image *image)
{
	uint64_t count = image->dynamic_bytes / sizeof(ElfW(Dyn));

	for (uint64_t i = 0; i < count && i < DYNAMIC_MAX; i++) {
		ElfW(Dyn) entry;

		if (!read_at(image->fd, image->dynamic_offset + i * sizeof(entry), &entry,
		             sizeof(entry)))
			return;
		switch (entry.d_tag) {
		case DT_NULL: return;
		case DT_STRTAB: image->strings = entry.d_un.d_ptr; break;
		case DT_SYMTAB: image->symbols = entry.d_un.d_ptr; break;
		case DT_GNU_HASH: image->hash = entry.d_un.d_ptr; break;
		case DT_NEEDED:
			if (image->needed_count < NEEDED_MAX)
				image->needed[image->needed_count++] = entry.d_un.d_val;
			break;
		default: break;
		}
	}
}

/* gcc links the run time of a sanitizer as a library. */
static bool needs_sanitizer(const struct image *image)
{
	static const char *const names[] = {"libasan.so", "libtsan.so", "libhwasan.so",
	                                    "libclang_rt."};
	uint64_t strings = offset_of(image, image->strings);

	for (unsigned int i = 0; strings && i < image->needed_count; i++) {
		char name[NAME_BYTES];

		read_text(image->fd, strings + image->needed[i], name, sizeof(name));
		for (unsigned int k = 0; k < sizeof(names) / sizeof(*names); k++)
			if (starts_with(name, names[k]))
				return true;
	}
	return false;
}

static bool is_symbol(const struct image *image, uint32_t index, const char *name)
{
	uint64_t symbols = offset_of(image, image->symbols);
	uint64_t strings = offset_of(image, image->strings);
	char found[NAME_BYTES];
	ElfW(Sym) symbol;

	if (!symbols || !strings ||
	    !read_at(image->fd, symbols + index * sizeof(symbol), &symbol, sizeof(symbol)) ||
	    symbol.st_shndx == SHN_UNDEF)
		return false;
	read_text(image->fd, strings + symbol.st_name, found, sizeof(found));
	return strcmp(found, name) == 0;
}

/* Looked up as the loader would, in the hash table of what the program exports. */
static bool defines(const struct image *image, const char *name)
{
	struct {
		uint32_t buckets;
		uint32_t first;
		uint32_t bloom_words;
		uint32_t bloom_shift;
	} head;
	uint64_t at = offset_of(image, image->hash), chains;
	uint32_t hash = 5381, index, chain;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (!at || !read_at(image->fd, at, &head, sizeof(head)) || !head.buckets)
		return false;
	at += sizeof(head) + (uint64_t)head.bloom_words * sizeof(ElfW(Addr));
	chains = at + (uint64_t)head.buckets * sizeof(index);
	if (!read_at(image->fd, at + hash % head.buckets * sizeof(index), &index, sizeof(index)) ||
	    index < head.first)
		return false;
	for (unsigned int i = 0; i < CHAIN_MAX; i++, index++) {
		if (!read_at(image->fd, chains + (uint64_t)(index - head.first) * sizeof(chain),
		             &chain, sizeof(chain)))
			return false;
		if ((chain | 1) == (hash | 1) && is_symbol(image, index, name))
			return true;
		if (chain & 1)
			return false;
	}
	return false;
}

/* clang links it into the executable, whose dynamic symbols then define it. */
static bool has_sanitizer(const struct image *image)
{
	return needs_sanitizer(image) || defines(image, "__asan_init") ||
	       defines(image, "__tsan_init") || defines(image, "__msan_init") ||
	       defines(image, "__hwasan_init");
}

static enum mt_untraced check_elf(int fd, const char *path)
{
	struct image image = {.fd = fd};

	if (!read_at(fd, 0, &image.header, sizeof(image.header)))
		return MT_UNTRACED_NOT;
	if (OUR_MACHINE != EM_NONE &&
	    (image.header.e_machine != OUR_MACHINE ||
	     image.header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)))
		return MT_UNTRACED_MACHINE;
	if (!read_headers(&image))
		return MT_UNTRACED_NOT;
	/* The loader, run as a program, does as it is told. */
	if (!image.has_loader)
		return starts_with(base_of(path), "ld-") ? MT_UNTRACED_NOT : MT_UNTRACED_STATIC;
	if (image.has_musl)
		return MT_UNTRACED_MUSL;
	read_dynamic(&image);
	return has_sanitizer(&image) ? MT_UNTRACED_SANITIZER : MT_UNTRACED_NOT;
}

static bool raises_privileges(int fd)
{
	struct stat status;

	/* Where it matters, the kernel's layout is libc's. */
	if (syscall(SYS_fstat, fd, &status) != 0)
		return false;
	if ((status.st_mode & S_ISUID) && status.st_uid != (uid_t)syscall(SYS_getuid))
		return true;
	if ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    status.st_gid != (gid_t)syscall(SYS_getgid))
		return true;
	return syscall(SYS_getuid) != 0 &&
	       syscall(SYS_fgetxattr, fd, "security.capability", NULL, 0) > 0;
}

/* The interpreter of a script, in place: "#! /bin/sh -e" becomes "/bin/sh". NULL: it is no script. */
static const char *interpreter_of(char *head)
{
	char *path = head + 2;

	if (!starts_with(head, "#!"))
		return NULL;
	while (*path == ' ' || *path == '\t')
		path++;
	path[strcspn(path, " \t\r\n")] = '\0';
	return *path ? path : NULL;
}

static enum mt_untraced check_file(int fd, const char *path, char *head, size_t head_bytes)
{
	if (raises_privileges(fd))
		return MT_UNTRACED_PRIVILEGES;
	read_text(fd, 0, head, head_bytes);
	if (memcmp(head, ELFMAG, SELFMAG) == 0)
		return check_elf(fd, path);
	return MT_UNTRACED_NOT;
}

enum mt_untraced mt_image_check(int folder_fd, const char *path)
{
	enum mt_untraced why = MT_UNTRACED_NOT;
	int saved_errno = errno;
	const char *file = path;
	char head[256] = "";

	for (unsigned int i = 0; file && i < INTERPRETERS_MAX; i++) {
		bool is_given = !*file && i == 0;
		long fd = is_given ? folder_fd
		                   : syscall(SYS_openat, folder_fd, file,
		                             O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

		if (fd < 0)
			break;
		why = check_file((int)fd, file, head, sizeof(head));
		if (!is_given)
			syscall(SYS_close, fd);
		if (why != MT_UNTRACED_NOT)
			break;
		file = interpreter_of(head);
	}
	errno = saved_errno;
	return why;
}

enum mt_untraced mt_image_check_search(const char *file)
{
	const char *folders = "/bin:/usr/bin";
	int saved_errno = errno;
	char path[PATH_MAX];

	if (memchr(file, '/', strlen(file)))
		return mt_image_check(AT_FDCWD, file);
	for (char *const *entry = environ; entry && *entry; entry++)
		if (starts_with(*entry, "PATH="))
			folders = *entry + 5;
	for (;; folders++) {
		size_t bytes = strcspn(folders, ":");
		size_t slash = bytes ? 1 : 0;

		if (bytes + slash + strlen(file) < sizeof(path)) {
			memcpy(path, folders, bytes);
			path[bytes] = '/';
			memcpy(path + bytes + slash, file, strlen(file) + 1);
			if (access(path, X_OK) == 0)
				break;
		}
		folders += bytes;
		if (!*folders) {
			errno = saved_errno;
			return MT_UNTRACED_NOT;
		}
	}
	errno = saved_errno;
	return mt_image_check(AT_FDCWD, path);
}

/* --- the environment --------------------------------------------------------------------------------- */

static const char preload[] = "LD_PRELOAD=";
static const char library[] = "libmemtrace.so";

/* Copies the list without this library to `to` (NULL: only looks). True: the library was in it. */
static bool copy_list(const char *list, char *to)
{
	bool was_there = false;
	size_t kept = 0;

	while (*list) {
		size_t bytes = strcspn(list, ": ");
		size_t name = bytes;

		while (name > 0 && list[name - 1] != '/')
			name--;
		if (bytes - name == sizeof(library) - 1 &&
		    strncmp(list + name, library, sizeof(library) - 1) == 0) {
			was_there = true;
		} else if (to && bytes) {
			if (kept)
				to[kept++] = ':';
			memcpy(to + kept, list, bytes);
			kept += bytes;
		}
		list += bytes;
		list += *list != '\0';
	}
	if (to)
		to[kept] = '\0';
	return was_there;
}

size_t mt_image_room(char *const *environment)
{
	size_t count = 0, bytes = 0;

	for (; environment && environment[count]; count++)
		if (starts_with(environment[count], preload) &&
		    copy_list(environment[count] + sizeof(preload) - 1, NULL))
			bytes += strlen(environment[count]) + 1;
	return bytes ? (count + 1) * sizeof(*environment) + bytes : 0;
}

char *const *mt_image_strip(char *const *environment, void *room)
{
	char **ours = room;
	size_t count = 0, kept = 0;
	char *text;

	while (environment[count])
		count++;
	text = (char *)(ours + count + 1);
	for (size_t i = 0; i < count; i++) {
		const char *list = environment[i] + sizeof(preload) - 1;

		if (!starts_with(environment[i], preload) || !copy_list(list, NULL)) {
			ours[kept++] = environment[i];
			continue;
		}
		memcpy(text, preload, sizeof(preload) - 1);
		copy_list(list, text + sizeof(preload) - 1);
		/* An empty one would be a change, too, for whoever looks. */
		if (text[sizeof(preload) - 1])
			ours[kept++] = text;
		text += strlen(environment[i]) + 1;
	}
	ours[kept] = NULL;
	return ours;
}
