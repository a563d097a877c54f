/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fields.h - files that are a name and a number a line: /proc/meminfo, /proc/vmstat, memory.stat, memory.events.
 *
 * Every line is kept, also those that nobody knows yet: --raw shows them.
 */
#ifndef MT_HOST_FIELDS_H
#define MT_HOST_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_field {
	const char *name; /* "Active(anon)"; borrowed from the mt_fields */
	uint64_t value;   /* in bytes where the kernel says kB, else the plain number */
	bool is_bytes;    /* the kernel said kB */
};

/* Starts as {0}. */
struct mt_fields {
	char *text;
	struct mt_field *rows; /* in the file's order */
	size_t count;
	size_t capacity;
	size_t odd; /* lines that are no name and number */
	int error;  /* why there is nothing: -errno, or 0 */
};

/* Reads <root><path>. What is wrong is in ret_fields->error, too. */
int mt_fields_read(const char *root, const char *path, struct mt_fields *ret_fields);

/* The same from text; takes it (malloc'ed, NUL-terminated), also when it fails. */
int mt_fields_parse(char *text, struct mt_fields *ret_fields);

/* False: there is no such line. */
bool mt_fields_get(const struct mt_fields *fields, const char *name, uint64_t *ret_value);

void mt_fields_free(struct mt_fields *fields);

#endif
