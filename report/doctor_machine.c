/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_machine.c - doctor's second half: what the kernel, libc and the folder allow.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "report/doctor.h"

#define FREE_BYTES_MIN (100ull << 20)

/* The first line of a file; false when it cannot be read. */
static bool read_line(const char *path, char *ret_line, size_t bytes)
{
	FILE *file = fopen(path, "re");
	bool is_read = file && fgets(ret_line, (int)bytes, file);

	if (file)
		fclose(file);
	if (is_read)
		ret_line[strcspn(ret_line, "\n")] = '\0';
	return is_read;
}

static void check_smaps(struct mt_table *table)
{
	char line[256];
	bool is_readable = read_line("/proc/self/smaps", line, sizeof(line));

	mt_doctor_add(table, "smaps", false, is_readable,
	              is_readable ? "/proc/self/smaps can be read" : strerror(errno),
	              "resident memory cannot be assigned to owners");
}

static void check_pagemap(struct mt_table *table)
{
	uint64_t entry = 0;
	int local = 1;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (off_t)((uintptr_t)&local / (uintptr_t)sysconf(_SC_PAGESIZE) * sizeof(entry));
	bool is_readable = fd >= 0 && pread(fd, &entry, sizeof(entry), at) == sizeof(entry);
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (!is_readable)
		mt_doctor_add(table, "pagemap", false, false, strerror(error),
		              "which pages are resident is not known page by page");
	/* The page of a local variable is present: without a right, its frame number reads as 0. */
	else
		mt_doctor_add(table, "pagemap", false, true,
		              entry & ((1ull << 55) - 1)
		                      ? "/proc/self/pagemap can be read, with page frames"
		                      : "/proc/self/pagemap can be read, without page frames (they "
		                        "need CAP_SYS_ADMIN)",
		              NULL);
}

static void check_ptrace(struct mt_table *table)
{
	pid_t child = fork();
	int status = 0;
	int error = 0;

	if (child == 0) {
		for (;;)
			pause();
	}
	if (child < 0) {
		error = errno;
	} else {
		if (ptrace(PTRACE_SEIZE, child, NULL, NULL) < 0 ||
		    ptrace(PTRACE_INTERRUPT, child, NULL, NULL) < 0)
			error = errno;
		else if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
			error = ECHILD;
		kill(child, SIGKILL);
		while (waitpid(child, &status, __WALL) == child && !WIFSIGNALED(status) &&
		       !WIFEXITED(status))
			;
	}
	mt_doctor_add(table, "ptrace", false, error == 0,
	              error == 0 ? "a child can be stopped and looked at" : strerror(error),
	              "leaks of programs with several threads cannot be checked for what still "
	              "points at them");
}

static void check_yama(struct mt_table *table)
{
	char line[64];
	char found[128];

	if (!read_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof(line))) {
		mt_doctor_add(table, "yama", false, true, "no Yama: ptrace is not restricted by it",
		              NULL);
		return;
	}
	snprintf(found, sizeof(found), "ptrace_scope is %s", line);
	mt_doctor_add(table, "yama", false, atoi(line) < 2, found,
	              "only an administrator may look at other processes: running programs cannot "
	              "be examined");
}

static void check_perf(struct mt_table *table)
{
	char line[64];
	char found[128];

	if (!read_line("/proc/sys/kernel/perf_event_paranoid", line, sizeof(line))) {
		mt_doctor_add(table, "perf", false, false, "no perf_event_paranoid",
		              "the kernel has no perf events; memtrace does not need them");
		return;
	}
	snprintf(found, sizeof(found), "perf_event_paranoid is %s", line);
	mt_doctor_add(table, "perf", false, atoi(line) <= 2, found,
	              "page faults cannot be counted by perf events; tracing does not need them");
}

static void check_clock(struct mt_table *table)
{
	char line[64];
	bool is_read = read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
	                         line, sizeof(line));
	char found[128];

	snprintf(found, sizeof(found), "the kernel's clocksource is %s",
	         is_read ? line : "not known");
	mt_doctor_add(
	        table, "clock", false, is_read && strcmp(line, "tsc") == 0, found,
	        "every event asks the kernel's clock for the time, which makes tracing slower");
}

static void check_libc(struct mt_table *table)
{
	const char *version = gnu_get_libc_version();
	unsigned int major = 0, minor = 0;
	struct utsname name;
	char found[512];

	sscanf(version, "%u.%u", &major, &minor);
	uname(&name);
	snprintf(found, sizeof(found), "glibc %s, Linux %s, %s", version, name.release,
	         name.machine);
	mt_doctor_add(table, "glibc", false, major > 2 || (major == 2 && minor >= 35), found,
	              "older than 2.35: it has no _dl_find_object, and walking stacks takes the "
	              "loader's lock");
}

static void check_space(struct mt_table *table)
{
	struct statvfs space;
	char found[128];
	uint64_t bytes;

	if (access(".", W_OK | X_OK) < 0) {
		snprintf(found, sizeof(found), "no file can be written here: %s", strerror(errno));
		mt_doctor_add(table, "folder", false, false, found,
		              "files go to $TMPDIR or /tmp, unless -o names a place");
		return;
	}
	if (statvfs(".", &space) < 0) {
		mt_doctor_add(table, "folder", false, false, strerror(errno),
		              "it is not known how much can be written here");
		return;
	}
	bytes = (uint64_t)space.f_bavail * space.f_frsize;
	snprintf(found, sizeof(found), "%s free here",
	         mt_units_bytes(bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes).text);
	mt_doctor_add(table, "folder", false, bytes >= FREE_BYTES_MIN, found,
	              "a long recording may fill the disk; use -o to write elsewhere");
}

void mt_doctor_check_machine(struct mt_table *table)
{
	check_smaps(table);
	check_pagemap(table);
	check_ptrace(table);
	check_yama(table);
	check_perf(table);
	check_clock(table);
	check_libc(table);
	check_space(table);
}
