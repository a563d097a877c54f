#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# perl: hashes of arrays, a fork, a pipe, die.
. "$(dirname "$0")/lib.sh"
. "$here/program.sh"
need perl sqlite3

. "$source/tests/matrix/programs/perl.sh"
prepare
same_program perl $command
finish
