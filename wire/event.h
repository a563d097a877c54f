/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * event.h - the records that a traced thread writes to its ring.
 *
 * Written by preload/emit.c, read by collect/drain.c. Headers only: no state, no libc calls.
 *
 * A record takes whole units of 8 bytes and starts with one word:
 *
 *	type (bits 0-7) | kind (bits 8-15) | addr (bits 16-63)
 *
 * It has the stamp of the last STAMP before it in its ring: the segment's clock, in its ticks (see segment.h). Most
 * events have that of the one before them (preload/order.h), and the less there is to write, the less of the program's
 * own data it displaces from the caches.
 *
 * An address of a traced process fits in 48 bits: no allocator on x86-64 or aarch64 hands out higher
 * ones unless the program asks mmap() for such an address; those are not recorded, but counted.
 *
 * type           bytes  addr           rest
 * STAMP              8  -              bits 8-63: the stamp's lower 56; it is within 2^55 ticks of now
 * FREE               8  the block      -
 * ALLOC             16  the block      size (bits 0-31) | stack id (bits 32-63)
 * ALLOC_WIDE        24  the block      size, stack id, flags
 * MAP, UNMAP        24  the mapping    size, stack id, prot/flags
 * GROWTH            24  see there      size, stack id, enum mt_growth_kind
 * other fixed ones  24  see below
 * large ones        24 + payload       length, id, argument; then the payload, padded to a unit
 */
#ifndef MT_WIRE_EVENT_H
#define MT_WIRE_EVENT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define MT_EVENT_UNIT       8u
#define MT_EVENT_ADDR_BITS  48
#define MT_EVENT_FRAMES_MAX 512u
/* The largest record: a stack of MT_EVENT_FRAMES_MAX frames, or a module with a path of PATH_MAX. */
#define MT_EVENT_PAYLOAD_MAX 4224u

enum mt_event_type {
	MT_EVENT_NONE = 0,
	/* one word */
	MT_EVENT_STAMP, /* of what follows */
	MT_EVENT_FREE,  /* addr is about to be freed; kind: MT_KIND_FREE, _DELETE, _DELETE_ARRAY */
	/* two words */
	MT_EVENT_ALLOC, /* addr was allocated: size bytes, stack */
	/* three words: struct mt_event_fixed */
	MT_EVENT_ALLOC_WIDE, /* the same, where the size has more than 32 bits, or with flags MT_ALLOC_* */
	MT_EVENT_REALLOC,        /* addr is about to be reallocated: live no more ... */
	MT_EVENT_REALLOC_FAILED, /* ... but the call failed: this thread's last REALLOC is undone */
	MT_EVENT_MAP, /* addr was mapped: size bytes, stack, flags = prot | map flags << 8;
	                   kind none: memtrace did */
	MT_EVENT_UNMAP, /* addr is about to be unmapped: size bytes; kind shmat: all that was attached there */
	MT_EVENT_UNMAP_FAILED, /* this thread's last UNMAP is undone */
	MT_EVENT_BREAK,        /* the break is now addr; size: the signed change, stack */
	MT_EVENT_THREAD_BEGIN, /* addr: tid; size: slot; stack: the slot's generation. First of a thread.
	                          flags MT_THREAD_* */
	MT_EVENT_THREAD_END,  /* this ring is given back; what follows is another thread's */
	MT_EVENT_FORK,        /* about to fork: size: the fork's serial number in this process */
	MT_EVENT_EXEC,        /* about to call execve */
	MT_EVENT_EXEC_FAILED, /* the image stays */
	MT_EVENT_EXIT, /* the process ends orderly: size: its exit status, kind: enum mt_exit */
	MT_EVENT_FREE_STACK, /* addr: of this thread's last FREE or REALLOC; stack: who called it */
	MT_EVENT_GROWTH, /* libc's allocator took size bytes from the kernel: flags enum mt_growth_kind | MT_GROWTH_*,
	                    stack. A negative size: so many were given back, and it ends at addr now */
	/* large: struct mt_event_large */
	MT_EVENT_STACK, /* id: the new stack's id; argument: enum mt_cut; payload: pcs, innermost first */
	MT_EVENT_MODULE, /* id: load epoch; payload: struct mt_module_payload */
	MT_EVENT_UNSEEN, /* id: bytes of the first path; argument: enum mt_unseen; payload: paths of the module and of
	                    what its allocator is bound to, "" is the executable */
	MT_EVENT_UNTRACED, /* about to start a program that cannot be traced; id: enum mt_untraced; payload: its
	                      path */
	MT_EVENT_NAME, /* this thread has another name; payload: the name, no more than MT_EVENT_NAME_MAX */
	MT_EVENT_TYPES
};

