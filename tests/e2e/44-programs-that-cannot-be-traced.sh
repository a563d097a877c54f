#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A static program, a setuid one, one with a sanitizer, one that is not there: the program runs as it does
# untraced, and `memtrace run` says that it was not traced.
. "$(dirname "$0")/lib.sh"

cat >program.c <<'END'
#include <stdio.h>
#include <stdlib.h>
void *volatile kept;
int main(void)
{
	kept = malloc(100);
	puts("running");
	return 6;
}
END

# untraced NAME PROGRAM: both ways.
untraced()
{
	trace_preload "$work/preload.db" "$2" >out 2>err
	is "$1 runs with LD_PRELOAD" "$? $(cat out)" "6 running"
	"$memtrace" run -o "$work/run.db" -- "$2" >out 2>err
	is "$1 runs with run" "$? $(cat out)" "6 running"
	contains "$1: run says that it was not traced" err "not traced\|untraced\|cannot be traced"
}

if ${CC:-cc} -static -o static program.c 2>/dev/null; then
	untraced "a static program" ./static
else
	skip "a static program runs" "the compiler cannot link statically"
fi

${CC:-cc} -o setuid program.c || exit 99
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chown 65534:65534 setuid && chmod 4755 setuid
	# Real root, effective nobody: the loader is in its secure mode, and ignores the preload.
	untraced "a setuid program" ./setuid
else
	skip "a setuid program runs" "only root can make one that is not its own"
fi

if ${CC:-cc} -fsanitize=address -o sanitized program.c 2>/dev/null; then
	ASAN_OPTIONS=detect_leaks=0 "$memtrace" run -o "$work/asan.db" -- ./sanitized >out 2>err
	is "a program with AddressSanitizer runs with run" "$? $(cat out)" "6 running"
	contains "a program with AddressSanitizer: run says that it was not traced" err "not traced\|untraced\|cannot be traced"
else
	skip "a program with AddressSanitizer runs with run" "the compiler has no AddressSanitizer"
fi

"$memtrace" run -- ./no-such-program >out 2>err
is "a program that is not there gives 127" $? 127
contains "it is named" err "no-such-program"
echo "no program" >text
"$memtrace" run -- ./text >out 2>err
is "a file that is not executable gives 126" $? 126
contains "it is named, too" err "text"
mkdir folder
"$memtrace" run -- ./folder >out 2>err
is "a folder gives 126" $? 126
is "none of them left a file" "$(ls memtrace.*.db 2>/dev/null)" ""

# A script is traced through its interpreter.
printf '#!/bin/sh\necho script; exit 3\n' >script && chmod +x script
trace_run "$work/script.db" ./script >out 2>err
is "a script runs" "$? $(cat out)" "3 script"
check "a script is traced" test "$("$memtrace" info --format=json script.db | grep -c '"pid"')" -ge 1
finish
