/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * store.c - see store.h.
 */
#include "store/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

int mt_store_is_ours(int fd)
{
	/* https://www.sqlite.org/fileformat.html: the magic, and the application id at 68, big endian */
	static const char magic[16] = "SQLite format 3";
	unsigned char header[100];
	ssize_t got;
	uint32_t id;

	do
		got = pread(fd, header, sizeof(header), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (got != (ssize_t)sizeof(header) || memcmp(header, magic, sizeof(magic)) != 0)
		return 0;
	id = (uint32_t)header[68] << 24 | (uint32_t)header[69] << 16 | (uint32_t)header[70] << 8 |
	     (uint32_t)header[71];
	return id == MT_STORE_APPLICATION_ID;
}

int mt_store_errno(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH: return -EACCES;
	case SQLITE_CANTOPEN: return -ENOENT;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EBADMSG;
	case SQLITE_TOOBIG: return -EFBIG;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_MISUSE: return -EINVAL;
	default: return -EIO;
	}
}
