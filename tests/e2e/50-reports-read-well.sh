#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The text of every listing, as 50-reports-read-well.expected has it. Its figures are those of the program:
# examples/leaky.c signs in 6 guests, each with a struct of 24 bytes, a card of 64 and a name (40 bytes in all), renames
# two (9 and 7 bytes) and prints from an array of 800 bytes.
. "$(dirname "$0")/lib.sh"
need sqlite3

# Built here, so that the sources have a name of known length.
for example in leaky clean inlined; do
	cp "$source/examples/$example.c" .
	optimisation=-O0
	[ $example != inlined ] || optimisation=-O2
	${CC:-cc} -g $optimisation -D_GNU_SOURCE -fdebug-prefix-map="$work=/src" -o $example $example.c || exit 99
	trace_run $example.db ./$example >/dev/null
done

tell()
{
	echo "\$ memtrace $*"
	"$memtrace" "$@" 2>&1
	echo
}
{
	tell leaks leaky.db
	tell leaks --limit=1 leaky.db
	tell leaks --mtrace leaky.db
	tell leaks --format=csv leaky.db
	tell leaks clean.db | grep -v '^Next'
	tell leaks --mtrace clean.db
	tell leaks inlined.db
	tell top leaky.db
	tell top --by=peak leaky.db
	tell top --by=allocated --limit=2 leaky.db
	tell top --by=calls leaky.db
	tell tree leaky.db
	tell tree --by=allocated --reverse --limit=6 leaky.db
	tell sql leaky.db "SELECT blocks, bytes FROM leak ORDER BY bytes"
	tell sql --format=json leaky.db "SELECT allocations, frees FROM process"
} >told
# What differs from run to run: pids, addresses; and libc's frames.
sed -i 's/, pid [0-9]*,/, pid N,/; s/^[0-9]*,leaky,/PID,leaky,/; s/^0x[0-9a-f]\{16\}/0xADDRESS/; s|;__libc_start.*||' told
same "every listing is as expected" "$here/50-reports-read-well.expected" told

for command in leaks top tree info; do
	"$memtrace" $command --format=json leaky.db >out 2>err
	check "$command --format=json is JSON" "$python" -m json.tool out
	is "$command --format=json says nothing else" "$(cat err)" ""
	"$memtrace" $command --format=csv leaky.db >out 2>err
	check "$command --format=csv has as many fields in each row" "$python" -c '
import csv
rows = list(csv.reader(open("out", newline="")))
assert len(rows) > 1 and len({len(row) for row in rows}) == 1, rows'
done
"$memtrace" leaks leaky.db | grep -q "$(printf '\033')"
is "there is no colour where there is no terminal" $? 1
finish
