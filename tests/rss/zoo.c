/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zoo.c - one of each kind of mapping, each made by a function of its own, with as many resident pages as it says.
 *
 *	zoo [FILE]
 *
 * For the e2e test of memtrace rss. Prints what must be found, a line each:
 *
 *	KIND FUNCTION BYTES CHILD	an owner of this kind, whose stack has this function, has so many bytes resident;
 *					CHILD: the same in a forked child ("-": there it depends on the kernel)
 *	hugetlb - BYTES -		beside what is resident
 *	skip FUNCTION REASON -		cannot be had here
 *	child PID - -			a forked child, which rests, too
 *	ready - - -			the last line
 *
 * BYTES is known by construction: pages are counted as they are written. Ends with its standard input. FILE is made, of
 * 80 pages.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096ul
#define HUGE  (2ul << 20)
#define APART __attribute__((noinline))

static const char *file_path;
static pthread_barrier_t built, end;

static void want(const char *kind, const char *function, unsigned long bytes, int is_inherited)
{
	printf("%s %s %lu %s\n", kind, function, bytes, is_inherited ? "same" : "-");
}

/* Why a kind cannot be had: the kernel's word. */
static void skip(const char *function)
{
	printf("skip %s %d -\n", function, errno);
}

static char *anonymous(unsigned long pages)
{
	char *start = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                   -1, 0);

	if (start == MAP_FAILED)
		exit(1);
	madvise(start, pages * PAGE, MADV_NOHUGEPAGE);
	return start;
}

static void touch(char *start, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		((volatile char *)start)[i * PAGE] = 1;
}

static void look_at(const char *start, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		(void)((const volatile char *)start)[i * PAGE];
}

/* Was a page that has only been read made of nothing? There are kernels that have no zero page, and give it one. */
static int is_zero_page(const char *page)
{
	const unsigned long long exclusive = 1ull
	                                     << 56; /* mapped here alone; the zero page never is */
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned long long entry = 0;

	if (fd < 0 || pread(fd, &entry, sizeof(entry),
	                    (off_t)((unsigned long)page / PAGE * sizeof(entry))) != sizeof(entry))
		exit(1);
	close(fd);
	return !(entry & exclusive);
}

/* ---- Huge pages ---- */

/* Two huge pages' room, aligned. */
static char *huge(void)
{
	char *start =
	        mmap(NULL, 3 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		exit(1);
	start = (char *)(((unsigned long)start + HUGE - 1) & ~(HUGE - 1));
	madvise(start, 2 * HUGE, MADV_HUGEPAGE);
	return start;
}

/* Is there a huge page at start? By what the kernel says: whether it has one to give, nobody can know. */
static int is_huge(const char *start)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long from, to, kb;
	int is_here = 0, found = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_here = from <= (unsigned long)start && (unsigned long)start < to;
		else if (is_here && sscanf(line, "AnonHugePages: %lu", &kb) == 1)
			found = kb > 0;
	}
	if (file)
		fclose(file);
	return found;
}

/* khugepaged may not change any more what there is. */
static void settle(char *start)
{
	madvise(start, 2 * HUGE, MADV_NOHUGEPAGE);
}

APART static void huge_whole(void)
{
	char *start = huge();

	touch(start, HUGE / PAGE);
	settle(start);
	want("mmap", __func__, HUGE, 1);
}

APART static void huge_by_one_byte(void)
{
	char *start = huge();

	start[5 * PAGE] = 1;
	settle(start);
	want("mmap", __func__, is_huge(start) ? HUGE : PAGE, 1);
}

APART static void huge_split(void)
{
	char *start = huge();

	touch(start, HUGE / PAGE);
	settle(start);
	madvise(start + 40 * PAGE, 10 * PAGE, MADV_DONTNEED);
	want("mmap", __func__, HUGE - 10 * PAGE, 1);
}

APART static void huge_zero_page(void)
{
	char *start = huge();

	look_at(start + 7 * PAGE, 1);
	settle(start);
	if (is_zero_page(start + 7 * PAGE))
		want("mmap", __func__, 0, 1);
	else
		want("mmap", __func__, is_huge(start) ? HUGE : PAGE, 1);
}

/* ---- Anonymous memory ---- */

APART static void zero_pages(void)
{
	char *start = anonymous(100);

	look_at(start, 100);
	touch(start + 20 * PAGE, 5);
	want("mmap", __func__, (is_zero_page(start) ? 5 : 100) * PAGE, 1);
}

