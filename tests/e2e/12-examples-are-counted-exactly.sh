#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Allocations, frees and bytes of every example agree with a count that is not memtrace's.
. "$(dirname "$0")/lib.sh"

for example in $(examples); do
	trace_counted "$work/$example.db" "$work/$example.counts" "$build/examples/$example" >/dev/null
	is "$example works with both preloads" $? 0
	check "$example: both count the same" \
		"$python" "$here/counts.py" compare "$example.counts" "$example.db"
done
finish
