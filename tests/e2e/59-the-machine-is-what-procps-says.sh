#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# memtrace system, maps, rss and timeline of this machine and of a program that rests, each between two runs of procps: what
# they say lies between what procps said before and after, or is the same where that did not change.
. "$(dirname "$0")/lib.sh"
for program in free vmstat ps pmap; do
	command -v $program >/dev/null || skip_all "$program is not installed (package procps)"
done

# --- The machine -------------------------------------------------------------------------------------------
cat >machine.py <<'END'
"""Each figure of memtrace system lies between two readings of procps, or as near as it moved in any of the tries."""
import json, re, subprocess, sys
def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
def procps():
    lines = run("free", "-b", "-w").splitlines()
    free = dict(zip(lines[0].split(), map(int, lines[1].split()[1:])))
    swap = lines[2].split()
    stat = {name: int(value) for value, name in re.findall(r"^\s*(\d+) (?:K )?(.*)$", run("vmstat", "-s", "-S", "K"), re.M)}
    of_stat = lambda name: stat[name] * 1024
    return {("memory", "total"): free["total"], ("memory", "free"): free["free"], ("memory", "buffers"): free["buffers"],
            ("memory", "shmem"): free["shared"], ("memory", "available"): free["available"], ("memory", "used"): free["used"],
            ("cache", ""): free["cache"], ("swap", "total"): int(swap[1]), ("swap", "free"): int(swap[3]),
            ("vmstat", "total"): of_stat("total memory"), ("vmstat", "free"): of_stat("free memory"),
            ("vmstat", "buffers"): of_stat("buffer memory")}
def ours():
    page = json.loads(run(sys.argv[1], "system", "--format=json"))
    figures = {(section["key"], figure["key"]): figure["value"] for section in page["sections"] for figure in section["figures"]}
    figures["cache", ""] = figures["memory", "cached"] + figures["memory", "slab_reclaimable"]
    for key in ("total", "free", "buffers"):
        figures["vmstat", key] = figures["memory", key]
    return figures
# A machine that is at work is seldom the same twice: what came in between once, is right.
left, moved = None, {}
for _ in range(40):
    before, our, after = procps(), ours(), procps()
    if left is None:
        left = set(before)
    for key in list(left):
        low, high = sorted((before[key], after[key]))
        if low <= our[key] <= high:
            left.discard(key)
        else:
            moved[key] = (low, our[key], high)
    if not left:
        break
assert not left, {key: moved[key] for key in left}
END
check "memory and swap are what free and vmstat say" "$python" machine.py "$memtrace"

# --- A program that rests ------------------------------------------------------------------------------------
cat >rests.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	for (int i = 0; i < 40; i++)
		memset(malloc(200000), 1, 150000);
	puts("ready");
	fflush(stdout);
	getchar();
	return 0;
}
END
${CC:-cc} -g -O1 -o rests rests.c || exit 99
mkfifo to from
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/rests.db:snapshot=off:timeline=20 ./rests <to >from &
server=$!
exec 8>to 9<from
read -r answer <&9

ask()
{
	ps -o rss=,vsz= -p "$server"
	pmap -x "$server" | sed -n 's/^total kB *//p'
}
cat >process.py <<'END'
"""What all of them say of one process, in kB; procps before and after."""
import json
before, after = (open(name).read().split() for name in ("before", "after"))
rss, size, mapped, resident, dirty = ([int(text[i]) for text in (before, after)] for i in range(5))
system = json.load(open("system.json"))
figures = {(section["key"], figure["key"]): figure["value"] for section in system["sections"] for figure in section["figures"]}
maps = json.load(open("maps.json"))["totals"]
snapshot = json.load(open("rss.json"))["snapshots"][-1]
def between(what, ours, theirs):
    assert ours % 1024 == 0 and min(theirs) * 1024 <= ours <= max(theirs) * 1024, (what, ours, theirs)
# ps has the kernel's counters, pmap the page tables: each is compared with its own
between("system: resident", figures["limits", "rss"], rss)
between("maps: mapped", maps["size_bytes"], mapped)
between("maps: resident", maps["rss_bytes"], resident)
between("maps: dirty", maps["dirty_bytes"], dirty)
between("rss: smaps", snapshot["smaps_rss_bytes"], resident)
assert snapshot["attributed_bytes"] + snapshot["unexplained_bytes"] == snapshot["smaps_rss_bytes"]
assert sum(owner["bytes"] for owner in snapshot["owners"]) == snapshot["smaps_rss_bytes"]
END
# A process that rests is the same before and after; the tool itself may make the kernel write its counters down.
tries=0
while [ $tries -lt 5 ]; do
	ask >before
	"$memtrace" system --format=json "$server" >system.json
	"$memtrace" maps --format=json "$server" >maps.json
	"$memtrace" rss --format=json "$server" >rss.json
	ask >after
	"$python" process.py >process.log 2>&1 && break
	tries=$((tries + 1))
