/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * locate.c - see locate.h.
 */
#include "report/locate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define LIBRARY   "libmemtrace.so"
#define COLLECTOR "memtrace-collect"

static int try_at(const char *prefix, size_t prefix_bytes, const char *lib, const char *libexec,
                  struct mt_location *ret_location)
{
	struct mt_location at;
	int a = snprintf(at.library, sizeof(at.library), "%.*s%s/" LIBRARY, (int)prefix_bytes,
	                 prefix, lib);
	int b = snprintf(at.collector, sizeof(at.collector), "%.*s%s/" COLLECTOR, (int)prefix_bytes,
	                 prefix, libexec);

	if (a >= (int)sizeof(at.library) || b >= (int)sizeof(at.collector))
		return -ENAMETOOLONG;
	*ret_location = at;
	return access(at.library, R_OK) == 0 && access(at.collector, X_OK) == 0 ? 0 : -ENOENT;
}

/* What follows the prefix in a configured folder; NULL when it lies elsewhere. */
static const char *below_prefix(const char *folder)
{
	size_t bytes = strlen(MT_PREFIX);

	return strncmp(folder, MT_PREFIX, bytes) == 0 && folder[bytes] == '/' ? folder + bytes
	                                                                      : NULL;
}

int mt_locate(struct mt_location *ret_location)
{
	const char *bin = below_prefix(MT_BINDIR);
	const char *lib = below_prefix(MT_LIBDIR);
	const char *libexec = below_prefix(MT_LIBEXECDIR);
	char self[PATH_MAX];
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *executed = (const char *)getauxval(AT_EXECFN);
	char *slash;

	/* Without /proc: as it was called. */
	if (bytes <= 0 && executed && realpath(executed, self))
		bytes = (ssize_t)strlen(self);
	if (bytes > 0) {
		self[bytes] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		if (try_at(self, strlen(self), "", "", ret_location) == 0)
			return 0;
		if (bin && lib && libexec && strlen(self) >= strlen(bin) &&
		    strcmp(self + strlen(self) - strlen(bin), bin) == 0 &&
		    try_at(self, strlen(self) - strlen(bin), lib, libexec, ret_location) == 0)
			return 0;
	}
	return try_at("", 0, MT_LIBDIR, MT_LIBEXECDIR, ret_location);
}
