#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# nginx with a worker answers requests over a unix socket and is stopped in order.
. "$(dirname "$0")/lib.sh"
. "$here/program.sh"
need nginx curl sqlite3

nginx_site 1 "stderr notice"
counted_server "$work/nginx.db" "$work/counts" "start worker process " \
	nginx -p "$work" -c "$work/nginx.conf"
is "nginx starts traced" $? 0
for request in 1 2 3 4 5 6 7 8 9 10; do
	curl -s --unix-socket nginx.socket "http://localhost/page" >page.$request
	curl -s --compressed --unix-socket nginx.socket "http://localhost/page?$request" >zipped.$request
done
same "a page is what was asked for" root/page page.10
same "a compressed page is what was asked for" root/page zipped.10
is "what is not there is 404" "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket nginx.socket \
	http://localhost/missing)" 404
is "what has moved is 302" "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket nginx.socket \
	http://localhost/moved)" 302
kill -QUIT "$server"
wait "$server"
is "nginx stops in order" $? 0
server=
"$memtrace" info nginx.db >/dev/null
is "master and worker are in the file, and have ended" \
	"$(query nginx.db "SELECT group_concat(command), count(ended_ns) FROM process")" "nginx,nginx|2"
figures_hold "the figures hold" nginx.db
check "allocations, frees and bytes are counted exactly" \
	"$python" "$here/counts.py" compare counts nginx.db
finish
