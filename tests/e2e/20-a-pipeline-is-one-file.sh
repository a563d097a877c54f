#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A shell and what it starts: one session, one file, every process in it.
. "$(dirname "$0")/lib.sh"
need sqlite3

pipeline='ls / | sort | wc -l'
sh -c "$pipeline" >plain.out

for mode in run preload; do
	mkdir "$mode"
	trace_$mode "$work/$mode/pipeline.db" sh -c "$pipeline" >traced.out 2>traced.err
	is "$mode: the exit status is the shell's" $? 0
	same "$mode: the output is the pipeline's" plain.out traced.out
	is "$mode: nothing is said" "$(cat traced.err)" ""
	check "$mode: the collector ends" settled "$mode/pipeline.db"
	is "$mode: one file" "$(ls "$mode")" pipeline.db
	"$memtrace" info --format=json "$mode/pipeline.db" >info.json
	is "$mode: every program is in it" "$("$python" -c '
import json
commands = [process["command"] for process in json.load(open("info.json"))["processes"]]
print(*sorted({"sh", "dash", "bash"} & set(commands) and {"sh"} | (set(commands) - {"dash", "bash"})))
')" "ls sh sort wc"
	figures_hold "$mode: the figures hold" "$mode/pipeline.db"
	is "$mode: nothing is open any more" \
		"$(query "$mode/pipeline.db" "SELECT count(*) FROM process WHERE ended_ns IS NULL")" 0
	is "$mode: the session is complete" "$(query "$mode/pipeline.db" "SELECT state FROM session")" complete
	is "$mode: every pid is in the file once for each image" "$(query "$mode/pipeline.db" "
		SELECT count(*) FROM (SELECT pid, command FROM process
		GROUP BY pid, command, origin HAVING count(*) > 1)")" 0
done

trace_counted "$work/counted.db" "$work/counts" sh -c "$pipeline" >/dev/null
check "all processes are counted exactly" "$python" "$here/counts.py" compare counts counted.db
finish
