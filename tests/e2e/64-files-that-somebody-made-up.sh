#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Files that memtrace never wrote: views that never end, circles, stacks a million deep, values of 100 MB, what a
# terminal would obey, modules that are pipes and devices. Each report ends, within a gigabyte, with a status of 0 or
# 125, and prints nothing that a terminal obeys.
. "$(dirname "$0")/lib.sh"
need sqlite3

handmade good.db

# made NAME SQL: a good file in which somebody has run this.
made()
{
	rm -f "$1".db*
	cp good.db "$1".db
	sqlite3 -batch "$1".db ".dbconfig defensive off" "PRAGMA synchronous = OFF; $2" >sql.log 2>&1 || fail "$1 is made" sql.log
}

# made_loose NAME SQL: the same, of rows that are packed.
made_loose()
{
	rm -f "$1".db*
	cp good.db "$1".db
	repack "$1".db "$2" >sql.log 2>&1 || fail "$1 is made" sql.log
}

# Memory that may be written to; sanitizers take more by themselves.
memory=1048576
! is_sanitized || memory=unlimited

# ends NAME STATUS [COMMAND…]: with this status, before a minute is over; out and err are what it said.
ends()
{
	local name=$1 status=$2
	shift 2
	(ulimit -d $memory && timeout 60 "$memtrace" "$@") >out 2>err
	is "$name: $* ends with $status" $? "$status"
	check "$name: $*: a terminal obeys nothing of it" "$python" - out err <<'END'
import re
import sys
for name in sys.argv[1:]:
    text = open(name, "rb").read()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", text), text
END
}

# all NAME STATUS: every command that reads a file.
all()
{
	for command in leaks "leaks --limit=0" top tree info; do
		# shellcheck disable=SC2086
		ends "$1" "$2" $command "$1.db"
		[ "$2" -eq 0 ] || contains "$1: $command names it" err "$1\.db"
	done
	ends "$1" "$2" sql "$1.db" "SELECT * FROM leak_report"
}

endless="WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"
made views "DROP VIEW leak; CREATE VIEW leak AS $endless SELECT n AS process, n AS stack, 'x' AS class, n AS blocks,
	n AS bytes, 0 AS first_ns, 0 AS last_ns, 0 AS samples, 0 AS blocks_variance, 0 AS bytes_variance FROM r;
	DROP VIEW site; CREATE VIEW site AS SELECT * FROM total a, total b, total c, total d, total e, total f, total g;"
all views 0
"$memtrace" leaks good.db >wanted
sed "s/good/views/" wanted >wanted.views
"$memtrace" leaks views.db >out
same "a view of the file's own is not run: ours is" wanted.views out
made tables "ALTER TABLE stack_pack RENAME TO s; CREATE VIEW stack_pack AS $endless SELECT n AS number, 9 AS raw_bytes, CAST('[1,1,1,1]' AS BLOB) AS data FROM r;"
all tables 125
contains "a view as a table: it is said" err "changed its tables"
made virtual "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE kind USING fts5(id, name, heap)' WHERE name = 'kind';"
all virtual 125
made computed "ALTER TABLE total_pack ADD COLUMN more TEXT AS (hex(zeroblob(100000000)));"
all computed 125
made keyless "ALTER TABLE timeline RENAME TO t; CREATE TABLE timeline (process INTEGER NOT NULL, time_ns INTEGER NOT NULL, live_blocks INTEGER NOT NULL, live_bytes INTEGER NOT NULL, allocations INTEGER NOT NULL) STRICT;"
all keyless 125
made triggers "CREATE TRIGGER t AFTER UPDATE ON frame BEGIN DELETE FROM process; END;"
"$memtrace" leaks triggers.db >/dev/null
is "a trigger is not run, when symbols are kept either" "$(sqlite3 triggers.db "SELECT count(*) FROM process")" 3

made_loose circle "UPDATE stack SET parent = 5 WHERE id = 1;"
all circle 0
made_loose itself "UPDATE stack SET parent = 2 WHERE id = 1;"
all itself 0
made_loose deep "$endless INSERT INTO stack SELECT 1000 + n, CASE n WHEN 1 THEN NULL ELSE 999 + n END, 1 + n % 8, NULL FROM r LIMIT 1000000;
	UPDATE block SET stack = 1001000; UPDATE OR REPLACE total SET stack = 1001000;"
for command in leaks "leaks --limit=0" top tree info; do
	# shellcheck disable=SC2086
	ends deep 0 $command deep.db
done
made_loose dangling "UPDATE stack SET parent = 12345, frame = 12345; UPDATE block SET kind = 12345, thread = 12345;"
for command in leaks top tree info; do
	ends dangling 125 $command dangling.db
done
made_loose negative "UPDATE process SET live_bytes = -9223372036854775808, started_ns = 9223372036854775807, ended_ns = -5;
	UPDATE total SET bytes_allocated = 9223372036854775807, bytes_freed = 0; UPDATE block SET size_bytes = -1;"
for command in leaks top tree info; do
	(ulimit -d $memory && timeout 60 "$memtrace" $command negative.db) >out 2>err
	check "negative: $command says a figure or that it cannot" test $? -eq 0 -o $? -eq 125
done
made nulls "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(replace(sql, 'NOT NULL', ''), 'STRICT', '') WHERE type = 'table' AND sql NOT LIKE '%ROWID%';
	PRAGMA writable_schema = RESET; UPDATE note SET text = NULL, kind = NULL; UPDATE process SET command = NULL, pid = 'x', arguments = 1.5;
	UPDATE session SET memtrace = NULL, host = NULL, origin_utc_ns = 'never', options = NULL; UPDATE module SET path = NULL;"
