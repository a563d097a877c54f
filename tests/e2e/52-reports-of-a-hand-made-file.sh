#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every report of a file whose rows were written by hand (handmade.sql), word for word. What is expected was
# worked out from the rows.
. "$(dirname "$0")/lib.sh"
need sqlite3
TZ=UTC
export TZ

handmade made.db
check "the file is made" test -s made.db

# report NAME COMMAND…: the part of the expected file between "== NAME" and the next one.
report()
{
	local name=$1
	shift
	sed -n "/^== $name\$/,/^== /{/^== /d;p}" "$here/52-reports-of-a-hand-made-file.expected" >expected
	"$memtrace" "$@" >out 2>err
	is "$name: fine" "$? $(cat err)" "0 "
	# Where JSON breaks its lines means nothing.
	case $name in
	*json) "$python" -m json.tool --indent 2 out plain ;;
	*) tr -d '\r' <out >plain ;;
	esac
	same "$name: as expected" expected plain
}
report "leaks" leaks made.db
report "leaks of one process, cut short" leaks --process=100 --limit=1 made.db
report "leaks, mtrace" leaks --mtrace made.db
report "leaks, csv" leaks --format=csv made.db
report "leaks, json" leaks --format=json --process=100 made.db
report "top" top made.db
report "top by calls" top --by=calls --process=100 made.db
report "tree" tree made.db --process=100
report "tree by peak in reverse" tree --by=peak --reverse --process=100 made.db
report "tree of what is large" tree --min-percent=20 --process=100 made.db
report "tree, csv" tree --format=csv --process=100 made.db
report "info" info made.db
report "info, json" info --format=json --process=101 made.db
"$memtrace" info --format=json --process=100 made.db >out
is "info, json: the walks of a process that was walked" "$("$python" -c 'import json
process = json.load(open("out"))["processes"][0]
print(*(process[key] for key in ("events", "stacks", "walks", "frames_stepped", "frames_kept", "walks_libunwind")))')" \
	"30 4 16 24 136 1"
report "sql" sql made.db "SELECT id, path, build_id FROM module WHERE id > 1; SELECT NULL AS none, 1.5 AS real, x'00ff' AS blob"
report "sql, csv" sql --format=csv made.db "SELECT 'a \"b\", c' AS text, 7 AS number"
report "sql, json" sql --format=json made.db "SELECT NULL AS none, 'a' AS text, 7 AS number"

echo "SELECT count(*) AS count FROM block;" | "$memtrace" sql --format=csv made.db >out
is "sql: queries come from standard input, too" "$(tr -d '\r' <out)" "count
7"
"$memtrace" sql made.db "SELECT * FROM absent" >out 2>err
is "sql: a wrong query is wrong usage" $? 2
contains "sql: SQLite's own words" err "no such table: absent"
before=$(cksum <made.db)
"$memtrace" sql made.db "DELETE FROM snapshot" >out 2>err
is "sql: nothing is written" "$? $(cksum <made.db)" "125 $before"
"$memtrace" sql made.db "DELETE FROM block" >out 2>err
is "sql: nor where rows are packed" "$? $(cksum <made.db)" "2 $before"

# Figures that cannot be right are printed as they stand, and nothing falls over.
cp made.db odd.db
repack odd.db "UPDATE block SET size_bytes = 9223372036854775807 WHERE addr IN (16384, 28672);
	UPDATE block SET size_bytes = -5 WHERE addr = 24576; UPDATE process SET command = 'a' || char(27) || '[2J';
	UPDATE stack SET parent = 4 WHERE id = 1; UPDATE total SET peak_bytes = -9223372036854775808 WHERE stack = 5"
for command in leaks "leaks --mtrace" "leaks --format=json" top "top --by=peak" tree "tree --by=peak" info; do
	# shellcheck disable=SC2086
	timeout 60 "$memtrace" $command odd.db >out 2>err
	status=$?
	check "odd figures, $command: an answer, or that the file is damaged" test $status -eq 0 -o $status -eq 125
	is "odd figures, $command: nothing moves the cursor" "$(tr -dc '\033' <out | wc -c)" 0
done

# An end that was not seen is never "no leaks".
cp made.db open.db
sqlite3 open.db "UPDATE session SET state = 'recording'; DELETE FROM process WHERE id > 1;
	UPDATE process SET ended_ns = NULL, end_reason = NULL, exit_status = NULL;
	DELETE FROM block_pack; DELETE FROM snapshot"
for format in text json csv; do
	"$memtrace" leaks --format=$format open.db >out.$format 2>err.$format
	is "no end, $format: fine" $? 0
done
contains "no end: not measured" out.text "leaks not measured; 6 blocks, 2.3 kB live when last recorded"
contains "no end: the file is incomplete" out.text "the file is incomplete"
contains "no end, csv: it is said" err.csv "not measured"
is "no end: no leaks are claimed or denied" "$(grep -c 'no leaks\|not freed' out.text)" 0
is "no end, json: null" "$("$python" -c '
import json
process = json.load(open("out.json"))["processes"][0]
print(process["measured"], process["totals"], process["sites"])')" "False None []"
finish
