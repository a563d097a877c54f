#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Reading a file that is missing, foreign, cut off, damaged or of a later version: 125 and a line that
# names it; never a report with nothing in it.
. "$(dirname "$0")/lib.sh"
need sqlite3

trace_run good.db "$build/examples/leaky" >/dev/null
echo "not a database" >text.db
sqlite3 foreign.db "CREATE TABLE t(a); INSERT INTO t VALUES (1);"
: >empty.db
head -c 10000 good.db >truncated.db
{ head -c 100 good.db; tail -c +101 good.db | tr '\000-\377' '\377\000-\376'; } >damaged.db
cp good.db newer.db && sqlite3 newer.db "PRAGMA user_version = 99;"
cp good.db older.db && sqlite3 older.db "PRAGMA user_version = 1;"
mkdir folder.db

for file in missing text foreign empty truncated damaged newer older folder; do
	for command in leaks info top tree; do
		"$memtrace" $command "$file.db" >out 2>err
		is "$command of a $file file gives 125" $? 125
		contains "$command of a $file file names it" err "$file\.db"
		is "$command of a $file file prints no report" "$(cat out)" ""
	done
	"$memtrace" sql "$file.db" "SELECT 1" >out 2>err
	is "sql of a $file file gives 125" $? 125
done
"$memtrace" leaks newer.db 2>err
contains "a newer file: the message says so" err "newer\|later\|version\|format"
"$memtrace" leaks older.db 2>err
contains "an older file: the message says so, and what to do" err "older memtrace (format 1); .* format 2: record it again"
is "nothing was made by reading" "$(ls -d missing.db 2>/dev/null)" ""
check "the good one is still good" "$memtrace" leaks good.db

if [ "$(id -u)" -eq 0 ]; then
	cp good.db closed.db && chmod 600 closed.db
	setpriv --reuid=65534 --regid=65534 --clear-groups "$memtrace" leaks "$work/closed.db" >out 2>err
	is "a file that may not be read gives 125" $? 125
	contains "a file that may not be read is named" err "closed\.db"
	# A file that may be read and not written: symbols cannot be kept, and the report is the same.
	chmod 644 closed.db
	setpriv --reuid=65534 --regid=65534 --clear-groups "$memtrace" leaks --format=json "$work/closed.db" >out 2>err
	is "a file that may only be read is reported" $? 0
	# shellcheck disable=SC2046
	check "and its report is right" "$python" "$here/leaks.py" memtrace out $(example_sources leaky)
fi
finish
