#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# python3: containers, exceptions, threads, a child process.
. "$(dirname "$0")/lib.sh"
. "$here/program.sh"
need sqlite3

. "$source/tests/matrix/programs/python3.sh"

prepare
same_program "python3 with malloc for everything" $command
unset PYTHONMALLOC
same_program "python3 with its own allocator" $command
finish
