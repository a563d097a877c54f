/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program.c - see program.h.
 */
#include "report/program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WHY_BYTES        256u
#define INTERPRETERS_MAX 4u /* the kernel's own bound on scripts that run scripts */

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_NONE
#endif

static int check_executable(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	return access(path, X_OK) < 0 ? -errno : 0;
}

int mt_program_find(const char *name, char ret_path[PATH_MAX])
{
	const char *folders = getenv("PATH");
	int error = -ENOENT;

	if (!*name)
		return -ENOENT;
	if (strchr(name, '/')) {
		if (snprintf(ret_path, PATH_MAX, "%s", name) >= PATH_MAX)
			return -ENAMETOOLONG;
		return check_executable(name);
	}
	if (!folders)
		folders = "/bin:/usr/bin";
	for (;; folders++) {
		size_t bytes = strcspn(folders, ":");
		int found;

		if (snprintf(ret_path, PATH_MAX, "%.*s%s%s", (int)bytes, folders, bytes ? "/" : "",
		             name) < PATH_MAX) {
			found = check_executable(ret_path);
			if (found == 0)
				return 0;
			/*
			 * A later folder may have one that can be run; else this is what is said.
			 */
			if (found == -EACCES)
				error = found;
		}
		folders += bytes;
		if (!*folders)
			return error;
	}
}

/* The interpreter of a script: "#! /bin/sh -e" gives "/bin/sh". */
static bool read_interpreter(const char *head, char ret_path[PATH_MAX])
{
	size_t bytes;

	if (strncmp(head, "#!", 2) != 0)
		return false;
	head += 2;
	head += strspn(head, " \t");
	bytes = strcspn(head, " \t\r\n");
	if (bytes == 0 || bytes >= PATH_MAX)
		return false;
	memcpy(ret_path, head, bytes);
	ret_path[bytes] = '\0';
	return true;
}

static bool raises_privileges(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return false;
	if ((status.st_mode & S_ISUID) && status.st_uid != getuid())
		return true;
	if ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getgid())
		return true;
	return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/*
 * The run time of a sanitizer has to come first among the libraries, or it ends the program at
 * once. gcc links it as a library, clang puts it into the executable, whose dynamic symbols then
 * define it.
 */
static const char *sanitizer_of(Elf *elf)
{
	static const char *const libraries[] = {"libasan.so", "libtsan.so", "libhwasan.so"};
	static const char *const entries[] = {"__asan_init", "__tsan_init", "__msan_init",
	                                      "__hwasan_init"};
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		Elf_Data *data = NULL;

		if (!gelf_getshdr(section, &header) ||
		    (header.sh_type != SHT_DYNAMIC && header.sh_type != SHT_DYNSYM) ||
		    header.sh_entsize == 0 || !(data = elf_getdata(section, NULL)))
			continue;
		for (int i = 0; i < (int)(header.sh_size / header.sh_entsize); i++) {
			GElf_Dyn entry;
			GElf_Sym symbol;
			const char *name = NULL;

			if (header.sh_type == SHT_DYNAMIC) {
				if (gelf_getdyn(data, i, &entry) && entry.d_tag == DT_NEEDED)
					name = elf_strptr(elf, header.sh_link, entry.d_un.d_val);
				for (size_t k = 0;
				     name && k < sizeof(libraries) / sizeof(*libraries); k++)
					if (strncmp(name, libraries[k], strlen(libraries[k])) == 0)
						return libraries[k];
				continue;
			}
			if (gelf_getsym(data, i, &symbol) && symbol.st_shndx != SHN_UNDEF)
				name = elf_strptr(elf, header.sh_link, symbol.st_name);
			for (size_t k = 0; name && k < sizeof(entries) / sizeof(*entries); k++)
				if (strcmp(name, entries[k]) == 0)
					return entries[k];
		}
	}
	return NULL;
}

static bool read_loader(Elf *elf, int fd, char ret_loader[128])
{
	size_t count = 0;

	if (elf_getphdrnum(elf, &count) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;
		ssize_t bytes;

		if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_INTERP)
			continue;
		bytes = pread(fd, ret_loader, header.p_filesz < 127 ? header.p_filesz : 127,
		              (off_t)header.p_offset);
		ret_loader[bytes > 0 ? bytes : 0] = '\0';
		return true;
	}
	return false;
}

static enum mt_program_obstacle check_elf(Elf *elf, int fd, char *ret_why)
{
	GElf_Ehdr header;
	char loader[128];
	const char *sanitizer;

	if (!gelf_getehdr(elf, &header)) {
		snprintf(ret_why, WHY_BYTES, "its ELF header cannot be read");
		return MT_PROGRAM_HARMLESS;
	}
	if (OUR_MACHINE != EM_NONE &&
	    (header.e_machine != OUR_MACHINE || header.e_ident[EI_CLASS] != ELFCLASS64)) {
		snprintf(ret_why, WHY_BYTES, "it is a program of another kind: %s-bit, machine %u",
		         header.e_ident[EI_CLASS] == ELFCLASS64 ? "64" : "32",
		         (unsigned int)header.e_machine);
		return MT_PROGRAM_HARMLESS;
	}
	if (!read_loader(elf, fd, loader)) {
		snprintf(ret_why, WHY_BYTES, "it is statically linked");
		return MT_PROGRAM_HARMLESS;
	}
	if (strstr(loader, "ld-musl")) {
		snprintf(ret_why, WHY_BYTES,
		         "it is linked with musl (%s), and memtrace needs glibc", loader);
		return MT_PROGRAM_NOT_PRELOADED;
	}
	sanitizer = sanitizer_of(elf);
	if (sanitizer) {
		snprintf(ret_why, WHY_BYTES,
		         "it has a sanitizer in it (%s), which has to be the first library",
		         sanitizer);
		return MT_PROGRAM_NOT_PRELOADED;
	}
	return MT_PROGRAM_FINE;
}

enum mt_program_obstacle mt_program_check(const char *path, char ret_why[256])
{
	enum mt_program_obstacle obstacle = MT_PROGRAM_FINE;
	char file[PATH_MAX];

	ret_why[0] = '\0';
	if (snprintf(file, sizeof(file), "%s", path) >= (int)sizeof(file))
		return MT_PROGRAM_FINE;
	elf_version(EV_CURRENT);
	for (unsigned int i = 0; i < INTERPRETERS_MAX; i++) {
		char head[257];
		ssize_t bytes;
		Elf *elf;
		int fd;

		if (raises_privileges(file)) {
			snprintf(ret_why, WHY_BYTES,
			         "it runs with raised privileges (setuid, setgid or file "
			         "capabilities), "
			         "and then the loader ignores LD_PRELOAD");
			return MT_PROGRAM_HARMLESS;
		}
		fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			return MT_PROGRAM_FINE;
		bytes = pread(fd, head, sizeof(head) - 1, 0);
		head[bytes > 0 ? bytes : 0] = '\0';
		if (read_interpreter(head, file)) {
			close(fd);
			continue;
		}
		elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
		if (elf && elf_kind(elf) == ELF_K_ELF)
			obstacle = check_elf(elf, fd, ret_why);
		elf_end(elf);
		close(fd);
		return obstacle;
	}
	return MT_PROGRAM_FINE;
}
