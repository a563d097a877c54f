/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shelf.h - what libshelf.so and shelf_plugin.so offer to library.c. */
#ifndef EXAMPLES_SHELF_H
#define EXAMPLES_SHELF_H

/* Gives a shelf (free it with shelf_free) that holds `count` books. */
struct shelf *shelf_new(int count);
void shelf_free(struct shelf *shelf);

#endif
