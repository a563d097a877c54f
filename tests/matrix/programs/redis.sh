# SPDX-License-Identifier: LGPL-2.1-or-later
# redis-server, which brings jemalloc with it, under redis-benchmark.
packages="redis-server redis-tools"
version() { redis-server --version | cut -d' ' -f1-3; }
prepare()
{
	cat >session <<-'PART'
		rm -f redis.socket
		redis-server --port 0 --unixsocket "$PWD/redis.socket" --save "" --appendonly no --dir "$PWD" >/dev/null &
		until [ "$(redis-cli -s redis.socket ping 2>&1)" = PONG ]; do sleep 0.05; done
		redis-benchmark -s redis.socket -n 5000 -c 20 --threads 2 -q -t set,get,lpush,hset,mset >/dev/null && echo benchmark done
		redis-cli -s redis.socket eval 'local t = {} for i = 1, 100 do t[i] = i * i end return #t' 0
		redis-cli -s redis.socket dbsize
		redis-cli -s redis.socket bgsave
		redis-cli -s redis.socket shutdown nosave
		wait $!
	PART
	command="sh ./session"
}
