#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Snapshots of pages that nobody asks for: at the end, at a new peak, periodically. Of programs whose residency is known by
# construction; the kernel's own count, VmHWM, says whether a peak was missed.
. "$(dirname "$0")/lib.sh"

# What every snapshot must fulfil, and who owns how much: owners.py FILE REASON KIND FUNCTION LEAST MOST
cat >owners.py <<'END'
import json, sys
reason, kind, function, least, most = sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), int(sys.argv[6])
snapshots = [snapshot for snapshot in json.load(open(sys.argv[1]))["snapshots"] if snapshot["reason"] == reason]
assert snapshots, "there is none"
for snapshot in snapshots:
    total = sum(owner["bytes"] for owner in snapshot["owners"])
    assert total == snapshot["resident_bytes"], (total, snapshot["resident_bytes"])
    if snapshot["frozen"] and snapshot["source"] == "PAGEMAP_SCAN":
        assert total == snapshot["smaps_rss_bytes"], (total, snapshot["smaps_rss_bytes"])
    owned = sum(owner["bytes"] for owner in snapshot["owners"] if owner["kind"] == kind
                and any(frame["function"] == function for frame in owner["stack"]))
    assert least <= owned <= most, owned
END

cat >held.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

static char *volatile kept[1024];

/* 400 pages of a block of 1000. */
__attribute__((noinline)) void hold(void)
{
	kept[0] = malloc(1000 * PAGE);
	for (int i = 0; i < 400; i++)
		kept[0][i * PAGE] = 1;
}

/* Touches one page after the other as long as the process lives. */
static void *touch(void *unused)
{
	char *more = malloc(100000 * PAGE);

	for (unsigned long i = 0;; i = (i + 1) % 100000)
		more[i * PAGE] = 1;
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	hold();
	if (argc > 1 && strcmp(argv[1], "thread") == 0)
		pthread_create(&thread, NULL, touch, NULL);
	if (argc > 1 && strcmp(argv[1], "fork") == 0) {
		if (fork() == 0) {
			/* so that it is a process of its own in the file */
			kept[1] = malloc(10);
			_exit(3);
		}
		wait(NULL);
	}
	if (argc > 1 && strcmp(argv[1], "kill") == 0)
		kill(getpid(), 9);
	return 0;
}
END
${CC:-cc} -g -O0 -pthread -include signal.h -o held held.c || exit 99

# --- The end ---------------------------------------------------------------------------------------------
MEMTRACE_OPTIONS=snapshot=exit
export MEMTRACE_OPTIONS
trace_run held.db ./held
"$memtrace" rss --at=exit --format=json held.db >held.json
check "at its end a process is explained to the byte" "$python" owners.py held.json exit live hold 1630000 1646000
is "it stood still, waiting for its end" "$(query held.db "SELECT frozen, stopped_ns FROM resident")" "1|0"
is "it is one snapshot with the live blocks" "$(query held.db "SELECT count(*), sum(size_bytes) FROM resident JOIN snapshot
	ON snapshot.id = resident.snapshot JOIN block ON block.snapshot = snapshot.id
	WHERE reason = 'exit' AND size_bytes = 4096000")" "1|4096000"
is "the live blocks are what they are without it" "$("$memtrace" leaks --format=json held.db |
	"$python" -c 'import json, sys; print(json.load(sys.stdin)["processes"][0]["totals"]["bytes"])')" 4096000
is "with what the machine had" "$(query held.db "SELECT value > 0 FROM meminfo WHERE source = 'meminfo' AND name = 'MemTotal'")" 1
is "as the kernel says" "$(query held.db "SELECT value / 1024 FROM meminfo WHERE name = 'MemTotal'")" \
	"$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
check "that is in the JSON, too" "$python" -c '
import json
meminfo = json.load(open("held.json"))["snapshots"][0]["meminfo"]
assert meminfo["meminfo"]["MemTotal"] > meminfo["meminfo"]["MemFree"] > 0, meminfo
'
"$memtrace" rss --at=exit held.db >text
contains "the text says which it is" text "(exit) at"