APART static void shared_anonymous(void)
{
	char *start =
	        mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	touch(start + 2 * PAGE, 6);
	want("mmap", __func__, 6 * PAGE, 0);
}

APART static void forbidden_afterwards(void)
{
	char *start = anonymous(10);

	touch(start, 8);
	mprotect(start, 10 * PAGE, PROT_NONE);
	want("mmap", __func__, 8 * PAGE, 1);
}

APART static void between_guards(void)
{
	char *start = anonymous(10);

	mprotect(start, PAGE, PROT_NONE);
	mprotect(start + 9 * PAGE, PAGE, PROT_NONE);
	touch(start + 2 * PAGE, 3);
	want("mmap", __func__, 3 * PAGE, 1);
}

APART static void freed_lazily(void)
{
	char *start = anonymous(12);

	touch(start, 12);
	if (madvise(start, 12 * PAGE, MADV_FREE) != 0)
		skip(__func__);
	else
		want("mmap", __func__, 12 * PAGE, 0);
}

APART static void given_back_in_part(void)
{
	char *start = anonymous(10);

	touch(start, 10);
	madvise(start + 4 * PAGE, 3 * PAGE, MADV_DONTNEED);
	want("mmap", __func__, 7 * PAGE, 1);
}

APART static void locked(void)
{
	char *start = anonymous(9);

	if (mlock(start, 9 * PAGE) != 0)
		skip(__func__);
	else
		want("mmap", __func__, 9 * PAGE, 1);
}

APART static void split_by_protection(void)
{
	char *start = anonymous(30);

	touch(start, 30);
	for (unsigned long i = 1; i < 30; i += 2)
		mprotect(start + i * PAGE, PAGE, PROT_READ);
	want("mmap", __func__, 30 * PAGE, 1);
}

APART static void huge_page_pool(void)
{
	char *start = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (start == MAP_FAILED) {
		skip(__func__);
		return;
	}
	start[0] = 1;
	printf("hugetlb - %lu -\n", HUGE);
	want("mmap", __func__, 0, 1);
}

/* ---- Moved, cut, covered ---- */

APART static void moved_and_grown(void)
{
	char *start = anonymous(5), *room = anonymous(20);

	touch(start, 5);
	start = mremap(start, 5 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 6 * PAGE);
	touch(start + 5 * PAGE, 1);
	want("mmap", __func__, 6 * PAGE, 1);
}

APART static void moved_away_but_kept(void)
{
	char *start = anonymous(5);

	touch(start, 5);
	/* The pages go to the new place, the old one stays and can be written anew. */
	if (mremap(start, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL) ==
	    MAP_FAILED) {
		skip(__func__);
		return;
	}
	touch(start, 2);
	want("mmap", __func__, 7 * PAGE, 1);
}

static char *covered;

APART static void partly_covered(void)
{
	covered = anonymous(10);
	touch(covered, 10);
	want("mmap", __func__, 6 * PAGE, 1);
}

APART static void on_top(void)
{
	mmap(covered + 3 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	touch(covered + 3 * PAGE, 2);
	want("mmap", __func__, 2 * PAGE, 1);
}

APART static void cut_in_two(void)
{
	char *start = anonymous(10);

	touch(start, 10);
	munmap(start + 2 * PAGE, 3 * PAGE);
	want("mmap", __func__, 7 * PAGE, 1);
}

/* ---- Files and shared memory ---- */

/* All of its pages are touched, as the kernel maps neighbours of a page that is read. */
static char *of_file(unsigned long first, int flags)
{
	int fd = open(file_path, O_RDWR);
	char *start =
	        mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE, flags, fd, (off_t)(first * PAGE));

	if (fd < 0 || start == MAP_FAILED)
		exit(1);
	close(fd);
	return start;
}

APART static void shared_file_written(void)
{
	touch(of_file(0, MAP_SHARED), 20);
	want("mmap", __func__, 20 * PAGE, 0);
}

APART static void shared_file_read(void)
{
	look_at(of_file(20, MAP_SHARED), 20);
	want("mmap", __func__, 20 * PAGE, 0);
}

APART static void private_file_written(void)
{
	touch(of_file(40, MAP_PRIVATE), 20);
	want("mmap", __func__, 20 * PAGE, 1);
}

APART static void private_file_read(void)
{
	look_at(of_file(60, MAP_PRIVATE), 20);
	want("mmap", __func__, 20 * PAGE, 0);
}

