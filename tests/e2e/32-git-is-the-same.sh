#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# git log and git status in a repository that the test makes.
. "$(dirname "$0")/lib.sh"
. "$here/program.sh"
need git sqlite3

. "$source/tests/matrix/programs/git.sh"
prepare
same_program "git log" $command
same_program "git status" git -C repository status --porcelain
same_program "git with a wrong argument" git -C repository log no-such-thing
finish
