#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Of one of each kind of mapping (tests/rss/zoo.c), and in a forked child: resident is what is known by construction,
# owned by whoever made it; mapping by mapping the sum is what smaps says.
. "$(dirname "$0")/lib.sh"
need sqlite3

${CC:-cc} -g -O1 -pthread -o zoo "$source/tests/rss/zoo.c" || exit 99

# A page for the pool of huge pages, where that is allowed and there is none; it is taken away again.
pool=/proc/sys/vm/nr_hugepages
before=
if [ -w $pool ] && grep -q '^HugePages_Free: *0$' /proc/meminfo; then
	before=$(cat $pool)
	echo $((before + 1)) 2>/dev/null >$pool
fi

mkfifo to from
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/zoo.db ./zoo "$work/file" <to >from &
server=$!
exec 8>to 9<from
while read -r kind function number inherited <&9; do
	echo "$kind $function $number $inherited" >>wanted
	[ "$kind" != child ] || child=$function
	[ "$kind" != ready ] || break
done
[ -z "$before" ] || echo "$before" >$pool

for one in parent child; do
	if [ $one = parent ]; then pid=$server; else pid=$child; fi
	"$memtrace" rss --format=json "$pid" >$one.json 2>err
	is "$one: a snapshot is taken" "$? $(cat err)" "0 "
	check "$one: every kind is its maker's, to the byte" "$python" "$source/tests/rss/zoo.py" wanted $one.json $one
	sed -n 's/^skip \([^ ]*\) \(.*\) -$/\1 \2/p' wanted | while read -r function reason; do
		echo "# $one: $function cannot be had here: errno $reason"
	done
done
is "mapping by mapping, the pages are those of smaps" "$(sqlite3 zoo.db 'SELECT count(*) FROM mapping JOIN resident USING (snapshot)
	WHERE source = "PAGEMAP_SCAN" AND frozen AND mapping.resident_bytes <> rss_bytes')" 0
is "mapping by mapping, the owners add up to them" "$(sqlite3 zoo.db 'SELECT count(*) FROM mapping WHERE resident_bytes <>
	(SELECT coalesce(sum(bytes), 0) FROM owner WHERE owner.snapshot = mapping.snapshot AND owner.mapping = mapping.start)')" 0
exec 8>&-
wait "$server"
is "the program ends well" $? 0
server=
finish
