# SPDX-License-Identifier: LGPL-2.1-or-later
# tar and xz with two threads; what is unpacked is what was packed.
packages="xz-utils tar"
programs="xz tar"
version() { xz --version | head -n 1; }
prepare()
{
	mkdir tree && seq 1 200000 >tree/numbers && seq 1 3 100000 >tree/others
	cat >session <<-'PART'
		tar -c --sort=name --mtime=@0 tree | xz -T2 --block-size=256KiB >tree.tar.xz
		xz -dc tree.tar.xz | cksum
		tar -xJOf tree.tar.xz tree/others | cksum
	PART
	command="sh ./session"
}
