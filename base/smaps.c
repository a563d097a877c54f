/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * smaps.c - see smaps.h.
 */
#include "base/smaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/procfs.h"

/* 20 000 mappings are 14 MB of text; what is beyond this is no process that was meant to be looked at. */
#define TEXT_BYTES_MAX (1ul << 30)

const char *const mt_smaps_names[MT_SMAPS_KNOWN] = {
#define NAME(name, text) [MT_SMAPS_##name] = text,
        MT_SMAPS_FIELDS(NAME)
#undef NAME
};

const char *const mt_vma_kinds[MT_VMA_KIND_COUNT] = {
#define NAME(name, text) [MT_VMA_##name] = text,
        MT_VMA_KINDS(NAME)
#undef NAME
};

/* ---- The text ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Both stop at the first other character; false when there is no digit, or too many. */
static bool take_hex(const char **at, uint64_t *ret_number)
{
	const char *c = *at;
	uint64_t number = 0;

	while (hex_digit(*c) >= 0 && c - *at < 16)
		number = number << 4 | (uint64_t)hex_digit(*c++);
	if (c == *at || hex_digit(*c) >= 0)
		return false;
	*at = c;
	*ret_number = number;
	return true;
}

static bool take_decimal(const char **at, uint64_t *ret_number)
{
	const char *c = *at;
	uint64_t number = 0;

	while (*c >= '0' && *c <= '9' && c - *at < 19)
		number = number * 10 + (uint64_t)(*c++ - '0');
	if (c == *at || (*c >= '0' && *c <= '9'))
		return false;
	*at = c;
	*ret_number = number;
	return true;
}

