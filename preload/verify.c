/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify.c - comparing two walks, and saying how they differ.
 */
#include "preload/verify.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "preload/module.h"
#include "preload/process.h"
#include "preload/say.h"

#define DIFFERENCES_SAID 4u
#define FRAMES_SAID      24u
#define FRAMES_BEFORE    2u
#define LINE_BYTES       960u

struct line {
	char text[LINE_BYTES];
	size_t bytes;
};

static void add(struct line *line, const char *text)
{
	while (*text && line->bytes < LINE_BYTES - 1)
		line->text[line->bytes++] = *text++;
	line->text[line->bytes] = '\0';
}

static void add_number(struct line *line, uint64_t number, unsigned int base)
{
	char digits[24];
	size_t first = sizeof(digits) - 1;

	digits[first] = '\0';
	do
		digits[--first] = "0123456789abcdef"[number % base];
	while (number /= base);
	add(line, digits + first);
}

static void add_frame(struct line *line, uintptr_t pc)
{
	struct mt_module_found found;

	add(line, " ");
	if (mt_module_find((const void *)(pc - 1), &found) && found.object) {
		const char *path = found.object->l_name ? found.object->l_name : "";
		const char *slash = strrchr(path, '/');

		add(line, slash ? slash + 1 : path);
		add(line, "+");
		pc -= found.object->l_addr;
	}
	add(line, "0x");
	add_number(line, pc, 16);
}

static uintptr_t ours(const struct mt_tail *tail, uint32_t index)
{
	return tail->frames[tail->top - index].pc;
}

MT_COLD static void say_difference(const struct mt_tail *tail, const struct mt_walk *walk,
                                   void *const *frames, uint32_t depth, uint32_t where)
{
	uint32_t from = where > FRAMES_BEFORE ? where - FRAMES_BEFORE : 0;
	struct line line = {.bytes = 0};

	add(&line, "unwind=verify: frame ");
	add_number(&line, where, 10);
	add(&line, " differs; by rules ");
	add_number(&line, walk->depth, 10);
	add(&line, " frames, cut ");
	add_number(&line, walk->cut, 10);
	add(&line, ":");
	for (uint32_t i = from; i < walk->depth && i < from + FRAMES_SAID; i++)
		add_frame(&line, ours(tail, i));
	mt_say(line.text, NULL);
	line.bytes = 0;
	add(&line, "unwind=verify: by libunwind ");
	add_number(&line, depth, 10);
	add(&line, " frames:");
	for (uint32_t i = from; i < depth && i < from + FRAMES_SAID; i++)
		add_frame(&line, (uintptr_t)frames[i]);
	mt_say(line.text, NULL);
}

void mt_verify(const struct mt_tail *tail, const struct mt_walk *walk, void *const *frames,
               uint32_t depth)
{
	static _Atomic uint32_t said;
	uint32_t same = 0;

	while (same < walk->depth && same < depth && ours(tail, same) == (uintptr_t)frames[same])
		same++;
	atomic_fetch_add_explicit(&mt_process.slot->walks_verified, 1, memory_order_relaxed);
	if (same == walk->depth && (same == depth || walk->cut != MT_CUT_NONE))
		return;
	atomic_fetch_add_explicit(&mt_process.slot->walks_different, 1, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&said, 1, memory_order_relaxed) < DIFFERENCES_SAID)
		say_difference(tail, walk, frames, depth, same);
}
