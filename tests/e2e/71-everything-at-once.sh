#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Libraries, forks, execs, threads and signals at once: the ledger is exact. doc/reliability.md has more minutes.
. "$(dirname "$0")/lib.sh"

[ -x "$build/tests/reliability/soak" ] || skip_all "tests/reliability/soak is not built"
top_builddir=$build
export top_builddir
check "everything at once" "$python" "$source/tests/reliability/soak.py" --seconds=3
finish
