/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spawn.c - see spawn.h.
 */
#include "report/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "report/command.h"

/* A collector answers in milliseconds; on a machine that swaps it may take longer. */
#define COLLECTOR_TIMEOUT_MS 20000

/* What mt_spawn_go writes first; without it the child does not start. */
#define GO_TRACED   'T'
#define GO_UNTRACED 'U'

static ssize_t read_all(int fd, void *to, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t now = read(fd, (char *)to + done, bytes - done);

		if (now < 0 && errno == EINTR)
			continue;
		if (now < 0)
			return -errno;
		if (now == 0)
			break;
		done += (size_t)now;
	}
	return (ssize_t)done;
}

static int set_preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *all = NULL;
	int error;

	if (asprintf(&all, "%s%s%s", library, others && *others ? ":" : "", others ? others : "") <
	    0)
		return -ENOMEM;
	error = setenv("LD_PRELOAD", all, 1) < 0 ? -errno : 0;
	free(all);
	return error;
}

/* The child, from fork to exec. */
static void run_child(char *const argv[], const struct mt_spawn_environment *environment, int go_fd,
                      int exec_fd)
{
	struct mt_welcome welcome; /* for the size of its session */
	char message[sizeof(welcome.session) + 1];
	ssize_t bytes = read_all(go_fd, message, sizeof(message) - 1);
	int error = 0;

	if (bytes < 1)
		_exit(MT_EXIT_CANNOT);
	message[bytes] = '\0';
	if (message[0] == GO_TRACED) {
		if (setenv(MT_SESSION_ENV, message + 1, 1) < 0 ||
		    setenv(MT_OPTIONS_ENV, environment->options, 1) < 0)
			error = errno;
		if (error == 0)
			error = -set_preload(environment->library);
	}
	if (error == 0) {
		execvp(argv[0], argv);
		error = errno;
	}
	if (write(exec_fd, &error, sizeof(error)) < 0)
		_exit(MT_EXIT_CANNOT);
	_exit(error == ENOENT ? MT_EXIT_NOT_FOUND : MT_EXIT_NOT_EXECUTABLE);
}

int mt_spawn_program(char *const argv[], const struct mt_spawn_environment *environment,
                     struct mt_spawn *ret_spawn)
{
	int go[2], exec[2];
	int error;
	pid_t child;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(exec, O_CLOEXEC) < 0) {
		error = errno;
		close(go[0]);
		close(go[1]);
		return -error;
	}
	child = fork();
	if (child == 0) {
		close(go[1]);
		close(exec[0]);
		run_child(argv, environment, go[0], exec[1]);
	}
	error = errno;
	close(go[0]);
	close(exec[1]);
	if (child < 0) {
		close(go[1]);
		close(exec[0]);
		return -error;
	}
	/* Ignored, it would take the child's status away; the child keeps what there was. */
	signal(SIGCHLD, SIG_DFL);
	*ret_spawn = (struct mt_spawn){.child = child,
	                               .go_fd = go[1],
	                               .exec_fd = exec[0],
	                               .socket_fd = -1,
	                               .collector = -1};
	return 0;
}

static int remaining_ms(const struct timespec *deadline)
{
	struct timespec now;
	long long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (long long)(deadline->tv_sec - now.tv_sec) * 1000 +
	     (deadline->tv_nsec - now.tv_nsec) / 1000000;
	return ms < 0 ? 0 : (int)ms;
}

/* One question, one answer of exactly this size. */
static int ask(int fd, uint32_t purpose, pid_t pid, void *ret_answer, size_t answer_bytes,
               int timeout_ms)
{
	struct mt_hello hello = {.magic = MT_HELLO_MAGIC,
	                         .version = MT_HELLO_VERSION,
	                         .purpose = purpose,
	                         .pid = (uint32_t)pid};
	struct timespec deadline;
	ssize_t bytes;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (deadline.tv_nsec >= 1000000000L) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000L;
	}
	/*
	 * That it is gone shows in the question or in the answer, as it happens: one error for
	 * both.
	 */
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int ready = poll(&wait, 1, remaining_ms(&deadline));

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return -errno;
		if (ready == 0)
			return -ETIMEDOUT;
		bytes = recv(fd, ret_answer, answer_bytes, 0);
		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes < 0)
			return -errno;
		if (bytes == 0)
			return -ECONNRESET;
		return (size_t)bytes == answer_bytes ? 0 : -EPROTO;
	}
}

/*
 * The collector is our program, not one to be traced. Nor does it take other orders to the loader:
 * with LD_DEBUG that writes to a descriptor which the collector, who closes what it did not open,
 * has given to something else.
 */
static void exec_collector(char *const argv[], int socket_fd, int exec_fd)
{
	int error;

	unsetenv("LD_PRELOAD");
	unsetenv("LD_AUDIT");
	unsetenv("LD_DEBUG");
	unsetenv("LD_DEBUG_OUTPUT");
	unsetenv("LD_PROFILE");
	if (dup2(socket_fd, STDIN_FILENO) >= 0)
		execv(argv[0], argv);
	error = errno;
	if (write(exec_fd, &error, sizeof(error)) < 0)
		_exit(MT_EXIT_CANNOT);
	_exit(MT_EXIT_CANNOT);
}

