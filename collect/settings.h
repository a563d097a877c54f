/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * settings.h - the collector's command line and the options in it.
 *
 * Used by the collector's main.
 */
#ifndef MT_COLLECT_SETTINGS_H
#define MT_COLLECT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "wire/options.h"

/* A wrong option is left out, and said. */
#define MT_SETTINGS_MISTAKES 16u

struct mt_settings {
	const char *options_text; /* borrowed from argv, like all strings here */
	const char *folder;       /* what output= is relative to; NULL: not given */
	const char *command;      /* of the program, for the default name */
	pid_t pid;                /* 0: not given */
	bool stays;               /* does not detach itself: whoever started it has done so, or wants it there */
	struct mt_options options;
	char *mistakes[MT_SETTINGS_MISTAKES]; /* sentences; owned */
	size_t mistake_count;
};

/* 0, or -EINVAL: there is an argument that is not known. */
int mt_settings_parse(struct mt_settings *settings, int argc, char **argv);
void mt_settings_free(struct mt_settings *settings);

/* All options as key=value:key=value. Gives a string (free with free()), or NULL. */
char *mt_settings_text(const struct mt_settings *settings);

/* A TEXT option as a string. Gives it (free with free()), or NULL: out of memory. */
char *mt_settings_string(const struct mt_settings *settings, enum mt_option_id id);

#endif
