#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `memtrace run` must not change for the program under it: streams, descriptors, signals, environment; and
# what it makes of odd places.
. "$(dirname "$0")/lib.sh"
need sqlite3

# leaks_of FILE: blocks and bytes, by SQLite.
leaks_of()
{
	query "$1" "SELECT sum(blocks), sum(bytes) FROM leak"
}
program=$build/examples/leaky
# 2 + 3 + 1 blocks; 10 + 192 + 800 bytes: the LEAK comments of examples/leaky.c
leaks="6|1002"

# A colon separates options; a path may hold one all the same.
mkdir a:b
"$memtrace" run -q -o a:b/file.db -- "$program" >/dev/null
is "a folder with a colon" "$(leaks_of a:b/file.db)" "$leaks"
"$memtrace" run -q --output=c:d.db -- "$program" >/dev/null
is "a file with a colon" "$(leaks_of c:d.db)" "$leaks"
"$memtrace" run -q -o "with blanks and 'quotes'.db" -- "$program" >/dev/null
is "a file with blanks and quotes" "$(leaks_of "with blanks and 'quotes'.db")" "$leaks"
"$memtrace" run -o "with blanks.db" -- "$program" >/dev/null 2>err
contains "the summary quotes it for a shell" err "(memtrace leaks 'with blanks.db')"

# A working folder that is gone.
mkdir gone
(cd gone && rmdir ../gone && TMPDIR=$work "$memtrace" run -q -- "$program" >/dev/null)
is "without a working folder the file goes to TMPDIR" "$(leaks_of memtrace.leaky.*.db)" "$leaks"

# Streams and descriptors.
ls -l /proc/self/fd | awk '{ print $9 }' >plain
"$memtrace" run -q -o fds.db -- ls -l /proc/self/fd | awk '{ print $9 }' >traced
same "no descriptor more" plain traced
sh -c 'ls /proc/$$/fd >"$0"' plain <&- 2>&-
"$memtrace" run -q -o closed.db -- sh -c 'ls /proc/$$/fd >"$0"' traced <&- 2>&-
same "closed streams stay closed" plain traced
echo input | "$memtrace" run -q -o input.db -- cat >out
is "standard input is the program's" "$(cat out)" input
"$memtrace" run -o quiet.db -- "$program" >out 2>err
"$program" >plain
same "nothing is added to standard output" plain out
is "one line is added to standard error" "$(wc -l <err)" 1
contains "and says what is not freed" err "^memtrace: 6 blocks, 1002 B not freed; peak .*(memtrace leaks quiet.db)$"
"$memtrace" run -q -o quiet.db -- "$program" >out 2>err
is "-q: no line" "$(cat err)" ""

# The environment.
# (The tool itself may have a sanitizer in it, which wants to come first.)
ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$count COUNT_OUTPUT=$work/counts "$memtrace" run -q -o preload.db -- sh -c 'echo "$LD_PRELOAD"' >out
is "other preloads stay, behind ours" "$(cat out)" "$library:$count"
check "and are loaded" test -s counts
MEMTRACE_OPTIONS=depth=1 "$memtrace" run -q -o depth.db -- "$program" >/dev/null
is "options of the environment hold" "$(query depth.db "SELECT count(*) FROM stack WHERE parent IS NOT NULL")" 0
MEMTRACE_OPTIONS=depth=1 "$memtrace" run -q --depth=2 -o depth.db -- "$program" >/dev/null
is "those of the command line have the last word" \
	"$(query depth.db "SELECT ':' || options || ':' LIKE '%:depth=2:%' FROM session")" 1
MEMTRACE_OPTIONS=output=wrong.db "$memtrace" run -q -o right.db -- "$program" >/dev/null
is "-o is stronger than output=" "$(ls wrong.db right.db 2>/dev/null)" right.db

# Signals: a terminal sends SIGINT to both; others are passed on.
# It waits for signals that are blocked, so that none can come too early.
cat >patient.py <<'END'
import signal, sys
waited = {signal.SIGTERM: ("terminated", 8), signal.SIGINT: ("interrupted", 9)}
signal.pthread_sigmask(signal.SIG_BLOCK, waited)
with open(sys.argv[1], "w") as ready:
    ready.write("ready\n")
word, status = waited[signal.sigwait(waited)]
print(word)
sys.exit(status)
END
for signal in TERM INT; do
	mkfifo ready
	# In a session of its own, so that the whole group can be sent a signal as a terminal does; and with
	# SIGINT as a terminal's jobs have it, which the shell ignores for those in the background.
	"$python" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setsid()
os.execvp(sys.argv[1], sys.argv[1:])' "$memtrace" run -q -o signal.db -- "$python" patient.py ready >out 2>err &
	server=$!
	read -r line <ready
	case $signal in
	TERM) kill -TERM "$server" ;;
	INT) kill -INT "-$server" ;;
	esac
	wait "$server"
	status=$?
	server=
	case $signal in
	TERM) is "SIGTERM reaches the program, whose status is run's" "$status $(cat out)" "8 terminated" ;;
	INT) is "Ctrl-C is the program's" "$status $(cat out)" "9 interrupted" ;;
	esac
	is "SIG$signal: the file is whole" "$(query signal.db "SELECT state FROM session")" complete
	rm ready
done

# A place that LD_PRELOAD cannot name.
mkdir "a place"
cp "$memtrace" "$library" "$build/memtrace-collect" "a place"
"a place/memtrace" run -o place.db -- "$program" >out 2>err
is "in a folder with a blank: the program runs" "$?" 0
contains "in a folder with a blank: untraced, and why" err "untraced: LD_PRELOAD cannot hold"
mkdir place
cp "$memtrace" "$library" "$build/memtrace-collect" place
place/memtrace run -q -o place.db -- "$program" >/dev/null
is "moved elsewhere with its parts it works" "$(leaks_of place.db)" "$leaks"
rm place/memtrace-collect place.db
place/memtrace run -o place.db -- "$program" >out 2>err
is "without its collector: the program runs" "$?" 0
contains "without its collector: untraced, and why" err "runs untraced: .*memtrace-collect"

# Doctor tries it, and knows.
"$memtrace" doctor >out 2>err
is "doctor: programs can be traced here" "$? $(cat err)" "0 "
contains "doctor: it has traced one" out "^ok .*tracing .*traced: [1-9][0-9]* allocation"
contains "doctor: with its callers" out "^ok .*unwinding .*frames"
"$memtrace" doctor --format=json >out
is "doctor, json: the same" "$("$python" -c '
import json
report = json.load(open("out"))
print(report["can_trace"], all(check["ok"] for check in report["checks"] if check["needed"]))')" "True True"
is "doctor leaves nothing behind" "$(ls -d "${TMPDIR:-/tmp}"/memtrace-doctor-* 2>/dev/null)" ""
place/memtrace doctor >out 2>err
is "doctor without a collector: 125" $? 125
contains "doctor without a collector: what it costs" out "nothing can be traced"
finish
