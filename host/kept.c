/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept.c - see kept.h.
 */
#include "host/kept.h"

#include "base/array.h"
#include "host/kept_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char mt_kept_meminfo[] = "meminfo";
const char mt_kept_vmstat[] = "vmstat";
const char mt_kept_pressure[] = "pressure";
const char mt_kept_setting[] = "setting";
const char mt_kept_zone[] = "zone";
const char mt_kept_huge[] = "huge pages";
const char mt_kept_cgroup[] = "cgroup";
const char mt_kept_cgroup_path[] = "cgroup path";
const char mt_kept_cgroup_stat[] = "cgroup stat";
const char mt_kept_limit[] = "limit";
const char mt_kept_process[] = "process";

static int64_t as_value(uint64_t number)
{
	return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

uint64_t mt_kept_number(int64_t value)
{
	if (value == INT64_MAX)
		return MT_LIMIT_NONE;
	return value < 0 ? 0 : (uint64_t)value;
}

int mt_kept_add(struct mt_kept *kept, const char *source, const char *name, int64_t value)
{
	static const char *const sources[] = {
	        mt_kept_meminfo,     mt_kept_vmstat, mt_kept_pressure, mt_kept_setting,
	        mt_kept_zone,        mt_kept_huge,   mt_kept_cgroup,   mt_kept_cgroup_path,
	        mt_kept_cgroup_stat, mt_kept_limit,  mt_kept_process};
	struct mt_kept_row *row;

	if (kept->count == MT_KEPT_ROWS_MAX || !*name || strlen(name) >= MT_KEPT_NAME_BYTES)
		return 0;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(sources[i], source) != 0)
			continue;
		if (MT_ARRAY_RESERVE(kept->rows, kept->capacity, kept->count + 1) < 0)
			return -ENOMEM;
		row = &kept->rows[kept->count++];
		*row = (struct mt_kept_row){.source = sources[i], .value = value};
		strcpy(row->name, name);
		return 0;
	}
	return 0;
}

int mt_kept_print(struct mt_kept *kept, const char *source, uint64_t number, const char *format,
                  ...)
{
	char name[MT_KEPT_NAME_BYTES + 1];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	return mt_kept_add(kept, source, name, as_value(number));
}

int mt_kept_read(const char *root, pid_t pid, struct mt_kept *kept)
{
	struct mt_machine machine;
	int r;

	mt_machine_read(root, pid, (uint64_t)sysconf(_SC_PAGESIZE), MT_MACHINE_BRIEF, &machine);
	r = mt_kept_put_fields(kept, mt_kept_meminfo, &machine.meminfo);
	if (r == 0)
		r = mt_kept_put_vmstat(kept, &machine.vmstat);
	if (r == 0)
		r = mt_kept_put_pressure(kept, &machine.pressure);
	if (r == 0)
		r = mt_kept_put_settings(kept, &machine);
	if (r == 0)
		r = mt_kept_put_zones(kept, &machine.zones);
	if (r == 0)
		r = mt_kept_put_hugepages(kept, &machine.hugepages);
	if (r == 0)
		r = mt_kept_put_groups(kept, &machine.groups);
	if (r == 0)
		r = mt_kept_put_rlimits(kept, &machine.rlimits);
	if (r == 0)
		r = mt_kept_put_process(kept, &machine);
	mt_machine_free(&machine);
	return r;
}

static int take(struct mt_machine *to, const struct mt_kept_row *row)
{
	if (row->source == mt_kept_meminfo)
		return mt_kept_take_field(&to->meminfo, row);
	if (row->source == mt_kept_vmstat)
		return mt_kept_take_field(&to->vmstat, row);
	if (row->source == mt_kept_zone)
		return mt_kept_take_zone(&to->zones, row);
	if (row->source == mt_kept_cgroup_path)
		return mt_kept_take_path(&to->groups, row);
	if (row->source == mt_kept_cgroup_stat)
		return mt_kept_take_stat(&to->groups, row);
	if (row->source == mt_kept_pressure)
		mt_kept_take_pressure(&to->pressure, row);
	else if (row->source == mt_kept_setting)
		mt_kept_take_setting(to, row);
	else if (row->source == mt_kept_huge)
		mt_kept_take_hugepages(&to->hugepages, row);
	else if (row->source == mt_kept_cgroup)
		mt_kept_take_group(&to->groups, row);
	else if (row->source == mt_kept_limit)
		mt_kept_take_rlimit(&to->rlimits, row);
	else if (row->source == mt_kept_process)
		mt_kept_take_process(to, row);
	return 0;
}

int mt_kept_machine(const struct mt_kept *kept, pid_t pid, uint64_t page_bytes,
                    struct mt_machine *ret_machine)
{
	struct mt_machine machine = mt_machine_nothing(page_bytes);
	int r = 0;

	machine.pid = pid;
	for (size_t i = 0; i < kept->count && r == 0; i++)
		r = take(&machine, &kept->rows[i]);
	for (size_t i = 0; i < machine.groups.count && r == 0; i++)
		if (!machine.groups.rows[i].path && !(machine.groups.rows[i].path = strdup("?")))
			r = -ENOMEM;
	if (r < 0) {
		mt_machine_free(&machine);
		return r;
	}
	*ret_machine = machine;
	return 0;
}

void mt_kept_free(struct mt_kept *kept)
{
	free(kept->rows);
	memset(kept, 0, sizeof(*kept));
}
