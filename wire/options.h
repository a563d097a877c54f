/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.h - enum and rows made from options.def; parse one value, or key=value:key=value.
 *
 * Used by preload/config.c (before libc is initialised), collect/collector.c and report/spawn.c, so it
 * calls nothing but string.h and needs no memory. A TEXT value borrows the string it was parsed from.
 */
#ifndef MT_WIRE_OPTIONS_H
#define MT_WIRE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "moments.h"

enum mt_option_type {
	MT_OPTION_UINT,
	MT_OPTION_SIZE,
	MT_OPTION_CHOICE,
	MT_OPTION_TEXT,
	MT_OPTION_MOMENTS,
};

enum mt_option_id {
#define OPTION(key, type, fallback, minimum, maximum, unit, sentence) MT_OPTION_ID_##key,
#include "options.def"
#undef OPTION
	MT_OPTION_COUNT
};

struct mt_option_row {
	const char *key;
	enum mt_option_type type;
	const char *fallback;
	uint64_t minimum;
	uint64_t maximum;
	const char
	        *unit; /* of a UINT or SIZE; for a CHOICE or MOMENTS its values, separated by '|' */
	const char *sentence;
};

static const struct mt_option_row mt_option_rows[MT_OPTION_COUNT] = {
#define OPTION(key, type, fallback, minimum, maximum, unit, sentence) \
	{#key, MT_OPTION_##type, fallback, minimum, maximum, unit, sentence},
#include "options.def"
#undef OPTION
};

struct mt_option_value {
	uint64_t number;  /* UINT, SIZE: the value; CHOICE: which, from 0; MOMENTS: see moments.h */
	const char *text; /* TEXT, MOMENTS: the bytes, not terminated */
	size_t text_bytes;
};

struct mt_options {
	struct mt_option_value values[MT_OPTION_COUNT];
};

/* One key=value of a string; both borrow it. */
struct mt_option_pair {
	const char *key;
	size_t key_bytes;
	const char *value;
	size_t value_bytes;
};

enum mt_option_error {
	MT_OPTION_OK = 0,
	MT_OPTION_UNKNOWN,  /* no such key */
	MT_OPTION_NO_VALUE, /* no '=' */
	MT_OPTION_NOT_A_NUMBER,
	MT_OPTION_OUT_OF_RANGE,
	MT_OPTION_NOT_A_CHOICE,
};

/* Finds a key, '-' and '_' being the same; MT_OPTION_COUNT when there is none. */
static inline enum mt_option_id mt_option_find(const char *key, size_t key_bytes)
{
	for (unsigned int id = 0; id < MT_OPTION_COUNT; id++) {
		const char *row = mt_option_rows[id].key;
		size_t i = 0;

		while (i < key_bytes && row[i] &&
		       (row[i] == key[i] || (row[i] == '_' && key[i] == '-')))
			i++;
		if (i == key_bytes && !row[i])
			return (enum mt_option_id)id;
	}
	return MT_OPTION_COUNT;
}

/* What a suffix multiplies by: K, M, G; 1 where it is none. */
static inline uint64_t mt_option_multiple(char suffix)
{
	switch (suffix) {
	case 'k':
	case 'K': return 1u << 10;
	case 'm':
	case 'M': return 1u << 20;
	case 'g':
	case 'G': return 1u << 30;
	default: return 1;
	}
}

/* Parses one value. *ret_value is untouched on an error. */
static inline enum mt_option_error mt_option_parse(enum mt_option_id id, const char *value,
                                                   size_t bytes, struct mt_option_value *ret_value)
{
	const struct mt_option_row *row = &mt_option_rows[id];
	struct mt_option_value parsed = {0, NULL, 0};
	uint64_t multiple = 1;

	switch (row->type) {
	case MT_OPTION_MOMENTS:
		if (!mt_moments_parse(value, bytes, &parsed.number))
			return MT_OPTION_NOT_A_CHOICE;
		/* fall through */
	case MT_OPTION_TEXT:
		parsed.text = value;
		parsed.text_bytes = bytes;
		break;
	case MT_OPTION_SIZE:
		if (bytes > 1)
			multiple = mt_option_multiple(value[bytes - 1]);
		bytes -= multiple > 1;
		/* fall through */
	case MT_OPTION_UINT:
		if (bytes == 0)
			return MT_OPTION_NOT_A_NUMBER;
		for (size_t i = 0; i < bytes; i++) {
			if (value[i] < '0' || value[i] > '9')
				return MT_OPTION_NOT_A_NUMBER;
			if (parsed.number > UINT64_MAX / 10 - 1)
				return MT_OPTION_OUT_OF_RANGE;
			parsed.number = parsed.number * 10 + (uint64_t)(value[i] - '0');
		}
		if (parsed.number > row->maximum / multiple)
			return MT_OPTION_OUT_OF_RANGE;
		parsed.number *= multiple;
		if (parsed.number < row->minimum)
			return MT_OPTION_OUT_OF_RANGE;
		break;
	case MT_OPTION_CHOICE: {
		const char *choice = row->unit;

		for (;; parsed.number++) {
			size_t length = strcspn(choice, "|");

			if (length == bytes && memcmp(choice, value, bytes) == 0)
				break;
			if (!choice[length])
				return MT_OPTION_NOT_A_CHOICE;
			choice += length + 1;
		}
		break;
	}
	}
	*ret_value = parsed;
	return MT_OPTION_OK;
}

static inline void mt_options_defaults(struct mt_options *options)
{
	for (unsigned int id = 0; id < MT_OPTION_COUNT; id++) {
		const char *fallback = mt_option_rows[id].fallback;

		mt_option_parse((enum mt_option_id)id, fallback, strlen(fallback),
		                &options->values[id]);
	}
}

/*
 * Takes the next key=value from *cursor, a string of them separated by ':'. False at the end. A value
 * may hold ':' as "::"-less text only: a path with a colon has to be given to `memtrace run -o`.
 */
static inline bool mt_option_next(const char **cursor, struct mt_option_pair *ret_pair)
{
	const char *at = *cursor;
	size_t length;
	const char *equals;

	while (*at == ':')
		at++;
	if (!*at)
		return false;
	length = strcspn(at, ":");
	equals = memchr(at, '=', length);
	ret_pair->key = at;
	ret_pair->key_bytes = equals ? (size_t)(equals - at) : length;
	ret_pair->value = equals ? equals + 1 : NULL;
	ret_pair->value_bytes = equals ? length - ret_pair->key_bytes - 1 : 0;
	*cursor = at + length;
	return true;
}

/* Sets one pair; what is wrong is returned and changes nothing. */
static inline enum mt_option_error mt_option_set(struct mt_options *options,
                                                 const struct mt_option_pair *pair)
{
	enum mt_option_id id = mt_option_find(pair->key, pair->key_bytes);

	if (id == MT_OPTION_COUNT)
		return MT_OPTION_UNKNOWN;
	if (!pair->value)
		return MT_OPTION_NO_VALUE;
	return mt_option_parse(id, pair->value, pair->value_bytes, &options->values[id]);
}

static inline const char *mt_option_error_text(enum mt_option_error error)
{
	switch (error) {
	case MT_OPTION_OK: return "no error";
	case MT_OPTION_UNKNOWN: return "there is no such option";
	case MT_OPTION_NO_VALUE: return "it needs a value (key=value)";
	case MT_OPTION_NOT_A_NUMBER: return "the value must be a whole number";
	case MT_OPTION_OUT_OF_RANGE: return "the value is out of range";
	case MT_OPTION_NOT_A_CHOICE: return "the value is not one of the choices";
	}
	return "unknown error";
}

#endif
