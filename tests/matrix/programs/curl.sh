# SPDX-License-Identifier: LGPL-2.1-or-later
# curl: twenty files at once, TLS to openssl's own server, what fails.
packages="curl openssl"
version() { curl --version | head -n 1 | cut -d' ' -f1-2; }
prepare()
{
	seq 1 20000 >page
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=localhost -days 30 -out certificate.pem \
		2>/dev/null
	cat >session <<-'PART'
		set --
		for number in 1 2 3 4 5 6 7 8 9 10; do set -- "$@" "file://$PWD/page?$number"; done
		curl -s --no-progress-meter -Z "$@" | cksum
		rm -f tls.socket
		openssl s_server -unix tls.socket -key key.pem -cert certificate.pem -WWW -quiet >/dev/null 2>&1 &
		until [ -S tls.socket ]; do sleep 0.05; done
		for request in 1 2 3; do
			curl -s --http0.9 -k --unix-socket tls.socket https://localhost/page | cksum
		done
		{ kill $!; wait $!; } 2>/dev/null
		curl -sS --unix-socket no-such-socket http://localhost/ 2>&1 | sed 's/after [0-9]* ms/after some time/' >&2
	PART
	command="sh ./session"
}
