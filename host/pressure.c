/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pressure.c - see pressure.h.
 */
#include "host/pressure.h"

#include "base/cleanup.h"
#include "host/lines.h"

#include <errno.h>
#include <string.h>

/* "0.25" -> 25 */
static uint32_t hundredths(const char *text)
{
	char *end;
	unsigned long whole = strtoul(text, &end, 10);
	unsigned long part = 0;

	if (*end == '.' && end[1] >= '0' && end[1] <= '9') {
		part = (unsigned long)(end[1] - '0') * 10;
		if (end[2] >= '0' && end[2] <= '9')
			part += (unsigned long)(end[2] - '0');
	}
	return whole > 100 ? 10000 : (uint32_t)(whole * 100 + part);
}

/* "avg10=0.00 avg60=0.00 avg300=0.00 total=265281" */
static void parse_line(char *at, struct mt_pressure_line *line)
{
	char *word;

	while ((word = mt_lines_word(&at))) {
		if (strncmp(word, "avg10=", 6) == 0)
			line->avg10 = hundredths(word + 6);
		else if (strncmp(word, "avg60=", 6) == 0)
			line->avg60 = hundredths(word + 6);
		else if (strncmp(word, "avg300=", 7) == 0)
			line->avg300 = hundredths(word + 7);
		else if (strncmp(word, "total=", 6) == 0)
			mt_lines_number(word + 6, &line->total_us);
	}
}

int mt_pressure_read(const char *root, const char *path, struct mt_pressure *ret_pressure)
{
	MT_CLEANUP_FREE char *text = NULL;
	struct mt_pressure pressure = {0};
	char *at, *line;
	int r = mt_lines_read(root, path, &text);

	*ret_pressure = (struct mt_pressure){.error = r};
	if (r < 0)
		return r;
	at = text;
	while ((line = mt_lines_next(&at))) {
		char *who = mt_lines_word(&line);

		if (who && strcmp(who, "some") == 0)
			parse_line(line, &pressure.some);
		else if (who && strcmp(who, "full") == 0)
			parse_line(line, &pressure.full);
	}
	*ret_pressure = pressure;
	return 0;
}
