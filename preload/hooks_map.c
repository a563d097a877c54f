/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks_map.c - mmap and its family, the break.
 *
 * Runs in the traced process, any thread, also inside an allocator that holds its locks: nothing here may
 * allocate, nor look a symbol up where the allocator is just being initialised. Until the constructor has
 * found the real functions, the system call is made directly. libc's own mappings do not come by here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/gate.h"
#include "preload/real.h"
#include "preload/release.h"
#include "preload/thread.h"

#define CALLER(kind) \
	((struct mt_caller){kind, __builtin_return_address(0), 0, __builtin_frame_address(0)})

/* Mappings are recorded in full, also where the heap is sampled; not while tracing is off. */
static inline bool is_stopped(void)
{
	return mt_gate() & MT_GATE_STOPPED;
}

/* Those that go are, unless none can be known. */
static inline bool is_unused(void)
{
	return mt_gate() & MT_GATE_UNUSED;
}

static inline uint32_t map_flags(int protection, int flags)
{
	return (uint32_t)(protection & 0xff) | (uint32_t)flags << 8;
}

/* In line, because a tail call would take away the frame that `caller` speaks of. */
__attribute__((always_inline)) static inline void *
map(void *(*real)(void *, size_t, int, int, int, off_t), void *start, size_t size, int protection,
    int flags, int fd, off_t offset, struct mt_caller caller)
{
	void *mapped;

	if (mt_likely(real != NULL))
		mapped = real(start, size, protection, flags, fd, offset);
	else
		mapped = (void *)syscall(SYS_mmap, start, size, protection, flags, fd, offset);
	if (mapped != MAP_FAILED && mt_likely(!is_stopped()))
		mt_emit_map(&caller, mapped, size, map_flags(protection, flags));
	return mapped;
}

MT_HOOK void *mmap(void *start, size_t size, int protection, int flags, int fd, off_t offset)
{
	return map(mt_real.mmap, start, size, protection, flags, fd, offset, CALLER(MT_KIND_MMAP));
}

MT_HOOK void *mmap64(void *start, size_t size, int protection, int flags, int fd, off_t offset)
{
	return map(mt_real.mmap64, start, size, protection, flags, fd, offset,
	           CALLER(MT_KIND_MMAP));
}

MT_HOOK int munmap(void *start, size_t size)
{
	struct mt_caller caller = CALLER(MT_KIND_MUNMAP);
	bool is_recorded = !is_unused();
	int result;

	mt_release_tell(size);
	if (mt_likely(is_recorded))
		mt_emit_unmap(&caller, start, size);
	if (mt_likely(mt_real.munmap != NULL))
		result = mt_real.munmap(start, size);
	else
		result = (int)syscall(SYS_munmap, start, size);
	if (result != 0 && is_recorded)
		mt_emit_unmap_failed(&caller, start, size);
	return result;
}

/* Not recorded: what is mapped stays. */
MT_HOOK int madvise(void *start, size_t size, int advice)
{
	if (advice == MADV_DONTNEED || advice == MADV_REMOVE)
		mt_release_tell(size);
	if (mt_likely(mt_real.madvise != NULL))
		return mt_real.madvise(start, size, advice);
	return (int)syscall(SYS_madvise, start, size, advice);
}

MT_HOOK void *mremap(void *old, size_t old_size, size_t new_size, int flags, ...)
{
	struct mt_caller caller = CALLER(MT_KIND_MREMAP);
	bool is_recorded = !is_unused();
	void *wanted = NULL;
	void *mapped;

	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		va_list more;

		va_start(more, flags);
		wanted = va_arg(more, void *);
		va_end(more);
	}
	if (flags & MREMAP_DONTUNMAP)
		is_recorded = false; /* its pages go, the mapping stays */
	if (new_size < old_size)
		mt_release_tell(old_size - new_size);
	if (mt_likely(is_recorded))
		mt_emit_unmap(&caller, old, old_size);
	if (mt_likely(mt_real.mremap != NULL))
		mapped = mt_real.mremap(old, old_size, new_size, flags, wanted);
	else
		mapped = (void *)syscall(SYS_mremap, old, old_size, new_size, flags, wanted);
	if (mapped != MAP_FAILED && !is_stopped())
		mt_emit_map(&caller, mapped, new_size, (uint32_t)flags << 8);
	else if (mapped == MAP_FAILED && is_recorded)
		mt_emit_unmap_failed(&caller, old, old_size);
	return mapped;
}

/* The segment's length is not among the arguments; 0: it cannot be told. */
static size_t shared_bytes(int id)
{
	struct shmid_ds segment;
	int saved_errno = errno;
	size_t bytes = syscall(SYS_shmctl, id, IPC_STAT, &segment) == 0 ? segment.shm_segsz : 0;

	errno = saved_errno;
	return bytes;
}

MT_HOOK void *shmat(int id, const void *start, int flags)
{
	struct mt_caller caller = CALLER(MT_KIND_SHM);
	void *mapped;

	if (mt_unlikely(!mt_real.found))
		mt_real_init();
	mapped = mt_real.shmat(id, start, flags);
	if (mapped != MAP_FAILED && !is_stopped())
		mt_emit_map(&caller, mapped, shared_bytes(id), 0);
	return mapped;
}

MT_HOOK int shmdt(const void *start)
{
	struct mt_caller caller = CALLER(MT_KIND_SHM);
	bool is_recorded = !is_unused();
	int result;

	if (mt_unlikely(!mt_real.found))
		mt_real_init();
	if (mt_likely(is_recorded))
		mt_emit_unmap(&caller, start, 0);
	result = mt_real.shmdt(start);
	if (result != 0 && is_recorded)
		mt_emit_unmap_failed(&caller, start, 0);
	return result;
}

MT_HOOK int brk(void *wanted)
{
	struct mt_caller caller = CALLER(MT_KIND_BRK);
	char *before;
	int result;

	if (mt_unlikely(!mt_real.found))
		mt_real_init();
	before = mt_real.sbrk(0);
	result = mt_real.brk(wanted);
	if (result == 0)
		mt_growth_moved(before, wanted);
	if (result == 0 && !is_stopped())
		mt_emit_break(&caller, wanted, (char *)wanted - before);
	return result;
}

MT_HOOK void *sbrk(intptr_t change)
{
	struct mt_caller caller = CALLER(MT_KIND_SBRK);
	void *before;

	if (mt_unlikely(!mt_real.found))
		mt_real_init();
	before = mt_real.sbrk(change);
	if (before != (void *)-1)
		mt_growth_moved(before, (char *)before + change);
	if (change != 0 && before != (void *)-1 && !is_stopped())
		mt_emit_break(&caller, (char *)before + change, change);
	return before;
}
