#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every example, traced by memtrace run: its output is its own, and the report says what the example promises.
. "$(dirname "$0")/lib.sh"

for example in $(examples); do
	"$build/examples/$example" >plain.out 2>plain.err
	is "$example works untraced" $? 0
	trace_run "$work/$example.db" "$build/examples/$example" >traced.out 2>traced.err
	is "$example: the exit status is its own" $? 0
	same "$example: standard output is its own" plain.out traced.out
	same "$example: standard error is its own" plain.err traced.err
	"$memtrace" leaks --format=json "$example.db" >"$example.json"
	# shellcheck disable=SC2046
	check "$example: the report is what it promises, and nothing else" \
		"$python" "$here/leaks.py" memtrace "$example.json" $(example_sources "$example")
	figures_hold "$example: the figures hold" "$example.db"
done
finish