all nulls 0

made long "UPDATE note SET text = hex(zeroblob(50000000));"
ends long 125 info long.db
contains "a value of 100 MB is named" err "16 MiB"
ends long 0 leaks long.db
# Packs that are none.
pack() { echo "UPDATE $1_pack SET raw_bytes = $2, data = $3;"; }
for table in stack total block; do
	for text in '' '[' '[[' '[]]' '{}' '[1.5]' '[[1,2]' '[[1,2,]]' '[[1,"a"]]' '[[0,1,"\\u001b"]]' '[[99999999999999999999]]' '[1]x' '[[]'; do
		made wrong "$(pack $table "length('$text')" "CAST('$text' AS BLOB)")"
		(ulimit -d $memory && timeout 60 "$memtrace" tree wrong.db) >out 2>err
		status=$?
		check "$table '$text': tree reads it, or says that it cannot" test $status -eq 0 -o $status -eq 125
		ends "$table '$text'" 125 sql wrong.db "SELECT * FROM $table"
	done
	made wrong "$(pack $table 9223372036854775807 "x'789c'")"
	ends "$table of any length" 125 sql wrong.db "SELECT * FROM $table"
	made wrong "$(pack $table 1000000 "sqlar_compress(CAST('[' || replace(hex(zeroblob(499999)), '0', '1') || ']' AS BLOB))")"
	ends "$table with one endless number" 125 sql wrong.db "SELECT * FROM $table"
done
# A megabyte in a thousand bytes, five thousand times: 5 GB of text.
made bomb "INSERT INTO total_pack VALUES (1, 1001, 1048576, sqlar_compress(CAST('[[0' || printf('%*s', 1048571, '') || ']]' AS BLOB)));
	WITH RECURSIVE r(n) AS (SELECT 2000 UNION ALL SELECT n + 1 FROM r WHERE n < 7000) INSERT INTO total_pack
	SELECT 1, n, 1048576, (SELECT data FROM total_pack WHERE number = 1001) FROM r;"
ends bomb 125 top bomb.db
contains "packs that are blown up: it is said" err "damaged"
rm -f bomb.db

made pages "PRAGMA page_size = 512; VACUUM; PRAGMA writable_schema = 1;"
"$python" - pages.db <<'END'
"""Makes an inner page of `total`, both of whose children are an inner page of the same kind, and so on: 2^60 rows."""
import sqlite3
import struct
import sys
db = sqlite3.connect(sys.argv[1])
root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'timeline'").fetchone()[0]
frame = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'note'").fetchone()[0]
size = db.execute("PRAGMA page_size").fetchone()[0]
pages = db.execute("PRAGMA page_count").fetchone()[0]
db.close()
data = bytearray(open(sys.argv[1], "rb").read())
leaf = data[(frame - 1) * size:frame * size]
data += leaf
child = pages + 1
for level in range(18):
    page = bytearray(size)
    cells = 40
    at = size
    pointers = []
    for cell in range(cells):
        record = struct.pack(">I", child) + bytes([cell + 1])
        at -= len(record)
        page[at:at + len(record)] = record
        pointers.append(at)
    page[0:12] = struct.pack(">BHHHBI", 5, 0, cells, at, 0, child)
    for index, pointer in enumerate(pointers):
        page[12 + 2 * index:14 + 2 * index] = struct.pack(">H", pointer)
    if level == 17:
        data[(frame - 1) * size:frame * size] = page
    else:
        data += page
        child = len(data) // size
data[28:32] = struct.pack(">I", len(data) // size)
open(sys.argv[1], "wb").write(data)
END
ends pages 125 info pages.db
contains "pages that are part of each other: it is said" err "damaged"

escape="char(27) || '[2J' || char(155) || char(7) || char(13) || char(127) || x'ff'"
made escapes "UPDATE process SET command = $escape, arguments = $escape, executable = $escape; UPDATE module SET path = '/' || $escape;
	UPDATE symbol SET function = $escape, file = $escape; UPDATE note SET text = $escape, kind = $escape;
	UPDATE session SET host = $escape, memtrace = $escape, options = $escape, kernel = $escape; UPDATE process SET end_reason = $escape;"
all escapes 0
rm -f cut.db*
cp good.db cut.db
repack cut.db "UPDATE stack SET cut = char(155) || char(127) WHERE parent IS NULL"
all cut 0
ends escapes 0 sql escapes.db "SELECT command, arguments FROM process"

mkfifo pipe.so
truncate -s 4T huge.so
ln -s /dev/zero zero.so
mkdir folder.so
made modules "UPDATE module SET path = '$work/pipe.so', build_id = NULL WHERE id = 1; UPDATE module SET path = '$work/huge.so' WHERE id = 2;
	UPDATE module SET path = '$work/zero.so' WHERE id = 3; UPDATE frame SET symbolized = NULL; DELETE FROM symbol;"
all modules 0
made modules "UPDATE module SET path = '/dev/tty', build_id = NULL; UPDATE module SET path = '$work/folder.so' WHERE id = 1; UPDATE frame SET symbolized = NULL; DELETE FROM symbol;"
all modules 0

# memtrace sql opens and makes nothing else.
for query in "ATTACH 'new.db' AS n" "VACUUM INTO 'new.db'" "SELECT load_extension('x')" "SELECT writefile('new.db', 'x')"; do
	"$memtrace" sql good.db "$query" >out 2>err
	check "sql does not do: $query" test $? -ne 0
done
is "and nothing was made" "$(ls new.db 2>/dev/null)" ""
finish