done
check "system, maps and rss say what ps and pmap say" "$python" process.py
"$memtrace" system --format=json --at=1 rests.db >file.json 2>err
is "the page of the snapshot is there" "$? $(cat err)" "0 "

rss_kb=$(ps -o rss= -p "$server")
vsz_kb=$(ps -o vsz= -p "$server")
echo >&8
exec 8>&-
wait "$server"
server=
exec 9<&-
settled rests.db
# The point before the program went on.
"$memtrace" timeline --format=json rests.db >timeline.json
cat >timeline.py <<'END'
import json, sys
rss, size = (int(word) * 1024 for word in sys.argv[1:])
points = [point for process in json.load(open("timeline.json"))["processes"] for point in process["points"] if point.get("mapped_bytes")]
sums = {(point["rss_anon_bytes"] + point["rss_file_bytes"] + point["rss_shmem_bytes"], point["mapped_bytes"]) for point in points}
assert (rss, size) in sums, ((rss, size), sums)
END
check "the timeline has what ps said" "$python" timeline.py "$rss_kb" "$vsz_kb"

# --- The page of a file is what was true then ------------------------------------------------------------------
cat >kept.py <<'END'
"""The page of a file, held to the rows that stand there, and to the live page of the same moment where nothing moves."""
import json, sqlite3
page = json.load(open("file.json"))["snapshots"][0]
live = json.load(open("system.json"))
rows = {(source, name): value for source, name, value in
        sqlite3.connect("file:rests.db?mode=ro", uri=True).execute("SELECT source, name, value FROM meminfo WHERE snapshot = 1")}
figures = {(section["key"], figure["key"]): figure for section in page["sections"] for figure in section["figures"]}
compared = 0
for figure in figures.values():
    words = figure["source"].split()
    if words[0] == "/proc/meminfo" and len(words) == 2:
        assert figure["value"] == rows.get(("meminfo", words[1])), figure
        compared += 1
assert compared > 25, compared
fixed = [("memory", "total"), ("overcommit", "mode"), ("overcommit", "limit"), ("slab", "vfs_cache_pressure"), ("watermarks", "min_free"),
         ("hugepages", "enabled"), ("swap", "total"), ("swap", "swappiness"), ("limits", "limit_stack"), ("oom", "adj")]
now = {(section["key"], figure["key"]): figure["value"] for section in live["sections"] for figure in section["figures"]}
for key in fixed:
    if key in now:
        assert figures[key]["value"] == now[key], (key, figures[key], now[key])
for key, column in (("watermarks", "low_bytes"), ("limits", "max_bytes")):
    tables = [[row[column] for section in whole["sections"] if section["key"] == key for row in section["rows"]] for whole in (page, live)]
    assert tables[0] == tables[1], (key, tables)
missing = {section["key"] for section in page["sections"] if section["missing"]}
assert {"vmalloc", "oom"} <= missing, missing
END
check "a file's page is what was kept, and what does not change" "$python" kept.py
"$memtrace" system rests.db >file.txt
contains "whose it is stands above" file.txt '^snapshot [0-9]* (asked) of process [0-9]*, rests, '
contains "what was not kept is not made up" file.txt 'not measured: /proc/vmallocinfo: not kept in a file'
contains "and it ends with findings" file.txt '^Findings'
awk 'length > 80' file.txt >long
same "no line is wider than 80 columns" /dev/null long

# --- Shortly before a limit -----------------------------------------------------------------------------------
# A control group of our own, of whichever version is here; the program grows 64 kB each 10 ms.
cat >grows.c <<'END'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	for (;;) {
		memset(malloc(65536), 1, 65536);
		usleep(10000);
	}
}
END
${CC:-cc} -O1 -o grows grows.c || exit 99
group=
if mkdir "/sys/fs/cgroup/memory/memtrace-test-$$" 2>/dev/null; then
	group=/sys/fs/cgroup/memory/memtrace-test-$$
	limit=memory.limit_in_bytes level=memory.usage_in_bytes
