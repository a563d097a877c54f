#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# More threads at once than there are rings: those that find none share one, and nothing is lost.
. "$(dirname "$0")/lib.sh"
need sqlite3

${CC:-cc} -g -O1 -o crowd "$source/tests/stress/crowd.c" -lpthread || exit 99

# crowd_is_exact NAME OPTIONS THREADS ROUNDS
crowd_is_exact()
{
	local name=$1
	rm -f crowd.db
	LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/crowd.db:$2 ./crowd "$3" "$4" >wanted 2>said
	status=$?
	[ $status -ne 77 ] || { skip "$name" "$3 threads are not to be had here"; return; }
	is "$name: the program ends well and nothing is said" "$status $(cat said)" "0 "
	figures_hold "$name: the figures hold" crowd.db
	# Allocations of libc's own for a thread (its TLS) are calloc's; the program's are malloc's and realloc's.
	is "$name: all is counted exactly" "$(query crowd.db "
		SELECT 'allocations ' || sum(allocations) || ' frees ' || sum(frees) || ' bytes ' || sum(bytes_allocated) ||
		       ' threads ' || (SELECT count(*) FROM thread)
		FROM total JOIN kind ON kind.id = total.kind WHERE kind.name IN ('malloc', 'realloc')")" "$(cat wanted)"
}

crowd_is_exact "2600 threads" depth=16 2600 30
# 1408 rings at the most, as wire/segment.h hands out 64 MiB.
is "those without a ring are counted" "$(query crowd.db "
	SELECT sum(count) > 1100 AND sum(count) < 2600 FROM note WHERE kind = 'shared-ring'")" 1
crowd_is_exact "2600 threads and the smallest rings" ring_kib=16 2600 30
"$memtrace" info crowd.db >info.txt 2>&1
contains "info says that threads shared a ring" info.txt "shared one"

# What a thread without a ring needs is memtrace's, not the program's.
cat >rest.c <<'END_C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 1800

static pthread_barrier_t all;

static void *rest(void *unused)
{
	free(malloc(100));
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	return unused;
}

int main(void)
{
	pthread_t thread;
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	pthread_barrier_init(&all, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, &attributes, rest, NULL) != 0)
			return 77;
	pthread_barrier_wait(&all);
	puts("ready");
	fflush(stdout);
	getchar();
	pthread_barrier_wait(&all);
	return 0;
}
END_C
${CC:-cc} -g -O0 -pthread -o rest rest.c || exit 99
mkfifo to from
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/rest.db ./rest <to >from &
server=$!
exec 8>to 9<from
answer=
read -r answer <&9
if [ "$answer" = ready ]; then
	"$memtrace" rss --format=json "$server" >rss.json 2>err
	is "a snapshot of it is taken" "$? $(cat err)" "0 "
	check "what they need is memtrace's own" "$python" -c '
import json
snapshot = json.load(open("rss.json"))["snapshots"][0]
own = sum(owner["bytes"] for owner in snapshot["owners"] if owner["kind"] == "memtrace" and not owner["file"])
print("memtrace:", own, "unexplained:", snapshot["unexplained_bytes"], "of", snapshot["resident_bytes"])
# more than a page for each of them
assert own > 1800 * 4096
# the stacks of threads are known where they stood still
assert not snapshot["frozen"] or snapshot["unexplained_bytes"] * 200 <= snapshot["resident_bytes"]'
else
	skip "what they need is memtrace's own" "1800 threads are not to be had here"
fi
exec 8>&-
wait "$server"
server=
finish