trace_run threads.db ./held thread
"$memtrace" rss --at=exit --format=json threads.db >threads.json
check "another thread that goes on is stopped meanwhile" "$python" owners.py threads.json exit live hold 1630000 1646000
trace_run forks.db ./held fork
"$memtrace" rss --at=exit --format=json forks.db >forks.json
is "of a forked child, too" "$(query forks.db "SELECT count(*) FROM resident JOIN snapshot ON snapshot.id = resident.snapshot
	WHERE reason = 'exit' AND frozen")" 2
is "which has what it inherited" "$(query forks.db "SELECT max(bytes) BETWEEN 1630000 AND 1646000 FROM owner JOIN snapshot
	ON snapshot.id = owner.snapshot JOIN process ON process.id = snapshot.process WHERE origin = 'fork' AND kind = 'live'
	AND stack IS NULL")" 1
trace_run killed.db ./held kill
is "who is killed has no end to be looked at" "$?" 137
is "and its blocks are in the file all the same" "$(query killed.db "SELECT reason, live_bytes,
	(SELECT count(*) FROM resident) FROM snapshot")" "exit|4096000|0"
figures_hold "and its figures" killed.db

# Many that end at once: every one of them has its snapshot.
many=100
trace_run many.db sh -c "i=0; while [ \$i -lt $many ]; do ./held & i=\$((i + 1)); done; wait"
is "of $many that end together none is left out" "$(query many.db "SELECT count(*) FROM resident JOIN snapshot
	ON snapshot.id = resident.snapshot JOIN process ON process.id = snapshot.process
	WHERE command = 'held' AND frozen AND resident_bytes > 400 * 4096 AND end_reason = 'exit'")" $many
figures_hold "their figures hold" many.db

MEMTRACE_OPTIONS=snapshot=off
trace_run off.db ./held
is "off is off" "$(query off.db "SELECT count(*) FROM resident")" 0
"$memtrace" rss --at=exit off.db >out 2>err
is "then there is none to show: 125" $? 125
contains "and it is said how to have one" err "snapshot=exit"
unset MEMTRACE_OPTIONS
# 500 that live for a moment.
trace_run storm.db sh -c 'i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i + 1)); done'
is "500 short processes are all in the file" "$(query storm.db "SELECT count(*) FROM process WHERE command = 'true'
	AND end_reason IN ('exit', '_exit') AND exit_status = 0")" 500
figures_hold "and hold" storm.db

# --- The peak --------------------------------------------------------------------------------------------
cat >peak.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB (1ul << 20)

static char *volatile blocks[64];

__attribute__((noinline)) void grow(int from, int to)
{
	for (int i = from; i < to; i++)
		memset(blocks[i] = malloc(MB), 1, MB);
}

static void shrink(int from, int to)
{
	for (int i = from; i < to; i++)
		free(blocks[i]);
}

/* At each line of input it goes on. */
static void rest(const char *line)
{
	puts(line);
	fflush(stdout);
	getchar();
}

int main(int argc, char **argv)
{
	grow(0, 24);
	if (argc > 1)
		rest("24");
	grow(24, 64);
	if (argc > 1)
		rest("64");
	shrink(8, 64);
	if (argc > 1)
		rest("8");
	(void)argv;
	return 0;
}
END
${CC:-cc} -g -O0 -o peak peak.c || exit 99
mkfifo to from

