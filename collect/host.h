/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * host.h - what the kernel says of a process: who it is, whether it is ours, how it ended.
 *
 * Called by the service thread only: all of this may block.
 */
#ifndef MT_COLLECT_HOST_H
#define MT_COLLECT_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/mail.h"

/* Fills in what can be told; gives the strings (free with mt_identity_free()). Never fails. */
void mt_host_identify(pid_t pid, struct mt_identity *ret_identity);

/* A descriptor that becomes readable when the process ends, of the peer of a socket or by pid; or -errno. */
int mt_host_pidfd_of_peer(int socket_fd, pid_t pid);
int mt_host_pidfd(pid_t pid);

/* Does the process have the memfd with this inode mapped? 1, 0, or -errno: it cannot be told. */
int mt_host_maps(pid_t pid, ino_t segment_inode);

/*
 * Can anything be told of processes at all? Without /proc, or with that of another pid namespace, there is nothing to
 * check a pid by.
 */
bool mt_host_has_proc(void);

/* The root for procfs.h: a place where nothing is, if there is no /proc to be believed. */
const char *mt_host_root(void);

/* The pid that a process has in the innermost pid namespace that it is in; 0: it cannot be told. */
pid_t mt_host_inner_pid(pid_t pid);

/* Are the children of the process in our own pid namespace? False: no, or it cannot be told. */
bool mt_host_children_are_here(pid_t pid);

/*
 * The process that has the memfd with this inode mapped and takes itself for `inner_pid` in a pid namespace of
 * its own; 0: there is none. Looks at all of /proc: for rare cases.
 */
pid_t mt_host_find(pid_t inner_pid, ino_t segment_inode);

/*
 * The file in which the kernel counts the processes of this one's control group that it killed for want of memory;
 * NULL: there is none, or it cannot be told. To be freed.
 */
char *mt_host_oom_file(const char *root, pid_t pid);

/* What it has counted so far; 0 where the file cannot be read. */
uint64_t mt_host_oom_kills(const char *oom_file);

/* How a process ended whose pidfd has become readable. */
struct mt_host_end {
	const char *reason; /* 'exit', 'signal', 'oom'; NULL: not known */
	int64_t status;     /* MT_MAIL_UNKNOWN */
	int64_t signal;     /* MT_MAIL_UNKNOWN */
};

void mt_host_end(pid_t pid, int pidfd, struct mt_host_end *ret_end);

#endif