elif grep -qw memory /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null && mkdir "/sys/fs/cgroup/memtrace-test-$$" 2>/dev/null; then
	group=/sys/fs/cgroup/memtrace-test-$$
	limit=memory.max level=memory.current
fi
if [ "$group" ] && echo 100M >"$group/$limit" 2>/dev/null && [ -e "$group/cgroup.procs" ]; then
	sh -c "echo \$\$ >$group/cgroup.procs && exec ./grows" 2>/dev/null &
	server=$!
	# so that it is warm, and still has some way to go
	while [ "$(cat "$group/$level")" -lt 20000000 ] && kill -0 "$server"; do sleep 0.1; done
	cat "$group/$level" >level.before
	"$memtrace" system --interval=1 --format=json "$server" >near.json
	cat "$group/$level" >level.after
	"$memtrace" system --count=2 "$server" >lines.txt
	cat >near.py <<'END'
import json
page = json.load(open("near.json"))
before, after = (int(open(name).read()) for name in ("level.before", "level.after"))
group = [row for section in page["sections"] if section["key"] == "limits" for row in section["rows"] if "memtrace-test" in row["group"]][0]
assert group["max_bytes"] == 100 << 20, group
assert before <= group["current_bytes"] <= after, (before, group, after)
assert group["room_bytes"] == group["max_bytes"] - group["current_bytes"], group
figures = {(section["key"], figure["key"]): figure["value"] for section in page["sections"] for figure in section["figures"]}
# the program adds at most 65536 bytes, and their header, in 10 ms
assert 0 < figures["rates", "process_growth"] <= 1.1 * 6.6e6, figures["rates", "process_growth"]
alarm = page["findings"][0]
assert alarm["severity"] == "alarm" and "below the limit of control group" in alarm["text"] and "full in" in alarm["text"], page["findings"]
assert any("next to be killed in that group would be grows" in finding["text"] for finding in page["findings"]), page["findings"]
END
	check "the distance, the growth and the victim are said" "$python" near.py
	is "rates are a line each" "$(wc -l <lines.txt)" 3
	awk 'length > 80' lines.txt >long
	same "of 80 columns" /dev/null long
	kill -9 "$server"
	wait "$server" 2>/dev/null
	server=
else
	skip "the distance, the growth and the victim are said" "no control group can be made here"
fi
# The kernel may still be taking the process out of it.
tries=0
while [ "$group" ] && ! rmdir "$group" 2>/dev/null && [ $tries -lt 100 ]; do
	tries=$((tries + 1))
	sleep 0.05
done

# --- Wrong -----------------------------------------------------------------------------------------------------
# wrong STATUS WORDS ARGUMENT…
wrong()
{
	local status=$1 words=$2
	shift 2
	"$memtrace" system "$@" >out 2>err
	is "system $*: exit status" "$?" "$status"
	contains "and why" err "$words"
	same "and nothing else" /dev/null out
}
true &
gone=$!
wait $gone
wrong 125 "there is no process $gone" $gone
wrong 2 'is not a pid' --root=/ someone
wrong 125 'nowhere/proc/meminfo' --root=nowhere
wrong 2 'interval' --interval=0
wrong 2 'interval' --interval=-1
wrong 2 'count' --count=-1
wrong 2 'for a FILE' --at=exit
wrong 2 'between its snapshots' --interval=1 rests.db
wrong 2 'give peak, exit or' --at=sometime rests.db
wrong 125 'no snapshot 99 ' --at=99 rests.db
wrong 2 '' --unknown
# What another user sees where /proc hides processes, and of what only root may read.
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
if [ "$(id -u)" = 0 ] && ! is_sanitized &&
	unshare -m sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' sh $as_nobody "$memtrace" system >hidden.txt 2>err; then
	contains "another user has the page" hidden.txt '^Findings'
	contains "without the largest caches" hidden.txt 'not measured: the largest caches, /proc/slabinfo: only root'
	contains "and without the areas" hidden.txt 'not measured: /proc/vmallocinfo: only root'
	unshare -m sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' sh $as_nobody "$memtrace" system $$ >out 2>err
	is "a process that is hidden is not there" "$?" 125
	contains "or is hidden" err 'or /proc hides it (hidepid)'
else
	skip "another user has the page" "needs root, unshare, setpriv, and a tool that nobody may run"
fi
echo 'this is not a database' >foreign
wrong 125 'foreign' foreign
finish
