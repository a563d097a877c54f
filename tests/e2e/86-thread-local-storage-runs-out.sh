#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Libraries whose thread-local storage has to lie in the static block, until that is full: a traced program can load as
# many of them as an untraced one, and libmemtrace.so, loaded late into what is left of it, does no harm.
. "$(dirname "$0")/lib.sh"

cat >library.c <<'END'
static __thread char room[BYTES] __attribute__((tls_model("initial-exec")));
char *touch(void) { room[BYTES - 1]++; return room; }
END
cat >program.c <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

char *touch(void);

static void *churn(void *unused)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(10));
	return touch() ? unused : NULL;
}

/* program LIBRARIES [LATE] */
int main(int count, char **arguments)
{
	void *loaded = NULL;
	pthread_t thread;
	int i = 0;

	do {
		char name[64];

		snprintf(name, sizeof(name), "./small%d.so", ++i);
		loaded = i <= atoi(arguments[1]) ? dlopen(name, RTLD_NOW) : NULL;
		if (loaded)
			((char *(*)(void))dlsym(loaded, "touch"))();
	} while (loaded);
	printf("%d libraries\n", i - 1);
	if (count > 2) {
		loaded = dlopen(arguments[2], RTLD_NOW | RTLD_GLOBAL);
		puts(loaded ? "late: loaded" : "late: refused");
	}
	if (pthread_create(&thread, NULL, churn, &thread) != 0)
		return 1;
	churn(NULL);
	pthread_join(thread, NULL);
	return 7;
}
END
CC=${CC:-cc}
# What the loader keeps for latecomers is some 2 KiB.
for i in $(seq 1 30); do
	$CC -g -O1 -shared -fPIC -DBYTES=128 -o small$i.so library.c || exit 99
done
$CC -g -O1 -shared -fPIC -DBYTES=60000 -o large.so library.c || exit 99
$CC -g -O1 -fno-builtin -o program program.c ./large.so -ldl -lpthread || exit 99

./program 30 >plain
is "untraced it runs out of it" "$? $(test "$(sed -n 's/ libraries//p' plain)" -lt 30 && echo short)" "7 short"
for unwind in auto libunwind; do
	LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/tls.db:unwind=$unwind ./program 30 >traced 2>said
	is "unwind=$unwind: the exit status is the program's" $? 7
	same "unwind=$unwind: as many can be loaded" plain traced
	is "unwind=$unwind: nothing is said" "$(cat said)" ""
	figures_hold "unwind=$unwind: the figures hold" tls.db
done
# It is to be preloaded; whoever loads it otherwise has what there is room for, and goes on.
for libraries in 30 0; do
	MEMTRACE_OPTIONS=output=$work/late.db ./program $libraries "$library" >late 2>said
	is "loaded late, behind $libraries libraries: the program goes on" "$? $(tail -n 1 late)" \
		"7 late: $([ $libraries = 30 ] && echo refused || echo loaded)"
	is "loaded late, behind $libraries libraries: nothing is said" "$(cat said)" ""
done
finish
