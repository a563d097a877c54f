#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# No write permission in the working folder: the program runs, and a line says where the file went, or that
# there is none.
. "$(dirname "$0")/lib.sh"

# As another user where this runs as root, whom no permission stops.
if [ "$(id -u)" -eq 0 ]; then
	need setpriv
	as_user="setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/"
	$as_user test -r "$library" || skip_all "the build folder is not open to other users"
	mkdir mine && chown 65534:65534 mine
else
	as_user=
	mkdir mine
fi
mkdir closed fallback
chmod 555 closed
[ "$(id -u)" -ne 0 ] || chown 65534:65534 fallback

cd closed || exit 99
$as_user env LD_PRELOAD="$library" TMPDIR="$work/fallback" "$build/examples/leaky" >../out 2>../err
is "LD_PRELOAD: the program runs" $? 0
cd ..
is "LD_PRELOAD: its output is its own" "$(cat out)" "$("$build/examples/leaky")"
is "LD_PRELOAD: one line says it" "$(wc -l <err)" 1
contains "LD_PRELOAD: the line names the file that was written instead" err "$work/fallback/memtrace\.leaky\.[0-9]*\.db"
settled fallback/memtrace.leaky.*.db
is "LD_PRELOAD: the file is there, whole" "$(cd fallback && ls ./*.db* | sed 's/[0-9][0-9]*/PID/')" ./memtrace.leaky.PID.db
check "LD_PRELOAD: the file can be read" "$memtrace" leaks fallback/memtrace.leaky.*.db

rm -rf fallback/*

cd closed || exit 99
$as_user env TMPDIR="$work/fallback" "$memtrace" run -q -- "$build/examples/leaky" >../out 2>../err
is "run: the program runs" $? 0
cd ..
is "run: its output is its own" "$(cat out)" "$("$build/examples/leaky")"
is "run: one line says it" "$(wc -l <err)" 1
contains "run: the line names the folder" err "$work/closed"
contains "run: the line says why" err "[Pp]ermission"
contains "run: the line names the file that was written instead" err "$work/fallback/memtrace\.leaky\.[0-9]*\.db"
check "run: the file can be read" "$memtrace" leaks fallback/memtrace.leaky.*.db

chmod 555 fallback
[ "$(id -u)" -ne 0 ] || chown 0:0 fallback
cd closed || exit 99
$as_user env LD_PRELOAD="$library" TMPDIR="$work/fallback" "$build/examples/leaky" >../out 2>../err
is "nowhere at all: the program runs" $? 0
cd ..
is "nowhere at all: its output is its own" "$(cat out)" "$("$build/examples/leaky")"
is "nowhere at all: one line says it" "$(wc -l <err)" 1
cd closed || exit 99
$as_user env TMPDIR="$work/fallback" "$memtrace" run -q -- "$build/examples/leaky" >../out 2>../err
is "run, nowhere at all: the program runs" $? 0
cd ..
is "run, nowhere at all: its output is its own" "$(cat out)" "$("$build/examples/leaky")"
contains "run, nowhere at all: it says that nothing is recorded" err "untraced\|not traced"
finish
