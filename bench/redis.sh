#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# redis.sh REQUESTS COMMAND… - starts the command, which is a redis-server with whatever traces it before, in the working
# folder, gives it so many requests of each kind and stops it. Run by bench/run.
set -eu
socket=$PWD/redis.sock
requests=$1
failed=0
shift
"$@" --port 0 --unixsocket "$socket" --save "" --appendonly no --loglevel warning &
server=$!
until redis-cli -s "$socket" ping >/dev/null 2>&1; do
	kill -0 $server
done
redis-benchmark -s "$socket" -q -n "$requests" -c 16 -P 8 -r 20000 -d 100 -t set,get,lpush,sadd,hset,zadd >/dev/null ||
	failed=1
redis-cli -s "$socket" shutdown nosave >/dev/null 2>&1 || true
wait $server
exit $failed
