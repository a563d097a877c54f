#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The session in README.md is what the built memtrace prints, but for the pid and the folder of the sources.
. "$(dirname "$0")/lib.sh"

ln -s "$build" build
sed -n '/^## A session/,/^## /p' "$source/README.md" | sed -n '/^```/,/^```/p' | sed '/^```/d' >session
check "README.md has a session" test -s session

sed -n 's/^\$ //p' session | while IFS= read -r command; do
	echo "\$ $command"
	sh -c "$command" >both 2>&1 </dev/null
	cat both
done >typed
for file in session typed; do
	sed -i 's/, pid [0-9]*,/, pid N,/; s|[^ ]*examples/leaky\.c|examples/leaky.c|' $file
done
same "the commands print what it says" session typed
finish
