#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Threads that name themselves and are gone in a moment, by either way to do so: the file has their names.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >names.c <<'END'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void *run(void *number)
{
	char name[32];

	free(malloc(10));
	snprintf(name, sizeof(name), "worker %d", (int)(intptr_t)number);
	if ((intptr_t)number % 2)
		pthread_setname_np(pthread_self(), name);
	else
		prctl(PR_SET_NAME, name, 0, 0, 0);
	return NULL;
}

int main(void)
{
	char name[17] = "";
	pid_t child;

	for (intptr_t i = 0; i < 40; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, run, (void *)i);
		pthread_join(thread, NULL);
	}
	/* Refused, and not told. */
	if (pthread_setname_np(pthread_self(), "a name that is far too long") == 0)
		return 1;
	pthread_setname_np(pthread_self(), "the first");
	pthread_setname_np(pthread_self(), "the one");
	/* Not the parent's. */
	child = vfork();
	if (child == 0) {
		prctl(PR_SET_NAME, "a child", 0, 0, 0);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	prctl(PR_GET_NAME, name, 0, 0, 0);
	puts(name);
	return 7;
}
END
${CC:-cc} -g -O1 -fno-builtin -o names names.c -lpthread || exit 99
./names >plain
for mode in run preload; do
	trace_$mode "$work/$mode.db" ./names >traced 2>said
	is "$mode: the program runs" "$? $(cat said)" "7 "
	same "$mode: its names are what they are untraced" plain traced
	is "$mode: each thread has its name" "$(query $mode.db "
		SELECT count(*), count(DISTINCT name) FROM thread WHERE name GLOB 'worker [0-9]*'")" "40|40"
	is "$mode: the last one counts" "$(query $mode.db "SELECT count(*) FROM thread WHERE name = 'the one'")" 1
done
finish
