#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A busy program is killed at random moments: all that its own log knows is in the file. doc/reliability.md has more rounds.
. "$(dirname "$0")/lib.sh"

[ -x "$build/tests/reliability/victim" ] || skip_all "tests/reliability/victim is not built"
top_builddir=$build
export top_builddir
check "the program alone" "$python" "$source/tests/reliability/kill.py" --rounds=8
check "the collector with it" "$python" "$source/tests/reliability/kill.py" --rounds=2 --collector
finish
