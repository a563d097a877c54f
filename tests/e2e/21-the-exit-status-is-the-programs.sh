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

for status in 0 3 255; do
	trace_run "$work/run-$status.db" sh -c "exit $status"
	is "run passes $status through" $? $status
	is "the file of run says $status" "$(ended "run-$status.db")" "exit|$status|"
	trace_preload "$work/preload-$status.db" sh -c "exit $status"
	is "with LD_PRELOAD the status is $status" $? $status
	is "the file of LD_PRELOAD says $status" "$(ended "preload-$status.db")" "exit|$status|"
done

# A program that is killed: the shell's own words ("Killed") are no part of this.
for signal in TERM KILL ABRT SEGV; do
	number=$(kill -l "$signal")
	trace_run "$work/run-$signal.db" sh -c "ulimit -c 0; kill -$signal \$\$" 2>/dev/null
	is "run gives 128 + the number of SIG$signal" $? $((128 + number))
	is "the file of run says SIG$signal" "$(ended "run-$signal.db")" "signal||$number"
	(trace_preload "$work/preload-$signal.db" sh -c "ulimit -c 0; kill -$signal \$\$") 2>/dev/null
	is "with LD_PRELOAD it dies of SIG$signal" $? $((128 + number))
	# The reading command waits for what the collector owes the file.
	"$memtrace" info "preload-$signal.db" >/dev/null
	is "the file of LD_PRELOAD says a signal, or that it does not know" \
		"$(ended "preload-$signal.db" | sed "s/signal||$number/true/; s/vanished||/true/")" true
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
