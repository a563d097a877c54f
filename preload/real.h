/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real.h - the functions that ours stand in front of.
 *
 * Found by reading the loader's list of objects and their ELF hash tables, not with dlsym(): dlsym takes
 * the loader's lock, may allocate, and is a newer symbol than the library otherwise needs. What is found is
 * what dlsym(RTLD_NEXT) would give: the first definition behind this library, default versions preferred.
 * Objects loaded later stand at the end of the list, so an operator new that only a plugin's own libstdc++
 * defines is found too. Because nothing here allocates, no call has to be served from an arena of ours.
 *
 * Preconditions: none. Works before the constructor, in a signal handler, in a fork child.
 */
#ifndef MT_PRELOAD_REAL_H
#define MT_PRELOAD_REAL_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mt_nothrow; /* std::nothrow_t */

/* Those that libc has: REAL(result, name, arguments). */
#define MT_REALS(REAL)                                                                          \
	REAL(void *, malloc, (size_t))                                                          \
	REAL(void *, calloc, (size_t, size_t))                                                  \
	REAL(void *, realloc, (void *, size_t))                                                 \
	REAL(void, free, (void *))                                                              \
	REAL(void, cfree, (void *))                                                             \
	REAL(void, free_sized, (void *, size_t))                                                \
	REAL(void, free_aligned_sized, (void *, size_t, size_t))                                \
	REAL(int, posix_memalign, (void **, size_t, size_t))                                    \
	REAL(void *, aligned_alloc, (size_t, size_t))                                           \
	REAL(void *, memalign, (size_t, size_t))                                                \
	REAL(void *, valloc, (size_t))                                                          \
	REAL(void *, pvalloc, (size_t))                                                         \
	REAL(size_t, malloc_usable_size, (void *))                                              \
	REAL(void *, mmap, (void *, size_t, int, int, int, off_t))                              \
	REAL(void *, mmap64, (void *, size_t, int, int, int, off_t))                            \
	REAL(int, munmap, (void *, size_t))                                                     \
	REAL(int, madvise, (void *, size_t, int))                                               \
	REAL(void *, mremap, (void *, size_t, size_t, int, ...))                                \
	REAL(void *, shmat, (int, const void *, int))                                           \
	REAL(int, shmdt, (const void *))                                                        \
	REAL(int, brk, (void *))                                                                \
	REAL(void *, sbrk, (intptr_t))                                                          \
	REAL(int, dlclose, (void *))                                                            \
	REAL(void, __cxa_finalize, (void *))                                                    \
	REAL(void, _exit, (int))                                                                \
	REAL(void, _Exit, (int))                                                                \
	REAL(void, quick_exit, (int))                                                           \
	REAL(int, execve, (const char *, char *const *, char *const *))                         \
	REAL(int, execvpe, (const char *, char *const *, char *const *))                        \
	REAL(int, fexecve, (int, char *const *, char *const *))                                 \
	REAL(int, execveat, (int, const char *, char *const *, char *const *, int))             \
	REAL(int, posix_spawn,                                                                  \
	     (pid_t *, const char *, const void *, const void *, char *const *, char *const *)) \
	REAL(int, posix_spawnp,                                                                 \
	     (pid_t *, const char *, const void *, const void *, char *const *, char *const *)) \
	REAL(pid_t, _Fork, (void))                                                              \
	REAL(int, __libc_start_main,                                                            \
	     (int (*)(int, char **, char **), int, char **, void *, void *, void *, void *))    \
	REAL(int, pthread_setname_np, (uintptr_t, const char *))                                \
	REAL(int, prctl, (int, ...))                                                            \
	/* used, not interposed */                                                              \
	REAL(void *, dlopen, (const char *, int))                                               \
	REAL(int, dl_iterate_phdr, (int (*)(struct dl_phdr_info *, size_t, void *), void *))    \
	REAL(int, pthread_key_create, (unsigned int *, void (*)(void *)))                       \
	REAL(int, pthread_setspecific, (unsigned int, const void *))                            \
	REAL(int, _dl_find_object, (void *, void *))

struct mt_real {
#define MT_REAL_MEMBER(result, name, arguments) result(*name) arguments;
	MT_REALS(MT_REAL_MEMBER)
#undef MT_REAL_MEMBER
	bool found;
};

extern struct mt_real mt_real __attribute__((visibility("hidden")));

/* Fills mt_real; missing functions stay NULL. Idempotent, also from several threads at once. */
void mt_real_init(void);

/* The next definition of `name` behind this library; NULL: there is none. */
void *mt_real_find(const char *name);

/* The definition of `name` in one object; NULL: it has none. */
void *mt_real_find_in(const struct link_map *object, const char *name);

/* The value of a pointer in an object's dynamic section. */
uintptr_t mt_real_pointer(const struct link_map *object, uintptr_t value);

/* What the loader keeps for debuggers; NULL when it cannot be told. */
const struct r_debug *mt_real_debug(void);

/* The loader's list of objects; NULL when it cannot be told. */
const struct link_map *mt_real_objects(void);

/* The loader's entry of this library; NULL when it cannot be told. */
const struct link_map *mt_real_self(void);

/* The address that the loader itself is mapped at; 0 when it cannot be told. */
uintptr_t mt_real_loader_base(void);

#endif
