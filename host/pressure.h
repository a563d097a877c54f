/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pressure.h - how long tasks waited for memory: PSI, of the machine or of a control group.
 */
#ifndef MT_HOST_PRESSURE_H
#define MT_HOST_PRESSURE_H

#include <stdint.h>

/* Shares of time in 1/100 %, over the last 10, 60 and 300 s, and the sum since boot. */
struct mt_pressure_line {
	uint32_t avg10;
	uint32_t avg60;
	uint32_t avg300;
	uint64_t total_us;
};

struct mt_pressure {
	struct mt_pressure_line some; /* at least one task waited */
	struct mt_pressure_line full; /* all that were not idle waited at once */
	int error; /* why there is nothing: -errno (-EOPNOTSUPP: switched off), or 0 */
};

int mt_pressure_read(const char *root, const char *path, struct mt_pressure *ret_pressure);

#endif
