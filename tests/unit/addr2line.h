/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * addr2line.h - every return address of a program, asked of addr2line and of the symbolizer.
 *
 * Used by test_symbolize.c. What differs fails the test.
 */
#ifndef MT_TESTS_UNIT_ADDR2LINE_H
#define MT_TESTS_UNIT_ADDR2LINE_H

#include <stddef.h>
#include <stdint.h>

#include "report/symbolize.h"

struct addr2line_tally {
	unsigned int addresses;
	unsigned int inlined; /* of them at functions inlined there */
	unsigned int dwarf;   /* named from debug information */
};

/*
 * All of a program's return addresses. tool is the addr2line to ask, of_tool the file that it looks
 * into. Where the tool is not installed, the test is skipped.
 */
struct addr2line_tally addr2line_compare(const char *tool, const char *path, const char *of_tool);

/* A file's build-id by readelf; NULL: it has none. Give back with free(). */
char *addr2line_build_id(const char *path);

#endif
