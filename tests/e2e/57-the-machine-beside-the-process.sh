#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# memtrace system on dumps of other machines, each in a state of its own: every figure is that of procps and of the kernel's
# files, a page is 80 columns wide, and says to a person who knows only top whether memory is short, and what to do.
. "$(dirname "$0")/lib.sh"

for dump in "$source"/tests/host/dumps/*.tar.xz; do
	name=$(basename "$dump" .tar.xz)
	"$python" -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$dump" "$name" || exit 99
	pid=$(cat "$name/pid")
	"$memtrace" system --root="$work/$name" --format=json "$pid" >"$name.json" 2>err
	is "$name: JSON is made" "$? $(cat err)" "0 "
	check "$name: every figure is procps' and the kernel's" "$python" "$source/tests/host/compare.py" "$name.json" "$name"
	"$memtrace" system --root="$work/$name" "$pid" >"$name.txt"
	"$memtrace" system --root="$work/$name" --explain "$pid" >"$name.explained"
	"$memtrace" system --root="$work/$name" --raw "$pid" >"$name.raw"
	awk 'length > 80' "$name.txt" "$name.explained" "$name.raw" >wide
	same "$name: no line is wider than 80 columns" /dev/null wide
	sed -n "/^Findings/,\$p" "$name.txt" | tr "\n" " " | tr -s " " >"$name.findings"
	echo >>"$name.findings"
done
# Dumps are what the rest of this test is about; none may be missing.
is "there are dumps of many machines" "$([ "$(ls -d ./*/proc | wc -l)" -ge 11 ] && echo yes)" yes

# --- What a person reads -----------------------------------------------------------------------------------
# finds NAME WORDS…: the findings of that machine have all of these.
finds()
{
	local name=$1
	shift
	for words; do
		contains "$name says: $words" "$name.findings" "$words"
	done
}

# calm NAME: nothing of the findings asks for anything to be done.
calm()
{
	contains "$1: nothing is tight" "$1.findings" "Findings nothing tight"
	is "$1: no alarm" "$(grep -c 'ALARM\|WARNING' "$1.findings")" 0
}

calm plenty
calm page-cache-full
finds page-cache-full 'only [0-9.]* MB are free, but 4[0-9][0-9] MB can be had' 'cached files, which go when programs need memory'
calm dentries
finds dentries 'caches hold 8[0-9.]* MB, most of it dentry' 'goes back when programs need it'
calm swap-quiet
finds swap-quiet 'swap holds [0-9]* MB that nobody asks for: that costs nothing'
finds group-limit 'ALARM process [0-9]* is 2.[0-9] MB below the limit of control group /service' \
	'raise it, or find what grows' 'next to be killed in that group would be guest'
finds group-limit-v1 'ALARM process [0-9]* is 2.[0-9] MB below the limit of control group /service' \
	'raise it, or find what grows' 'next to be killed in that group would be guest'
finds overcommit-strict 'ALARM overcommit is strict and [0-9]* MB of [0-9]* MB are promised' \
	'malloc and fork fail from [78].[0-9] MB more on' 'raise vm.overcommit_ratio, add swap'
calm fragmented
finds fragmented '[0-9.]* MB are free, but none of it in blocks of 2 MB' 'vm/compact_memory'
calm numa-pools
finds numa-pools '512 MB lie idle in the pool of 2.0 MB pages' 'lower vm.nr_hugepages'
finds nearly-out 'ALARM memory is nearly used up: [0-9.]* MB of 3[0-9]* MB can still be had' 'find who has it' \
	'next to be killed would be guest'
calm hidden
contains "two nodes are two nodes" numa-pools.txt '^1 DMA32 '
contains "what only root may read is said to be so" hidden.txt 'not measured: .*/proc/slabinfo: '
contains "what a container hides, too" hidden.txt 'not measured: /proc/pressure/memory: not on this machine'

# --- Sources and what is not known -------------------------------------------------------------------------
cat >explained.py <<'END'
import json, sys
page = json.load(open(sys.argv[1]))
for section in page["sections"]:
    for figure in section["figures"]:
        assert figure["source"] and figure["meaning"] and figure["unit"], figure
    assert section["rows_source"] or not section["rows"], section["key"]
for finding in page["findings"]:
    assert finding["source"], finding
END
for name in plenty numa-pools group-limit; do
	check "$name: each figure has a source, a meaning and a unit" "$python" explained.py "$name.json"
done
contains "--explain shows them" plenty.explained '/proc/meminfo MemAvailable'

cp -R plenty tomorrow
echo 'OfTomorrow:       77 kB' >>tomorrow/proc/meminfo
echo 'pgtomorrow 78' >>tomorrow/proc/vmstat
"$memtrace" system --root="$work/tomorrow" --raw >raw.txt
contains "a line that nobody knows yet is kept" raw.txt 'OfTomorrow  *78848 bytes'
contains "and a counter" raw.txt 'pgtomorrow  *78$'
"$memtrace" system --root="$work/tomorrow" --raw --format=json >raw.json
is "in JSON, too" "$("$python" -c 'import json; raw = json.load(open("raw.json")); print(raw["meminfo"]["OfTomorrow"], raw["vmstat"]["pgtomorrow"])')" "78848 78"

# --- Files that are missing, one after the other, and that end anywhere --------------------------------------
for file in zoneinfo buddyinfo slabinfo vmallocinfo swaps vmstat pressure/memory; do
	mv "plenty/proc/$file" kept
	"$memtrace" system --root="$work/plenty" >without 2>err
	is "without $file there is a page" "$? $(cat err) $(grep -c '^Memory\|^Out of memory\|^Findings' without)" "0  3"
	mv kept "plenty/proc/$file"
done
mv plenty/proc/meminfo kept
"$memtrace" system --root="$work/plenty" >out 2>err
is "without meminfo there is none" "$?" 125
contains "and that is said" err 'proc/meminfo'
mv kept plenty/proc/meminfo

cat >cut.py <<'END'
"""Cuts each file of a dump at random places, and puts random bytes into it: there must always be a page, or exit status 125."""
import json, os, random, subprocess, sys
memtrace, folder, pid = sys.argv[1:]
random.seed(20261121)
files = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names if "procps" not in path]
for path in files:
    whole = open(path, "rb").read()
    if len(whole) < 2 and "/sys/vm" not in path:
        continue
    if "/proc/" in path and path.split("/proc/")[1].split("/")[0].isdigit() and f"/proc/{pid}/" not in path:
        continue
    for made in range(2):
        at = random.randrange(len(whole))
        broken = whole[:at] if made == 0 else whole[:at] + random.randbytes(random.randrange(1, 40)) + whole[at:]
        with open(path, "wb") as file:
            file.write(broken)
        ran = subprocess.run([memtrace, "system", f"--root={folder}", "--raw", "--format=json", pid], capture_output=True)
        if ran.returncode == 0:
            json.loads(ran.stdout)
        assert ran.returncode in (0, 125), (path, at, made, ran.returncode, ran.stderr)
    with open(path, "wb") as file:
        file.write(whole)
END
for name in numa-pools group-limit-v1; do
	check "$name: files that are cut off or nonsense do no harm" "$python" cut.py "$memtrace" "$work/$name" "$(cat "$name/pid")"
done
finish
