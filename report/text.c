/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.c - see text.h.
 */
#include "report/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t mt_text_character(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t code;

	if (at[0] < 0x80)
		return at[0] >= 0x20 && at[0] != 0x7f;
	if (at[0] >= 0xc2 && at[0] <= 0xdf) {
		if (!is_continuation(at[1]))
			return 0;
		code = (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
		return code >= 0xa0 ? 2 : 0;
	}
	if (at[0] >= 0xe0 && at[0] <= 0xef) {
		if (!is_continuation(at[1]) || !is_continuation(at[2]))
			return 0;
		code = (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
		return code >= 0x800 && (code < 0xd800 || code > 0xdfff) ? 3 : 0;
	}
	if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		if (!is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3]))
			return 0;
		code = (at[0] & 0x07u) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 |
		       (at[3] & 0x3fu);
		return code >= 0x10000 && code <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

char *mt_text_escape(const char *text)
{
	char *clean = malloc(4 * strlen(text) + 1);
	char *to = clean;

	if (!clean)
		return NULL;
	while (*text) {
		size_t bytes = mt_text_character(text);

		if (bytes > 0) {
			memcpy(to, text, bytes);
			to += bytes;
			text += bytes;
			continue;
		}
		if (*text == '\n')
			to = stpcpy(to, "\\n");
		else if (*text == '\t')
			to = stpcpy(to, "\\t");
		else
			to += sprintf(to, "\\x%02x", (unsigned char)*text);
		text++;
	}
	*to = '\0';
	return clean;
}

const char *mt_text_clean(struct mt_arena *arena, const char *text)
{
	const char *at = text;
	char *escaped;
	const char *copy;
	size_t bytes;

	if (!text)
		return "";
	while (*at && (bytes = mt_text_character(at)) > 0)
		at += bytes;
	if (!*at)
		return text;
	escaped = mt_text_escape(text);
	copy = mt_arena_text(arena, escaped ? escaped : "?");
	free(escaped);
	return copy;
}

size_t mt_text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += !is_continuation((unsigned char)*text);
	return width;
}

const char *mt_text_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

const char *mt_text_plain_path(struct mt_arena *arena, const char *path)
{
	char *plain = mt_arena_take(arena, strlen(path) + 2, 1);
	char *start = plain + (*path == '/');
	char *to = start;

	if (*path == '/')
		*plain = '/';
	while (*path) {
		size_t bytes = strcspn(path, "/");
		char *last = to > start ? memrchr(start, '/', (size_t)(to - start)) : NULL;

		last = last ? last + 1 : start;
		if (bytes == 2 && strncmp(path, "..", 2) == 0 && to > start &&
		    strncmp(last, "..", (size_t)(to - last)) != 0) {
			to = last > start ? last - 1 : start;
		} else if (bytes > 0 && !(bytes == 1 && *path == '.')) {
			if (to > start)
				*to++ = '/';
			to = mempcpy(to, path, bytes);
		}
		path += bytes;
		path += strspn(path, "/");
	}
	*to = '\0';
	return plain;
}

const char *mt_text_short_path(struct mt_arena *arena, const char *path, size_t width)
{
	const char *at = path;

	if (mt_text_width(path) <= width)
		return path;
	/* The longest tail of whole components that fits; the last one in any case. */
	while ((at = strchr(at + 1, '/')))
		if (mt_text_width(at) + 3 <= width || !strchr(at + 1, '/'))
			return mt_arena_print(arena, "...%s", at);
	return path;
}

static const char brackets[][2] = {{'<', '>'}, {'(', ')'}, {'{', '}'}};

/*
 * What holds brackets that are none: "operator<", "operator->", "operator()" and their kin, and the
 * name that demanglers give to what has none.
 */
static size_t opaque_bytes(const char *at, const char *start)
{
	static const char nameless[] = "(anonymous namespace)";
	static const char word[] = "operator";
	size_t length = sizeof(word) - 1;

	if (strncmp(at, nameless, sizeof(nameless) - 1) == 0)
		return sizeof(nameless) - 1;
	if (strncmp(at, word, length) != 0)
		return 0;
	if (at > start && (isalnum((unsigned char)at[-1]) || at[-1] == '_'))
		return 0;
	if (strncmp(at + length, "()", 2) == 0)
		return length + 2;
	if (!at[length] || !strchr("<>-=", at[length]))
		return 0;
	while (at[length] && strchr("<>-=", at[length]))
		length++;
	return length;
}

