/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps_file.h - the mappings that a snapshot has in a memtrace file, as base/smaps.h has those of a live process.
 *
 * Used by cmd_maps.c.
 */
#ifndef MT_REPORT_MAPS_FILE_H
#define MT_REPORT_MAPS_FILE_H

#include "report/file.h"
#include "report/maps.h"

/*
 * Of snapshot `at`, or with 0 of the last one that has mappings; of process `pid`, or with 0 of any that was asked for.
 * Fills in all of *maps but its order and limit, and gives maps->smaps (mt_smaps_free()); strings live as long as the
 * file. 0, -ENOENT: there is none, or what reading gave.
 */
int mt_maps_file_read(struct mt_file *file, int64_t at, int64_t pid, struct mt_maps *maps);

#endif
