#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Shells, make -j, a test runner in Python, daemons, a pipeline of hundreds: every process is in the one file, with
# its own figures, and can be asked for by its pid.
. "$(dirname "$0")/lib.sh"
need sqlite3 make

cat >block.c <<'END2'
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
static void *volatile kept;
/* block BYTES: one block of its own; copies its input. */
int main(int count, char **arguments)
{
	char bytes[256];
	size_t got;

	kept = malloc((size_t)atoi(arguments[count - 1]));
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IONBF, 0);
	while ((got = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
		fwrite(bytes, 1, got, stdout);
	return 0;
}
END2
${CC:-cc} -g -o block block.c || exit 99

# each FILE FIRST LAST: which of the programs with that many bytes, each a number of its own, are in the file once, ended
# well, with all of their bytes.
each()
{
	query "$1" "WITH RECURSIVE wanted(bytes) AS (SELECT $2 UNION ALL SELECT bytes + 1 FROM wanted WHERE bytes < $3)
	SELECT count(*) FROM wanted WHERE 1 = (SELECT count(*) FROM process JOIN snapshot ON snapshot.process = process.id
	JOIN block ON block.snapshot = snapshot.id WHERE process.command = 'block' AND end_reason = 'exit' AND
	exit_status = 0 AND size_bytes = bytes AND process.live_blocks = 1)"
}

# A pipeline.
processes=${PROCESSES:-120}
pipeline="echo through"
for i in $(seq "$processes"); do pipeline="$pipeline | ./block $((10000 + i))"; done
echo "$pipeline" >pipeline.sh
for mode in run preload; do
	trace_$mode "$work/pipeline-$mode.db" sh pipeline.sh >out 2>err
	is "$mode: a pipeline of $processes: its output" "$? $(cat out err)" "0 through"
	is "$mode: a pipeline of $processes: all are in the file" \
		"$(each "pipeline-$mode.db" 10001 $((10000 + processes)))" "$processes"
	is "$mode: a pipeline of $processes: and nobody is open" "$(query "pipeline-$mode.db" "
		SELECT count(*), (SELECT state FROM session) FROM process WHERE ended_ns IS NULL")" "0|complete"
done
figures_hold "a pipeline of $processes: the figures hold" pipeline-run.db

# make -j, by way of shells; not as a part of the make that runs this test.
unset MAKEFLAGS MFLAGS MAKELEVEL
{
	echo "all: $(seq -s ' ' -f 'job-%g' 40)"
	for i in $(seq 40); do printf 'job-%s:\n\t@sh -c "./block %s </dev/null; :"\n' "$i" $((20000 + i)); done
} >Makefile
trace_run "$work/make.db" make -s -j8 >out 2>err
is "make -j8: it says nothing" "$? $(cat out err)" "0 "
is "make -j8: all jobs are in the file" "$(each make.db 20001 20040)" 40
figures_hold "make -j8: the figures hold" make.db

# A test runner, with every way of Python to start something.
cat >test_it.py <<'END2'
import multiprocessing, os, subprocess, unittest

def job(number):
    return number * 2

class It(unittest.TestCase):
    def test_run(self):
        for number in range(30001, 30011):
            subprocess.run(["./block", str(number)], stdin=subprocess.DEVNULL, check=True)
    def test_shell(self):
        for number in range(30011, 30016):
            subprocess.run(f"./block {number} </dev/null", shell=True, check=True)
    def test_spawn(self):
        for number in range(30016, 30021):
            null = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
            pid = os.posix_spawn("./block", ["block", str(number)], os.environ, file_actions=null)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
    def test_system(self):
        self.assertEqual(os.system("./block 30021 </dev/null"), 0)
        with os.popen("echo heard | ./block 30022") as pipe:
            self.assertEqual(pipe.read(), "heard\n")
    def test_pool(self):
        with multiprocessing.get_context("fork").Pool(4) as pool:
            self.assertEqual(pool.map(job, range(100)), [2 * number for number in range(100)])
END2
trace_run "$work/python.db" "$python" -m unittest -q test_it >out 2>err
is "python -m unittest: it passes" "$? $(grep -c memtrace err)" "0 0"
is "python -m unittest: all that it started are in the file" "$(each python.db 30001 30022)" 22
figures_hold "python -m unittest: the figures hold" python.db

# A daemon goes on by itself; run returns when its own child has ended.
cat >daemon.c <<'END2'
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
static void *volatile kept;
int main(int count, char **arguments)
{
	char byte;
	int go;

	kept = malloc(100);
	if (count < 2 || daemon(1, 0) != 0)
		return 1;
	free(kept);
	kept = malloc(2000);
	go = open(arguments[1], O_RDONLY);
	if (go < 0 || read(go, &byte, 1) != 1)
		return 2;
	kept = malloc(3000);
	return 17;
}
END2
${CC:-cc} -g -o daemon daemon.c || exit 99
for mode in run preload; do
	rm -f go
	mkfifo go
	trace_$mode "$work/daemon-$mode.db" ./daemon go
	is "$mode, daemon(3): its starter is back at once" $? 0
	echo x >go
	is "$mode, daemon(3): both are in the file" "$(query "daemon-$mode.db" "
		SELECT group_concat(origin || ' ' || end_reason || ' ' || coalesce(exit_status, '') || ' ' || live_bytes || ' ' ||
		inherited_blocks || ' ' || inherited_frees, '; ') FROM (SELECT * FROM process ORDER BY id)" |
		sed 's/^start vanished  /start exit 0 /')" \
		"start exit 0 100 0 0; fork exit 17 5000 1 1"
done

# By pid, whatever is asked.
pid=$(query make.db "SELECT pid FROM process WHERE live_bytes = 20007")
for command in leaks info "top --by=allocated" tree; do
	"$memtrace" $command --format=json --process="$pid" make.db >one.json
	"$memtrace" $command --format=json make.db >all.json
	is "$command --process: that one and no other" "$("$python" -c '
import json
def pids(node):
    if isinstance(node, dict):
        return ({node["pid"]} if "pid" in node else set()).union(*map(pids, node.values()))
    return set().union(*map(pids, node)) if isinstance(node, list) else set()
print(pids(json.load(open("one.json"))), len(pids(json.load(open("all.json")))) > 40)')" "{$pid} True"
done
pid=$("$memtrace" run -q -o images.db -- sh -c 'echo $$; exec ./block 555 </dev/null')
is "a pid that was two images: --process shows both" \
	"$("$memtrace" info --format=csv --process="$pid" images.db | grep -c "^$pid,")" 2
"$memtrace" leaks --process=1 make.db >out 2>err
is "a pid that is not there: 125" $? 125
contains "a pid that is not there: it is said" err "there is no process 1 in"
finish
