#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A wrong option: with LD_PRELOAD a line says it and the program runs; `memtrace run` refuses with 2.
. "$(dirname "$0")/lib.sh"
need sqlite3
program=$build/examples/leaky
"$program" >plain.out

# misspelt NAME OPTIONS PATTERN
misspelt()
{
	rm -f file.db
	LD_PRELOAD=$library MEMTRACE_OPTIONS="output=$work/file.db:$2" "$program" >out 2>err
	is "$1: the program runs" $? 0
	same "$1: its output is its own" plain.out out
	is "$1: one line is said" "$(wc -l <err)" 1
	contains "$1: it names what is wrong" err "$3"
	is "$1: the rest of the options holds" \
		"$(query file.db "SELECT sum(blocks), sum(bytes) FROM leak")" "6|1002"
	query file.db "SELECT text FROM note WHERE kind = 'option'" >notes
	contains "$1: the file says it too" notes "$3"
}
misspelt "an unknown option" "detph=20" "detph"
misspelt "a word for a number" "depth=deep" "depth"
misspelt "a number out of range" "depth=100000" "depth"
misspelt "a wrong choice" "overflow=explode" "overflow"
misspelt "an option without a value" "depth" "depth"

for option in --detph=20 --depth=deep --depth=100000 --overflow=explode; do
	"$memtrace" run "$option" -- "$program" >out 2>err
	is "run $option is wrong usage" $? 2
	contains "run $option: it is named" err "$(echo "$option" | sed 's/--//; s/=.*//')"
	is "run $option: nothing was run" "$(cat out)" ""
done

is "no file was left behind" "$(ls ./*.db)" ./file.db
"$memtrace" run -q --depth=1 -o "$work/depth.db" -- "$program" >/dev/null
is "a right option is kept in the file" \
	"$(query depth.db "SELECT ':' || options || ':' LIKE '%:depth=1:%' FROM session")" 1
is "and holds: no stack has two frames" \
	"$(query depth.db "SELECT count(*) FROM stack WHERE parent IS NOT NULL")" 0
finish
