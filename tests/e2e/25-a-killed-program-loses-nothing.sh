#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A program that is killed, or crashes, in the middle: every block that it had is in the file.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >program.c <<'END'
#include <signal.h>
#include <stdlib.h>

static void *volatile kept;

int main(int count, char **arguments)
{
	for (int i = 0; i < 5000; i++) {
		kept = malloc(33);
		free(malloc(44));
	}
	raise(count > 1 ? atoi(arguments[1]) : 0);
	return 1;
}
END
${CC:-cc} -g -O0 -o program program.c || exit 99
ulimit -c 0
for signal in 9 11 6 15; do
	for mode in run preload; do
		# In a shell of its own, which says of what it died.
		(trace_$mode "$work/$mode-$signal.db" ./program $signal) 2>/dev/null
		is "$mode: it dies of signal $signal" $? $((128 + signal))
		"$memtrace" leaks --format=json "$mode-$signal.db" >leaks.json
		is "$mode, signal $signal: every block is in the report" "$("$python" -c '
import json
print([process["totals"] for process in json.load(open("leaks.json"))["processes"]])')" \
			"[{'blocks': 5000, 'bytes': 165000}]"
		is "$mode, signal $signal: so is every free" \
			"$(query "$mode-$signal.db" "SELECT allocations, frees FROM process")" "10000|5000"
		figures_hold "$mode, signal $signal: the figures hold" "$mode-$signal.db"
	done
done
finish
