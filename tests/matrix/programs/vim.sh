# SPDX-License-Identifier: LGPL-2.1-or-later
# vim edits a file by a script.
packages="vim"
version() { vim --version | head -n 1; }
prepare()
{
	cat >session <<-'PART'
		seq 1 5000 >text
		vim -u NONE -N -es -c '%s/\v(\d)(\d)/\2\1/ge' -c 'g/7/normal yyp' -c 'sort n' -c 'wq' text
		cksum text
	PART
	command="sh ./session"
}