static bool take_char(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

/* "559070c00000-559070c02000 r--p 00000000 fe:00 247134      /usr/bin/cat" */
static bool parse_head(char *line, struct mt_vma *ret_vma)
{
	struct mt_vma vma = {.path = "", .flags = ""};
	const char *at = line;
	uint64_t major, minor;

	if (!take_hex(&at, &vma.start) || !take_char(&at, '-') || !take_hex(&at, &vma.end) ||
	    !take_char(&at, ' ') || strnlen(at, 4) < 4)
		return false;
	memcpy(vma.permissions, at, 4);
	at += 4;
	if (!take_char(&at, ' ') || !take_hex(&at, &vma.offset_bytes) || !take_char(&at, ' ') ||
	    !take_hex(&at, &major) || !take_char(&at, ':') || !take_hex(&at, &minor) ||
	    !take_char(&at, ' ') || !take_decimal(&at, &vma.inode) || vma.end < vma.start)
		return false;
	vma.device_major = (uint32_t)major;
	vma.device_minor = (uint32_t)minor;
	vma.path = at + strspn(at, " ");
	*ret_vma = vma;
	return true;
}

static bool is_field(const char *name, const char *line, size_t length)
{
	return strncmp(name, line, length) == 0 && name[length] == '\0';
}

/* The column of a field; `guess` is where it stood in the mapping before. MT_SMAPS_COLUMNS: no room for it. */
static unsigned int find_column(struct mt_smaps *smaps, char *name, size_t length,
                                unsigned int guess)
{
	if (guess < MT_SMAPS_KNOWN && is_field(mt_smaps_names[guess], name, length))
		return guess;
	for (unsigned int i = 0; i < MT_SMAPS_KNOWN; i++)
		if (is_field(mt_smaps_names[i], name, length))
			return i;
	for (unsigned int i = 0; i < smaps->unknown_count; i++)
		if (is_field(smaps->unknown[i], name, length))
			return MT_SMAPS_KNOWN + i;
	if (smaps->unknown_count == MT_SMAPS_UNKNOWN_MAX) {
		if (smaps->count == 1)
			smaps->unknown_dropped++;
		return MT_SMAPS_COLUMNS;
	}
	name[length] = '\0';
	smaps->unknown[smaps->unknown_count++] = name;
	return MT_SMAPS_KNOWN + (unsigned int)smaps->unknown_count - 1;
}

/* "Rss:                   8 kB", "THPeligible:           0", "VmFlags: rd mr mw me " */
static bool parse_field(struct mt_smaps *smaps, struct mt_vma *vma, char *line, unsigned int *guess)
{
	char *colon = strchr(line, ':');
	const char *at;
	unsigned int column;
	uint64_t number;
	bool in_kb;

	if (!colon)
		return false;
	at = colon + 1 + strspn(colon + 1, " ");
	if (is_field("VmFlags", line, (size_t)(colon - line))) {
		vma->flags = at;
		return true;
	}
	if (!take_decimal(&at, &number))
		return true; /* words of a newer kernel: nothing to add up */
	in_kb = strcmp(at, " kB") == 0;
	column = find_column(smaps, line, (size_t)(colon - line), *guess);
	*guess = column + 1;
	if (column == MT_SMAPS_COLUMNS)
		return true;
	if (column >= MT_SMAPS_KNOWN)
		smaps->unknown_in_bytes[column - MT_SMAPS_KNOWN] = in_kb;
	if (in_kb && number > UINT64_MAX / 1024)
		return false;
	vma->fields[column] = in_kb ? number * 1024 : number;
	smaps->known |= 1ull << column;
	return true;
}

/* ---- What a mapping is ---- */

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool is_shared_memory(const struct mt_vma *vma)
{
	return starts_with(vma->path, "/memfd:") || starts_with(vma->path, "/dev/shm/") ||
	       starts_with(vma->path, "/SYSV") || starts_with(vma->path, "/dev/zero") ||
	       starts_with(vma->path, "[anon_shmem");
}

static enum mt_vma_kind kind_of(const struct mt_vma *vma, const struct mt_vma *before)
{
	const char *path = vma->path;
	bool is_file = path[0] == '/';

	if (strcmp(path, "[heap]") == 0)
		return MT_VMA_HEAP;
	if (starts_with(path, "[stack"))
		return MT_VMA_STACK;
	if (starts_with(path, "[v") || starts_with(path, "[uprobes]"))
		return MT_VMA_KERNEL;
	if (is_shared_memory(vma))
		return MT_VMA_SHARED;
	if (is_file && starts_with(path, "/dev/"))
		return MT_VMA_DEVICE;
	if (is_file && vma->permissions[3] == 's')
		return MT_VMA_FILE;
	if (is_file && vma->permissions[2] == 'x')
		return MT_VMA_TEXT;
	if (is_file)
		return vma->permissions[1] == 'w' ? MT_VMA_DATA : MT_VMA_RODATA;
	/* The loader maps what a module's data are longer than its file, right behind them. */
	if (path[0] == '\0' && before && before->kind == MT_VMA_DATA && before->end == vma->start &&
	    strcmp(before->permissions, vma->permissions) == 0)
		return MT_VMA_BSS;
	return MT_VMA_ANONYMOUS;
}

static void name_kinds(struct mt_smaps *smaps)
{
	for (size_t i = 0; i < smaps->count; i++) {
		struct mt_vma *vma = &smaps->vmas[i];
		const struct mt_vma *before = i > 0 ? &smaps->vmas[i - 1] : NULL;

		vma->kind = kind_of(vma, before);
		vma->owner = vma->kind == MT_VMA_BSS ? before->path : vma->path;
		vma->bss_end = vma->kind == MT_VMA_BSS ? vma->end : 0;
	}
}

/* ---- Public ---- */

static int parse_lines(struct mt_smaps *smaps)
{
	struct mt_vma *vma = NULL; /* that the fields belong to */
	struct mt_vma moved;
	unsigned int guess = 0;
	uint64_t end_before = 0;
	char *next;

	for (char *line = smaps->text; *line; line = next) {
		char *end = strchr(line, '\n');
		struct mt_vma head;
		int r;

		next = end ? end + 1 : line + strlen(line);
		if (end)
			*end = '\0';
		/* A field's name starts with a capital letter, an address never does. */
		if (*line >= 'A' && *line <= 'Z') {
			if (!vma || !parse_field(smaps, vma, line, &guess))
				return -EBADMSG;
			continue;
		}
		if (!parse_head(line, &head))
			return -EBADMSG;
		guess = 0;
		if (head.start < end_before) { /* it moved while we read: what came first stays */
			vma = &moved;
			continue;
		}
		end_before = head.end;
		r = MT_ARRAY_RESERVE(smaps->vmas, smaps->capacity, smaps->count + 1);
		if (r < 0)
			return r;
		vma = &smaps->vmas[smaps->count++];
		*vma = head;
	}
	name_kinds(smaps);
	return 0;
}

int mt_smaps_parse(char *text, struct mt_smaps *ret_smaps)
{
	struct mt_smaps smaps = {.text = text};
	int r = parse_lines(&smaps);

	if (r < 0) {
		mt_smaps_free(&smaps);
		return r;
	}
	*ret_smaps = smaps;
	return 0;
}

int mt_smaps_read_text(const char *root, pid_t pid, char **ret_text)
{
	size_t bytes;

	return mt_procfs_read(root, pid, "smaps", TEXT_BYTES_MAX, ret_text, &bytes);
}

int mt_smaps_read(const char *root, pid_t pid, struct mt_smaps *ret_smaps)
{
	char *text;
	int r = mt_smaps_read_text(root, pid, &text);

	return r < 0 ? r : mt_smaps_parse(text, ret_smaps);
}

void mt_smaps_free(struct mt_smaps *smaps)
{
	free(smaps->vmas);
	free(smaps->text);
	memset(smaps, 0, sizeof(*smaps));
}

uint64_t mt_smaps_sum(const struct mt_smaps *smaps, enum mt_smaps_field field)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < smaps->count; i++)
		sum += smaps->vmas[i].fields[field];
	return sum;
}

uint64_t mt_vma_dirty(const struct mt_vma *vma)
{
	return vma->fields[MT_SMAPS_SHARED_DIRTY] + vma->fields[MT_SMAPS_PRIVATE_DIRTY];
}

uint64_t mt_vma_unique(const struct mt_vma *vma)
{
	return vma->fields[MT_SMAPS_PRIVATE_CLEAN] + vma->fields[MT_SMAPS_PRIVATE_DIRTY];
}
