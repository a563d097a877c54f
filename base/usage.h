/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage.h - how much memory a process uses at a moment, as /proc says, under a root prefix.
 *
 * For the timeline: cheap enough for ten times a second. What this kernel does not say, or what may not be read, is
 * MT_USAGE_UNKNOWN.
 */
#ifndef MT_BASE_USAGE_H
#define MT_BASE_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MT_USAGE_UNKNOWN INT64_MIN

/* The figures: X(name, where it stands: the line of /proc/PID/status, "" elsewhere) */
#define MT_USAGE_FIGURES(X)            \
	X(rss_anon_bytes, "RssAnon")   \
	X(rss_file_bytes, "RssFile")   \
	X(rss_shmem_bytes, "RssShmem") \
	X(swap_bytes, "VmSwap")        \
	X(mapped_bytes, "VmSize")      \
	X(peak_rss_bytes, "VmHWM")     \
	X(break_bytes, "")             \
	X(minor_faults, "")            \
	X(major_faults, "")

struct mt_usage {
#define MT_USAGE_MEMBER(name, line) int64_t name;
	MT_USAGE_FIGURES(MT_USAGE_MEMBER)
#undef MT_USAGE_MEMBER
};

/* All unknown. */
struct mt_usage mt_usage_nothing(void);

/* 0, or -errno: the process has ended (-ESRCH, -ENOENT), or nothing may be read. */
int mt_usage_read(const char *root, pid_t pid, struct mt_usage *ret_usage);

/* What is resident, by the quickest way; 0 where it cannot be told. */
uint64_t mt_usage_rss(const char *root, pid_t pid, uint64_t page_bytes);

/* How many threads the process has; 0 where it cannot be told. */
unsigned int mt_usage_threads(const char *root, pid_t pid);

bool mt_usage_is_same(const struct mt_usage *left, const struct mt_usage *right);

#endif
