# SPDX-License-Identifier: LGPL-2.1-or-later
#
# program.sh - for the tests of real programs, behind lib.sh:  . "$here/program.sh"

allocator=

# same_program NAME COMMAND…: runs the command untraced, by `memtrace run`, and by LD_PRELOAD with count.so
# behind the library. Output and exit status must be those of the untraced run, the figures must hold, and
# be those of the independent count. $allocator is a library to load behind all others, or nothing; then it is loaded
# in the untraced run too.
same_program()
{
	local name=$1
	local status
	shift
	env ${allocator:+"LD_PRELOAD=$allocator"} "$@" >plain.out 2>plain.err </dev/null
	status=$?

	env ${allocator:+"LD_PRELOAD=$allocator"} "$memtrace" run -q -o "$work/run.db" -- "$@" >traced.out 2>traced.err </dev/null
	is "$name: run passes its exit status through" $? $status
	same "$name: its standard output is the same under run" plain.out traced.out
	same "$name: its standard error is the same under run" plain.err traced.err
	figures_hold "$name: the figures of run hold" run.db

	rm -f counts
	trace_counted "$work/preload.db" "$work/counts" "$@" >traced.out 2>traced.err </dev/null
	is "$name: its exit status is the same with LD_PRELOAD" $? $status
	same "$name: its standard output is the same with LD_PRELOAD" plain.out traced.out
	same "$name: its standard error is the same with LD_PRELOAD" plain.err traced.err
	figures_hold "$name: the figures of LD_PRELOAD hold" preload.db
	check "$name: allocations, frees and bytes are counted exactly" \
		"$python" "$here/counts.py" compare counts preload.db ${allocator:+--without-new}
}

# counted_server FILE COUNTS READY COMMAND…: starts a server in the background, traced as by trace_counted, and
# returns when it prints a line that matches READY, or after a minute, with 124. Its pid is in $server, what
# it said until then in server.log.
counted_server()
{
	local file=$1 counts=$2 ready=$3
	shift 3
	mkfifo server.fifo
	# Held open by this shell too, so that the server can go on talking.
	exec 3<>server.fifo
	LD_PRELOAD="$library $count" COUNT_OUTPUT=$counts MEMTRACE_OPTIONS=output=$file \
		"$@" >server.fifo 2>&1 </dev/null 3>&- &
	server=$!
	timeout 60 sed "/$ready/q" <&3 >server.log
}

# nginx_site WORKERS LOG: nginx.conf, of a server on the socket nginx.socket in $work, and what it serves, in root.
nginx_site()
{
	mkdir -p root/temp
	seq 1 20000 >root/page
	cat >nginx.conf <<-CONF
		daemon off;
		worker_processes $1;
		pid $work/nginx.pid;
		error_log $2;
		$([ "$(id -u)" -ne 0 ] || echo "user root;")
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path $work/root/temp;
			proxy_temp_path $work/root/temp;
			fastcgi_temp_path $work/root/temp;
			uwsgi_temp_path $work/root/temp;
			scgi_temp_path $work/root/temp;
			gzip on;
			server {
				listen unix:$work/nginx.socket;
				root $work/root;
				location /moved { return 302 /page; }
			}
		}
	CONF
}
