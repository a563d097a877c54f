/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks_life.c - fork, exec, the ways to exit, and code that goes away.
 *
 * Runs in the traced process. An exec or exit by anybody but the owner of the slot (a vfork child, which
 * shares this memory) is only passed through.
 */
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/emit.h"
#include "preload/image.h"
#include "preload/life.h"
#include "preload/module.h"
#include "preload/order.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/say.h"
#include "preload/thread.h"

extern char **environ;

void __cxa_finalize(void *module);

static bool is_on(void)
{
	return atomic_load_explicit(&mt_process.state, memory_order_relaxed) == MT_PROCESS_ON;
}

/* --- fork ------------------------------------------------------------------------------------------- */

/* A fork that fails leaves its count behind: the collector waits a little longer at the very end. */
static void before_fork(void)
{
	if (!is_on())
		return;
	mt_tls.fork_serial = atomic_fetch_add(&mt_process.fork_serial, 1) + 1;
	atomic_fetch_add(&mt_process.segment->forks_in_flight, 1);
	mt_emit_life(MT_EVENT_FORK, 0, mt_tls.fork_serial);
	/* What other threads do from now on is the child's no more, and must not look older than the fork. */
	mt_order_renew();
}

static void after_fork_in_parent(void)
{
	mt_tls.fork_serial = 0;
}

static void after_fork_in_child(void)
{
	if (is_on())
		mt_process_adopt_child();
}

/* fork() without the handlers, for signal handlers. */
MT_HOOK pid_t _Fork(void)
{
	uint64_t outer_serial = mt_tls.fork_serial;
	bool was_on = is_on();
	pid_t pid;

	if (!mt_real._Fork) {
		errno = ENOSYS;
		return -1;
	}
	before_fork();
	pid = mt_real._Fork();
	if (pid == 0 && was_on)
		after_fork_in_child();
	else if (pid < 0 && was_on)
		atomic_fetch_sub(&mt_process.segment->forks_in_flight, 1);
	/* A handler may have interrupted a fork(). */
	if (pid != 0)
		mt_tls.fork_serial = outer_serial;
	return pid;
}

/* --- exit ------------------------------------------------------------------------------------------- */

static _Atomic int quick_status;

/* Registered before anybody else's, so it runs after all of them and after every destructor. */
static void on_exit_called(int status, void *unused)
{
	(void)unused;
	mt_life_end(MT_EXIT_RETURN, status);
}

static void on_quick_exit(void)
{
	mt_life_end(MT_EXIT_QUICK, atomic_load_explicit(&quick_status, memory_order_relaxed));
}

MT_HOOK _Noreturn void quick_exit(int status)
{
	atomic_store_explicit(&quick_status, status, memory_order_relaxed);
	mt_real.quick_exit(status);
	__builtin_unreachable();
}

MT_HOOK _Noreturn void _exit(int status)
{
	mt_life_end(MT_EXIT_IMMEDIATE, status);
	mt_real._exit(status);
	__builtin_unreachable();
}

MT_HOOK _Noreturn void _Exit(int status)
{
	mt_life_end(MT_EXIT_IMMEDIATE, status);
	mt_real._Exit(status);
	__builtin_unreachable();
}

void mt_life_init(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
	on_exit(on_exit_called, NULL);
	at_quick_exit(on_quick_exit);
}

/* --- exec ------------------------------------------------------------------------------------------- */

/* What is about to be exec'd, or started by posix_spawn(). */
struct target {
	const char *path;
	enum mt_untraced why; /* it cannot be traced */
	size_t room; /* for an environment that does not harm it; 0: it may have the one given */
};

static const char *const untraced_text[] = {
#define UNTRACED_TEXT(name, sentence) sentence,
        MT_UNTRACED(UNTRACED_TEXT)
#undef UNTRACED_TEXT
};

/*
 * Called also in a vfork child, whose events are its parent's. A session's first line about this is its last: a
 * build may start thousands of static programs.
 */
static void say_untraced(const struct target *target)
{
	if (!is_on())
		return;
	mt_emit_untraced(target->why, target->path);
	if (!atomic_exchange(&mt_process.segment->untraced_said, 1))
		mt_say(target->path, " runs untraced: ", untraced_text[target->why],
		       " (memtrace info tells of others)", NULL);
}

/* Also where nothing is traced: the preload stands in the environment all the same. */
static struct target look_at(enum mt_untraced why, const char *path, char *const *environment)
{
	struct target target = {path, why, 0};

	if (why == MT_UNTRACED_NOT)
		return target;
	target.room = mt_image_room(environment);
	/* Then it was not to be traced, or is not ours to say. */
	if (!target.room)
		return target;
	say_untraced(&target);
	if (!mt_image_is_harmed(why))
		target.room = 0;
	return target;
}

/* The environment for the target; in room of the caller's frame. */
#define ENVIRONMENT_FOR(target, environment) \
	((target).room ? mt_image_strip(environment, alloca((target).room)) : (environment))

static bool exec_begins(void)
{
	if (!is_on() || getpid() != mt_process.pid)
		return false;
	return mt_emit_life(MT_EVENT_EXEC, 0, 0) != NULL;
}

static int exec_failed(bool begun)
{
	if (begun)
		mt_emit_life(MT_EVENT_EXEC_FAILED, 0, 0);
	return -1;
}

