/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * machine.h - all that the machine says of its memory, and what limits one process, read at one moment.
 *
 * Called from the tool. Each part knows by itself why it is missing; nothing missing keeps the others away.
 */
#ifndef MT_HOST_MACHINE_H
#define MT_HOST_MACHINE_H

#include "host/areas.h"
#include "host/fields.h"
#include "host/hugepages.h"
#include "host/limits.h"
#include "host/pressure.h"
#include "host/slabs.h"
#include "host/swaps.h"
#include "host/victims.h"
#include "host/zones.h"

/* Numbers of /proc/sys/vm, by their names there. */
#define MT_SETTINGS(SETTING)                                                         \
	SETTING(overcommit_memory)                                                   \
	SETTING(overcommit_ratio)                                                    \
	SETTING(overcommit_kbytes)                                                   \
	SETTING(vfs_cache_pressure)                                                  \
	SETTING(min_free_kbytes) SETTING(swappiness) SETTING(watermark_scale_factor) \
	        SETTING(oom_kill_allocating_task) SETTING(panic_on_oom) SETTING(max_map_count)

enum mt_setting {
#define MT_SETTING_ENUM(name) MT_SETTING_##name,
	MT_SETTINGS(MT_SETTING_ENUM)
#undef MT_SETTING_ENUM
	        MT_SETTING_COUNT
};

extern const char *const mt_settings[MT_SETTING_COUNT];

struct mt_machine {
	const char *root;
	uint64_t time_ns; /* monotonic, when it was begun */
	uint64_t page_bytes;
	struct mt_fields meminfo;
	struct mt_fields vmstat;
	struct mt_pressure pressure;
	struct mt_zones zones;
	struct mt_slabs slabs;
	struct mt_areas areas;
	struct mt_swaps swaps;
	struct mt_hugepages hugepages;
	uint64_t settings[MT_SETTING_COUNT];
	bool has_setting[MT_SETTING_COUNT];
	struct mt_victims victims;
	/* of one process; pid 0: of none */
	pid_t pid;
	struct mt_victim process;
	int process_error;
	struct mt_rlimits rlimits;
	struct mt_groups groups;
};

enum mt_machine_extent {
	MT_MACHINE_WHOLE,
	MT_MACHINE_BRIEF, /* without what takes long: slabs, areas, swap devices and other processes */
};

/*
 * Reads everything under `root` ("" on a live machine); of process `pid`, too, if that is not 0. Give back with
 * mt_machine_free(). page_bytes is that of the machine that is described.
 */
void mt_machine_read(const char *root, pid_t pid, uint64_t page_bytes,
                     enum mt_machine_extent extent, struct mt_machine *ret_machine);

/* One of which nothing is known: all errors are -ENODATA. */
struct mt_machine mt_machine_nothing(uint64_t page_bytes);

void mt_machine_free(struct mt_machine *machine);

#endif
