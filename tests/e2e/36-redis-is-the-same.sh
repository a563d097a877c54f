#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# redis-server, which brings an allocator of its own, serves a short benchmark and is stopped in order.
. "$(dirname "$0")/lib.sh"
. "$here/program.sh"
need redis-server redis-benchmark redis-cli sqlite3

cli="redis-cli -s $work/redis.socket"
counted_server "$work/redis.db" "$work/counts" "ready to accept connections" \
	redis-server --port 0 --unixsocket "$work/redis.socket" --save "" --appendonly no --dir "$work"
is "redis-server starts traced" $? 0
redis-benchmark -s "$work/redis.socket" -n 2000 -c 10 -q -t set,get,lpush,hset,mset >benchmark.log 2>&1
is "redis-benchmark is served" $? 0
is "a value is what was stored" "$($cli set name "a value" && $cli get name)" "OK
a value"
is "a script runs" "$($cli eval 'local t = {} for i = 1, 100 do t[i] = i * i end return #t' 0)" 100
is "a background save forks and ends" "$($cli save)" OK
$cli shutdown nosave
wait "$server"
is "redis-server stops in order" $? 0
server=
"$memtrace" info redis.db >/dev/null
figures_hold "the figures hold" redis.db
check "allocations, frees and bytes are counted exactly" \
	"$python" "$here/counts.py" compare counts redis.db
finish
