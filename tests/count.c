/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * count.c - count.so, an independent count of a program's allocations, to hold memtrace to.
 *
 * Loaded by the tests behind the library, LD_PRELOAD='libmemtrace.so count.so', or alone; runs in the
 * traced process, in whatever thread calls malloc. It shares no line with the library. It counts what
 * succeeded, as valgrind's "total heap usage" does: a realloc is a free and an allocation.
 *
 * The counts stand in the file that COUNT_OUTPUT names, mapped shared and counted up in place. So they
 * are right at every moment to the very end of the process, whatever way it ends, and no exit handler has to
 * come after the library's. tests/e2e/counts.py reads it:
 *
 *	struct count_file { used; rows[COUNT_ROWS] }      a row for each process image with an event
 *
 * A forked child gets a row of its own: the pointer to the row is in a page that fork wipes. A vfork
 * child counts for its parent, whose memory it runs in.
 *
 * System calls are made by number where the library has hooks, so that they are not the program's events.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT_ROWS  4095
#define ARENA_BYTES 4096

struct count_row {
	uint32_t pid;
	uint32_t reserved;
	char command[16];
	_Atomic uint64_t allocations;
	_Atomic uint64_t frees;
	_Atomic uint64_t bytes; /* asked for by all allocations */
	uint64_t pad[2];
};
_Static_assert(sizeof(struct count_row) == 64, "as tests/e2e/counts.py reads it");

struct count_file {
	_Atomic uint64_t used;
	uint64_t pad[7];
	struct count_row rows[COUNT_ROWS];
};

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
} real;

static struct count_file *counts;
static struct count_row **row; /* in the page that fork wipes */

/* For what dlsym may allocate while the real functions are being looked up; not counted, never freed. */
static _Alignas(16) unsigned char arena[ARENA_BYTES];
static size_t arena_used;
static int is_looking_up;

