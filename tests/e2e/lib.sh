# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lib.sh - what every test that is a script starts with:  . "$(dirname "$0")/lib.sh"
#
# A test prints TAP and ends with `finish`. It runs in a temporary folder of its own, $work, which is also
# the working folder, and finds the tools whatever folder it was started from:
#
#	$memtrace $library $count     the tool, libmemtrace.so, count.so
#	$source $build                the roots of the source and of the build
#	$python                       the interpreter of the helpers beside this file
#
# POSIX sh and `local`.

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "${top_srcdir:-$here}" && pwd)
while [ ! -e "$source/configure.ac" ] && [ "$source" != / ]; do source=$(dirname "$source"); done
build=$(cd "${top_builddir:-$source/build}" && pwd) || exit 99
memtrace=$build/memtrace
library=$build/libmemtrace.so
count=$build/tests/count.so
if [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; else python=python3; fi

# Without them tests would pass that compare nothing.
for built in "$memtrace" "$build/memtrace-collect" "$library" "$count"; do
	[ -e "$built" ] || { echo "Bail out! $built is not built"; exit 99; }
done

unset LD_PRELOAD MEMTRACE_OPTIONS MEMTRACE_SESSION COUNT_OUTPUT CDPATH
LC_ALL=C
export LC_ALL

work=$(mktemp -d) || exit 99
# Others may look into it: some programs under test change their user.
chmod 755 "$work"
# Where a file goes that cannot be written where it should be; as open to everybody as /tmp.
mkdir -m 1777 "$work/tmp"
TMPDIR=$work/tmp
export TMPDIR
server=
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work" || exit 99

# The collector has nowhere to write to, so a sanitizer in it (or in the tool) writes into files.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$work/sanitizer
UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}print_stacktrace=1:log_path=$work/sanitizer
TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$work/sanitizer
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
# What libdw keeps of modules that make no sense is not ours to free.
echo leak:libdw.so >"$work/leaks.supp"
LSAN_OPTIONS=${LSAN_OPTIONS:+$LSAN_OPTIONS:}suppressions=$work/leaks.supp:print_suppressions=0
export LSAN_OPTIONS
# True where the tool and the collector are built with a sanitizer: it wants /proc, its own threads and terabytes of
# address space, no tracer, and to be the first library.
is_sanitized() { ldd "$memtrace" | grep -q 'lib[atl]san\.so'; }

tests_run=0
tests_failed=0

pass()
{
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1"
}

# fail NAME [FILE…]: the files are shown.
fail()
{
	local name=$1
	shift
	tests_run=$((tests_run + 1))
	tests_failed=$((tests_failed + 1))
	echo "not ok $tests_run - $name"
	[ $# -eq 0 ] || cat "$@" | head -n 30 | sed 's/^/# /'
}

# skip NAME REASON
skip()
{
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1 # SKIP $2"
}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

# check NAME COMMAND…: passes when the command does; else its output is shown.
check()
{
	local name=$1
	shift
	if "$@" >"$work/check.log" 2>&1; then
		pass "$name"
	else
		echo "exit status $?: $*" >>"$work/check.log"
		fail "$name" "$work/check.log"
	fi
}

# is NAME GOT WANTED
is()
{
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$work/is.log"
		fail "$1" "$work/is.log"
	fi
}

# same NAME FILE FILE
same()
{
	check "$1" diff -u "$2" "$3"
}

# contains NAME FILE PATTERN: a line of the file matches the basic regular expression.
contains()
{
	if grep -q -e "$3" "$2"; then
		pass "$1"
	else
		{ echo "no line matches: $3"; cat "$2"; } >"$work/contains.log"
		fail "$1" "$work/contains.log"
	fi
}

# trace_run FILE COMMAND…: by `memtrace run`.
trace_run()
{
	local file=$1
	shift
	"$memtrace" run -q -o "$file" -- "$@"
}

# trace_preload FILE COMMAND…: with nothing but LD_PRELOAD.
trace_preload()
{
	local file=$1
	shift
	LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$file "$@"
}

# trace_counted FILE COUNTS COMMAND…: the same, with an independent count behind the library, and $allocator behind that.
trace_counted()
{
	local file=$1 counts=$2
	shift 2
	LD_PRELOAD="$library $count${allocator:+ $allocator}" COUNT_OUTPUT=$counts MEMTRACE_OPTIONS=output=$file "$@"
}

# settled FILE: waits until the collector, which holds a lock on the file that it writes, has ended with it.
settled()
{
	timeout 30 flock -s "$1" true
}

# query FILE SQL: by the sqlite3 shell, that is, not by memtrace; when the file is settled.
query()
{
	settled "$1" && sqlite3 -batch -noheader "$1" "$2"
}

# handmade FILE: made of handmade.sql.
handmade()
{
	local sql=$source/tests/e2e
	{ cat "$source/store/schema.sql"; echo "BEGIN;"; cat "$sql/loose.sql" "$sql/handmade.sql" "$sql/pack.sql"; echo "COMMIT;"; } |
		sqlite3 -batch "$1"
}

# repack FILE SQL: runs this where the rows of stack, total, block and owner are those of plain tables.
repack()
{
	local sql=$source/tests/e2e
	sqlite3 -batch "$1" "PRAGMA synchronous = OFF; BEGIN" ".read $sql/loose.sql" ".read $sql/unpack.sql" "$2" \
		".read $sql/pack.sql" COMMIT
}

# figures_hold NAME FILE: what the file says of its processes is consistent, and `memtrace info` says the same.
figures_hold()
{
	if "$memtrace" info --format=json "$2" >"$work/info.json" 2>"$work/info.err"; then
		check "$1" "$python" "$here/figures.py" "$2" "$work/info.json"
	else
		fail "$1" "$work/info.err" "$work/info.json"
	fi
}

need()
{
	local program
	for program; do
		command -v "$program" >/dev/null || skip_all "$program is not installed"
	done
}

finish()
{
	set -- "$work"/sanitizer.*
	if [ -e "$1" ]; then
		fail "no sanitizer reported anything" "$@"
	fi
	[ "$tests_run" -gt 0 ] || fail "there is something to test"
	echo "1..$tests_run"
	[ "$tests_failed" -eq 0 ]
	exit
}

# examples: the names of all of them; example_sources NAME: what each is made of, the main file first.
examples()
{
	(cd "$source/examples" && ls *.c *.cpp) | sed '/^shelf\.c$/d; s/\.[a-z]*$//'
}

example_sources()
{
	case $1 in
	library | plugin) echo "$source/examples/$1.c $source/examples/shelf.c" ;;
	new | own_new) echo "$source/examples/$1.cpp" ;;
	*) echo "$source/examples/$1.c" ;;
	esac
}
