/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe.c - see probe.h.
 */
#include "preload/probe.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define IS_IMPORT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT)
#elif defined(__aarch64__)
#define IS_IMPORT(type) ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT)
#else
#error "which relocations fill a table of imports on this machine?"
#endif

/* The descriptor that stands for the pipe; no real one. */
#define NO_PIPE (-1)

bool mt_probe_is_readable(const void *addr)
{
	/* There is no such `how`: a set that can be read is EINVAL, one that cannot is EFAULT. */
	const uintptr_t word = (uintptr_t)addr & ~(uintptr_t)7;

	/* 0 would mean that there is no set. */
	if (!word)
		return false;
	return syscall(SYS_rt_sigprocmask, -1L, word, NULL, 8L) == 0 || errno != EFAULT;
}

/* libunwind looks at errno after success too: EINTR there would have it try for ever. */
static int no_pipe(int *ret_descriptors)
{
	ret_descriptors[0] = NO_PIPE;
	ret_descriptors[1] = NO_PIPE;
	errno = 0;
	return 0;
}

static int no_pipe2(int *ret_descriptors, int flags)
{
	(void)flags;
	return no_pipe(ret_descriptors);
}

static ssize_t read_any(int fd, void *buffer, size_t bytes)
{
	if (fd != NO_PIPE)
		return syscall(SYS_read, fd, buffer, bytes);
	errno = 0;
	return 1;
}

static ssize_t write_any(int fd, const void *from, size_t bytes)
{
	bool is_readable;

	if (fd != NO_PIPE)
		return syscall(SYS_write, fd, from, bytes);
	is_readable = mt_probe_is_readable(from);
	errno = is_readable ? 0 : EFAULT;
	return is_readable ? 1 : -1;
}

/* libunwind 1.6 writes this way. */
static long syscall_any(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_write && (int)a == NO_PIPE)
		return write_any(NO_PIPE, (const void *)b, 1);
	return syscall(number, a, b, c, d, e, f);
}

static void *replacement_of(const char *name)
{
	static const struct {
		const char *name;
		void *function;
	} replacements[] = {
	        {"pipe", (void *)no_pipe},    {"pipe2", (void *)no_pipe2},
	        {"read", (void *)read_any},   {"syscall", (void *)syscall_any},
	        {"write", (void *)write_any},
	};

	for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++)
		if (strcmp(name, replacements[i].name) == 0)
			return replacements[i].function;
	return NULL;
}

static int replace(uintptr_t slot, void *function)
{
	uintptr_t page_bytes = getauxval(AT_PAGESZ);
	uintptr_t page = slot & ~(page_bytes - 1);

	/* The table may be read-only by now; it stays writable, like that of most libraries. */
	if (syscall(SYS_mprotect, page, page_bytes, (long)(PROT_READ | PROT_WRITE)) != 0)
		return -errno;
	memcpy((void *)slot, &function, sizeof(function));
	return 0;
}

struct imports {
	const ElfW(Rela) * relocations[2];
	size_t bytes[2];
	const ElfW(Sym) * symbols;
	const char *names;
};

static struct imports read_imports(const struct link_map *library)
{
	struct imports imports = {0};

	for (const ElfW(Dyn) *dynamic = library->l_ld; dynamic->d_tag != DT_NULL; dynamic++) {
		switch (dynamic->d_tag) {
		case DT_JMPREL: imports.relocations[0] = (void *)dynamic->d_un.d_ptr; break;
		case DT_PLTRELSZ: imports.bytes[0] = dynamic->d_un.d_val; break;
		case DT_RELA: imports.relocations[1] = (void *)dynamic->d_un.d_ptr; break;
		case DT_RELASZ: imports.bytes[1] = dynamic->d_un.d_val; break;
		case DT_SYMTAB: imports.symbols = (void *)dynamic->d_un.d_ptr; break;
		case DT_STRTAB: imports.names = (void *)dynamic->d_un.d_ptr; break;
		default: break;
		}
	}
	return imports;
}

int mt_probe_install(const struct link_map *library)
{
	struct imports imports = read_imports(library);
	int error = 0;

	if (!imports.symbols || !imports.names)
		return -ENOEXEC;
	for (int table = 0; table < 2; table++) {
		size_t count =
		        imports.relocations[table] ? imports.bytes[table] / sizeof(ElfW(Rela)) : 0;

		for (size_t i = 0; i < count && !error; i++) {
			const ElfW(Rela) *relocation = &imports.relocations[table][i];
			const ElfW(Sym) *symbol = &imports.symbols[ELF64_R_SYM(relocation->r_info)];
			void *function;

			if (!IS_IMPORT(ELF64_R_TYPE(relocation->r_info)))
				continue;
			function = replacement_of(imports.names + symbol->st_name);
			if (function)
				error = replace(library->l_addr + relocation->r_offset, function);
		}
	}
	return error;
}
