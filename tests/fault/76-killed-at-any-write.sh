#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The collector is killed at its first write to a file, its second, and so on, to the last: the file opens each time, or
# is empty. Here every seventh; STEP=1 in the environment tries all.
. "$(dirname "$0")/../e2e/lib.sh"
. "$here/trouble.sh"
# A traced process cannot be looked through for leaks.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
command -v strace >/dev/null && strace -D -o /dev/null true 2>/dev/null ||
	skip_all "strace is not there, or not allowed"

mkdir place
cp "$library" place
cat >place/memtrace-collect <<END
#!/bin/sh
exec strace -D -f -qq -o /dev/null -e trace=pwrite64,ftruncate -e inject=pwrite64,ftruncate:signal=KILL:when=\$WHEN \
	"$build/memtrace-collect" "\$@"
END
chmod +x place/memtrace-collect
plain=$(echo go | ./trouble 1 400 3)
WHEN=1
export WHEN
wrong=
quiet=
while [ -z "$quiet" ]; do
	rm -f any.db*
	echo go | LD_PRELOAD=$work/place/libmemtrace.so MEMTRACE_OPTIONS=output=$work/any.db ./trouble 1 400 3 >out 2>err
	[ "$? $(cat out)" = "7 $plain" ] || wrong="$wrong, $WHEN: the program does something else"
	[ "$(wc -l <err)" -le 1 ] || wrong="$wrong, $WHEN: more is said than one line"
	[ -s err ] || quiet=$WHEN
	if [ -s any.db ]; then
		"$memtrace" leaks any.db >/dev/null 2>&1 || wrong="$wrong, $WHEN: the file does not open"
		[ "$(sqlite3 any.db "PRAGMA integrity_check")" = ok ] || wrong="$wrong, $WHEN: SQLite finds a fault"
	fi
	[ $WHEN -lt 1000 ] || break
	WHEN=$((WHEN + ${STEP:-7}))
done
is "killed at any write: the program goes on, one line is said, the file opens" "$wrong" ""
check "there were enough writes to be killed at" test "${quiet:-0}" -gt 30
echo "# the first write that did not matter: $quiet"
finish