/* Copies `name` with what stands inside each outermost pair of this kind replaced by "...". */
static char *without_insides(struct mt_arena *arena, const char *name, const char pair[2])
{
	char *out = mt_arena_take(arena, 4 * strlen(name) + 1, 1);
	char *to = out;
	unsigned int depth = 0;

	for (const char *at = name; *at; at++) {
		size_t bytes = opaque_bytes(at, name);

		if (bytes > 0) {
			if (depth == 0)
				to = mempcpy(to, at, bytes);
			at += bytes - 1;
			continue;
		}
		/* "->" inside an expression or a trailing type closes nothing. */
		if (*at == pair[1] && depth > 0 && !(*at == '>' && at[-1] == '-')) {
			depth--;
			if (depth == 0)
				*to++ = *at;
			continue;
		}
		if (*at == pair[0]) {
			if (depth == 0) {
				*to++ = *at;
				if (at[1] && at[1] != pair[1])
					to = stpcpy(to, "...");
			}
			depth++;
			continue;
		}
		if (depth == 0)
			*to++ = *at;
	}
	*to = '\0';
	/* Unbalanced: not a name of the kind that this is for. */
	return depth == 0 ? out : NULL;
}

/*
 * The longest tail of whole scopes that fits behind "...": "...Compiler<...>::_M_match_token(...)".
 */
static const char *without_scopes(struct mt_arena *arena, const char *name, size_t width)
{
	unsigned int depth = 0;

	for (const char *at = name; *at; at++) {
		size_t bytes = opaque_bytes(at, name);

		if (bytes > 0) {
			at += bytes - 1;
			continue;
		}
		if (strchr("<({", *at))
			depth++;
		else if (strchr(">)}", *at) && depth > 0)
			depth--;
		else if (depth == 0 && (*at == ' ' || strncmp(at, "::", 2) == 0) &&
		         mt_text_width(at + (*at == ' ')) + 3 <= width)
			return mt_arena_print(arena, "...%s", at + (*at == ' '));
	}
	return name;
}

const char *mt_text_short_name(struct mt_arena *arena, const char *name, size_t width)
{
	for (size_t i = 0; i < sizeof(brackets) / sizeof(brackets[0]); i++) {
		const char *shorter;

		if (mt_text_width(name) <= width)
			return name;
		shorter = without_insides(arena, name, brackets[i]);
		if (shorter)
			name = shorter;
	}
	if (mt_text_width(name) > width)
		name = without_scopes(arena, name, width);
	return name;
}

const char *mt_text_cut(struct mt_arena *arena, const char *text, size_t width)
{
	const char *end = text;
	size_t kept = 0;

	if (mt_text_width(text) <= width || width < 3)
		return text;
	for (; *end; end++) {
		if (is_continuation((unsigned char)*end))
			continue;
		if (kept++ == width - 3)
			break;
	}
	return mt_arena_print(arena, "%.*s...", (int)(end - text), text);
}

const char *mt_text_shell(struct mt_arena *arena, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	                            "_-./=:,+@%";
	char *quoted, *to;

	if (*word && strspn(word, plain) == strlen(word))
		return word;
	quoted = mt_arena_take(arena, 4 * strlen(word) + 3, 1);
	to = quoted;
	*to++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			to = stpcpy(to, "'\\''");
		else
			*to++ = *word;
	}
	*to++ = '\'';
	return quoted;
}

bool mt_text_is_coloured(FILE *stream)
{
	const char *term = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");

	return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0 &&
	       !(no_colour && *no_colour);
}

void mt_text_print_wrapped(FILE *to, const char *text, size_t column, size_t width)
{
	size_t at = column;

	while (*text) {
		size_t bytes = strcspn(text, " ");

		if (at > column && at + 1 + bytes > width) {
			fprintf(to, "\n%*s", (int)column, "");
			at = column;
		}
		if (at > column) {
			putc(' ', to);
			at++;
		}
		fprintf(to, "%.*s", (int)bytes, text);
		at += bytes;
		text += bytes;
		text += strspn(text, " ");
	}
	putc('\n', to);
}
