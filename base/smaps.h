/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * smaps.h - the mappings of a process as /proc/PID/smaps has them, every field of every kernel.
 *
 * Called from the collector's snapshots and from the tool. The process that is looked at may run: each mapping is then
 * as it was at its own moment. `root` as in procfs.h.
 */
#ifndef MT_BASE_SMAPS_H
#define MT_BASE_SMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The fields that memtrace knows, in the kernel's order and by its words. In bytes where the kernel says kB, else the
 * plain number.
 */
#define MT_SMAPS_FIELDS(FIELD)                    \
	FIELD(SIZE, "Size")                       \
	FIELD(KERNEL_PAGE_SIZE, "KernelPageSize") \
	FIELD(MMU_PAGE_SIZE, "MMUPageSize")       \
	FIELD(RSS, "Rss")                         \
	FIELD(PSS, "Pss")                         \
	FIELD(PSS_DIRTY, "Pss_Dirty")             \
	FIELD(SHARED_CLEAN, "Shared_Clean")       \
	FIELD(SHARED_DIRTY, "Shared_Dirty")       \
	FIELD(PRIVATE_CLEAN, "Private_Clean")     \
	FIELD(PRIVATE_DIRTY, "Private_Dirty")     \
	FIELD(REFERENCED, "Referenced")           \
	FIELD(ANONYMOUS, "Anonymous")             \
	FIELD(KSM, "KSM")                         \
	FIELD(LAZY_FREE, "LazyFree")              \
	FIELD(ANON_HUGE, "AnonHugePages")         \
	FIELD(SHMEM_PMD, "ShmemPmdMapped")        \
	FIELD(FILE_PMD, "FilePmdMapped")          \
	FIELD(SHARED_HUGETLB, "Shared_Hugetlb")   \
	FIELD(PRIVATE_HUGETLB, "Private_Hugetlb") \
	FIELD(SWAP, "Swap")                       \
	FIELD(SWAP_PSS, "SwapPss")                \
	FIELD(LOCKED, "Locked")                   \
	FIELD(THP_ELIGIBLE, "THPeligible")        \
	FIELD(PROTECTION_KEY, "ProtectionKey")

enum mt_smaps_field {
#define MT_SMAPS_ENUM(name, text) MT_SMAPS_##name,
	MT_SMAPS_FIELDS(MT_SMAPS_ENUM)
#undef MT_SMAPS_ENUM
	        MT_SMAPS_KNOWN
};

/* Fields of a newer kernel are kept behind the known ones, this many of them. */
#define MT_SMAPS_UNKNOWN_MAX 8u
#define MT_SMAPS_COLUMNS     (MT_SMAPS_KNOWN + MT_SMAPS_UNKNOWN_MAX)

/* What a mapping is, as far as /proc alone can tell. */
#define MT_VMA_KINDS(KIND)            \
	KIND(ANONYMOUS, "anonymous")  \
	KIND(HEAP, "heap")            \
	KIND(STACK, "stack")          \
	KIND(TEXT, "text")            \
	KIND(RODATA, "rodata")        \
	KIND(DATA, "data")            \
	KIND(BSS, "bss")              \
	KIND(FILE, "file")            \
	KIND(SHARED, "shared memory") \
	KIND(DEVICE, "device")        \
	KIND(KERNEL, "kernel")

enum mt_vma_kind {
#define MT_VMA_ENUM(name, text) MT_VMA_##name,
	MT_VMA_KINDS(MT_VMA_ENUM)
#undef MT_VMA_ENUM
	        MT_VMA_KIND_COUNT
};

struct mt_vma {
	uint64_t start;
	uint64_t end; /* one past the last byte */
	uint64_t offset_bytes;
	uint64_t inode;
	uint32_t device_major;
	uint32_t device_minor;
	char permissions[5]; /* "rw-p" */
	enum mt_vma_kind kind;
	uint64_t bss_end; /* up to here it is a bss; 0: it begins with none. See bss.h. */
	const char *path;  /* as the kernel wrote it; "" for none. Borrowed from the mt_smaps. */
	const char *owner; /* the file whose bss it is or begins with; else the same as path */
	const char *flags; /* the words of VmFlags; "" for none */
	uint64_t fields[MT_SMAPS_COLUMNS];
};

struct mt_smaps {
	char *text;
	struct mt_vma *vmas; /* by address */
	size_t count;
	size_t capacity;
	uint64_t known; /* bit per column: the kernel has it */
	const char *unknown[MT_SMAPS_UNKNOWN_MAX];
	bool unknown_in_bytes[MT_SMAPS_UNKNOWN_MAX];
	size_t unknown_count;
	size_t unknown_dropped; /* columns beyond MT_SMAPS_UNKNOWN_MAX */
};

extern const char *const mt_smaps_names[MT_SMAPS_KNOWN];
extern const char *const mt_vma_kinds[MT_VMA_KIND_COUNT];

/*
 * Reads all mappings of a process. *ret_smaps is given (free with mt_smaps_free()). A kernel without smaps, or one that
 * refuses it, gives -errno; a process without mappings (a kernel thread, one that is just going) gives a count of 0.
 */
int mt_smaps_read(const char *root, pid_t pid, struct mt_smaps *ret_smaps);

/* Its first half, for who is in a hurry: the text alone. *ret_text is given (free()). 0 or -errno. */
int mt_smaps_read_text(const char *root, pid_t pid, char **ret_text);

/* The same from text that was read before; takes it (malloc'ed, NUL-terminated), also when it fails. */
int mt_smaps_parse(char *text, struct mt_smaps *ret_smaps);

void mt_smaps_free(struct mt_smaps *smaps);

static inline bool mt_smaps_has(const struct mt_smaps *smaps, unsigned int column)
{
	return smaps->known >> column & 1;
}

/* Of all mappings together, in bytes. */
uint64_t mt_smaps_sum(const struct mt_smaps *smaps, enum mt_smaps_field field);

/* Written, and not yet written back: Shared_Dirty + Private_Dirty, as pmap -x has it. */
uint64_t mt_vma_dirty(const struct mt_vma *vma);

/* What nobody else has mapped: Private_Clean + Private_Dirty; its sum over a process is the USS. */
uint64_t mt_vma_unique(const struct mt_vma *vma);

#endif