static void fail(const char *what)
{
	static const char prefix[] = "count.so: cannot ";

	if (write(STDERR_FILENO, prefix, sizeof(prefix) - 1) < 0 ||
	    write(STDERR_FILENO, what, strlen(what)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
		_exit(98);
	_exit(99);
}

/* Longs, because syscall takes whole registers. */
static void *raw_mmap(long bytes, long flags, long fd)
{
	long result = syscall(SYS_mmap, 0L, bytes, (long)(PROT_READ | PROT_WRITE), flags, fd, 0L);

	if (result == -1)
		fail("map memory");
	return (void *)result;
}

/* Not getenv: this may run before libc knows its environment. */
static void read_file(const char *path, char *buffer, size_t bytes, size_t *ret_length)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	long got = 0;

	if (fd < 0)
		fail("open a file of /proc/self");
	while (length < bytes && (got = syscall(SYS_read, fd, buffer + length, bytes - length)) > 0)
		length += (size_t)got;
	syscall(SYS_close, fd);
	if (got < 0)
		fail("read a file of /proc/self");
	*ret_length = length;
}

static const char *find_output(char *buffer, size_t bytes)
{
	static const char key[] = "COUNT_OUTPUT=";
	size_t length;
	char *end;

	read_file("/proc/self/environ", buffer, bytes - 1, &length);
	buffer[length] = '\0';
	end = buffer + length;
	for (char *at = buffer; at < end; at += strlen(at) + 1) {
		if (strncmp(at, key, sizeof(key) - 1) == 0)
			return at + sizeof(key) - 1;
	}
	return NULL;
}

static void open_counts(void)
{
	/* Memory that the program cannot notice: neither its heap nor a thread's small stack. */
	const size_t bytes = 256 * 1024;
	char *buffer = raw_mmap(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	const char *path = find_output(buffer, bytes);
	int fd;

	if (!path)
		fail("go on without COUNT_OUTPUT=FILE");
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || syscall(SYS_ftruncate, fd, sizeof(struct count_file)) != 0)
		fail("open the file of COUNT_OUTPUT");
	counts = raw_mmap(sizeof(struct count_file), MAP_SHARED, fd);
	syscall(SYS_close, fd);
	syscall(SYS_munmap, buffer, bytes);
	row = raw_mmap(4096, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (syscall(SYS_madvise, row, 4096, MADV_WIPEONFORK) != 0)
		fail("have a page wiped on fork");
}

static void claim_row(void)
{
	uint64_t at = atomic_fetch_add_explicit(&counts->used, 1, memory_order_relaxed);
	size_t length;

	if (at >= COUNT_ROWS)
		fail("count so many processes");
	*row = &counts->rows[at];
	(*row)->pid = (uint32_t)syscall(SYS_getpid);
	read_file("/proc/self/comm", (*row)->command, sizeof((*row)->command), &length);
}

static void count(uint64_t allocations, uint64_t frees, uint64_t bytes)
{
	int saved = errno;

	/* The first event of a process comes before its second thread. */
	if (!counts)
		open_counts();
	if (!*row)
		claim_row();
	atomic_fetch_add_explicit(&(*row)->allocations, allocations, memory_order_relaxed);
	atomic_fetch_add_explicit(&(*row)->frees, frees, memory_order_relaxed);
	atomic_fetch_add_explicit(&(*row)->bytes, bytes, memory_order_relaxed);
	errno = saved;
}

static void look_up(void)
{
	struct {
		const char *name;
		void **function;
	} names[] = {
	        {"malloc", (void **)&real.malloc},
	        {"calloc", (void **)&real.calloc},
	        {"realloc", (void **)&real.realloc},
	        {"posix_memalign", (void **)&real.posix_memalign},
	        {"aligned_alloc", (void **)&real.aligned_alloc},
	        {"memalign", (void **)&real.memalign},
	        {"valloc", (void **)&real.valloc},
	        {"pvalloc", (void **)&real.pvalloc},
	        {"free", (void **)&real.free}, /* last: says that all are known */
	};

	if (is_looking_up)
		return;
	is_looking_up = 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*names[i].function = dlsym(RTLD_NEXT, names[i].name);
		if (!*names[i].function)
			fail("find the next malloc");
	}
	is_looking_up = 0;
}

static int is_ready(void)
{
	if (!real.free)
		look_up();
	return real.free != NULL;
}

static void *arena_take(size_t bytes)
{
	size_t need = (bytes + 15) & ~(size_t)15;
	void *block = arena + arena_used;

	if (need > ARENA_BYTES - arena_used)
		fail("serve what dlsym allocates");
	arena_used += need;
	return block;
}

static int is_in_arena(const void *block)
{
	return (uintptr_t)block - (uintptr_t)arena < ARENA_BYTES;
}

void *malloc(size_t bytes)
{
	void *block;

	if (!is_ready())
		return arena_take(bytes);
	block = real.malloc(bytes);
	if (block)
		count(1, 0, bytes);
	return block;
}

void *calloc(size_t members, size_t bytes)
{
	void *block;

	if (!is_ready())
		return arena_take(members * bytes);
	block = real.calloc(members, bytes);
	if (block)
		count(1, 0, members * bytes);
	return block;
}

void *realloc(void *old, size_t bytes)
{
	void *block;

	if (!is_ready() || is_in_arena(old))
		fail("reallocate while looking for realloc");
	block = real.realloc(old, bytes);
	if (block)
		count(1, old ? 1 : 0, bytes);
	else if (old && bytes == 0)
		count(0, 1, 0); /* glibc's realloc(p, 0) is free(p) */
	return block;
}

void free(void *block)
{
	if (!block || is_in_arena(block))
		return;
	if (!is_ready())
		fail("free while looking for free");
	count(0, 1, 0);
	real.free(block);
}

int posix_memalign(void **ret_block, size_t alignment, size_t bytes)
{
	int error;

	if (!is_ready())
		return ENOMEM;
	error = real.posix_memalign(ret_block, alignment, bytes);
	if (!error)
		count(1, 0, bytes);
	return error;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	void *block = is_ready() ? real.aligned_alloc(alignment, bytes) : NULL;

	if (block)
		count(1, 0, bytes);
	return block;
}

/*
 * libstdc++ rounds the size up to a multiple of the alignment before it calls aligned_alloc; what counts is
 * what it was asked for. This does the same, and leaves what fails to libstdc++, which throws. (A flag for
 * aligned_alloc would have to be thread-local, and that alone makes every thread's start allocate more.)
 */
static void *allocate_aligned(size_t bytes, size_t alignment)
{
	size_t rounded = ((bytes ? bytes : 1) + alignment - 1) & ~(alignment - 1);
	void *block =
	        is_ready() && rounded >= bytes ? real.aligned_alloc(alignment, rounded) : NULL;

	if (block)
		count(1, 0, bytes ? bytes : rounded);
	return block;
}

#define ALIGNED_NEW(symbol, parameters, arguments)                             \
	void *symbol parameters;                                               \
	void *symbol parameters                                                \
	{                                                                      \
		static void *(*next)parameters;                                \
		void *block = allocate_aligned(bytes, alignment);              \
                                                                               \
		if (block)                                                     \
			return block;                                          \
		if (!next)                                                     \
			next = (void *(*)parameters)dlsym(RTLD_NEXT, #symbol); \
		return next arguments;                                         \
	}

ALIGNED_NEW(_ZnwmSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))
ALIGNED_NEW(_ZnamSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))
ALIGNED_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t,
            (size_t bytes, size_t alignment, const void *nothrow), (bytes, alignment, nothrow))
ALIGNED_NEW(_ZnamSt11align_val_tRKSt9nothrow_t,
            (size_t bytes, size_t alignment, const void *nothrow), (bytes, alignment, nothrow))

void *memalign(size_t alignment, size_t bytes)
{
	void *block = is_ready() ? real.memalign(alignment, bytes) : NULL;

	if (block)
		count(1, 0, bytes);
	return block;
}

void *valloc(size_t bytes)
{
	void *block = is_ready() ? real.valloc(bytes) : NULL;

	if (block)
		count(1, 0, bytes);
	return block;
}

void *pvalloc(size_t bytes)
{
	void *block = is_ready() ? real.pvalloc(bytes) : NULL;

	if (block)
		count(1, 0, bytes);
	return block;
}