# until SQL: waits until the file of $server says 1; it is being written.
until_says()
{
	local tries=0
	while [ "$(sqlite3 -batch -noheader "$1" "$2" 2>/dev/null)" != 1 ] && [ $tries -lt 600 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
	is "$3" "$(sqlite3 -batch -noheader "$1" "$2")" 1
}

LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/peak.db ./peak rest <to >from &
server=$!
exec 8>to 9<from
for held in 24 64; do
	read -r answer <&9
	is "it holds $held MB" "$answer" "$held"
	until_says peak.db "SELECT count(*) FROM resident JOIN snapshot ON snapshot.id = snapshot WHERE reason = 'peak'
		AND resident_bytes >= $held * 1048576 AND resident_bytes >= 0.95 * peak_rss_bytes" "a peak of $held MB is explained"
	echo >&8
done
read -r answer <&9
exec 8>&-
wait "$server"
is "it ends well" $? 0
server=
"$memtrace" rss --at=peak --format=json peak.db >peak.json
check "at the peak 64 MB, within 5 %, are those of grow()" "$python" owners.py peak.json peak live grow 63753420 67400000
check "within 5 % of VmHWM" "$python" -c '
import json
snapshot, = json.load(open("peak.json"))["snapshots"]
assert snapshot["process_peak_rss_bytes"] >= 64 << 20, snapshot["process_peak_rss_bytes"]
assert snapshot["resident_bytes"] >= 0.95 * snapshot["process_peak_rss_bytes"], snapshot
assert not snapshot["frozen"]
'
"$memtrace" rss --at=peak peak.db >text
check "that is not said to be missed" sh -c '! grep VmHWM text'
"$memtrace" rss --at=exit --format=json peak.db >exit.json
check "at the end 8 MB" "$python" owners.py exit.json exit live grow 8388608 8800000
is "one snapshot of a peak is kept" "$(query peak.db "SELECT count(*) FROM snapshot WHERE reason = 'peak'")" 1
query peak.db "SELECT referring.name FROM sqlite_schema AS referring, pragma_foreign_key_list(referring.name) AS key
	WHERE referring.type = 'table' AND key.\"table\" = 'snapshot'" >tables
check "several tables have rows of a snapshot" test "$(wc -l <tables)" -ge 5
while read -r table; do
	echo "SELECT '$table' FROM $table WHERE snapshot NOT IN (SELECT id FROM snapshot);"
done <tables | sqlite3 -batch -noheader peak.db | sort -u >left
same "and nothing of the others is left" /dev/null left
is "the last point of the timeline has what was resident at the end" "$(query peak.db "SELECT
	rss_anon_bytes + rss_file_bytes + rss_shmem_bytes = smaps_rss_bytes FROM timeline, resident JOIN snapshot
	ON snapshot.id = resident.snapshot WHERE reason = 'exit' ORDER BY timeline.time_ns DESC LIMIT 1")" 1

MEMTRACE_OPTIONS=snapshot=exit
export MEMTRACE_OPTIONS
trace_run missed.db ./peak
"$memtrace" rss --at=peak missed.db >text
contains "a peak that was not looked at is not hidden" text "at its peak 6[4-9].* were resident (VmHWM)"
unset MEMTRACE_OPTIONS

# --- Periodically ----------------------------------------------------------------------------------------
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/periodic.db:snapshot=100ms ./peak rest <to >from &
server=$!
exec 8>to 9<from
read -r answer <&9
until_says periodic.db "SELECT count(*) >= 3 FROM resident JOIN snapshot ON snapshot.id = snapshot
	WHERE reason = 'periodic' AND resident_bytes >= 24 * 1048576" "periodic snapshots come while it rests"
exec 8>&-
wait "$server"
is "it ends well" $? 0
server=
is "they are of nothing else, and did not stop it" "$(query periodic.db "SELECT DISTINCT reason, frozen, stopped_ns
	FROM resident JOIN snapshot ON snapshot.id = snapshot")" "periodic|0|0"
is "what rests is the same for smaps and pages" "$(query periodic.db "SELECT count(*) > 0 FROM resident
	WHERE source <> 'PAGEMAP_SCAN' OR resident_bytes = smaps_rss_bytes")" 1

# --- Wrong values ----------------------------------------------------------------------------------------
for wrong in maybe off,exit 10 5ms 10s,20s exit, ''; do
	"$memtrace" run -q -o wrong.db --snapshot="$wrong" -- true >out 2>err
	is "snapshot='$wrong' is wrong usage" $? 2
	contains "and it is said what is right" err "off|auto|exit|peak|TIME"
done
"$memtrace" rss --at=sometime held.db >out 2>err
is "so is --at=sometime" $? 2
finish
