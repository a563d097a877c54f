/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pins.h - which block keeps the end of a heap where it is.
 *
 * Pure; runs in the thread that takes a snapshot. free() gives memory back from a heap's end alone, and so no more than
 * what lies behind the last block that lives there: that block pins everything below it.
 *
 *	| # ## #      free      # #|     free        |
 *	 start                   ^ pin    trimmable   end
 */
#ifndef MT_COLLECT_PINS_H
#define MT_COLLECT_PINS_H

#include <stddef.h>
#include <stdint.h>

#include "collect/owners.h"

struct mt_pin {
	enum mt_growth_kind kind; /* the break, or a heap of another arena */
	uint64_t start;
	uint64_t end;
	struct mt_owner_block block; /* size_bytes as asked for */
	uint64_t above_bytes;        /* resident on whole pages between the block and the end */
};

struct mt_pins {
	struct mt_pin *rows; /* by address; none without a block */
	size_t count;
};

/* Uses smaps, pages, blocks and growers of the input. Gives *ret_pins (free with mt_pins_free()). 0 or -ENOMEM. */
int mt_pins_find(const struct mt_owner_input *input, struct mt_pins *ret_pins);

void mt_pins_free(struct mt_pins *pins);

#endif
