/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.h - what the library was asked to do: MEMTRACE_OPTIONS, read once by the constructor.
 *
 * The environment is read from the constructor's argument: libc's own pointer to it is not set yet.
 */
#ifndef MT_PRELOAD_CONFIG_H
#define MT_PRELOAD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of options.def. */
enum mt_config_unwind {
	MT_CONFIG_UNWIND_AUTO,
	MT_CONFIG_UNWIND_LIBUNWIND,
	MT_CONFIG_UNWIND_FRAME_POINTER,
	MT_CONFIG_UNWIND_VERIFY,
	MT_CONFIG_UNWIND_NONE,
};

struct mt_config {
	uint32_t depth; /* frames */
	enum mt_config_unwind unwind;
	bool overflow_drops;
	uint32_t exit_wait_s;
	char *const *environment;
	const char *options; /* the value of MEMTRACE_OPTIONS; "" */
	const char *session; /* the value of MEMTRACE_SESSION; NULL */
};

extern struct mt_config mt_config;

/* Reads the environment; borrows it for ever. Wrong options are left at their defaults (the collector notes them). */
void mt_config_read(char *const *environment);

#endif