/*
 * How a block came to be, or was given back; one word for one thing, also in the file.
 *	KIND(ENUM, name, heap: counts as heap)
 */
#define MT_KINDS(KIND)                    \
	KIND(NONE, "none", 0)             \
	KIND(MALLOC, "malloc", 1)         \
	KIND(CALLOC, "calloc", 1)         \
	KIND(REALLOC, "realloc", 1)       \
	KIND(MEMALIGN, "memalign", 1)     \
	KIND(NEW, "new", 1)               \
	KIND(NEW_ARRAY, "new[]", 1)       \
	KIND(MMAP, "mmap", 0)             \
	KIND(MREMAP, "mremap", 0)         \
	KIND(BRK, "brk", 0)               \
	KIND(SBRK, "sbrk", 0)             \
	KIND(SHM, "shmat", 0)             \
	KIND(FREE, "free", 0)             \
	KIND(DELETE, "delete", 0)         \
	KIND(DELETE_ARRAY, "delete[]", 0) \
	KIND(MUNMAP, "munmap", 0)

enum mt_kind {
#define MT_KIND_ENUM(name, text, heap) MT_KIND_##name,
	MT_KINDS(MT_KIND_ENUM)
#undef MT_KIND_ENUM
	        MT_KIND_COUNT
};

/* Flags of MT_EVENT_THREAD_BEGIN. */
#define MT_THREAD_AGAIN 1u /* in a shared ring: it has begun here before, others wrote in between */

/* Flags of MT_EVENT_ALLOC_WIDE. */
#define MT_ALLOC_OWN 1u /* done for memtrace itself (its unwinder, the loader on its behalf) */

/* What of libc's allocator grew; MT_EVENT_GROWTH's flags. */
enum mt_growth_kind {
	MT_GROWTH_BREAK = 0, /* the heap of the main arena, the break: from addr on */
	MT_GROWTH_HEAP, /* another arena's heap, which lies in aligned MT_GROWTH_HEAP_BYTES: from addr on */
	MT_GROWTH_CHUNK, /* a mapping for one block, which is addr; see mt_growth_chunk_start() */
	MT_GROWTH_LOST,  /* nothing: what HEAPs do from now on is not seen */
	MT_GROWTH_COUNT
};
#define MT_GROWTH_HEAP_BYTES (64ull << 20)
#define MT_GROWTH_ASKED      0x100u /* for this the kernel was asked; else it had been before */
/* Above this bit, of a CHUNK: pages from where its mapping begins to that of the block's header. */
#define MT_GROWTH_PAGES_SHIFT 12

/* In the kind of a FREE or REALLOC in a sampled session: the thread has allocated since it allocated the block. */
#define MT_FREE_LATER 0x80u

/* Why a stack was cut before its end. Stored with the stack. */
enum mt_cut {
	MT_CUT_NONE = 0,
	MT_CUT_DEPTH,  /* the limit of the option `depth` */
	MT_CUT_NESTED, /* taken inside a signal handler that interrupted memtrace */
	MT_CUT_UNSAFE, /* the unwinder could not be entered (fork child of a threaded process, loader) */
	MT_CUT_EARLY,    /* before the unwinder was open */
	MT_CUT_UNWINDER, /* the unwinder gave up, or option unwind=none */
	MT_CUT_TABLE,    /* the stack table is full */
	MT_CUT_NO_CFI, /* no call frame information covers the outermost frame (code made at run time) */
	MT_CUT_NO_RULE, /* it has a form that no rule can express, and libunwind was not at hand */
	MT_CUT_OFF_STACK, /* the next frame would not be on the stack that this thread is known to be on */
	MT_CUT_COUNT
};

/* How an orderly end came about; MT_EVENT_EXIT's kind. */
enum mt_exit {
	MT_EXIT_NONE = 0,
	MT_EXIT_RETURN,    /* exit(), or return from main */
	MT_EXIT_IMMEDIATE, /* _exit(), _Exit() */
	MT_EXIT_QUICK,     /* quick_exit() */
};

/* The kernel keeps no more of a thread's name. */
#define MT_EVENT_NAME_MAX 15u

/* Why allocations of some code are not seen; MT_EVENT_UNSEEN's argument. */
enum mt_unseen {
	MT_UNSEEN_IN_FRONT, /* its malloc stands before ours in the loader's order */
	MT_UNSEEN_MODULE, /* its calls are bound to another allocator than ours (RTLD_DEEPBIND, ...) */
	MT_UNSEEN_NAMESPACE, /* it is in a namespace of its own (dlmopen, LD_AUDIT) */
	MT_UNSEEN_COUNT
};

/*
 * Why a program cannot be traced.
 *	WHY(ENUM, sentence)
 * From MACHINE on it would not even run, or complain, with the library among its preloads.
 */
