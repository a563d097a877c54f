/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pid.h - a running process as an operand.
 *
 * Used by the commands that take a PID. What is wrong is said; the result is then the exit status.
 */
#ifndef MT_REPORT_PID_H
#define MT_REPORT_PID_H

#include <sys/types.h>

#include "base/smaps.h"

/* MT_EXIT_FINE, or MT_EXIT_USAGE after having said why. */
int mt_pid_parse(const char *text, pid_t *ret_pid);

/*
 * The mappings of a process and the name of its command. *ret_smaps is given (mt_smaps_free()), *ret_command too (free()).
 * MT_EXIT_FINE, or MT_EXIT_CANNOT after having said why.
 */
int mt_pid_read_smaps(pid_t pid, struct mt_smaps *ret_smaps, char **ret_command);

#endif
