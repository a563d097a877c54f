#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Processes that die, and a collector that is told to go, while snapshots of pages are taken: what is in the file is whole,
# and nobody is left standing.
. "$(dirname "$0")/../e2e/lib.sh"

cat >churn.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *churn(void *unused)
{
	static char *blocks[100];

	for (unsigned long i = 0;; i = (i * 31 + 7) % 100) {
		free(blocks[i]);
		blocks[i] = malloc((i + 1) << 14);
		memset(blocks[i], 1, (i + 1) << 14);
	}
	return unused;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, churn, NULL);
	puts("ready");
	fflush(stdout);
	/* as much as fits */
	getchar();
	return 5;
}
END
${CC:-cc} -g -O1 -pthread -o churn churn.c || exit 99
mkfifo to from

# begin FILE: a program whose pages are looked at all the time, and that was looked at.
begin()
{
	LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/$1:snapshot=exit,peak,100ms ./churn <to >from 2>err &
	server=$!
	exec 8>to 9<from
	read -r answer <&9
	tries=0
	while [ "$(sqlite3 -batch -noheader "$1" "SELECT count(*) > 0 FROM resident" 2>/dev/null)" != 1 ] && [ $tries -lt 600 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
}

# whole NAME FILE: what is there of snapshots belongs together.
whole()
{
	settled "$2"
	is "$1: SQLite finds no fault" "$(query "$2" "PRAGMA integrity_check")" ok
	is "$1: the owners of every snapshot add up" "$(query "$2" "SELECT count(*) FROM resident WHERE resident_bytes <>
		(SELECT sum(bytes) FROM owner WHERE owner.snapshot = resident.snapshot)")" 0
	is "$1: some were taken" "$(query "$2" "SELECT count(*) > 0 FROM resident")" 1
	check "$1: and are shown" "$memtrace" rss "$2"
}

for round in 1 2 3; do
	begin killed.db
	kill -KILL "$server"
	wait "$server" 2>/dev/null
	is "killed, $round: it is dead" $? 137
	server=
	exec 8>&- 9<&-
	whole "killed, $round" killed.db
	is "killed, $round: its end is told" "$(query killed.db "SELECT end_reason, exit_signal FROM process")" "signal|9"
done

# While it stands still for a person, too.
begin asked.db
"$memtrace" snapshot "$server" >out 2>said &
asking=$!
kill -KILL "$server"
wait "$server" 2>/dev/null
wait "$asking"
status=$?
case $status in
0 | 125) pass "asked: there is one, or it is said that there is none" ;;
*) fail "asked: there is one, or it is said that there is none" said ;;
esac
server=
exec 8>&- 9<&-
whole "asked" asked.db

# Its end, with a thread that goes on.
begin ended.db
echo >&8
wait "$server"
is "ended: with its own status" $? 5
server=
exec 8>&- 9<&-
whole "ended" ended.db
is "ended: the end has its pages, or says why not" "$(query ended.db "SELECT (SELECT count(*) FROM resident JOIN snapshot
	ON snapshot.id = resident.snapshot WHERE reason = 'exit') + (SELECT count(*) FROM note WHERE kind = 'snapshot')")" 1

# The collector has to go: the program goes on.
begin stopped.db
kill -TERM "$(sqlite3 stopped.db "SELECT collector_pid FROM session")"
settled stopped.db
whole "stopped" stopped.db
is "stopped: no thread of the program is" "$(grep -c '^State:.*[Tt] (' /proc/"$server"/task/*/status | grep -vc ':0$')" 0
echo >&8
wait "$server"
is "stopped: it ends as it would" $? 5
server=
finish
