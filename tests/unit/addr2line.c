/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * addr2line.c - see addr2line.h.
 */
#include "tests/unit/addr2line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fixture.h"

char *addr2line_build_id(const char *path)
{
	char *id = fixture_output(
	        "readelf -n '%s' 2>/dev/null | sed -n 's/.*Build ID: //p' | tr -d '\\n'", path);

	if (*id)
		return id;
	free(id);
	return NULL;
}

/* A name without parameters, template arguments and scopes: what all tools agree on. */
static void bare_name(const char *name, char ret_bare[64])
{
	unsigned int depth = 0;
	size_t length = 0;

	ret_bare[0] = '\0';
	for (const char *at = name ? name : "??"; *at; at++) {
		if (*at == '(' && strncmp(at, "(anonymous namespace)", 21) == 0) {
			at += 20;
		} else if (strncmp(at, "operator", 8) == 0) {
			/* Operators have brackets of their own; that it is one is enough. */
			length = 0;
			depth = 0;
			strcpy(ret_bare, "operator");
			return;
		} else if (strchr("<({[", *at)) {
			if (*at == '(' && depth == 0)
				break;
			depth++;
		} else if (strchr(">)}]", *at)) {
			depth -= depth > 0;
		} else if (depth == 0 && (*at == ':' || *at == ' ')) {
			length = 0;
		} else if (depth == 0 && length < 62) {
			ret_bare[length++] = *at;
			ret_bare[length] = '\0';
		}
	}
	/* Parts of functions that the compiler moved elsewhere. */
	ret_bare[strcspn(ret_bare, ".")] = '\0';
}

static const char *base_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "??";
}

/*
 * True when a place of addr2line's cannot be: the file it names has fewer lines, or is none. Some
 * versions take the number of one compile unit's file for that of another's.
 */
static bool is_impossible(const char *place)
{
	char path[1024], line[512];
	unsigned long number, count = 0;
	FILE *file;

	if (strstr(place, "<artificial>"))
		return true;
	snprintf(path, sizeof(path), "%.*s", (int)(strrchr(place, ':') - place), place);
	number = strtoul(strrchr(place, ':') + 1, NULL, 10);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		count += strchr(line, '\n') != NULL;
	fclose(file);
	return number > count;
}

/* One address: addr2line's lines, a function and a place in turn, against ours. */
static void compare(const char *lines, const struct mt_symbols *symbols, uint64_t addr)
{
	size_t depth = 0;

	while (*lines) {
		char function[2048], place[1024], ours[64], theirs[64], where[1200];
		const struct mt_symbol *symbol =
		        depth < symbols->count ? &symbols->items[depth] : NULL;
		int used = 0;

		assert_int_equal(
		        sscanf(lines, "%2047[^\n]\n%1023[^\n]\n%n", function, place, &used), 2);
		lines += used;
		depth++;
		/* Without debug information it names what stands before, however far away. */
		if (symbols->symbolized < MT_SYMBOLIZED_DWARF && !symbol)
			continue;
		assert_non_null(symbol);
		bare_name(symbol->function, ours);
		bare_name(function, theirs);
		if (strcmp(ours, theirs) != 0)
			fail_msg("0x%lx depth %zu: '%s', addr2line: '%s'", (unsigned long)addr,
			         depth, symbol->function, function);
		place[strcspn(place, " ")] = '\0';
		if (strstr(place, ":?"))
			strcpy(strstr(place, ":?"), ":0");
		snprintf(where, sizeof(where), "%s:%ld", base_of(symbol->file), (long)symbol->line);
		if (symbols->symbolized == MT_SYMBOLIZED_DWARF &&
		    strcmp(is_impossible(place) ? strrchr(where, ':') : where,
		           is_impossible(place) ? strrchr(place, ':') : base_of(place)) != 0)
			fail_msg("0x%lx depth %zu: %s, addr2line: %s", (unsigned long)addr, depth,
			         where, place);
		assert_int_equal(symbol->is_inlined, depth < symbols->count);
	}
	if (symbols->count > 0)
		assert_int_equal(depth, symbols->count);
}

/* Every return address of a program, by objdump, in the order of its listing. */
static char *return_addresses(const char *path)
{
	return fixture_output(
	        "objdump -d --no-show-raw-insn '%s' | awk '/^ *[0-9a-f]+:/ { if (call) {"
	        " sub(\":\", \"\", $1); print \"0x\" $1 } call = $2 ~ /^call/ }'",
	        path);
}

/* All of a program's return addresses against addr2line, which may look into another file. */
struct addr2line_tally addr2line_compare(const char *tool, const char *path, const char *of_tool)
{
	struct mt_symbolizer *symbolizer = mt_symbolizer_new(0);
	struct mt_arena arena = {0};
	struct addr2line_tally tally = {0};
	char *addresses, *id, *at, *said, *line;
	FILE *to;

	if (fixture_status("command -v %s", tool) != 0) {
		mt_symbolizer_free(symbolizer);
		skip();
	}
	addresses = return_addresses(path);
	id = addr2line_build_id(path);
	/* A return address is asked as the byte before: it is still the call's. */
	to = fopen(fixture_path("addresses"), "we");
	assert_non_null(to);
	for (at = addresses; *at; at += strspn(at, "\n"))
		fprintf(to, "0x%llx\n", strtoull(at, &at, 16) - 1);
	fclose(to);
	said = fixture_output("%s -C -f -i -a -e '%s' <'%s'", tool, of_tool,
	                      fixture_path("addresses"));
	at = addresses;
	line = said;
	while (*at) {
		uint64_t offset = strtoull(at, &at, 16);
		struct mt_symbols symbols;
		char *start, *end;

		at += strspn(at, "\n");
		/* Its answers start with the address. */
		assert_memory_equal(line, "0x", 2);
		start = strchr(line, '\n') + 1;
		end = strstr(start, "\n0x");
		if (end)
			*end = '\0';
		assert_int_equal(strtoull(line, NULL, 16), offset - 1);
		mt_symbolizer_resolve(symbolizer, path, id, offset, &arena, &symbols);
		compare(start, &symbols, offset);
		tally.addresses++;
		tally.inlined += symbols.count > 1;
		tally.dwarf += symbols.symbolized == MT_SYMBOLIZED_DWARF;
		line = end ? end + 1 : start;
	}
	mt_symbolizer_free(symbolizer);
	mt_arena_free(&arena);
	free(addresses);
	free(said);
	free(id);
	return tally;
}
