/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * settings.c - see settings.h.
 */
#include "collect/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "one of wait|drop", "1 to 512 frames": what would have been right. */
static void describe(char *text, size_t bytes, enum mt_option_id id)
{
	const struct mt_option_row *row = &mt_option_rows[id];

	switch (row->type) {
	case MT_OPTION_SIZE:
		snprintf(text, bytes, "use %" PRIu64 " to %" PRIu64 " %s, or with K, M or G",
		         row->minimum, row->maximum, row->unit);
		break;
	case MT_OPTION_MOMENTS: snprintf(text, bytes, "use %s", row->unit); break;
	case MT_OPTION_CHOICE: snprintf(text, bytes, "use one of %s", row->unit); break;
	case MT_OPTION_UINT:
		snprintf(text, bytes, "use %" PRIu64 " to %" PRIu64 " %s", row->minimum,
		         row->maximum, row->unit);
		break;
	case MT_OPTION_TEXT: snprintf(text, bytes, "use %s=<%s>", row->key, row->unit); break;
	}
}

static void add_mistake(struct mt_settings *settings, const struct mt_option_pair *pair,
                        enum mt_option_error error)
{
	enum mt_option_id id = mt_option_find(pair->key, pair->key_bytes);
	char remedy[160] = "see `memtrace help options`";
	char *text;

	if (settings->mistake_count >= MT_SETTINGS_MISTAKES)
		return;
	if (id != MT_OPTION_COUNT)
		describe(remedy, sizeof(remedy), id);
	if (asprintf(&text, "option '%.*s': %s; %s", (int)(pair->key_bytes & 0xff), pair->key,
	             mt_option_error_text(error), remedy) >= 0)
		settings->mistakes[settings->mistake_count++] = text;
}

static void parse_options(struct mt_settings *settings)
{
	const char *cursor = settings->options_text;
	struct mt_option_pair pair;

	mt_options_defaults(&settings->options);
	while (cursor && mt_option_next(&cursor, &pair)) {
		enum mt_option_error error = mt_option_set(&settings->options, &pair);

		if (error != MT_OPTION_OK)
			add_mistake(settings, &pair, error);
	}
}

static const char *after(const char *argument, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(argument, prefix, length) == 0 ? argument + length : NULL;
}

int mt_settings_parse(struct mt_settings *settings, int argc, char **argv)
{
	const char *output = NULL;

	memset(settings, 0, sizeof(*settings));
	settings->command = "";
	for (int i = 1; i < argc; i++) {
		const char *value;

		if ((value = after(argv[i], "--options=")))
			settings->options_text = value;
		else if ((value = after(argv[i], "--folder=")))
			settings->folder = value;
		else if ((value = after(argv[i], "--command=")))
			settings->command = value;
		else if ((value = after(argv[i], "--output=")))
			output =
			        value; /* the same as in the options, where it could hold no colon */
		else if ((value = after(argv[i], "--pid=")))
			settings->pid = (pid_t)strtol(value, NULL, 10);
		else if (strcmp(argv[i], "--stay") == 0)
			settings->stays = true;
		else
			return -EINVAL;
	}
	parse_options(settings);
	if (output) {
		struct mt_option_value *chosen = &settings->options.values[MT_OPTION_ID_output];

		chosen->text = output;
		chosen->text_bytes = strlen(output);
	}
	return 0;
}

void mt_settings_free(struct mt_settings *settings)
{
	for (size_t i = 0; i < settings->mistake_count; i++)
		free(settings->mistakes[i]);
	settings->mistake_count = 0;
}

char *mt_settings_string(const struct mt_settings *settings, enum mt_option_id id)
{
	const struct mt_option_value *value = &settings->options.values[id];

	return strndup(value->text ? value->text : "", value->text_bytes);
}

static void print_value(FILE *out, const struct mt_option_row *row,
                        const struct mt_option_value *value)
{
	const char *choice = row->unit;

	switch (row->type) {
	case MT_OPTION_SIZE:
	case MT_OPTION_UINT: fprintf(out, "%" PRIu64, value->number); break;
	case MT_OPTION_MOMENTS:
	case MT_OPTION_TEXT: fwrite(value->text, 1, value->text_bytes, out); break;
	case MT_OPTION_CHOICE:
		for (uint64_t i = 0; i < value->number; i++)
			choice += strcspn(choice, "|") + 1;
		fwrite(choice, 1, strcspn(choice, "|"), out);
		break;
	}
}

char *mt_settings_text(const struct mt_settings *settings)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	for (unsigned int id = 0; id < MT_OPTION_COUNT; id++) {
		fprintf(out, "%s%s=", id ? ":" : "", mt_option_rows[id].key);
		print_value(out, &mt_option_rows[id], &settings->options.values[id]);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
