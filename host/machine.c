/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * machine.c - see machine.h.
 */
#include "host/machine.h"

#include "host/lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *const mt_settings[MT_SETTING_COUNT] = {
#define NAME(name) #name,
        MT_SETTINGS(NAME)
#undef NAME
};

static void read_settings(struct mt_machine *machine)
{
	for (size_t i = 0; i < MT_SETTING_COUNT; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/sys/vm/%s", mt_settings[i]);
		machine->has_setting[i] =
		        mt_lines_single(machine->root, path, &machine->settings[i]) == 0;
	}
}

struct mt_machine mt_machine_nothing(uint64_t page_bytes)
{
	return (struct mt_machine){
	        .root = "",
	        .page_bytes = page_bytes,
	        .meminfo.error = -ENODATA,
	        .vmstat.error = -ENODATA,
	        .pressure.error = -ENODATA,
	        .zones.marks_error = -ENODATA,
	        .zones.orders_error = -ENODATA,
	        .slabs.error = -ENODATA,
	        .areas.error = -ENODATA,
	        .swaps.error = -ENODATA,
	        .hugepages.pools_error = -ENODATA,
	        .victims.error = -ENODATA,
	        .process_error = -ENODATA,
	        .rlimits.error = -ENODATA,
	        .groups.error = -ENODATA,
	};
}

void mt_machine_read(const char *root, pid_t pid, uint64_t page_bytes,
                     enum mt_machine_extent extent, struct mt_machine *ret_machine)
{
	struct timespec now;

	*ret_machine = mt_machine_nothing(page_bytes);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ret_machine->time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	ret_machine->root = root;
	mt_fields_read(root, "/proc/meminfo", &ret_machine->meminfo);
	mt_fields_read(root, "/proc/vmstat", &ret_machine->vmstat);
	mt_pressure_read(root, "/proc/pressure/memory", &ret_machine->pressure);
	mt_zones_read(root, &ret_machine->zones);
	mt_hugepages_read(root, &ret_machine->hugepages);
	read_settings(ret_machine);
	if (extent == MT_MACHINE_WHOLE) {
		mt_slabs_read(root, page_bytes, &ret_machine->slabs);
		mt_areas_read(root, page_bytes, &ret_machine->areas);
		mt_swaps_read(root, &ret_machine->swaps);
		mt_victims_read(root, &ret_machine->victims);
	}
	ret_machine->pid = pid;
	if (pid) {
		ret_machine->process_error = mt_victim_read(root, pid, &ret_machine->process);
		mt_rlimits_read(root, pid, &ret_machine->rlimits);
		mt_groups_read(root, pid, &ret_machine->groups);
	}
}

void mt_machine_free(struct mt_machine *machine)
{
	mt_fields_free(&machine->meminfo);
	mt_fields_free(&machine->vmstat);
	mt_zones_free(&machine->zones);
	mt_slabs_free(&machine->slabs);
	mt_areas_free(&machine->areas);
	mt_swaps_free(&machine->swaps);
	mt_victims_free(&machine->victims);
	mt_groups_free(&machine->groups);
	memset(machine, 0, sizeof(*machine));
}
