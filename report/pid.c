/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pid.c - see pid.h.
 */
#include "report/pid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bss.h"
#include "base/procfs.h"
#include "report/command.h"
#include "report/say.h"

bool mt_pid_is_meant(const char *operand)
{
	struct stat file;

	return operand[0] && operand[strspn(operand, "0123456789")] == '\0' &&
	       stat(operand, &file) != 0;
}

int mt_pid_parse(const char *text, pid_t *ret_pid)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || *end || end == text || number <= 0 || number != (pid_t)number) {
		mt_say("'%s' is not a pid", text);
		return MT_EXIT_USAGE;
	}
	*ret_pid = (pid_t)number;
	return MT_EXIT_FINE;
}

/* Why /proc/PID could not be read. */
static int say_why(pid_t pid, int error)
{
	switch (error) {
	case -ENOENT:
	case -ESRCH: mt_say("there is no process %d, or /proc hides it (hidepid)", (int)pid); break;
	case -EACCES:
	case -EPERM:
		mt_say("process %d is another user's, or does not let itself be looked at (setuid, "
		       "not dumpable): /proc/%d/smaps needs its user, or CAP_SYS_PTRACE",
		       (int)pid, (int)pid);
		break;
	default: mt_say("/proc/%d/smaps: %s", (int)pid, strerror(-error));
	}
	return MT_EXIT_CANNOT;
}

int mt_pid_read_smaps(pid_t pid, struct mt_smaps *ret_smaps, char **ret_command)
{
	struct mt_procfs_stat stat;
	struct mt_smaps smaps;
	size_t bytes;
	char *command;
	int r = mt_smaps_read("", pid, &smaps);

	if (r < 0)
		return say_why(pid, r);
	if (smaps.count == 0) {
		mt_smaps_free(&smaps);
		r = mt_procfs_stat("", pid, &stat);
		if (r < 0)
			return say_why(pid, r);
		mt_say("process %d has no mappings: %s", (int)pid,
		       stat.state == 'Z' ? "it has ended and its parent has not yet waited for it"
		                         : "it is a thread of the kernel, or just ending");
		return MT_EXIT_CANNOT;
	}
	r = mt_procfs_read("", pid, "comm", 256, &command, &bytes);
	if (r < 0) {
		mt_smaps_free(&smaps);
		return say_why(pid, r);
	}
	command[strcspn(command, "\n")] = '\0';
	mt_bss_bound("", pid, &smaps);
	*ret_smaps = smaps;
	*ret_command = command;
	return MT_EXIT_FINE;
}
