#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The sqlite3 shell with a script: a table, an index, a join, an error.
. "$(dirname "$0")/lib.sh"
. "$here/program.sh"
need sqlite3

. "$source/tests/matrix/programs/sqlite3.sh"
prepare
same_program sqlite3 $command
finish
