/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * host.c - see host.h.
 */
#include "collect/host.h"

#include "base/cleanup.h"
#include "base/procfs.h"
#include "host/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

bool mt_host_has_proc(void)
{
	char self[32];
	ssize_t bytes = readlink("/proc/self", self, sizeof(self) - 1);

	if (bytes <= 0)
		return false;
	self[bytes] = '\0';
	/* In a pid namespace with the /proc of another one, its numbers are those of others. */
	return strtol(self, NULL, 10) == getpid();
}

const char *mt_host_root(void)
{
	return mt_host_has_proc() ? "" : "/dev/null";
}

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* linux/pidfd.h of 6.15, written out so that older headers do. A shorter struct is no error there. */
struct pidfd_info {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid;
	uint32_t tgid;
	uint32_t ppid;
	uint32_t ruid;
	uint32_t rgid;
	uint32_t euid;
	uint32_t egid;
	uint32_t suid;
	uint32_t sgid;
	uint32_t fsuid;
	uint32_t fsgid;
	int32_t exit_code;
};
#define PIDFD_INFO_EXIT (1ull << 3)
#define PIDFD_GET_INFO  _IOWR(0xff, 11, struct pidfd_info)

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The kernel cuts a name off after this. */
#define COMM_LENGTH 15u

static bool is_whole(const char *name, const char *comm)
{
	size_t length = strlen(comm);

	return strncmp(name, comm, length) == 0 && (!name[length] || length == COMM_LENGTH);
}

/*
 * As ps has it: a program goes by the name that it was started by, which the file that it is in may not have (redis-server is
 * a link to redis-check-rdb). Where that name is cut off, the file or the first argument has it whole.
 */
static char *command_of(pid_t pid, const char *executable)
{
	char *comm, *arguments;
	size_t bytes;

	if (mt_procfs_read(mt_host_root(), pid, "comm", 64, &comm, &bytes) < 0)
		return executable ? strdup(base_name(executable)) : NULL;
	comm[strcspn(comm, "\n")] = '\0';
	if (executable && is_whole(base_name(executable), comm)) {
		free(comm);
		return strdup(base_name(executable));
	}
	if (mt_procfs_read(mt_host_root(), pid, "cmdline", PATH_MAX, &arguments, &bytes) < 0)
		return comm;
	if (is_whole(base_name(arguments), comm)) {
		free(comm);
		comm = strdup(base_name(arguments));
	}
	free(arguments);
	return comm;
}

void mt_host_identify(pid_t pid, struct mt_identity *ret_identity)
{
	struct mt_identity identity = {0};

	mt_procfs_link(mt_host_root(), pid, "exe", &identity.executable);
	mt_procfs_link(mt_host_root(), pid, "cwd", &identity.folder);
	mt_procfs_arguments(mt_host_root(), pid, &identity.arguments);
	/* Of another user's process its name is all there is. */
	identity.command = command_of(pid, identity.executable);
	*ret_identity = identity;
}

int mt_host_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int mt_host_pidfd_of_peer(int socket_fd, pid_t pid)
{
	socklen_t length = sizeof(int);
	int fd;

	/* Linux 6.5: no other process can have taken the pid meanwhile. */
	if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &length) == 0)
		return fd;
	return pid > 0 ? mt_host_pidfd(pid) : -ESRCH;
}

int mt_host_maps(pid_t pid, ino_t segment_inode)
{
	MT_CLEANUP_FREE char *text = NULL;
	char wanted[32];
	size_t bytes;
	char *line, *rest;
	int r = mt_procfs_read(mt_host_root(), pid, "maps", 16u << 20, &text, &bytes);

	if (r < 0)
		return r;
	snprintf(wanted, sizeof(wanted), " %ju ", (uintmax_t)segment_inode);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, "/memfd:memtrace") && strstr(line, wanted))
			return 1;
	return 0;
}

/* The last number of the line NSpid. */
pid_t mt_host_inner_pid(pid_t pid)
{
	MT_CLEANUP_FREE char *text = NULL;
	size_t bytes;
	char *line, *last;

	if (mt_procfs_read(mt_host_root(), pid, "status", 65536, &text, &bytes) < 0)
		return 0;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0;
	line[1 + strcspn(line + 1, "\n")] = '\0';
	last = strrchr(line, '\t');
	return last ? (pid_t)strtol(last + 1, NULL, 10) : 0;
}

bool mt_host_children_are_here(pid_t pid)
{
	MT_CLEANUP_FREE char *ours = NULL;
	MT_CLEANUP_FREE char *theirs = NULL;

	return mt_procfs_link(mt_host_root(), getpid(), "ns/pid", &ours) == 0 &&
	       mt_procfs_link(mt_host_root(), pid, "ns/pid_for_children", &theirs) == 0 &&
	       strcmp(ours, theirs) == 0;
}

pid_t mt_host_find(pid_t inner_pid, ino_t segment_inode)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (folder && !found && (entry = readdir(folder))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && mt_host_inner_pid(pid) == inner_pid &&
		    mt_host_maps(pid, segment_inode) == 1)
			found = pid;
	}
	if (folder)
		closedir(folder);
	return found;
}

char *mt_host_oom_file(const char *root, pid_t pid)
{
	return mt_cgroup_find(root, pid, "memory.events", "memory.oom_control");
}

uint64_t mt_host_oom_kills(const char *oom_file)
{
	char text[1024], *line;
	size_t bytes;
	FILE *file = fopen(oom_file, "re");

	if (!file)
		return 0;
	bytes = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[bytes] = '\0';
	line = strncmp(text, "oom_kill ", 9) == 0 ? text : strstr(text, "\noom_kill ");
	return line ? strtoull(strchr(line, ' '), NULL, 10) : 0;
}

static void decode(int code, struct mt_host_end *ret_end)
{
	if (WIFSIGNALED(code)) {
		ret_end->reason = "signal";
		ret_end->signal = WTERMSIG(code);
	} else {
		ret_end->reason = "exit";
		ret_end->status = WEXITSTATUS(code);
	}
}

static bool ask_pidfd(int pidfd, int *ret_code)
{
	struct pidfd_info info = {.mask = PIDFD_INFO_EXIT};

	if (ioctl(pidfd, PIDFD_GET_INFO, &info) != 0 || !(info.mask & PIDFD_INFO_EXIT))
		return false;
	*ret_code = info.exit_code;
	return true;
}

/* The kernel shows a process's exit code to whoever may trace it; to others it is 0. */
static bool ask_zombie(pid_t pid, int *ret_code)
{
	struct mt_procfs_stat process;
	struct stat owner;
	char path[32];

	if (pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &owner) != 0 || (geteuid() != 0 && owner.st_uid != geteuid()))
		return false;
	if (mt_procfs_stat(mt_host_root(), pid, &process) < 0 ||
	    (process.state != 'Z' && process.state != 'X'))
		return false;
	*ret_code = process.exit_code;
	return true;
}

void mt_host_end(pid_t pid, int pidfd, struct mt_host_end *ret_end)
{
	int code;

	*ret_end = (struct mt_host_end){NULL, MT_MAIL_UNKNOWN, MT_MAIL_UNKNOWN};
	/*
	 * The pidfd tells once the parent has reaped it, /proc before that; and it may be reaped between
	 * the first two questions.
	 */
	if (ask_pidfd(pidfd, &code) || ask_zombie(pid, &code) || ask_pidfd(pidfd, &code))
		decode(code, ret_end);
}
