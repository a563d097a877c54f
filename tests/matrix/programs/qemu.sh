# SPDX-License-Identifier: LGPL-2.1-or-later
# qemu-user runs a program; the program inside is the guest's business, and not traced.
packages="qemu-user"
programs="qemu-x86_64"
version() { qemu-x86_64 --version | head -n 1; }
prepare()
{
	command="qemu-x86_64 -U LD_PRELOAD,MEMTRACE_SESSION,MEMTRACE_OPTIONS /usr/bin/seq 1 20"
}