static char *of_memfd(int flags)
{
	int fd = memfd_create("zoo", 0);
	char *start;

	if (fd < 0 || ftruncate(fd, 10 * PAGE) != 0)
		exit(1);
	start = mmap(NULL, 10 * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	close(fd);
	return start;
}

APART static void memfd_shared(void)
{
	touch(of_memfd(MAP_SHARED), 10);
	want("mmap", __func__, 10 * PAGE, 0);
}

APART static void memfd_private(void)
{
	touch(of_memfd(MAP_PRIVATE), 4);
	want("mmap", __func__, 4 * PAGE, 1);
}

APART static void system_v(void)
{
	int id = shmget(IPC_PRIVATE, 10 * PAGE, 0600);
	char *start = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
	char *other;

	if (start == MAP_FAILED) {
		skip(__func__);
		return;
	}
	touch(start, 7);
	/* Attached, and detached again: it is nobody's any more. */
	other = shmat(id, NULL, 0);
	touch(other, 7);
	shmdt(other);
	if (mmap(other, 3 * PAGE, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == other)
		touch(other, 3);
	else
		exit(1);
	shmctl(id, IPC_RMID, NULL);
	want("mmap", __func__, 10 * PAGE, 0);
}

/* ---- The break ---- */

APART static void the_break(void)
{
	char *start = sbrk(6 * PAGE + PAGE);

	/* whole pages of it */
	start = (char *)(((unsigned long)start + PAGE - 1) & ~(PAGE - 1));
	touch(start, 6);
	want("mmap", __func__, 6 * PAGE, 1);
}

/* ---- Threads ---- */

/* So deep on its stack; more is the thread's own and what it calls. */
APART static void deep(void)
{
	volatile char frame[50 * PAGE];

	for (unsigned int i = 0; i < sizeof(frame); i += PAGE)
		frame[i] = 1;
}

static void *rest(void *unused)
{
	deep();
	pthread_barrier_wait(&built);
	pthread_barrier_wait(&end);
	return unused;
}

static void *with_an_arena(void *unused)
{
	void *blocks[64];

	for (int i = 0; i < 64; i++) {
		blocks[i] = malloc(10 * PAGE);
		touch(blocks[i], 10);
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	return unused;
}

/* A thread that has ended leaves its stack to the next one, and its arena, without a live block, too. */
APART static void ended_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, with_an_arena, NULL);
	pthread_join(thread, NULL);
}

static pthread_t own_thread, given_thread;

APART static void own_stack(void)
{
	pthread_create(&own_thread, NULL, rest, NULL);
}

APART static void given_stack(void)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, anonymous(100), 100 * PAGE);
	pthread_create(&given_thread, &attributes, rest, NULL);
	pthread_attr_destroy(&attributes);
	want("mmap", __func__, 0, 0);
}

/* ---- All of it ---- */

static pid_t child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid != 0)
		return pid;
	/* Its first event, without which it is not known. */
	free(malloc(100));
	pause();
	_exit(0);
}

int main(int count, char **arguments)
{
	static void (*const kinds[])(void) = {
	        huge_whole,
	        huge_by_one_byte,
	        huge_split,
	        huge_zero_page,
	        zero_pages,
	        shared_anonymous,
	        forbidden_afterwards,
	        between_guards,
	        freed_lazily,
	        given_back_in_part,
	        locked,
	        split_by_protection,
	        huge_page_pool,
	        moved_and_grown,
	        moved_away_but_kept,
	        partly_covered,
	        on_top,
	        cut_in_two,
	        shared_file_written,
	        shared_file_read,
	        private_file_written,
	        private_file_read,
	        memfd_shared,
	        memfd_private,
	        system_v,
	        the_break,
	        ended_thread,
	        own_stack,
	        given_stack,
	};
	static char zeros[80 * PAGE];
	pid_t pid;
	int fd;

	file_path = count > 1 ? arguments[1] : "zoo.file";
	fd = open(file_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, zeros, sizeof(zeros)) != (ssize_t)sizeof(zeros))
		return 1;
	close(fd);
	pthread_barrier_init(&built, NULL, 3);
	pthread_barrier_init(&end, NULL, 3);
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		kinds[i]();
	pthread_barrier_wait(&built);
	pid = child();
	printf("child %d - -\nready - - -\n", (int)pid);
	fflush(stdout);
	getchar();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pthread_barrier_wait(&end);
	pthread_join(own_thread, NULL);
	pthread_join(given_thread, NULL);
	return 0;
}
