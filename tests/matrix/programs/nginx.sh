# SPDX-License-Identifier: LGPL-2.1-or-later
# nginx with two workers answers curl over a unix socket, and is stopped in order.
packages="nginx-light curl"
version() { nginx -v 2>&1; }
prepare()
{
	nginx_site 2 /dev/null
	cat >session <<-'PART'
		rm -f nginx.socket
		nginx -p "$PWD" -c "$PWD/nginx.conf" &
		until curl -s -o /dev/null --unix-socket nginx.socket http://localhost/missing; do sleep 0.05; done
		for request in 1 2 3 4 5 6 7 8; do
			curl -s --unix-socket nginx.socket http://localhost/page | cksum
			curl -s --compressed --unix-socket nginx.socket "http://localhost/page?$request" | cksum
		done
		curl -s -o /dev/null -w '%{http_code}\n' --unix-socket nginx.socket http://localhost/moved
		kill -QUIT $!
		wait $!
	PART
	command="sh ./session"
}
