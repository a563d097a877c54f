#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Wrong usage: exit status 2, a line on standard error, nothing on standard output.
. "$(dirname "$0")/lib.sh"

wrong()
{
	local pattern=$1
	shift
	"$memtrace" "$@" >out 2>err </dev/null
	is "memtrace $*: exit status 2" $? 2
	is "memtrace $*: nothing on standard output" "$(cat out)" ""
	contains "memtrace $*: a message" err "$pattern"
}
wrong "memtrace" ""
wrong "laeks" laeks
wrong "no-such-option" leaks --no-such-option file.db
wrong "no-such-option" run --no-such-option -- true
wrong "xml" leaks --format=xml file.db
wrong "size" top --by=size file.db
wrong "leaks" leaks
wrong "b.db" leaks a.db b.db
wrong "run" run
wrong "run" run --
wrong "pid" maps nobody
wrong "many" top --limit=many file.db
wrong "nothing" help nothing

"$memtrace" >out 2>err
is "no command at all is wrong usage" $? 2
check "help is fine" "$memtrace" help
"$memtrace" help >help.txt
"$memtrace" --help >option.txt
is "--help is fine" $? 0
same "--help is help" help.txt option.txt
"$memtrace" --version >version.txt
is "--version is fine" $? 0
contains "--version says it" version.txt "^memtrace [0-9]"
for command in run leaks top tree maps info sql help doctor; do
	contains "help lists $command" help.txt "^ *$command "
	check "help $command is fine" "$memtrace" help $command
	check "$command --help is fine" "$memtrace" $command --help
done
finish
