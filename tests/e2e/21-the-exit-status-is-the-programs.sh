#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The exit status of a traced program is what it would be untraced, and the file says it.
. "$(dirname "$0")/lib.sh"
need sqlite3

# ended FILE: how the first process of the file ended.
ended()
{
	query "$1" "SELECT end_reason, exit_status, exit_signal FROM process ORDER BY id LIMIT 1"
}

cat >program.c <<'END'
#include <signal.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
	if (count > 2)
		raise(atoi(arguments[2]));
	return atoi(arguments[1]);
}
END
${CC:-cc} -g -o program program.c || exit 99
ulimit -c 0

for status in 0 3 255; do
	trace_run "$work/run-$status.db" ./program $status
	is "run passes $status through" $? $status
	is "the file of run says $status" "$(ended "run-$status.db")" "exit|$status|"
	trace_preload "$work/preload-$status.db" ./program $status
	is "with LD_PRELOAD the status is $status" $? $status
	is "the file of LD_PRELOAD says $status" "$(ended "preload-$status.db")" "exit|$status|"
done

for signal in 15 9 6 11; do
	trace_run "$work/run-signal-$signal.db" ./program 0 $signal
	is "run gives 128 + $signal for signal $signal" $? $((128 + signal))
	is "the file of run says signal $signal" "$(ended "run-signal-$signal.db")" "signal||$signal"
	# In a shell of its own, which says of what it died.
	(trace_preload "$work/preload-signal-$signal.db" ./program 0 $signal) 2>/dev/null
	is "with LD_PRELOAD it dies of signal $signal" $? $((128 + signal))
	# Nobody whom the collector can ask knows of what the program died: "vanished" is then the truth.
	is "the file of LD_PRELOAD says signal $signal, or that it does not know" \
		"$(ended "preload-signal-$signal.db" | sed "s/^signal||$signal\$/true/; s/^vanished||\$/true/")" true
done

for how in _exit quick_exit; do
	cat >$how.c <<-END
		#define _GNU_SOURCE
		#include <stdlib.h>
		#include <unistd.h>
		void *volatile kept;
		int main(void) { kept = malloc(123); $how(7); }
	END
	${CC:-cc} -g -o $how $how.c || exit 99
	for mode in run preload; do
		trace_$mode "$work/$how-$mode.db" ./$how
		is "$mode: a program that calls $how has its status" $? 7
		is "$mode: the file says $how" "$(ended "$how-$mode.db")" "$how|7|"
		is "$mode: what it lost is in the file" \
			"$(query "$how-$mode.db" "SELECT sum(blocks), sum(bytes) FROM leak")" "1|123"
	done
done
finish
