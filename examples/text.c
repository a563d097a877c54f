/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.c - blocks that libc allocates for its caller: strdup, strndup, asprintf, getline.
 *
 * They belong to the line that called libc.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	2	12	copies (text.c:24)
 *	1	4	copies (text.c:25)
 *	1	18	formatted (text.c:32)
 *	1	120	line_read (text.c:46)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *volatile kept;

static void copies(void)
{
	/* 5 letters and the NUL, twice; 3 letters and the NUL */
	for (int i = 0; i < 2; i++)
		kept = strdup("apple"); /* LEAK: 2 blocks, 12 bytes */
	kept = strndup("banana", 3);    /* LEAK: 1 block, 4 bytes */
}

static int formatted(void)
{
	char *text = NULL;
	/* 17 letters and the NUL */
	int length = asprintf(&text, "%s has %d letters", "ten", 3); /* LEAK: 1 block, 18 bytes */

	kept = text;
	return length == 17;
}

/* getline says how large it made the buffer: glibc starts with 120 bytes. */
static int line_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t line_bytes = 0;
	long length;

	length = file ? getline(&line, &line_bytes, file) : -1; /* LEAK: 1 block, 120 bytes */
	kept = line;
	if (file)
		fclose(file);
	return length > 0 && line_bytes == 120;
}

int main(void)
{
	copies();
	return formatted() && line_read("/proc/self/comm") ? 0 : 1;
}