#define MT_UNTRACED(WHY)                                                                          \
	WHY(NOT, "it can be traced")                                                              \
	WHY(STATIC, "it is statically linked")                                                    \
	WHY(PRIVILEGES, "it runs with raised privileges, and then the loader ignores LD_PRELOAD") \
	WHY(MACHINE, "it is a program of another word size or machine")                           \
	WHY(MUSL, "it is linked with musl, and memtrace needs glibc")                             \
	WHY(SANITIZER, "it has a sanitizer in it, which has to be the first library")

enum mt_untraced {
#define MT_UNTRACED_ENUM(name, sentence) MT_UNTRACED_##name,
	MT_UNTRACED(MT_UNTRACED_ENUM)
#undef MT_UNTRACED_ENUM
	        MT_UNTRACED_COUNT
};

struct mt_event_fixed {
	uint64_t word;
	uint64_t size_bytes;
	uint32_t stack;
	uint32_t flags;
};

struct mt_event_large {
	uint64_t word;
	uint32_t length_bytes; /* of the payload, unpadded */
	uint32_t id;
	uint64_t argument;
};

#define MT_BUILD_ID_MAX 32u

struct mt_module_payload {
	uint64_t base;  /* what the module's own addresses are relative to (l_addr) */
	uint64_t start; /* first and one past the last address that it occupies */
	uint64_t end;
	uint32_t build_id_bytes; /* 0: has none */
	uint32_t path_bytes; /* follows this struct, without a NUL; relative as the loader had it */
	uint8_t build_id[MT_BUILD_ID_MAX];
};

static_assert(sizeof(struct mt_event_fixed) == 3 * MT_EVENT_UNIT, "no holes");
static_assert(sizeof(struct mt_event_large) == 3 * MT_EVENT_UNIT, "no holes");
static_assert(sizeof(struct mt_module_payload) == 64, "no holes");
static_assert(sizeof(struct mt_module_payload) + 4096 <= MT_EVENT_PAYLOAD_MAX, "a path fits");
static_assert(MT_EVENT_FRAMES_MAX * sizeof(uint64_t) <= MT_EVENT_PAYLOAD_MAX, "a stack fits");

static inline uint64_t mt_event_word(enum mt_event_type type, unsigned int kind, uint64_t addr)
{
	return addr << 16 | (uint64_t)(kind & 0xff) << 8 | (uint64_t)type;
}

static inline unsigned int mt_event_type(uint64_t word)
{
	return word & 0xff;
}

static inline unsigned int mt_event_kind(uint64_t word)
{
	return word >> 8 & 0xff;
}

static inline uint64_t mt_event_addr(uint64_t word)
{
	return word >> 16;
}

/* Does an allocation fit into two words? */
static inline bool mt_event_is_narrow(uint64_t size_bytes, uint32_t flags)
{
	return size_bytes <= UINT32_MAX && !flags;
}

/* The second word of an ALLOC. */
static inline uint64_t mt_event_narrow(uint64_t size_bytes, uint32_t stack)
{
	return (uint64_t)stack << 32 | size_bytes;
}

static inline uint64_t mt_event_stamp_word(uint64_t stamp)
{
	return stamp << 8 | MT_EVENT_STAMP;
}

/* The stamp of a STAMP's word; `now` is not far from it. */
static inline uint64_t mt_event_stamp(uint64_t word, uint64_t now)
{
	/* As a signed number, so that it may be on either side of it. */
	return now + (uint64_t)((int64_t)((word & ~UINT64_C(0xff)) - (now << 8)) >> 8);
}

/* Where the mapping of a chunk begins: before an aligned block there may be whole pages. */
static inline uint64_t mt_growth_chunk_start(uint64_t block, uint32_t flags, uint64_t page_bytes)
{
	return (block - 16) / page_bytes * page_bytes -
	       (uint64_t)(flags >> MT_GROWTH_PAGES_SHIFT) * page_bytes;
}

/* Bytes of a record of this type with this payload, in whole units; 0 for an unknown type. */
static inline uint32_t mt_event_bytes(unsigned int type, uint32_t payload_bytes)
{
	if (type == MT_EVENT_NONE || type >= MT_EVENT_TYPES)
		return 0;
	if (type < MT_EVENT_ALLOC)
		return MT_EVENT_UNIT;
	if (type == MT_EVENT_ALLOC)
		return 2 * MT_EVENT_UNIT;
	if (type < MT_EVENT_STACK)
		return 3 * MT_EVENT_UNIT;
	return 3 * MT_EVENT_UNIT + ((payload_bytes + MT_EVENT_UNIT - 1) & ~(MT_EVENT_UNIT - 1));
}

#endif
