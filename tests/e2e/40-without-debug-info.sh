#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What binaries tell: no debug info, a separate debug file, clang's, a binary that has changed or is gone.
. "$(dirname "$0")/lib.sh"
need objcopy strip readelf

# frames FILE: the innermost frame of main's own module of every site, as "function file line", sorted.
cat >frames.py <<'END'
import json, os, sys
for process in json.load(sys.stdin)["processes"]:
    for site in process["sites"]:
        frame = next(frame for frame in site["stack"] if os.path.basename(frame["module"] or "") == "leaky")
        print(site["blocks"], site["bytes"], frame["function"],
              os.path.basename(frame["file"] or "-"), frame["line"])
END

frames()
{
	"$memtrace" leaks --format=json "$1" 2>frames.err | "$python" frames.py | sort
}

promised()
{
	sed -n 's/^ \*\t\([0-9]*\)\t\([0-9]*\)\t\(.*\) (\(.*\):\(.*\))$/\1 \2 \3 \4 \5/p' "$source/examples/leaky.c" | sort
}

cp "$build/examples/leaky" leaky
strip --strip-debug leaky
trace_run "$work/symbols.db" ./leaky >/dev/null
is "without debug info functions are named, and no line is made up" \
	"$(frames symbols.db)" "$(promised | sed 's/ leaky.c .*/ - None/')"

cp "$build/examples/leaky" leaky
strip --strip-all leaky
trace_run "$work/stripped.db" ./leaky >/dev/null
is "of a stripped binary nothing is named, and everything is counted" \
	"$(frames stripped.db)" "$(promised | cut -d' ' -f1-2 | sed 's/$/ None - None/')"
"$memtrace" leaks stripped.db >stripped.txt 2>&1
contains "its frames are shown as module and offset" stripped.txt 'leaky+0x[0-9a-f]'

build_id=$(readelf -nW "$build/examples/leaky" | sed -n 's/.*Build ID: //p')
mkdir -p .debug
cp "$build/examples/leaky" leaky
objcopy --only-keep-debug leaky .debug/leaky.debug
strip --strip-all leaky
objcopy --add-gnu-debuglink=.debug/leaky.debug leaky
if [ -n "$build_id" ]; then
	trace_run "$work/separate.db" ./leaky >/dev/null
	is "a separate debug file is found" "$(frames separate.db)" "$(promised)"
else
	skip "a separate debug file is found" "the linker writes no build-id"
fi

if command -v clang >/dev/null; then
	clang -g -O0 -D_GNU_SOURCE -I"$source" -o leaky "$source/examples/leaky.c"
	trace_run "$work/clang.db" ./leaky >/dev/null
	is "what clang compiled is resolved" "$(frames clang.db)" "$(promised)"
else
	skip "what clang compiled is resolved" "clang is not installed"
fi

# Resolved once, the file reads the same where the binary is not.
cp "$build/examples/leaky" leaky
trace_run "$work/cached.db" ./leaky >/dev/null
frames cached.db >first
rm leaky
is "what was resolved stays when the binary is gone" "$(frames cached.db)" "$(cat first)"
is "and it was right" "$(cat first)" "$(promised)"

cp "$build/examples/leaky" leaky
trace_run "$work/replaced.db" ./leaky >/dev/null
cp "$build/examples/clean" leaky
"$memtrace" leaks replaced.db >replaced.txt 2>&1
is "a binary that was replaced since is not resolved" \
	"$(frames replaced.db | cut -d' ' -f3- | sort -u)" "None - None"
contains "and the report says so" replaced.txt 'changed\|replaced\|build-id'

cp "$build/examples/leaky" leaky
trace_run "$work/missing.db" ./leaky >/dev/null
rm leaky
"$memtrace" leaks missing.db >missing.txt 2>&1
is "a report of a binary that is gone is made" $? 0
is "with everything counted" "$(frames missing.db | cut -d' ' -f1-2)" "$(promised | cut -d' ' -f1-2)"
finish
