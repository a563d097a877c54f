/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arguments.h - a command line, parsed by the command's own table of flags.
 *
 * Used by memtrace.c; the questions at the end by every command.
 */
#ifndef MT_REPORT_ARGUMENTS_H
#define MT_REPORT_ARGUMENTS_H

#include "report/command.h"

enum mt_format { MT_FORMAT_TEXT, MT_FORMAT_JSON, MT_FORMAT_CSV };

/*
 * Parses what follows the command's name. What is wrong is said on standard error and gives
 * MT_EXIT_USAGE; --help is answered and sets *ret_is_done. argv is reordered: flags may follow
 * operands unless the command stops early.
 */
int mt_arguments_parse(const struct mt_command *command, int argc, char **argv,
                       struct mt_call *ret_call, bool *ret_is_done);

/*
 * The value of a flag of the command's table, by its name or its letter; NULL when it was not
 * given.
 */
const char *mt_arguments_value(const struct mt_call *call, const char *flag);
bool mt_arguments_has(const struct mt_call *call, const char *flag);
int64_t mt_arguments_number(const struct mt_call *call, const char *flag, int64_t fallback);
/* Of a flag that was given as "N,M". MT_EXIT_FINE, or what is wrong is said and it is MT_EXIT_USAGE. */
int mt_arguments_pair(const struct mt_call *call, const char *flag, int64_t *ret_first,
                      int64_t *ret_second);
enum mt_format mt_arguments_format(const struct mt_call *call);

/*
 * The word of `words` (NULL at the end) that was probably meant; NULL when none is near. "leeks" is
 * near "leaks".
 */
const char *mt_arguments_near(const char *word, const char *const *words);

#endif
