/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c - find, start or join the collector.
 *
 * The collector is started by a process between, which is cloned without an exit signal, so that the program never
 * sees a SIGCHLD or a child to wait for, and which is gone before the constructor goes on. Both share this process's
 * memory until the collector has exec'd, as after vfork(): to copy its page tables twice took 1.5 ms. Where the
 * collector would come back to the program as an orphan, see keep_collector().
 */
#include "preload/session.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/clock.h"
#include "preload/config.h"
#include "preload/emit.h"
#include "preload/own.h"
#include "preload/patience.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/sample.h"
#include "preload/say.h"
#include "preload/thread.h"

#define ANSWER_WAIT_S   10
#define COLLECTOR       "memtrace-collect"
#define ENVIRONMENT_MAX 65536u
#define SEE_OFF_MS      1000
/* What stands in MEMTRACE_SESSION where tracing could not begin: said once, not by every child again. */
#define NO_SESSION "none"

static char session_entry[sizeof(MT_SESSION_ENV) + sizeof(((struct mt_welcome *)0)->session)];

/* The conversation is large for a small stack, and there is one at a time. */
static struct mt_welcome welcome;

/* In this process's pid namespace; 0: not known. */
static pid_t collector_pid;
static bool has_yama;

/* strerror() would bring the locale in. */
static const char *error_text(int error)
{
	switch (-error) {
	case ENOENT: return "it is not there";
	case ECONNREFUSED: return "nobody listens";
	case ECONNRESET:
	case EPIPE: return "no answer came";
	case EAGAIN: return "no answer came in time";
	case EACCES:
	case EPERM: return "permission denied";
	case EINVAL: return "it is not of the form path:token";
	case EPROTO: return "another version of memtrace";
	case EUSERS: return "no further process may be started";
	case ENOMEM: return "out of memory or address space";
	case EMFILE:
	case ENFILE: return "too many open files";
	default: return "a system call failed";
	}
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

/* Parses "<path>:<token>"; -EINVAL: it is not of that form. */
static int parse_session(const char *session, struct sockaddr_un *ret_address, uint8_t *ret_token)
{
	const char *colon = strrchr(session, ':');
	size_t path_bytes = colon ? (size_t)(colon - session) : 0;

	if (path_bytes == 0 || path_bytes >= sizeof(ret_address->sun_path) ||
	    strlen(colon + 1) != 2 * MT_TOKEN_BYTES)
		return -EINVAL;
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	memcpy(ret_address->sun_path, session, path_bytes);
	for (unsigned int i = 0; i < MT_TOKEN_BYTES; i++) {
		int high = hex_digit(colon[1 + 2 * i]), low = hex_digit(colon[2 + 2 * i]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret_token[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/*
 * Where Yama restricts ptrace to ancestors, the collector, which stops a process for a snapshot of its pages, needs its leave.
 * That cannot wait until it is asked for: nobody in here could then be asked. A forked child does not inherit it.
 */
static void permit_collector(void)
{
	has_yama = collector_pid > 0 &&
	           syscall(SYS_prctl, PR_SET_PTRACER, (unsigned long)collector_pid, 0, 0, 0) == 0;
}

/* Receives the welcome and the segment's descriptor (-1: none came). */
static int receive_welcome(int socket_fd, int *ret_segment_fd)
{
	struct iovec part = {&welcome, sizeof(welcome)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr message = {.msg_iov = &part,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	ssize_t bytes;

	do
		bytes = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	while (bytes < 0 && errno == EINTR);
	if (bytes < 0)
		return -errno;
	*ret_segment_fd = -1;
	for (header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
		struct ucred sender;

		if (header->cmsg_level != SOL_SOCKET)
			continue;
		if (header->cmsg_type == SCM_RIGHTS)
			memcpy(ret_segment_fd, CMSG_DATA(header), sizeof(int));
		if (header->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&sender, CMSG_DATA(header), sizeof(sender));
			collector_pid = sender.pid;
		}
	}
	if (bytes == 0)
		return -ECONNRESET;
	if (bytes != sizeof(welcome) || welcome.magic != MT_HELLO_MAGIC ||
	    welcome.version != MT_HELLO_VERSION)
		return -EPROTO;
	welcome.session[sizeof(welcome.session) - 1] = '\0';
	welcome.message[sizeof(welcome.message) - 1] = '\0';
	return 0;
}

static int map_segment(int segment_fd)
{
	struct mt_segment *segment;

	if (segment_fd < 0 || welcome.segment_bytes != MT_SEGMENT_BYTES || welcome.slot >= MT_SLOTS)
		return -EPROTO;
	segment = mt_real.mmap(NULL, MT_SEGMENT_BYTES, PROT_READ | PROT_WRITE,
	                       MAP_SHARED | MAP_NORESERVE, segment_fd, 0);
	if (segment == MAP_FAILED)
		return -errno;
	if (segment->magic != MT_SEGMENT_MAGIC || segment->version != MT_SEGMENT_VERSION) {
		mt_real.munmap(segment, MT_SEGMENT_BYTES);
		return -EPROTO;
	}
	madvise(segment, MT_SEGMENT_BYTES, MADV_DONTDUMP);
	mt_process.segment = segment;
	mt_process.slot_index = welcome.slot;
	mt_process.slot_generation = welcome.generation;
	mt_process.slot = &mt_segment_slots(segment)[welcome.slot];
	mt_own_tell(mt_process.slot);
	return 0;
}

/* Asks to be traced over a connected socket, and maps what comes back. */
static int join(int socket_fd, const uint8_t *token)
{
	struct mt_hello hello = {.magic = MT_HELLO_MAGIC,
	                         .version = MT_HELLO_VERSION,
	                         .purpose = MT_HELLO_JOIN,
	                         .pid = (uint32_t)getpid()};
	struct timeval wait = {ANSWER_WAIT_S, 0};
	int segment_fd = -1, on = 1;
	int error;

	if (token)
		memcpy(hello.token, token, sizeof(hello.token));
	setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	/* Then the welcome comes with its sender's pid, as it is in this pid namespace. */
	setsockopt(socket_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	if (send(socket_fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
		return -errno;
	error = receive_welcome(socket_fd, &segment_fd);
	if (!error)
		error = welcome.status ? welcome.status : map_segment(segment_fd);
	if (segment_fd >= 0)
		close(segment_fd);
	if (!error)
		permit_collector();
	return error;
}

static int join_session(const char *session)
{
	struct sockaddr_un address;
	uint8_t token[MT_TOKEN_BYTES];
	int socket_fd, error;

	error = parse_session(session, &address, token);
	if (error)
		return error;
	socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (socket_fd < 0)
		return -errno;
	if (connect(socket_fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		error = join(socket_fd, token);
	else
		error = -errno;
	close(socket_fd);
	return error;
}

static size_t append(char *buffer, size_t capacity, size_t at, const char *text)
{
	size_t bytes = strlen(text);

	if (at + bytes >= capacity)
		bytes = capacity - at - 1;
	memcpy(buffer + at, text, bytes);
	buffer[at + bytes] = '\0';
	return at + bytes;
}

static void append_number(char *buffer, size_t capacity, size_t at, unsigned long number)
{
	char digits[24];
	size_t first = sizeof(digits) - 1;

	digits[first] = '\0';
	do
		digits[--first] = (char)('0' + number % 10);
	while (number /= 10);
	append(buffer, capacity, at, digits + first);
}

/* Finds the collector beside the library, or where it is installed. */
static bool find_collector(const char *folder, char *ret_path)
{
	static const char installed[] = MT_LIBEXECDIR "/" COLLECTOR;
	const struct link_map *self = mt_real_self();
	const char *name = self ? self->l_name : "";
	const char *slash = strrchr(name, '/');
	static const char *const beside[] = {"/" COLLECTOR, "/../libexec/" COLLECTOR,
	                                     "/../../libexec/" COLLECTOR};

	for (unsigned int i = 0; slash && i < sizeof(beside) / sizeof(*beside); i++) {
		size_t at = 0;

		ret_path[0] = '\0';
		if (name[0] != '/') {
			at = append(ret_path, PATH_MAX, at, folder);
			at = append(ret_path, PATH_MAX, at, "/");
		}
		if (at + (size_t)(slash - name) >= PATH_MAX)
			return false;
		memcpy(ret_path + at, name, (size_t)(slash - name));
		append(ret_path, PATH_MAX, at + (size_t)(slash - name), beside[i]);
		if (access(ret_path, X_OK) == 0)
			return true;
	}
	memcpy(ret_path, installed, sizeof(installed));
	return access(ret_path, X_OK) == 0;
}

/*
 * Neither what would have the collector traced, nor other orders to the loader: with LD_DEBUG it writes to a
 * descriptor that the collector, who closes what it did not open, has given to something else.
 */
static bool is_for_collector(const char *entry)
{
	if (strncmp(entry, "LD_", 3) == 0)
		return strncmp(entry, "LD_LIBRARY_PATH=", 16) == 0;
	return strncmp(entry, "MEMTRACE_", 9) != 0;
}

/* A collector to be started. */
struct launch {
	int socket_fd; /* its end */
	const char *path;
	char *const *arguments;
	char **environment; /* what is_for_collector() leaves of ours */
	size_t environment_bytes;
	long pid; /* or -errno */
};

static int choose_environment(struct launch *launch)
{
	char *const *from = mt_config.environment;
	size_t count = 0, kept = 0;
	char **chosen;

	while (from[count])
		count++;
	launch->environment_bytes = (count + 1) * sizeof(*chosen);
	chosen = mt_real.mmap(NULL, launch->environment_bytes, PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chosen == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < count; i++)
		if (is_for_collector(from[i]))
			chosen[kept++] = from[i];
	launch->environment = chosen;
	return 0;
}

/* In the cloned child, maybe in this process's memory: becomes the collector, with the socket as its standard input. */
static _Noreturn int become_collector(void *context)
{
	const struct launch *launch = context;

	syscall(SYS_setsid);
	if (launch->socket_fd == STDIN_FILENO)
		fcntl(launch->socket_fd, F_SETFD, 0);
	else
		dup2(launch->socket_fd, STDIN_FILENO);
	mt_real.execve(launch->path, launch->arguments, launch->environment);
	for (;;)
		syscall(SYS_exit_group, 127);
}

/* For two children in this process's memory, one after the other. */
#define STACK_BYTES 16384u
_Alignas(64) static unsigned char stacks[2][STACK_BYTES];

/* In the process between, which this one waits for: the collector is nobody's child when it ends. */
static _Noreturn int detach_collector(void *context)
{
	struct launch *launch = context;

	launch->pid = clone(become_collector, stacks[1] + STACK_BYTES,
	                    CLONE_VM | CLONE_VFORK | SIGCHLD, launch);
	if (launch->pid < 0)
		launch->pid = -errno;
	for (;;)
		syscall(SYS_exit_group, 0);
}

/* Returns once the collector has exec'd, or could not. 0 or -errno. */
static int launch_detached(struct launch *launch)
{
	long between =
	        clone(detach_collector, stacks[0] + STACK_BYTES, CLONE_VM | CLONE_VFORK, launch);

	if (between < 0)
		return -errno;
	while (syscall(SYS_wait4, between, NULL, __WALL, NULL) < 0 && errno == EINTR)
		;
	return launch->pid < 0 ? (int)launch->pid : 0;
}

/* Do orphans become this process's children? */
static bool adopts_orphans(void)
{
	int is_subreaper = 0;

	return getpid() == 1 ||
	       (syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0 && is_subreaper);
}

/*
 * Where orphans become the program's children, the collector may not be one: a program that waits until it has
 * no child left would wait for the collector, which waits for the program. So its parent stays, a copy of this
 * process that does nothing but wait: a child without an exit signal, which no wait() sees; the collector's
 * execve would have given it one.
 */
static _Noreturn void keep_collector(struct launch *launch)
{
	uint64_t all_signals = ~0ull;
	long child;

	syscall(SYS_setsid);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_signals, NULL, sizeof(all_signals));
	child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0)
		become_collector(launch);
	syscall(SYS_prctl, PR_SET_NAME, "memtrace-keeper");
	syscall(SYS_chdir, "/");
	/* Before Linux 5.9 it keeps the program's descriptors: there is no cheap way to know them. */
	close(launch->socket_fd);
	syscall(SYS_close_range, 0u, ~0u, 0u);
	while (child > 0 && (syscall(SYS_wait4, child, NULL, 0, NULL) >= 0 || errno == EINTR))
		;
	for (;;)
		syscall(SYS_exit_group, 0);
}

static int launch_kept(struct launch *launch)
{
	long keeper = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);

	if (keeper == 0)
		keep_collector(launch);
	return keeper < 0 ? -errno : 0;
}

/*
 * A collector that cannot trace is gone before the program goes on: where processes are few, the program's own would
 * fail for one that is only about to end. One whose zombie nobody looks after is not waited for for long.
 */
static void see_off(pid_t collector)
{
	static const struct timespec pause = {.tv_nsec = 1000000};

	/* It hangs, before it could say anything. */
	if (welcome.magic != MT_HELLO_MAGIC)
		syscall(SYS_kill, collector, SIGKILL);
	for (int waits = 0; waits < SEE_OFF_MS && syscall(SYS_kill, collector, 0) == 0; waits++)
		syscall(SYS_nanosleep, &pause, NULL);
}

static int start_session(void)
{
	static char path[PATH_MAX], folder[PATH_MAX + 16] = "--folder=", options[PATH_MAX];
	static char command[256] = "--command=", pid[32] = "--pid=", stay[] = "--stay";
	struct launch launch = {.path = path};
	const char *executed = (const char *)getauxval(AT_EXECFN);
	const char *slash = executed ? strrchr(executed, '/') : NULL;
	bool is_kept = adopts_orphans();
	char *arguments[] = {path, folder, command, pid, options, stay, NULL};
	int pair[2];
	int error;

	if (syscall(SYS_getcwd, folder + 9, PATH_MAX) < 0)
		append(folder, sizeof(folder), 9, "/");
	if (!find_collector(folder + 9, path)) {
		mt_say("cannot find " COLLECTOR " beside the library or in " MT_LIBEXECDIR
		       ": not traced; install memtrace whole",
		       NULL);
		return -ENOENT;
	}
	append(command, sizeof(command), 10, slash ? slash + 1 : executed ? executed : "program");
	append_number(pid, sizeof(pid), 6, (unsigned long)getpid());
	append(options, sizeof(options), append(options, sizeof(options), 0, "--options="),
	       mt_config.options);
	error = choose_environment(&launch);
	if (error)
		return error;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	launch.socket_fd = pair[1];
	launch.arguments = arguments;
	welcome.magic = 0;
	error = is_kept ? launch_kept(&launch) : launch_detached(&launch);
	if (error == -EAGAIN)
		error = -EUSERS;
	close(pair[1]);
	if (!error)
		error = join(pair[0], NULL);
	close(pair[0]);
	if (error && launch.pid > 0)
		see_off(launch.pid);
	mt_real.munmap(launch.environment, launch.environment_bytes);
	return error;
}

/* Keeps "MEMTRACE_SESSION=…" for mt_session_environment(). */
static void keep_session(const char *session)
{
	size_t at = append(session_entry, sizeof(session_entry), 0, MT_SESSION_ENV "=");

	append(session_entry, sizeof(session_entry), at, session);
}

void mt_session_refuse(void)
{
	keep_session(NO_SESSION);
}

bool mt_session_is_collector(void)
{
	const char *executed = (const char *)getauxval(AT_EXECFN);
	const char *slash = executed ? strrchr(executed, '/') : NULL;

	return executed && strcmp(slash ? slash + 1 : executed, COLLECTOR) == 0;
}

int mt_session_begin(void)
{
	int error = -ENOENT, join_error = 0;

	mt_process.pid = getpid();
	if (mt_config.session && strcmp(mt_config.session, NO_SESSION) == 0)
		return -ENOENT;
	if (mt_config.session) {
		error = join_session(mt_config.session);
		join_error = error;
	}
	if (error) {
		error = start_session();
		keep_session(error ? NO_SESSION : welcome.session);
		if (join_error && !error)
			mt_say("the session in " MT_SESSION_ENV " cannot be joined (",
			       error_text(join_error), "): this program has one of its own", NULL);
	}
	if (welcome.magic == MT_HELLO_MAGIC && welcome.message[0])
		mt_say(welcome.message, NULL);
	else if (error && error != -ENOENT)
		mt_say("cannot start " COLLECTOR " (", error_text(error), "): not traced", NULL);
	return error;
}

char **mt_session_environment(char **environment)
{
	static const char name[] = MT_SESSION_ENV "=";
	size_t count = 0, kept = 0;
	char **ours;

	if (!session_entry[0] || !environment)
		return NULL;
	while (environment[count])
		count++;
	if (count > ENVIRONMENT_MAX)
		return NULL;
	ours = mt_real.mmap(NULL, (count + 2) * sizeof(*ours), PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ours == MAP_FAILED)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (strncmp(environment[i], name, sizeof(name) - 1) != 0)
			ours[kept++] = environment[i];
	ours[kept] = session_entry;
	return ours;
}

static bool adopt(void)
{
	struct mt_segment *segment = mt_process.segment;
	struct mt_slot *slots = mt_segment_slots(segment);
	/* Of a bare clone() the parent has said nothing. */
	bool counted_in_flight = mt_tls.fork_serial != 0;
	uint32_t hint = atomic_load_explicit(&segment->slot_hint, memory_order_relaxed);
	enum mt_collector_state collector = mt_patience_look(segment);

	/* Nobody would free its slot again, and they would run out. */
	if (collector != MT_COLLECTOR_ALIVE) {
		mt_process_off(NULL);
		mt_patience_say(segment, collector);
		return false;
	}
	for (uint32_t i = 0; i < MT_SLOTS; i++) {
		uint32_t index = (hint + i) % MT_SLOTS;
		uint32_t state = MT_SLOT_FREE;
		struct mt_slot *slot = &slots[index];
		uint32_t generation;

		mt_segment_use_slot(segment, index);
		if (!atomic_compare_exchange_strong(&slot->state, &state, MT_SLOT_CLAIMING))
			continue;
		generation = atomic_fetch_add(&slot->generation, 1) + 1;
		slot->pid = (uint32_t)getpid();
		slot->parent_slot = mt_process.slot_index;
		slot->parent_generation = mt_process.slot_generation;
		slot->fork_serial = mt_tls.fork_serial;
		slot->begin_stamp = mt_clock_now(segment, false);
		/* What is recorded of the parent is recorded of the child. */
		slot->first_gate =
		        atomic_load_explicit(&mt_process.slot->gate, memory_order_relaxed);
		if (segment->follow == MT_FOLLOW_FIRST)
			slot->first_gate |= MT_GATE_UNFOLLOWED;
		atomic_store_explicit(&slot->gate, slot->first_gate, memory_order_relaxed);
		mt_segment_clear_slot(slot);
		/* It inherits what its one thread was at when it forked. */
		mt_tls.guard = 0;
		mt_tls.holding = 0;
		mt_tls.shares = false;
		mt_tls.fork_serial = 0;
		mt_own_tell(slot);
		/* release: the fields; partner: the collector's acquire load of state */
		atomic_store_explicit(&slot->state, MT_SLOT_LIVE, memory_order_release);
		atomic_store_explicit(&segment->slot_hint, index + 1, memory_order_relaxed);
		atomic_fetch_add(&segment->slot_claims, 1);
		/* If it is killed soon, only somebody who knew it before can say so. */
		mt_emit_ring_bell();
		if (counted_in_flight)
			atomic_fetch_sub(&segment->forks_in_flight, 1);
		mt_process.fork_was_threaded =
		        mt_process.fork_was_threaded ||
		        atomic_load_explicit(&mt_process.threads, memory_order_relaxed) > 1;
		atomic_store_explicit(&mt_process.threads, 0, memory_order_relaxed);
		atomic_store_explicit(&mt_process.ended, false, memory_order_relaxed);
		mt_process.slot = slot;
		mt_process.slot_index = index;
		mt_process.slot_generation = generation;
		mt_process.pid = (pid_t)slot->pid;
		if (has_yama)
			permit_collector();
		atomic_store(&mt_process.gate, &slot->gate);
		mt_sample_forked();
		atomic_store_explicit(&mt_wiped->generation, (uint64_t)index << 32 | generation,
		                      memory_order_release);
		return true;
	}
	if (counted_in_flight)
		atomic_fetch_sub(&segment->forks_in_flight, 1);
	mt_process_off("no process slot is left: this process is not traced");
	return false;
}

bool mt_process_adopt_child(void)
{
	bool is_adopted;

	/* From a handler that interrupted it: a slot is enough. */
	if (atomic_exchange(&mt_process.adopting, true))
		return false;
	/* And one that came before it has done it. */
	is_adopted = atomic_load_explicit(&mt_wiped->generation, memory_order_relaxed) || adopt();
	if (is_adopted)
		atomic_fetch_add_explicit(&mt_process.slot->dropped,
		                          atomic_exchange(&mt_process.missed, 0),
		                          memory_order_relaxed);
	atomic_store(&mt_process.adopting, false);
	return is_adopted;
}
