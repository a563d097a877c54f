/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.c - the environment, read once.
 */
#include "preload/config.h"

#include <string.h>

#include "wire/hello.h"
#include "wire/options.h"

struct mt_config mt_config = {.depth = 128, .exit_wait_s = 10, .options = ""};

static const char *value_of(const char *entry, const char *name)
{
	size_t bytes = strlen(name);

	return strncmp(entry, name, bytes) == 0 && entry[bytes] == '=' ? entry + bytes + 1 : NULL;
}

void mt_config_read(char *const *environment)
{
	struct mt_options options;
	struct mt_option_pair pair;
	const char *cursor;

	mt_config.environment = environment;
	for (char *const *entry = environment; *entry; entry++) {
		const char *value;

		if ((value = value_of(*entry, MT_OPTIONS_ENV)))
			mt_config.options = value;
		else if ((value = value_of(*entry, MT_SESSION_ENV)))
			mt_config.session = value;
	}
	mt_options_defaults(&options);
	cursor = mt_config.options;
	while (mt_option_next(&cursor, &pair))
		mt_option_set(&options, &pair);
	mt_config.depth = (uint32_t)options.values[MT_OPTION_ID_depth].number;
	mt_config.unwind = (enum mt_config_unwind)options.values[MT_OPTION_ID_unwind].number;
	mt_config.overflow_drops = options.values[MT_OPTION_ID_overflow].number == 1;
	mt_config.exit_wait_s = (uint32_t)options.values[MT_OPTION_ID_exit_wait].number;
}