static int start_collector(struct mt_spawn *spawn, char *const argv[])
{
	int ends[2], exec[2];
	int error = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	if (pipe2(exec, O_CLOEXEC) < 0) {
		error = errno;
		close(ends[0]);
		close(ends[1]);
		return -error;
	}
	pid = fork();
	if (pid == 0)
		exec_collector(argv, ends[1], exec[1]);
	if (pid < 0)
		error = errno;
	close(ends[1]);
	close(exec[1]);
	if (pid > 0 && read_all(exec[0], &error, sizeof(error)) <= 0)
		error = 0;
	close(exec[0]);
	if (error != 0) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		close(ends[0]);
		return -error;
	}
	spawn->collector = pid;
	spawn->socket_fd = ends[0];
	return 0;
}

int mt_spawn_collector(struct mt_spawn *spawn, char *const argv[], struct mt_welcome *ret_welcome)
{
	int error = start_collector(spawn, argv);

	if (error < 0)
		return error;
	error = ask(spawn->socket_fd, MT_HELLO_SESSION, spawn->child, ret_welcome,
	            sizeof(*ret_welcome), COLLECTOR_TIMEOUT_MS);
	if (error == 0 &&
	    (ret_welcome->magic != MT_HELLO_MAGIC || ret_welcome->version != MT_HELLO_VERSION))
		error = -EPROTO;
	if (error < 0) {
		close(spawn->socket_fd);
		spawn->socket_fd = -1;
		return error;
	}
	ret_welcome->session[sizeof(ret_welcome->session) - 1] = '\0';
	ret_welcome->message[sizeof(ret_welcome->message) - 1] = '\0';
	ret_welcome->output[sizeof(ret_welcome->output) - 1] = '\0';
	/* The daemon has answered; the process that it came from ends by itself. */
	while (waitpid(spawn->collector, NULL, 0) < 0 && errno == EINTR)
		;
	spawn->collector = -1;
	return 0;
}

/* For the handler; set before it is. */
static volatile pid_t forward_to;

static void forward(int signal)
{
	int error = errno;

	if (forward_to > 0)
		kill(forward_to, signal);
	errno = error;
}

static const int kept_signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
#define KEPT_SIGNALS (sizeof(kept_signals) / sizeof(kept_signals[0]))
static struct sigaction dispositions[KEPT_SIGNALS]; /* from before mt_spawn_go */
static bool has_dispositions;

static void take_signals(pid_t child)
{
	forward_to = child;
	for (size_t i = 0; i < KEPT_SIGNALS; i++) {
		bool is_forwarded = kept_signals[i] == SIGTERM || kept_signals[i] == SIGHUP;
		struct sigaction action = {.sa_handler = is_forwarded ? forward : SIG_IGN,
		                           .sa_flags = SA_RESTART};

		sigaction(kept_signals[i], NULL, &dispositions[i]);
		/* Ignored from the start (nohup): it stays so, here as in the child. */
		if (dispositions[i].sa_handler != SIG_IGN)
			sigaction(kept_signals[i], &action, NULL);
	}
	has_dispositions = true;
}

static void give_signals_back(void)
{
	for (size_t i = 0; has_dispositions && i < KEPT_SIGNALS; i++)
		sigaction(kept_signals[i], &dispositions[i], NULL);
	has_dispositions = false;
}

int mt_spawn_go(struct mt_spawn *spawn, const char *session)
{
	char message[256];
	int bytes = snprintf(message, sizeof(message), "%c%s", session ? GO_TRACED : GO_UNTRACED,
	                     session ? session : "");
	int error = 0;

	take_signals(spawn->child);
	if (write(spawn->go_fd, message, (size_t)bytes) != bytes)
		error = -EIO;
	close(spawn->go_fd);
	spawn->go_fd = -1;
	/* Closed by a successful exec. */
	if (error == 0 && read_all(spawn->exec_fd, &bytes, sizeof(bytes)) == sizeof(bytes))
		error = -bytes;
	close(spawn->exec_fd);
	spawn->exec_fd = -1;
	return error;
}

int mt_spawn_wait(struct mt_spawn *spawn)
{
	int status = 0;

	while (waitpid(spawn->child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	/* Its pid may be somebody else's from now on. */
	forward_to = 0;
	return status;
}

int mt_spawn_summary(struct mt_spawn *spawn, int timeout_ms, struct mt_summary *ret_summary)
{
	int error;

	if (spawn->socket_fd < 0)
		return -ENOTCONN;
	error = ask(spawn->socket_fd, MT_HELLO_SUMMARY, spawn->child, ret_summary,
	            sizeof(*ret_summary), timeout_ms);
	if (error < 0)
		return error;
	ret_summary->message[sizeof(ret_summary->message) - 1] = '\0';
	ret_summary->output[sizeof(ret_summary->output) - 1] = '\0';
	return ret_summary->magic == MT_HELLO_MAGIC ? 0 : -EPROTO;
}

void mt_spawn_forget(const char *session)
{
	char path[sizeof(((struct mt_welcome *)0)->session)];
	char *colon, *slash;

	/* The path of the socket, in a folder of its own, a colon, and the token. */
	snprintf(path, sizeof(path), "%s", session);
	colon = strrchr(path, ':');
	if (!colon)
		return;
	*colon = '\0';
	unlink(path);
	slash = strrchr(path, '/');
	if (!slash)
		return;
	*slash = '\0';
	rmdir(path);
}

void mt_spawn_close(struct mt_spawn *spawn)
{
	int *fds[] = {&spawn->go_fd, &spawn->exec_fd, &spawn->socket_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	give_signals_back();
}
