/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bss.c - see bss.h.
 */
#include "base/bss.h"

#include "base/cleanup.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADERS_MAX 128u

/* -1: it cannot be opened, or is another file by now. */
static int open_file(const char *root, const char *path, uint64_t inode)
{
	char whole[PATH_MAX];
	struct stat status;
	int length = snprintf(whole, sizeof(whole), "%s%s", root, path);
	int fd;

	if (length < 0 || (size_t)length >= sizeof(whole))
		return -1;
	fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == inode)
		return fd;
	close(fd);
	return -1;
}

/* A module's file as the process sees it, or, of one that is gone by now, as we do. */
static int open_module(const char *root, pid_t pid, const struct mt_vma *vma)
{
	char of_process[PATH_MAX];
	int length = snprintf(of_process, sizeof(of_process), "%s/proc/%d/root", root, (int)pid);
	int fd = length < 0 || (size_t)length >= sizeof(of_process)
	                 ? -1
	                 : open_file(of_process, vma->path, vma->inode);

	return fd < 0 ? open_file(root, vma->path, vma->inode) : fd;
}

static bool read_at(int fd, void *to, size_t bytes, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, to, bytes, (off_t)offset) == (ssize_t)bytes;
}

/* The program header whose part of the file `data` begins in; 64 bits only, others keep their guess. */
static bool find_header(int fd, const struct mt_vma *data, uint64_t page_bytes,
                        Elf64_Phdr *ret_header)
{
	Elf64_Ehdr head;

	if (!read_at(fd, &head, sizeof(head), 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(*ret_header))
		return false;
	for (unsigned int i = 0; i < head.e_phnum && i < HEADERS_MAX; i++) {
		Elf64_Phdr *at = ret_header;

		if (!read_at(fd, at, sizeof(*at), head.e_phoff + i * sizeof(*at)))
			return false;
		if (at->p_type == PT_LOAD && (at->p_flags & PF_W) &&
		    data->offset_bytes >= at->p_offset / page_bytes * page_bytes &&
		    data->offset_bytes < at->p_offset + at->p_filesz)
			return true;
	}
	return false;
}

/* One past the last page of the bss behind `data`; 0: it cannot be told. */
static uint64_t end_of_bss(const char *root, pid_t pid, const struct mt_vma *data)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	MT_CLEANUP_CLOSE int fd = open_module(root, pid, data);
	Elf64_Phdr header;
	uint64_t end;

	if (fd < 0 || !find_header(fd, data, page, &header))
		return 0;
	/* from the place of a byte in the file to its place in memory, and on to the segment's last one */
	end = data->start - data->offset_bytes + header.p_offset + header.p_memsz;
	return (end + page - 1) / page * page;
}

void mt_bss_bound(const char *root, pid_t pid, struct mt_smaps *smaps)
{
	for (size_t i = 1; i < smaps->count; i++) {
		struct mt_vma *vma = &smaps->vmas[i];
		uint64_t end;

		if (vma->kind != MT_VMA_BSS)
			continue;
		end = end_of_bss(root, pid, vma - 1);
		if (end == 0 || end >= vma->end)
			continue;
		vma->bss_end = end > vma->start ? end : 0;
		if (!vma->bss_end)
			vma->owner = vma->path;
		if (!vma->bss_end || vma->bss_end - vma->start < vma->end - vma->bss_end)
			vma->kind = MT_VMA_ANONYMOUS;
	}
}
