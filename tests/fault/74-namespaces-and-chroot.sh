#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Containers, as far as namespaces make them: a read-only root, no /proc, another user, PID 1, no network, chroot.
. "$(dirname "$0")/../e2e/lib.sh"
. "$here/trouble.sh"

map=
[ "$(id -u)" -eq 0 ] || map=-Ur

# The rows of the program; without /proc, no names are known.
ours="command = 'trouble'"

# whole NAME FILE: output and status were the program's, nothing was said, all is in the file.
whole()
{
	is "$1: the program goes on" "$status $(cat out)" "7 $plain"
	is "$1: nothing is said" "$(cat err)" ""
	figures_hold "$1: the figures hold" "$2"
	is "$1: every process is there" \
		"$(query "$2" "SELECT count(*), sum(allocations) > 60000, (SELECT state FROM session)
			FROM process WHERE $ours")" "6|1|complete"
	check "$1: no socket and no folder is left" timeout 20 sh -c 'while [ -n "$(ls -A sockets)" ]; do :; done'
}

# inside NAME NAMESPACES SETUP: trouble in new namespaces, after a shell command there; both when memtrace is inside,
# and when only the program is.
inside()
{
	local name=$1 namespaces=$2 setup=$3
	if ! unshare $namespaces sh -c "$setup" >/dev/null 2>&1; then
		skip "$name" "it cannot be made here"
		return
	fi
	# The command in a file: it is typed once, and not quoted three times.
	echo "$setup" >setup.sh
	for mode in run preload; do
		rm -f inside.db
		case $mode in
		run) command="exec $memtrace run -q -o $work/inside.db -- ./trouble $usual" ;;
		preload) command="LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/inside.db exec ./trouble $usual" ;;
		esac
		echo go | unshare $namespaces sh -c ". ./setup.sh && $command" >out 2>err
		status=$?
		whole "$name, $mode" inside.db
	done
	rm -f inside.db
	# unshare and the shell are traced, too, up to there.
	echo go | trace_preload "$work/inside.db" unshare $namespaces sh -c ". ./setup.sh && exec ./trouble $usual" >out 2>err
	status=$?
	whole "$name, the program alone" inside.db
}

# The working folder is a place of its own, which stays writable: a volume.
inside "a read-only root" "-m $map" \
	"mount --bind '$work' '$work' && mount --make-rprivate / && mount -o remount,bind,ro / && cd '$work' && ! touch /x 2>/dev/null"
ours="command IN ('trouble', '') AND allocations >= 50"
if is_sanitized; then
	skip "no /proc" "a sanitizer wants it"
else
	inside "no /proc" "-m $map" "mount --make-rprivate / && mount -t tmpfs none /proc"
fi
ours="command = 'trouble'"
inside "another user" "-Ur" true
inside "no network" "-n $map" true
inside "PID 1" "-pf --mount-proc $map" true
inside "all of them" "-mnpf --mount-proc -Ur" "mount --bind '$work' '$work' && cd '$work'"

# Read-only wherever it could write but for /tmp, which is empty: the file goes there, with a line.
if unshare -m $map mount -t tmpfs none /mnt 2>/dev/null; then
	cat >setup.sh <<END
mount --make-rprivate / && mount --bind "$work" /mnt && mkdir -p keep && mount -t tmpfs none keep &&
	mount -o remount,bind,ro /mnt && cd /mnt && unset XDG_RUNTIME_DIR
END
	echo go | unshare -m $map sh -c ". ./setup.sh && TMPDIR=$work/keep LD_PRELOAD=$library ./trouble $usual
		echo status \$?; timeout 30 flock -s $work/keep/memtrace.trouble.*.db true
		$memtrace leaks $work/keep/memtrace.trouble.*.db >/dev/null && echo readable
		timeout 30 sh -c 'while [ \$(ls $work/keep | wc -l) -ne 1 ]; do :; done'
		ls $work/keep | wc -l" >out 2>err
	is "nothing but TMPDIR can be written: the program goes on, the file is there, alone" "$(cat out)" "$plain
status 7
readable
1"
	said "nothing but TMPDIR can be written" "Read-only file system; writing $work/keep/memtrace.trouble"
else
	skip "nothing but TMPDIR can be written" "no file system can be mounted here"
fi

# chroot in the middle: what comes after is traced as before.
if [ "$(id -u)" -eq 0 ]; then
	mkdir jail
	for mode in run preload; do
		echo chroot "$work/jail" | trace_$mode "$work/jail.db" ./trouble $usual >out 2>err
		status=$?
		whole "$mode, chroot in the middle" jail.db
	done
	is "chroot in the middle: nothing is written there" "$(ls -A jail)" ""
else
	skip "chroot in the middle" "only root can"
fi
finish
