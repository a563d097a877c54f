/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zones.c - see zones.h.
 */
#include "host/zones.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "host/lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct mt_zone, member)

const struct mt_zone_mark mt_zone_marks[] = {
        {"boost", AT(boost)}, {"min", AT(min)},         {"low", AT(low)},
        {"high", AT(high)},   {"present", AT(present)}, {"managed", AT(managed)},
        {"free", AT(free)},   {"reserve", AT(reserve)}, {0},
};

uint64_t *mt_zone_figure(struct mt_zone *zone, const struct mt_zone_mark *mark)
{
	return (uint64_t *)(void *)((char *)zone + mark->at);
}

int mt_zones_find(struct mt_zones *zones, unsigned int node, const char *name,
                  struct mt_zone **ret_zone)
{
	struct mt_zone *zone;

	for (size_t i = 0; i < zones->count; i++) {
		*ret_zone = &zones->rows[i];
		if ((*ret_zone)->node == node && strcmp((*ret_zone)->name, name) == 0)
			return 0;
	}
	if (zones->count == MT_ZONES_MAX)
		return -E2BIG;
	if (MT_ARRAY_RESERVE(zones->rows, zones->capacity, zones->count + 1) < 0)
		return -ENOMEM;
	zone = &zones->rows[zones->count++];
	*zone = (struct mt_zone){.node = node};
	snprintf(zone->name, sizeof(zone->name), "%s", name);
	*ret_zone = zone;
	return 0;
}

/* "Node 0, zone   Normal": the rest of the line is left in *at. False: it is another line. */
static bool parse_head(char **at, unsigned int *ret_node, const char **ret_name)
{
	char *word = mt_lines_word(at);
	uint64_t node;

	if (!word || strcmp(word, "Node") != 0)
		return false;
	word = mt_lines_word(at);
	if (!word)
		return false;
	word[strcspn(word, ",")] = '\0';
	if (!mt_lines_number(word, &node) || node > UINT16_MAX)
		return false;
	word = mt_lines_word(at);
	if (!word || strcmp(word, "zone") != 0)
		return false;
	*ret_node = (unsigned int)node;
	*ret_name = mt_lines_word(at);
	return *ret_name != NULL;
}

/* "protection: (0, 3019, 24090)": the most of them. */
static uint64_t parse_protection(char *at)
{
	uint64_t most = 0, number;
	char *word;

	while ((word = mt_lines_word(&at))) {
		word += strspn(word, "(");
		word[strcspn(word, ",)")] = '\0';
		if (mt_lines_number(word, &number) && number > most)
			most = number;
	}
	return most;
}

static void parse_mark(struct mt_zone *zone, char *line)
{
	char *name = mt_lines_word(&line), *number;
	uint64_t value;

	if (!name)
		return;
	if (strcmp(name, "protection:") == 0) {
		zone->reserve = parse_protection(line);
		return;
	}
	number = mt_lines_word(&line);
	if (!number)
		return;
	if (strcmp(name, "pages") == 0 && strcmp(number, "free") == 0) {
		number = mt_lines_word(&line);
		if (number && mt_lines_number(number, &value)) {
			zone->free = value;
			zone->has_marks = true;
		}
		return;
	}
	/* "free" and "reserve" are names of ours: no line begins so */
	for (const struct mt_zone_mark *mark = mt_zone_marks; mark->name; mark++)
		if (strcmp(name, mark->name) == 0 && mt_lines_number(number, &value))
			*mt_zone_figure(zone, mark) = value;
}

static int parse_zoneinfo(struct mt_zones *zones, char *text)
{
	size_t zone = SIZE_MAX; /* an index, as rows may move */
	char *line;

	while ((line = mt_lines_next(&text))) {
		unsigned int node;
		const char *name;
		char *at = line;

		if (strncmp(line, "Node ", 5) == 0) {
			struct mt_zone *found;
			int r;

			zone = SIZE_MAX;
			if (!parse_head(&at, &node, &name))
				continue;
			r = mt_zones_find(zones, node, name, &found);
			if (r < 0)
				return r;
			zone = (size_t)(found - zones->rows);
			continue;
		}
		/* each processor's lists come last, with words of the same names */
		if (strncmp(line, "  pagesets", 10) == 0)
			zone = SIZE_MAX;
		if (zone != SIZE_MAX)
			parse_mark(&zones->rows[zone], line);
	}
	return 0;
}

static int parse_buddyinfo(struct mt_zones *zones, char *text)
{
	char *line;

	while ((line = mt_lines_next(&text))) {
		struct mt_zone *zone;
		unsigned int node;
		const char *name;
		char *word;
		int r;

		if (!parse_head(&line, &node, &name))
			continue;
		r = mt_zones_find(zones, node, name, &zone);
		if (r < 0)
			return r;
		zone->order_count = 0;
		while (zone->order_count < MT_ZONE_ORDERS_MAX && (word = mt_lines_word(&line)))
			if (!mt_lines_number(word, &zone->orders[zone->order_count++]))
				return -EBADMSG;
		zone->has_orders = true;
	}
	return 0;
}

static int read_file(const char *root, const char *path, struct mt_zones *zones,
                     int (*parse)(struct mt_zones *zones, char *text))
{
	MT_CLEANUP_FREE char *text = NULL;
	int r = mt_lines_read(root, path, &text);

	return r < 0 ? r : parse(zones, text);
}

int mt_zones_read(const char *root, struct mt_zones *ret_zones)
{
	struct mt_zones zones = {0};

	zones.marks_error = read_file(root, "/proc/zoneinfo", &zones, parse_zoneinfo);
	zones.orders_error = read_file(root, "/proc/buddyinfo", &zones, parse_buddyinfo);
	if (zones.marks_error == -ENOMEM || zones.orders_error == -ENOMEM) {
		mt_zones_free(&zones);
		return -ENOMEM;
	}
	*ret_zones = zones;
	return 0;
}

uint64_t mt_zone_free_from(const struct mt_zone *zone, unsigned int order)
{
	uint64_t pages = 0;

	for (unsigned int i = order; i < zone->order_count && i < MT_ZONE_ORDERS_MAX; i++)
		pages += zone->orders[i] << i;
	return pages;
}

unsigned int mt_zone_unusable(const struct mt_zone *zone, unsigned int order)
{
	uint64_t all = mt_zone_free_from(zone, 0);

	return all ? (unsigned int)((all - mt_zone_free_from(zone, order)) * 1000 / all) : 1000;
}

void mt_zones_free(struct mt_zones *zones)
{
	free(zones->rows);
	memset(zones, 0, sizeof(*zones));
}
