/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * soak.c - everything at once for a while, with a ledger of its own.
 *
 *	soak LEDGER SECONDS PLUGIN PLUGIN
 *
 * Threads hand blocks to each other and come and go; two libraries are loaded and unloaded, again and again, each
 * allocating; children are forked and spawned out of the midst of it, and end in all ways; a thread is interrupted
 * without pause by a handler that allocates and that, every now and then, does not return; SIGPROF comes at 1 kHz.
 *
 * LEDGER is a file mapped shared; tests/reliability/soak.py reads it:
 *
 *	struct ledger { used; is_over; rows[] }     a row a process image, in the order in which they began
 *
 * Blocks are counted by who allocated them: the program, the first library, the second.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROWS    262144
#define PLACES  512
#define ORIGINS 3

struct tally {
	_Atomic uint64_t allocations;
	_Atomic uint64_t frees;
	_Atomic uint64_t bytes;
};

struct row {
	uint32_t pid;
	uint32_t pad;
	_Atomic uint64_t inherited_frees;
	struct tally tallies[ORIGINS];
};

struct ledger {
	_Atomic uint32_t used;
	_Atomic uint32_t is_over;
	_Atomic uint64_t signals; /* handlers that allocated */
	_Atomic uint64_t jumps;   /* of them, that did not return */
	_Atomic uint64_t threads;
	_Atomic uint64_t loads; /* of a library */
	struct row rows[ROWS];
};

/* What every block begins with. */
struct block {
	uint32_t origin;
	uint32_t owner; /* the pid that allocated it */
};

static struct ledger *ledger;
static struct row *row;
static uint32_t pid;
static char **plugins;
static const char *self;
static const char *ledger_path;
static _Atomic(struct block *) places[PLACES];
static _Atomic bool is_over;

static void die(const char *what)
{
	dprintf(STDERR_FILENO, "soak: %s: %s\n", what, strerror(errno));
	abort();
}

static void begin_row(void)
{
	uint32_t index = atomic_fetch_add(&ledger->used, 1);

	if (index >= ROWS) {
		errno = ENOSPC;
		die("the ledger");
	}
	pid = (uint32_t)getpid();
	row = &ledger->rows[index];
	row->pid = pid;
}

static struct block *enter(struct block *block, uint32_t origin, size_t size)
{
	if (!block)
		die("malloc");
	block->origin = origin;
	block->owner = pid;
	row->tallies[origin].bytes += size;
	row->tallies[origin].allocations++;
	return block;
}

static struct block *make(size_t size)
{
	return enter(malloc(size), 0, size);
}

static void leave(const struct block *block)
{
	if (block->owner == pid)
		row->tallies[block->origin].frees++;
	else
		row->inherited_frees++;
}

static void drop(struct block *block)
{
	if (!block)
		return;
	leave(block);
	free(block);
}

static struct block *resize(struct block *block, size_t size)
{
	leave(block);
	return enter(realloc(block, size), 0, size);
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void hand_over(uint64_t *state, unsigned times)
{
	while (times--) {
		uint64_t lot = next(state);
		struct block *block = atomic_exchange(&places[lot % PLACES], NULL);

		if (block && (lot >> 60) < 5)
			block = resize(block, sizeof(*block) + (lot >> 20) % 3000);
		else {
			drop(block);
			block = make(sizeof(*block) + (lot >> 30) % 3000);
		}
		drop(atomic_exchange(&places[(lot >> 10) % PLACES], block));
	}
}

/* --- threads -------------------------------------------------------------------------------------------- */

static void *worker(void *argument)
{
	uint64_t state = (uintptr_t)argument * 0x9e3779b97f4a7c15u + 1;

	while (!is_over) {
		hand_over(&state, 200);
		sched_yield();
	}
	return NULL;
}

static void *visitor(void *argument)
{
	uint64_t state = (uintptr_t)argument * 0x9e3779b97f4a7c15u + 1;

	pthread_setname_np(pthread_self(), "visitor");
	hand_over(&state, 50);
	return NULL;
}

static void *host(void *argument)
{
	uintptr_t number = 1000;
	pthread_attr_t small;
	pthread_t guests[4];

	(void)argument;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	while (!is_over) {
		for (int i = 0; i < 4; i++)
			if (pthread_create(&guests[i], i & 1 ? &small : NULL, visitor,
			                   (void *)++number) != 0)
				die("pthread_create");
		for (int i = 0; i < 4; i++)
			pthread_join(guests[i], NULL);
		ledger->threads += 4;
	}
	return NULL;
}

static void load_once(unsigned which)
{
	void *library = dlopen(plugins[which], RTLD_NOW | RTLD_LOCAL);
	void *(*plugin_make)(size_t) =
	        library ? (void *(*)(size_t))dlsym(library, "plugin_make") : NULL;
	struct block *blocks[8];

	if (!plugin_make)
		die("dlopen");
	for (unsigned i = 0; i < 8; i++) {
		size_t size = sizeof(struct block) + 16 * i + which;

		blocks[i] = enter(plugin_make(size), which + 1, size);
	}
	for (unsigned i = 0; i < 7; i++)
		drop(blocks[i]);
	/* One outlives its library, in a place where anybody may free it. */
	drop(atomic_exchange(&places[which], blocks[7]));
	dlclose(library);
	ledger->loads++;
}

static void *loader(void *argument)
{
	(void)argument;
	for (unsigned i = 0; !is_over; i++)
		load_once(i & 1);
	return NULL;
}

/* --- signals -------------------------------------------------------------------------------------------- */

/* Whether the thread is where its handler may call malloc: nothing of the allocator's or the loader's is under way. */
static volatile sig_atomic_t is_calm;
static volatile sig_atomic_t was_interrupted;
static sigjmp_buf out;

static void on_user(int signal)
{
	(void)signal;
	if (!is_calm)
		return;
	is_calm = 0;
	was_interrupted = 1;
	drop(make(sizeof(struct block) + 24));
	ledger->signals++;
	if (ledger->signals % 4 == 0) {
		ledger->jumps++;
		siglongjmp(out, 1);
	}
}

static volatile sig_atomic_t ticks;

static void on_tick(int signal)
{
	(void)signal;
	ticks++;
}

static void *interrupted(void *argument)
{
	static char stack[64 << 10];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	uint64_t state = 77;

	(void)argument;
	sigaltstack(&alternate, NULL);
	while (!is_over) {
		hand_over(&state, 20);
		was_interrupted = 0;
		if (sigsetjmp(out, 1) == 0) {
			is_calm = 1;
			while (!was_interrupted && !is_over)
				sched_yield();
		}
		is_calm = 0;
	}
	return NULL;
}

static void *interrupter(void *argument)
{
	pthread_t target = *(pthread_t *)argument;

	while (!is_over) {
		pthread_kill(target, SIGUSR1);
		sched_yield();
	}
	return NULL;
}

static void catch (int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | flags};

