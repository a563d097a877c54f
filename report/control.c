/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.c - see control.h.
 */
#include "report/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "report/command.h"
#include "report/say.h"

#define PATIENCE_S 10
/* A process may have as many mappings as the kernel lets it: 65530 of about 100 bytes. */
#define MAPS_MAX_BYTES (64u << 20)

static const char segment_name[] = "/memfd:" MT_CONTROL_MEMFD;

bool mt_control_is_traced(pid_t pid)
{
	MT_CLEANUP_FREE char *maps = NULL;
	size_t bytes;

	return mt_procfs_read("", pid, "maps", MAPS_MAX_BYTES, &maps, &bytes) == 0 &&
	       strstr(maps, segment_name);
}

/* The path of the session's socket, from the name of the segment that the process has mapped. */
static int find_socket(pid_t pid, char *ret_path, size_t path_bytes)
{
	MT_CLEANUP_FREE char *maps = NULL;
	size_t bytes, length;
	const char *found;
	int error = mt_procfs_read("", pid, "maps", MAPS_MAX_BYTES, &maps, &bytes);

	if (error == -ENOENT || error == -ESRCH) {
		mt_say("there is no process %d", (int)pid);
		return error;
	}
	if (error < 0) {
		mt_say("cannot look at process %d: %s", (int)pid, strerror(-error));
		return error;
	}
	found = strstr(maps, segment_name);
	if (!found) {
		mt_say("process %d is not traced: it was not started by memtrace run or with "
		       "LD_PRELOAD=libmemtrace.so",
		       (int)pid);
		return -ESRCH;
	}
	found += strlen(segment_name);
	length = strcspn(found, "\n");
	if (length > 10 && strncmp(found + length - 10, " (deleted)", 10) == 0)
		length -= 10;
	if (length == 0 || length >= path_bytes) {
		mt_say("the session of process %d has no socket to be asked by; see the notes of "
		       "memtrace info",
		       (int)pid);
		return -ENOENT;
	}
	memcpy(ret_path, found, length);
	ret_path[length] = '\0';
	return 0;
}

/* As the process itself would find the socket, which may be in a container; or else as we do. */
static int connect_to(pid_t pid, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {PATIENCE_S, 0};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int length, error = -ENAMETOOLONG;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	for (int i = 0; i < 2; i++) {
		length = i == 0 ? snprintf(address.sun_path, sizeof(address.sun_path),
		                           "/proc/%d/root%s", (int)pid, path)
		                : snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
		if (length >= (int)sizeof(address.sun_path))
			continue;
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		error = -errno;
	}
	close(fd);
	return error;
}

/* The pids of a process, from ours to that of the innermost namespace it is in. How many; 0: not known. */
static size_t read_pids(pid_t pid, pid_t *ret_pids, size_t most)
{
	MT_CLEANUP_FREE char *text = NULL;
	size_t bytes, count = 0;
	char *at, *end;

	if (pid <= 0 || mt_procfs_read("", pid, "status", 65536, &text, &bytes) < 0)
		return 0;
	at = strstr(text, "\nNSpid:");
	if (!at)
		return 0;
	for (at += strlen("\nNSpid:"); count < most; at = end) {
		long number = strtol(at, &end, 10);

		if (end == at || number <= 0)
			break;
		ret_pids[count++] = (pid_t)number;
		if (*end == '\n')
			break;
	}
	return count;
}

/* What the collector knows the process by: it may be in a pid namespace inside of ours. */
static pid_t pid_as_seen_by(pid_t collector, pid_t pid)
{
	pid_t theirs[33], its[33];
	size_t level = read_pids(collector, theirs, 33);
	size_t count = read_pids(pid, its, 33);

	return level && level <= count ? its[level - 1] : pid;
}

/* A socket that somebody else has put there is not to be believed. */
static int check_peer(int fd, pid_t pid, struct ucred *ret_peer)
{
	socklen_t length = sizeof(*ret_peer);
	struct stat process = {.st_uid = 0};
	char path[32];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &length) != 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (ret_peer->uid == 0 || ret_peer->uid == geteuid() ||
	    (stat(path, &process) == 0 && ret_peer->uid == process.st_uid))
		return 0;
	return -EPERM;
}

static int converse(int fd, const struct mt_request *request, struct mt_answer *ret_answer)
{
	ssize_t bytes;

	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) != (ssize_t)sizeof(*request))
		return -errno;
	do
		bytes = recv(fd, ret_answer, sizeof(*ret_answer), 0);
	while (bytes < 0 && errno == EINTR);
	if (bytes < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (bytes == 0)
		return -ECONNRESET;
	if (bytes != (ssize_t)sizeof(*ret_answer) || ret_answer->magic != MT_CONTROL_MAGIC)
		return -EPROTO;
	ret_answer->message[sizeof(ret_answer->message) - 1] = '\0';
	ret_answer->output[sizeof(ret_answer->output) - 1] = '\0';
	return 0;
}

int mt_control_ask(pid_t pid, enum mt_control_verb verb, const char *argument,
                   struct mt_answer *ret_answer)
{
	struct mt_request request = {
	        .magic = MT_CONTROL_MAGIC, .version = MT_CONTROL_VERSION, .verb = verb};
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	MT_CLEANUP_CLOSE int fd = -1;
	struct ucred peer;
	int error;

	snprintf(request.argument, sizeof(request.argument), "%s", argument ? argument : "");
	if (find_socket(pid, path, sizeof(path)) < 0)
		return MT_EXIT_CANNOT;
	fd = connect_to(pid, path);
	if (fd < 0) {
		mt_say("cannot reach the collector of process %d at %s: %s", (int)pid, path,
		       fd == -ENOENT || fd == -ECONNREFUSED ? "it has ended" : strerror(-fd));
		return MT_EXIT_CANNOT;
	}
	error = check_peer(fd, pid, &peer);
	if (error == -EPERM) {
		mt_say("the socket of process %d's session, %s, is another user's", (int)pid, path);
		return MT_EXIT_CANNOT;
	}
	if (error == 0) {
		request.pid = (uint32_t)pid_as_seen_by(peer.pid, pid);
		error = converse(fd, &request, ret_answer);
	}
	if (error < 0)
		mt_say("the collector of process %d did not answer: %s", (int)pid,
		       strerror(-error));
	else if (ret_answer->status < 0)
		mt_say("%s", ret_answer->message[0] ? ret_answer->message
		                                    : strerror(-ret_answer->status));
	return error < 0 || ret_answer->status < 0 ? MT_EXIT_CANNOT : MT_EXIT_FINE;
}
