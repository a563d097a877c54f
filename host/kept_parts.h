/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept_parts.h - each part of a machine as rows, and back: for kept.c alone.
 *
 * kept_machine.c has the parts of the machine, kept_process.c those of the process. put gives 0 or -ENOMEM, and so does take
 * where it can fail; a row that makes no sense changes nothing.
 */
#ifndef MT_HOST_KEPT_PARTS_H
#define MT_HOST_KEPT_PARTS_H

#include "host/kept.h"

/* The sources of rows: a row's is one of these very strings. */
extern const char mt_kept_meminfo[];
extern const char mt_kept_vmstat[];
extern const char mt_kept_pressure[];
extern const char mt_kept_setting[];
extern const char mt_kept_zone[];
extern const char mt_kept_huge[];
extern const char mt_kept_cgroup[];
extern const char mt_kept_cgroup_path[];
extern const char mt_kept_cgroup_stat[];
extern const char mt_kept_limit[];
extern const char mt_kept_process[];

/* A row whose name is printed. */
int mt_kept_print(struct mt_kept *kept, const char *source, uint64_t number, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* A row's value where it is no signed number; the largest is MT_LIMIT_NONE. */
uint64_t mt_kept_number(int64_t value);

int mt_kept_put_fields(struct mt_kept *kept, const char *source, const struct mt_fields *fields);
int mt_kept_take_field(struct mt_fields *fields, const struct mt_kept_row *row);
int mt_kept_put_vmstat(struct mt_kept *kept, const struct mt_fields *fields);
int mt_kept_put_pressure(struct mt_kept *kept, const struct mt_pressure *from);
void mt_kept_take_pressure(struct mt_pressure *to, const struct mt_kept_row *row);
int mt_kept_put_settings(struct mt_kept *kept, const struct mt_machine *from);
void mt_kept_take_setting(struct mt_machine *to, const struct mt_kept_row *row);
int mt_kept_put_zones(struct mt_kept *kept, const struct mt_zones *zones);
int mt_kept_take_zone(struct mt_zones *zones, const struct mt_kept_row *row);
int mt_kept_put_hugepages(struct mt_kept *kept, const struct mt_hugepages *from);
void mt_kept_take_hugepages(struct mt_hugepages *to, const struct mt_kept_row *row);
int mt_kept_put_groups(struct mt_kept *kept, const struct mt_groups *groups);
void mt_kept_take_group(struct mt_groups *groups, const struct mt_kept_row *row);
int mt_kept_take_stat(struct mt_groups *groups, const struct mt_kept_row *row);
int mt_kept_take_path(struct mt_groups *groups, const struct mt_kept_row *row);
int mt_kept_put_rlimits(struct mt_kept *kept, const struct mt_rlimits *from);
void mt_kept_take_rlimit(struct mt_rlimits *to, const struct mt_kept_row *row);
int mt_kept_put_process(struct mt_kept *kept, const struct mt_machine *from);
void mt_kept_take_process(struct mt_machine *to, const struct mt_kept_row *row);

#endif
