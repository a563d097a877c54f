#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In a folder where others may write: links, pipes, sockets, folders and journals that another user has put where our
# files are to go. The program runs, what is theirs is untouched, and nothing of ours goes into it.
. "$(dirname "$0")/lib.sh"
need sqlite3 setpriv
[ "$(id -u)" -eq 0 ] || skip_all "another user can only be played by root"
program=$build/examples/leaky
plain=$("$program")

nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
# Neither root, who could just remove it all.
somebody() { setpriv --reuid=12345 --regid=12345 --clear-groups "$@"; }
somebody "$program" >/dev/null 2>&1 || skip_all "another user may not run what was built"

mkdir open elsewhere && chmod 1777 open && chown 12345 elsewhere && chmod 700 elsewhere || exit 99
TMPDIR=$work/elsewhere
export TMPDIR
echo "precious" >precious
trace_run "$work/older.db" "$build/examples/clean"
settled older.db
chown 12345 precious older.db
sum=$(cksum <older.db)

# lives NAME: the program runs as ever, and its leaks are in a file that only we can read.
lives()
{
	rm -f elsewhere/*.db* out err
	somebody "$memtrace" run -q -o "$work/open/x.db" -- "$program" >out 2>err
	is "$1: the program runs" "$? $(cat out)" "0 $plain"
	file=$(ls elsewhere/*.db 2>/dev/null)
	[ -n "$file" ] || file=open/x.db
	is "$1: what it leaks is in a file" "$(query "$file" "SELECT sum(blocks) FROM leak" 2>&1)" 6
	is "$1: that is nobody else's to read" "$(stat -c '%a %u %h' "$file")" "600 12345 1"
}

# refused NAME: the same, and the line says where the file is instead.
refused()
{
	lives "$1"
	contains "$1: it is said" err "open/x\.db.*writing .*elsewhere"
	find open -mindepth 1 -delete
}

nobody ln -s "$work/precious" open/x.db
refused "a link to a file"
is "what it leads to is untouched" "$(cat precious)" precious
nobody ln -s "$work/older.db" open/x.db
refused "a link to a memtrace file of ours"
is "that is untouched" "$(cksum <older.db)" "$sum"
nobody ln -s "$work/new.db" open/x.db
refused "a link to nothing"
is "nothing was made there" "$(ls new.db 2>/dev/null)" ""
nobody mkfifo open/x.db
refused "a pipe"
nobody mkdir open/x.db
refused "a folder"
nobody "$python" -c 'import socket; socket.socket(socket.AF_UNIX).bind("open/x.db")'
refused "a socket"
ln precious open/x.db
refused "a second name of a file of ours"
is "that is untouched, too" "$(cat precious)" precious

for suffix in wal shm journal; do
	nobody sh -c "umask 0; : >open/x.db-$suffix"
	refused "an empty file as -$suffix"
	nobody ln -s "$work/precious" open/x.db-$suffix
	refused "a link as -$suffix"
	is "-$suffix: what it leads to is untouched" "$(cat precious)" precious
	nobody mkfifo open/x.db-$suffix
	refused "a pipe as -$suffix"
done

# Root may remove what is there, and then may use the name.
for suffix in wal shm journal; do
	nobody ln -s "$work/precious" open/x.db-$suffix
	"$memtrace" run -q -o "$work/open/x.db" -- "$program" >out 2>err
	is "root, a link as -$suffix: the program runs" "$? $(cat out)" "0 $plain"
	is "root, a link as -$suffix: what it leads to is untouched" "$(cat precious)" precious
	settled open/x.db 2>/dev/null
	find open elsewhere -mindepth 1 -delete
done

# Nothing planted: there, and nobody else's, whatever the umask.
before=$(umask)
for mask in 0 0777; do
	umask $mask
	lives "umask $mask"
	umask "$before"
	rm -f open/*
done
chown 0 elsewhere
(umask 0 && trace_run "$work/modes.db" sh -c "stat -c '%a' $work/modes.db*; find $work/elsewhere -mindepth 1 -printf '%y %m\n'" >out)
is "while it is written, too, and the journals; the socket's folder cannot be listed" "$(sort -u out)" "600
d 711
s 666"
rm -rf elsewhere/* && "$memtrace" leaks modes.db >/dev/null
is "and when symbols were kept" "$(stat -c '%a' modes.db)" 600

# The reader does not take a journal of another user's either.
cp older.db open/x.db
for suffix in wal shm journal; do
	nobody sh -c "echo something >open/x.db-$suffix"
	"$memtrace" info open/x.db >out 2>err
	is "info: a -$suffix of another user's gives 125" $? 125
	contains "info: it is said (-$suffix)" err "open/x\.db.*another user"
	rm open/x.db-$suffix
done

# Where others can rename what is ours, no socket is made.
where_is_it()
{
	"$@" "$memtrace" run -q -o "$work/where.db" -- sh -c 'dirname "$(dirname "${MEMTRACE_SESSION%:*}")"'
}
mkdir loose theirs && chmod 777 loose && chown 65534 theirs || exit 99
is "a socket is made in XDG_RUNTIME_DIR" "$(where_is_it env XDG_RUNTIME_DIR="$work/elsewhere")" "$work/elsewhere"
is "not where everybody can rename it" "$(where_is_it env XDG_RUNTIME_DIR="$work/loose")" "$work/elsewhere"
is "not in a folder of another user's" "$(where_is_it env XDG_RUNTIME_DIR="$work/theirs")" "$work/elsewhere"
is "but in a sticky one" "$(where_is_it env XDG_RUNTIME_DIR="$work/open")" "$work/open"
finish
