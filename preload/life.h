/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * life.h - the moments of a process's life that the library takes part in.
 */
#ifndef MT_PRELOAD_LIFE_H
#define MT_PRELOAD_LIFE_H

#include "wire/event.h"

/* hooks_life.c: registers for fork, exit and quick_exit. Called once, by the constructor. */
void mt_life_init(void);

/* init.c: libc is up, main has not begun. */
void mt_life_before_main(void);

/* init.c: the process ends with this status: says so, and waits until its data are in the file. Once. */
void mt_life_end(enum mt_exit how, int status);

#endif
