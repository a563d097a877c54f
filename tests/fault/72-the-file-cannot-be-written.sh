#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The disk fills up, a limit or a quota is reached, the file or its folder goes away: the program goes on, one line says
# it, and what was committed before stays readable.
. "$(dirname "$0")/../e2e/lib.sh"

# A mount namespace of its own, for file systems of any kind.
if [ -z "$MEMTRACE_TEST_INSIDE" ]; then
	MEMTRACE_TEST_INSIDE=yes
	export MEMTRACE_TEST_INSIDE
	map=
	[ "$(id -u)" -eq 0 ] || map=-Ur
	unshare -m $map true 2>/dev/null || skip_all "no mount namespace can be made here"
	rm -rf "$work"
	TMPDIR=${work%/*}
	cd "$here" && exec unshare -m $map "./${0##*/}"
fi
. "$here/trouble.sh"

# kept NAME FILE: some of the program's work is in the file, which was written until the trouble came.
kept()
{
	is "$1: what was committed is there" \
		"$(sqlite3 "$2" "SELECT count(*) > 0, sum(allocations) > 10000 FROM process")" "1|1"
	contains "$1: info says that it is incomplete" info "incomplete"
}

mkdir full
for mode in run preload; do
	mount -t tmpfs -o size=2m none full || { skip "a full disk" "no tmpfs can be mounted"; continue; }
	begin $mode "$work/full/full.db" $usual
	pause
	committed full/full.db
	order full full/filler
	end "$mode, a full disk"
	said "$mode, a full disk" "incomplete\|could not be written to the end"
	settled full/full.db
	opens "$mode, a full disk" full/full.db
	kept "$mode, a full disk" full/full.db
	contains "$mode, a full disk: info says why" info "full"
	nothing_left "$mode, a full disk"
	rm full/filler
	opens "$mode, a disk that was full" full/full.db
	kept "$mode, a disk that was full" full/full.db
	umount full
done

# From the start.
mount -t tmpfs -o size=8k none full
TMPDIR=$work/full
export TMPDIR
for mode in run preload; do
	echo go | trace_$mode "$work/full/none.db" ./trouble $usual >out 2>err
	is "$mode, a disk full from the start: the program goes on" "$? $(cat out)" "7 $plain"
	said "$mode, a disk full from the start" "full\|No space"
	contains "$mode, a disk full from the start: it says that nothing is traced" err "not traced"
	is "$mode, a disk full from the start: no file is left" "$(ls full)" ""
done
umount full
unset TMPDIR

# The size of files, of the collector alone: it is the one that writes.
for mode in run preload; do
	begin $mode "$work/limit.db" $usual
	pause
	committed limit.db
	# A few pages more than it has: what is rolled back of the transaction that fails leaves them to the note.
	prlimit --fsize="$(($(stat -c %s limit.db-wal) + 6 * 4120))" --pid "$collector"
	order go
	end "$mode, a limit on the size of files"
	said "$mode, a limit on the size of files" "incomplete\|could not be written to the end"
	settled limit.db
	opens "$mode, a limit on the size of files" limit.db
	kept "$mode, a limit on the size of files" limit.db
	contains "$mode, a limit on the size of files: info says why" info "File too large"
done

for mode in run preload; do
	mkdir folder
	begin $mode "$work/folder/file.db" $usual
	pause
	committed folder/file.db
	rm -rf folder
	order go
	end "$mode, the folder removed"
	said "$mode, the folder removed" "removed"
	check "$mode, the folder removed: it does not come back" test ! -e folder
	nothing_left "$mode, the folder removed"

	begin $mode "$work/file.db" $usual
	pause
	order remove "$work/file.db"
	end "$mode, the file removed"
	said "$mode, the file removed" "removed"
	nothing_left "$mode, the file removed"
	is "$mode, the file removed: nothing is left" "$(ls file.db* 2>/dev/null)" ""

	begin $mode "$work/file.db" $usual
	pause
	order rename "$work/file.db" "$work/renamed.db"
	end "$mode, the file renamed"
	settled renamed.db
	opens "$mode, the file renamed" renamed.db
	is "$mode, the file renamed: it is whole" \
		"$(sqlite3 renamed.db "SELECT count(*), sum(allocations) > 60000 FROM process")" "6|1"
	is "$mode, the file renamed: nothing else is left" "$(ls file.db* 2>/dev/null)" ""
	nothing_left "$mode, the file renamed"
	rm -f renamed.db*
done

# A file system that is read-only, and another place to write.
mkdir read-only elsewhere
mount -t tmpfs -o ro none read-only
for mode in run preload; do
	(cd read-only && echo go | TMPDIR=$work/elsewhere trace_$mode "$work/read-only/file.db" ../trouble $usual >../out 2>../err)
	is "$mode, read-only: the program goes on" "$? $(cat out)" "7 $plain"
	said "$mode, read-only" "Read-only file system.*writing .*elsewhere/memtrace.trouble.[0-9]*.db instead"
	settled elsewhere/*.db
	opens "$mode, read-only" elsewhere/*.db
	rm -f elsewhere/*
done
umount read-only

# A quota, of a user that is not root.
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o usrquota,usrquota_block_hardlimit=1m,mode=777 none full 2>/dev/null &&
	setpriv --reuid=65534 --clear-groups test -r "$library"; then
	chmod 777 sockets
	cat >as_nobody.sh <<'END'
echo go | setpriv --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD="$1" MEMTRACE_OPTIONS=output="$2" ./trouble 3 20000 200
END
	dd if=/dev/zero of=full/filler bs=4k count=150 2>/dev/null && chown 65534 full/filler
	plain=$(echo go | ./trouble 3 20000 200)
	sh as_nobody.sh "$library" "$work/full/quota.db" >out 2>err
	is "a quota: the program goes on" "$? $(cat out)" "7 $plain"
	said "a quota" "quota\|could not be written to the end"
	settled full/quota.db
	opens "a quota" full/quota.db
	umount full
else
	skip "a quota" "no file system with quotas can be mounted here"
fi
finish
