/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lines.h - files of the kernel, read whole under a root prefix, and their lines.
 *
 * All readers of host/ start here. `root` is "" on a live machine, or a folder with a dump of another one. Files of /proc
 * may be hidden, of another kernel, or made up: nothing that stands in them is trusted.
 */
#ifndef MT_HOST_LINES_H
#define MT_HOST_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads <root><path>, at most 16 MiB of it, NUL-terminated; gives *ret_text (free with free()). 0 or -errno. */
int mt_lines_read(const char *root, const char *path, char **ret_text);

/* The first line of a file, without its end, into `line`. 0 or -errno. */
int mt_lines_first(const char *root, const char *path, char *line, size_t bytes);

/* One number, alone in its file; "max" is UINT64_MAX. 0, -EBADMSG where there is none, or -errno. */
int mt_lines_single(const char *root, const char *path, uint64_t *ret_number);

/* The next line of a text that is taken apart: *at moves on. NULL at the end. */
char *mt_lines_next(char **at);

/* The next word of a line, likewise; words are separated by blanks. NULL at the end. */
char *mt_lines_word(char **at);

/* A whole number; false where the word is anything else. What does not fit is UINT64_MAX. */
bool mt_lines_number(const char *word, uint64_t *ret_number);

#endif
