# SPDX-License-Identifier: LGPL-2.1-or-later
# openssl: keys, signatures, ciphers, digests, a certificate.
packages="openssl"
version() { openssl version; }
prepare()
{
	seq 1 30000 >text
	cat >session <<-'PART'
		openssl genrsa -out key.pem 2048 2>/dev/null
		openssl rsa -in key.pem -pubout -out public.pem 2>/dev/null
		openssl dgst -sha256 -sign key.pem -out signature text
		openssl dgst -sha256 -verify public.pem -signature signature text
		openssl enc -aes-256-cbc -pbkdf2 -pass pass:secret -S 0102030405060708 -in text | openssl dgst -sha256
		openssl req -x509 -key key.pem -subj /CN=example -days 30 -out certificate.pem
		openssl x509 -in certificate.pem -noout -subject
		openssl verify -CAfile certificate.pem certificate.pem
		openssl dgst -sha256 no-such-file 2>/dev/null
	PART
	command="sh ./session"
}
