/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps_file.h - the mappings that a snapshot has in a memtrace file, as base/smaps.h has those of a live process.
 *
 * Used by cmd_maps.c.
 */
#ifndef MT_REPORT_MAPS_FILE_H
#define MT_REPORT_MAPS_FILE_H

#include "base/smaps.h"
#include "report/file.h"

/*
 * Of snapshot `at`, or with 0 of the last one of the file's processes that has mappings. *ret_smaps is given
 * (mt_smaps_free()), its strings live as long as the file; *ret_process is whose they are. 0, -ENOENT: there is none, or
 * what reading gave.
 */
int mt_maps_file_read(struct mt_file *file, int64_t at, struct mt_smaps *ret_smaps,
                      const struct mt_process **ret_process);

#endif
