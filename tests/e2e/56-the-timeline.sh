#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The timeline of a program that rests in phases: what it says of each is what /proc says then, and what the program has done.
. "$(dirname "$0")/lib.sh"

cat >phases.c <<'END'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MB (1ul << 20)

static void rest(const char *line)
{
	puts(line);
	fflush(stdout);
	getchar();
}

int main(void)
{
	char *block, *shared;

	rest("begin");
	block = malloc(8 * MB);
	memset(block, 1, 8 * MB);
	rest("heap");
	shared = mmap(NULL, 32 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(shared, 1, 16 * MB);
	rest("shared");
	memset(sbrk(4 * MB), 1, 2 * MB);
	rest("break");
	free(block);
	munmap(shared, 32 * MB);
	rest("end");
	return 0;
}
END
${CC:-cc} -g -O0 -o phases phases.c || exit 99
mkfifo to from

# status NAME: a figure of /proc, in bytes.
status()
{
	sed -n "s/^$1:[ 	]*\([0-9]*\) kB/\1/p" "/proc/$server/status" | awk '{ print $1 * 1024 }'
}

# last: what the file says of now.
last()
{
	sqlite3 -batch -noheader phases.db "SELECT rss_anon_bytes, rss_file_bytes, rss_shmem_bytes, swap_bytes, mapped_bytes,
		peak_rss_bytes FROM timeline WHERE rss_anon_bytes IS NOT NULL ORDER BY time_ns DESC LIMIT 1" 2>/dev/null
}

# The kernel's own figures of a process that rests do not change; the file has them after a second.
follows()
{
	local tries=0 wanted
	wanted="$(status RssAnon)|$(status RssFile)|$(status RssShmem)|$(status VmSwap)|$(status VmSize)|$(status VmHWM)"
	while [ "$(last)" != "$wanted" ] && [ $tries -lt 600 ]; do
		tries=$((tries + 1))
		sleep 0.05
		wanted="$(status RssAnon)|$(status RssFile)|$(status RssShmem)|$(status VmSwap)|$(status VmSize)|$(status VmHWM)"
	done
	is "$1: the timeline has what /proc has" "$(last)" "$wanted"
}

LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/phases.db ./phases <to >from &
server=$!
exec 8>to 9<from
for phase in begin heap shared break end; do
	read -r answer <&9
	is "the program rests at its $phase" "$answer" "$phase"
	follows "$phase"
	echo >&8
done
exec 8>&-
wait "$server"
is "it ends well" $? 0
server=
settled phases.db

"$memtrace" timeline --format=json phases.db >timeline.json
is "the command is fine" $? 0
check "its phases are in the rows" "$python" -c '
import json
MB = 1 << 20
process, = json.load(open("timeline.json"))["processes"]
points = [point for point in process["points"] if point["rss_anon_bytes"] is not None]
times = [point["time_ns"] for point in process["points"]]
assert times == sorted(set(times)), times
def some(*wanted):
    assert any(all(test(point) for test in wanted) for point in points), wanted
first = points[0]
grown = lambda key, bytes: lambda point: point[key] >= first[key] + bytes
some(lambda point: point["live_bytes"] >= 8 * MB, grown("rss_anon_bytes", 8 * MB), lambda point: point["rss_shmem_bytes"] < 16 * MB)
some(lambda point: point["live_bytes"] >= 8 * MB, grown("rss_shmem_bytes", 16 * MB), grown("mapped_bytes", 40 * MB))
some(grown("break_bytes", 4 * MB), grown("rss_anon_bytes", 10 * MB))
last = points[-1]
assert last["live_bytes"] < MB and last["rss_shmem_bytes"] < 16 * MB, last
assert last["break_bytes"] >= first["break_bytes"] + 4 * MB, last
# not VmHWM: of a process that runs, the kernel makes it of counters that are not exact
for key in ("minor_faults", "major_faults", "allocations"):
    figures = [point[key] for point in points]
    assert figures == sorted(figures), (key, figures)
assert last["minor_faults"] - first["minor_faults"] >= 26 * MB // 2097152, last
'
"$memtrace" timeline --format=csv phases.db >timeline.csv
is "as many rows as points" "$(($(wc -l <timeline.csv) - 1))" "$(query phases.db "SELECT count(*) FROM timeline")"
is "with a line of keys" "$(head -n 1 timeline.csv | cut -d, -f1-4)" "pid,command,time_ns,live_bytes"
is "--process chooses" "$("$memtrace" timeline --format=csv --process=1 phases.db 2>/dev/null | wc -l)" 0

COLUMNS=80 "$memtrace" timeline phases.db >text
is "the plot is fine" $? 0
contains "it has the heap" text "^heap, live: at most 8\.[0-9] MB, at last"
contains "shared memory" text "^resident: shared memory: at most 16\.[0-9] MB"
contains "and page faults" text "^page faults so far: at most"
is "in 80 columns" "$(awk 'length($0) > 80' text | grep -v '^Next' | wc -l)" 0
is "in ASCII" "$(tr -d '\n -~' <text | wc -c)" 0
if locale -a 2>/dev/null | grep -qix 'c\.utf-\?8'; then
	COLUMNS=60 LC_ALL=C.UTF-8 "$memtrace" timeline phases.db >text
	contains "in blocks where the locale has them" text "█"
	is "in 60 columns" "$(LC_ALL=C.UTF-8 "$python" -c '
print(max(len(line.rstrip("\n")) for line in open("text", encoding="utf-8") if "│" in line))')" 60
else
	skip "in blocks where the locale has them" "there is no C.UTF-8"
fi
trace_run short.db true
"$memtrace" timeline short.db >text
is "of a process of a moment, too" $? 0
"$memtrace" timeline >out 2>err
is "no operand is wrong usage" $? 2
finish