	sigaction(signal, &action, NULL);
}

/* --- processes ------------------------------------------------------------------------------------------ */

/* No exit, no quick_exit: a child forked among threads may find their lock taken for ever. */
static void end(unsigned way)
{
	if (way % 3 == 0)
		raise(SIGKILL);
	if (way % 3 == 1)
		_Exit(0);
	_exit(0);
}

static void child(unsigned number)
{
	uint64_t state = number * 0x9e3779b97f4a7c15u + 1;
	char *image[] = {(char *)self, (char *)ledger_path, (char *)"image",
	                 plugins[0],   plugins[1],          NULL};

	/* The thread that sends it is the parent's. */
	signal(SIGUSR1, SIG_IGN);
	begin_row();
	hand_over(&state, 100);
	if (number % 3 == 0) {
		execv(self, image);
		die("execv");
	}
	end(number);
}

static void await(pid_t one)
{
	int status;

	while (waitpid(one, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
		dprintf(STDERR_FILENO, "soak: a child ended with status 0x%x\n", status);
		abort();
	}
}

static void *forker(void *argument)
{
	struct timespec pause = {.tv_nsec = 20000000};

	(void)argument;
	for (unsigned number = 1; !is_over; number++) {
		pid_t one = fork();

		if (one < 0)
			die("fork");
		if (one == 0)
			child(number);
		await(one);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

extern char **environ;

static void *spawner(void *argument)
{
	char *image[] = {(char *)self, (char *)ledger_path, (char *)"image",
	                 plugins[0],   plugins[1],          NULL};
	struct timespec pause = {.tv_nsec = 100000000};

	(void)argument;
	while (!is_over) {
		pid_t one;

		errno = posix_spawn(&one, self, NULL, NULL, image, environ);
		if (errno)
			die("posix_spawn");
		await(one);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* An exec'd image: two threads, both libraries, and an end. */
static int image(void)
{
	uint64_t state = pid;
	pthread_t other;

	if (pthread_create(&other, NULL, visitor, (void *)(uintptr_t)pid) != 0)
		die("pthread_create");
	hand_over(&state, 100);
	load_once(0);
	load_once(1);
	pthread_join(other, NULL);
	if (pid % 3 == 0)
		quick_exit(0);
	if (pid % 3 == 1)
		end(pid / 3);
	return 0;
}

int main(int count, char **arguments)
{
	static void *(*const works[])(void *) = {worker,      worker, host,   loader,
	                                         interrupted, forker, spawner};
	enum { WORKS = sizeof(works) / sizeof(*works), INTERRUPTED = 4 };
	struct itimerval khz = {{0, 1000}, {0, 1000}};
	pthread_t threads[WORKS + 1];
	struct timespec seconds = {0};
	int file;

	if (count != 5)
		return 2;
	self = arguments[0];
	ledger_path = arguments[1];
	plugins = &arguments[3];
	file = open(ledger_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, sizeof(*ledger)) < 0)
		die("the ledger");
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (ledger == MAP_FAILED)
		die("the ledger");
	close(file);
	begin_row();
	if (strcmp(arguments[2], "image") == 0)
		return image();

	seconds.tv_sec = atol(arguments[2]);
	catch (SIGUSR1, on_user, SA_ONSTACK);
	catch (SIGPROF, on_tick, SA_ONSTACK);
	setitimer(ITIMER_PROF, &khz, NULL);
	for (uintptr_t i = 0; i < WORKS; i++)
		if (pthread_create(&threads[i], NULL, works[i], (void *)(i + 1)) != 0)
			die("pthread_create");
	if (pthread_create(&threads[WORKS], NULL, interrupter, &threads[INTERRUPTED]) != 0)
		die("pthread_create");
	while (nanosleep(&seconds, &seconds) < 0 && errno == EINTR)
		;
	is_over = true;
	/* The interrupter first: its target must be there while it sends. */
	for (int i = WORKS; i >= 0; i--)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < PLACES; i++)
		drop(places[i]);
	ledger->is_over = 1;
	return 0;
}
