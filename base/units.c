/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units.c - see units.h.
 */
#include "base/units.h"

#include <stdio.h>
#include <string.h>

/* INT64_MIN has no positive twin in int64_t. */
static uint64_t magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

struct mt_units mt_units_bytes(int64_t bytes)
{
	static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	const char *sign = bytes < 0 ? "-" : "";
	uint64_t whole = magnitude(bytes);
	double value = (double)whole;
	unsigned int unit = 0;
	struct mt_units units;

	if (whole < 1024) {
		snprintf(units.text, sizeof(units.text), "%s%u B", sign, (unsigned int)whole);
		return units;
	}
	/* 999.5 and not 1024: what would be printed with four digits belongs to the next unit. */
	while (value >= 999.5 || unit == 0) {
		value /= 1024;
		unit++;
	}
	snprintf(units.text, sizeof(units.text), "%s%.*f %s", sign, value < 99.95 ? 1 : 0, value,
	         names[unit]);
	return units;
}

struct mt_units mt_units_count(int64_t count)
{
	struct mt_units units;
	char digits[24];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%llu",
	                                 (unsigned long long)magnitude(count));
	char *to = units.text;

	if (count < 0)
		*to++ = '-';
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return units;
}

struct mt_units mt_units_duration(int64_t duration_ns)
{
	const char *sign = duration_ns < 0 ? "-" : "";
	uint64_t ns = magnitude(duration_ns);
	uint64_t s = ns / 1000000000;
	struct mt_units units;

	if (ns < 1000)
		snprintf(units.text, sizeof(units.text), "%s%u ns", sign, (unsigned int)ns);
	else if (ns < 999950)
		snprintf(units.text, sizeof(units.text), "%s%.1f us", sign, (double)ns / 1e3);
	else if (ns < 999950000)
		snprintf(units.text, sizeof(units.text), "%s%.1f ms", sign, (double)ns / 1e6);
	else if (ns < 59950000000)
		snprintf(units.text, sizeof(units.text), "%s%.1f s", sign, (double)ns / 1e9);
	else if (s < 3600)
		snprintf(units.text, sizeof(units.text), "%s%u min %02u s", sign,
		         (unsigned int)(s / 60), (unsigned int)(s % 60));
	else
		snprintf(units.text, sizeof(units.text), "%s%llu h %02u min", sign,
		         (unsigned long long)(s / 3600), (unsigned int)(s / 60 % 60));
	return units;
}

struct mt_units mt_units_share(int64_t part, int64_t whole)
{
	struct mt_units units;
	double percent;

	if (whole == 0) {
		snprintf(units.text, sizeof(units.text), "-");
		return units;
	}
	percent = 100.0 * (double)part / (double)whole;
	if (part != 0 && percent > -0.05 && percent < 0.05)
		snprintf(units.text, sizeof(units.text), "<0.1 %%");
	else
		snprintf(units.text, sizeof(units.text), "%.1f %%", percent);
	return units;
}

struct mt_units mt_units_of(int64_t count, const char *one, const char *many)
{
	struct mt_units units = mt_units_count(count);
	size_t length = strlen(units.text);

	snprintf(units.text + length, sizeof(units.text) - length, " %s", count == 1 ? one : many);
	return units;
}
