# SPDX-License-Identifier: LGPL-2.1-or-later
#
# trouble.sh - for the tests of what goes wrong around a traced program, behind lib.sh:  . "$here/trouble.sh"
#
#	begin MODE FILE ARGUMENT…   starts trouble.c, traced by `run`, or by `preload`, or `counted` by count.so, too
#	                            (into counts); returns when it awaits its order. With $options (:key=value…).
#	                            $server is what was started, $collector the pid of its collector
#	pause                       has it do half its work, and returns when it awaits another order
#	committed FILE              waits until more than 10000 of its calls are in the file
#	order WORD…                 gives the order
#	sum_line                    returns when it has printed its sum, the last that it does
#	end NAME                    waits for its end, and holds it to what the program does untraced
#	said NAME PATTERN           exactly one line was said, which matches
#	opens NAME FILE             `memtrace info` and `leaks` read the file; what info says is in info
#	nothing_left NAME           no collector, no socket, no folder

need sqlite3
# lib.sh looks for its own helpers in $here.
fault=$here
[ -e "$here/figures.py" ] || here=$source/tests/e2e
${CC:-cc} -g -O1 -o trouble "$fault/trouble.c" -lpthread || exit 99
mkdir -m 700 sockets
# Where collectors make their sockets, and what they write when they may not write where they should.
XDG_RUNTIME_DIR=$work/sockets
export XDG_RUNTIME_DIR
mkfifo in out.fifo
# Both ends, so that neither side waits for the other to open it.
exec 5<>out.fifo 6<>in

# Threads, blocks and forks of a program under load.
usual="3 20000 5"
options=
plain=$(echo go | ./trouble $usual) || [ $? -eq 7 ] || exit 99

begin()
{
	local mode=$1 file=$2 ready
	shift 2
	rm -f "$file"
	case $mode in
	run) MEMTRACE_OPTIONS=${options#:} "$memtrace" run -q -o "$file" -- \
		./trouble "$@" <in >out.fifo 2>err 5>&- 6>&- & ;;
	preload) LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$file$options \
		./trouble "$@" <in >out.fifo 2>err 5>&- 6>&- & ;;
	counted)
		rm -f counts
		LD_PRELOAD="$library $count" COUNT_OUTPUT=$work/counts MEMTRACE_OPTIONS=output=$file$options \
			./trouble "$@" <in >out.fifo 2>err 5>&- 6>&- &
		;;
	esac
	server=$!
	read -r ready <&5
	echo "$ready" >out
	collector=$(sqlite3 -cmd '.timeout 10000' "$file" "SELECT collector_pid FROM session" 2>>err)
}

order()
{
	echo "$*" >&6
}

pause()
{
	local line
	order pause
	read -r line <&5
}

committed()
{
	while [ "$(sqlite3 "$1" "SELECT sum(allocations) > 10000 FROM process" 2>/dev/null)" != 1 ]; do
		kill -0 "$server" || return
	done
}

sum_line()
{
	local line
	while read -r line <&5; do
		echo "$line" >>out
		case $line in sum*) break ;; esac
	done
}

end()
{
	local line
	# A shell says of what it waits for when that was killed.
	wait "$server" 2>/dev/null
	status=$?
	server=
	echo "(end)" >&5
	while read -r line <&5 && [ "$line" != "(end)" ]; do
		echo "$line" >>out
	done
	is "$1: the program goes on" "$status $(cat out)" "7 $plain"
}

said()
{
	is "$1: one line is said" "$(wc -l <err)" 1
	contains "$1: it says what" err "^memtrace: .*$2"
}

opens()
{
	check "$1: the file opens" "$memtrace" leaks "$2"
	"$memtrace" info "$2" >info 2>&1
	is "$1: info reads it" $? 0
	is "$1: SQLite finds no fault" "$(sqlite3 "$2" "PRAGMA integrity_check")" ok
}

nothing_left()
{
	# As a zombie it is gone, whose init does not look after it.
	check "$1: the collector is gone" timeout 30 sh -c 'while [ -e "/proc/$0/exe" ] && readlink "/proc/$0/exe"; do :; done' \
		"$collector"
	# A collector that has just let its program go is still about to.
	check "$1: no socket and no folder is left" timeout 30 sh -c 'while [ -n "$(ls -A sockets)" ]; do :; done'
}
