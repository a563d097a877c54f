/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * procfs.h - readers of /proc under a root prefix, so that a folder of dumps can be tested like a host.
 *
 * `root` is "" on a live machine. Called from the collector's service thread and from the tool, never
 * from the drain thread: any of these may block on a lock of the process that is looked at.
 */
#ifndef MT_BASE_PROCFS_H
#define MT_BASE_PROCFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads on to the end, or to the limit; NUL-terminated; gives *ret_text (free with free()). 0 or -errno. */
int mt_procfs_read_all(int fd, size_t limit_bytes, char **ret_text, size_t *ret_bytes);

/* Reads /proc/<pid>/<name> whole, NUL-terminated; gives *ret_text (free with free()). 0 or -errno. */
int mt_procfs_read(const char *root, pid_t pid, const char *name, size_t limit_bytes,
                   char **ret_text, size_t *ret_bytes);

/* Where /proc/<pid>/<name> points. Gives *ret_path (free with free()). 0 or -errno. */
int mt_procfs_link(const char *root, pid_t pid, const char *name, char **ret_path);

/* What is used of /proc/<pid>/stat. */
struct mt_procfs_stat {
	char state;
	pid_t parent;
	uint64_t start_ticks; /* field 22: after boot, in sysconf(_SC_CLK_TCK) */
	int exit_code;        /* field 52: as wait() says; 0 for whoever may not know */
};

int mt_procfs_stat(const char *root, pid_t pid, struct mt_procfs_stat *ret_stat);

/* The command line, quoted for a shell. Gives *ret_text (free with free()). 0 or -errno. */
int mt_procfs_arguments(const char *root, pid_t pid, char **ret_text);

#endif
