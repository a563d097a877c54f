#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The text of every listing, as 50-reports-read-well.expected has it. Its figures are those of the program:
# examples/leaky.c signs in 6 guests, each with a struct of 24 bytes, a card of 64 and a name (40 bytes in all), renames
# two (9 and 7 bytes) and prints from an array of 800 bytes.
. "$(dirname "$0")/lib.sh"
need sqlite3

trace_run leaky.db "$build/examples/leaky" >/dev/null
trace_run clean.db "$build/examples/clean"
trace_run inlined.db "$build/examples/inlined"

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
# What differs from run to run: pids, addresses; and how the compiler was told the sources' names.
sed -i 's/, pid [0-9]*,/, pid N,/; s/^[0-9]*,leaky,/PID,leaky,/; s/^0x[0-9a-f]\{16\}/0xADDRESS/
	s|[^ (,;]*examples/\([a-z]*\.c\)|examples/\1|g; s|;__libc_start.*||' told
# The title of a column is as far away as the real path is long.
sed -i 's/where  *called by/where  called by/' told
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