static int exec(const char *path, char *const *arguments, char *const *environment)
{
	struct target target = look_at(mt_image_check(AT_FDCWD, path), path, environment);
	bool begun = exec_begins();

	mt_real.execve(path, arguments, ENVIRONMENT_FOR(target, environment));
	return exec_failed(begun);
}

static int exec_search(const char *file, char *const *arguments, char *const *environment)
{
	struct target target = look_at(mt_image_check_search(file), file, environment);
	bool begun = exec_begins();

	mt_real.execvpe(file, arguments, ENVIRONMENT_FOR(target, environment));
	return exec_failed(begun);
}

MT_HOOK int execve(const char *path, char *const *arguments, char *const *environment)
{
	return exec(path, arguments, environment);
}

MT_HOOK int execv(const char *path, char *const *arguments)
{
	return exec(path, arguments, environ);
}

MT_HOOK int execvpe(const char *file, char *const *arguments, char *const *environment)
{
	return exec_search(file, arguments, environment);
}

MT_HOOK int execvp(const char *file, char *const *arguments)
{
	return exec_search(file, arguments, environ);
}

MT_HOOK int fexecve(int fd, char *const *arguments, char *const *environment)
{
	struct target target = look_at(mt_image_check(fd, ""), arguments[0], environment);
	bool begun = exec_begins();

	mt_real.fexecve(fd, arguments, ENVIRONMENT_FOR(target, environment));
	return exec_failed(begun);
}

MT_HOOK int execveat(int folder_fd, const char *path, char *const *arguments,
                     char *const *environment, int flags)
{
	struct target target;
	bool begun;

	if (!mt_real.execveat) {
		errno = ENOSYS;
		return -1;
	}
	target = look_at(mt_image_check(folder_fd, path), path, environment);
	begun = exec_begins();
	mt_real.execveat(folder_fd, path, arguments, ENVIRONMENT_FOR(target, environment), flags);
	return exec_failed(begun);
}

/* libc execs in there by itself; system() and popen() start a shell, which comes by here for the rest. */
MT_HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const *arguments,
                        char *const *environment)
{
	struct target target = look_at(mt_image_check(AT_FDCWD, path), path, environment);

	return mt_real.posix_spawn(pid, path, actions, attributes, arguments,
	                           ENVIRONMENT_FOR(target, environment));
}

MT_HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const *arguments,
                         char *const *environment)
{
	struct target target = look_at(mt_image_check_search(file), file, environment);

	return mt_real.posix_spawnp(pid, file, actions, attributes, arguments,
	                            ENVIRONMENT_FOR(target, environment));
}

/* The arguments of an execl, on this frame's stack as libc does it. */
#define COLLECT_ARGUMENTS(first, more, ret_arguments)                 \
	do {                                                          \
		size_t count = 1;                                     \
		va_list counting;                                     \
                                                                      \
		va_copy(counting, more);                              \
		while (va_arg(counting, char *))                      \
			count++;                                      \
		va_end(counting);                                     \
		ret_arguments = alloca((count + 1) * sizeof(char *)); \
		ret_arguments[0] = (char *)first;                     \
		for (size_t i = 1; i <= count; i++)                   \
			ret_arguments[i] = va_arg(more, char *);      \
	} while (0)

MT_HOOK int execl(const char *path, const char *first, ...)
{
	char **arguments;
	va_list more;

	va_start(more, first);
	COLLECT_ARGUMENTS(first, more, arguments);
	va_end(more);
	return exec(path, arguments, environ);
}

MT_HOOK int execlp(const char *file, const char *first, ...)
{
	char **arguments;
	va_list more;

	va_start(more, first);
	COLLECT_ARGUMENTS(first, more, arguments);
	va_end(more);
	return exec_search(file, arguments, environ);
}

MT_HOOK int execle(const char *path, const char *first, ...)
{
	char *const *environment;
	char **arguments;
	va_list more;

	va_start(more, first);
	COLLECT_ARGUMENTS(first, more, arguments);
	environment = va_arg(more, char *const *);
	va_end(more);
	return execve(path, arguments, environment);
}

/* --- code ------------------------------------------------------------------------------------------- */

/* Called by each module's own end, so that unloads inside libc (iconv, NSS) are seen too. */
MT_HOOK void __cxa_finalize(void *module)
{
	mt_module_new_epoch(module);
	if (mt_real.__cxa_finalize)
		mt_real.__cxa_finalize(module);
}

MT_HOOK int dlclose(void *handle)
{
	int result;

	if (!mt_real.found)
		mt_real_init();
	result = mt_real.dlclose(handle);
	mt_module_new_epoch(NULL);
	return result;
}

/* --- main ------------------------------------------------------------------------------------------- */

/* Between the constructors and main; a tail call, so that no frame of ours stays on the stack. */
MT_HOOK int __libc_start_main(int (*main_function)(int, char **, char **), int argc, char **argv,
                              void *init, void *fini, void *rtld_fini, void *stack_end);
MT_HOOK int __libc_start_main(int (*main_function)(int, char **, char **), int argc, char **argv,
                              void *init, void *fini, void *rtld_fini, void *stack_end)
{
	mt_life_before_main();
	return mt_real.__libc_start_main(main_function, argc, argv, init, fini, rtld_fini,
	                                 stack_end);
}
