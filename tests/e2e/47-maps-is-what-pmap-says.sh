#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# memtrace maps of a process that rests: column by column what pmap of procps says of it at the same time.
. "$(dirname "$0")/lib.sh"
need sqlite3

command -v pmap >/dev/null || skip_all "pmap is not installed (package procps)"
mkfifo to from
"$python" -c '
import mmap, sys
held = [bytearray(100000 + i) for i in range(50)]
shared = mmap.mmap(-1, 1 << 20)
shared[0:70000] = b"x" * 70000
file = open(sys.executable, "rb")
mapped = mmap.mmap(file.fileno(), 65536, prot=mmap.PROT_READ)
print(len(mapped[:30000]), flush=True)
sys.stdin.read()
' <to >from &
server=$!
pid=$server
exec 8>to 9<from
read -r answer <&9
is "the program is ready" "$answer" 30000

pmap -X "$pid" >pmap.X
pmap -x "$pid" >pmap.x
pmap -d "$pid" >pmap.d
"$memtrace" maps --format=csv "$pid" >maps.csv 2>err
is "maps is fine" "$? $(cat err)" "0 "
"$memtrace" maps --format=json "$pid" >maps.json
"$memtrace" maps --summary "$pid" >summary.txt
"$memtrace" maps --sort=rss --limit=3 "$pid" >largest.txt
"$memtrace" maps --wide "$pid" >wide.txt

cat >compare.py <<'END'
import csv, json, sys
rows = list(csv.DictReader(open("maps.csv")))
keys = {"Size": "size", "Rss": "rss", "Pss": "pss", "Pss_Dirty": "pss_dirty", "Referenced": "referenced",
        "Anonymous": "anonymous", "KSM": "ksm", "LazyFree": "lazy_free", "ShmemPmdMapped": "shmem_pmd",
        "FilePmdMapped": "file_pmd", "Shared_Hugetlb": "shared_hugetlb", "Private_Hugetlb": "private_hugetlb",
        "Swap": "swap", "SwapPss": "swap_pss", "Locked": "locked"}
lines = open("pmap.X").read().splitlines()
head = lines[1].split()
wanted = []
for line in lines[2:]:
    words = line.split(None, len(head) - 1)
    if len(words) < len(head) - 1 or words[0].startswith("="):
        break
    wanted.append(dict(zip(head, words)))
assert len(wanted) == len(rows), (len(wanted), len(rows))
compared = 0
for pmap, ours in zip(wanted, rows):
    assert int(pmap["Address"], 16) == int(ours["start"], 16), (pmap, ours)
    assert pmap["Perm"] == ours["mode"], (pmap, ours)
    assert int(pmap["Inode"]) == int(ours["inode"]), (pmap, ours)
    for title, key in keys.items():
        # What others who come and go map, too, is divided anew at each moment.
        if title in pmap and not (title.startswith("Pss") and pmap["Inode"] != "0"):
            assert int(pmap[title]) * 1024 == int(ours[key + "_bytes"]), (title, pmap, ours)
            compared += 1
assert compared > 100, compared

# pmap -x: Address Kbytes RSS Dirty Mode Mapping, and a line of sums
sums = [line for line in open("pmap.x") if line.startswith("total kB")][0].split()[2:]
total = json.load(open("maps.json"))["totals"]
assert [int(word) * 1024 for word in sums] == [total["size_bytes"], total["rss_bytes"], total["dirty_bytes"]], (sums, total)
# pmap -d: mapped: 1K    writeable/private: 2K    shared: 3K
words = open("pmap.d").read().splitlines()[-1].replace("K", "").split()
assert int(words[3]) * 1024 == total["writable_private_bytes"], (words, total)
assert int(words[5]) * 1024 == total["shared_mapping_bytes"], (words, total)

# the kinds together are all of it, and what the program did is there
kinds = {kind["kind"]: kind for kind in json.load(open("maps.json"))["kinds"]}
for key in ("rss_bytes", "pss_bytes", "uss_bytes", "size_bytes", "mappings"):
    assert sum(kind[key] for kind in kinds.values()) == total[key], key
assert 70000 <= kinds["shared memory"]["rss_bytes"] <= 1 << 20, kinds["shared memory"]
assert kinds["text"]["rss_bytes"] > 0 and kinds["heap"]["rss_bytes"] > 0
END
check "every figure is pmap's" "$python" compare.py
is "--limit lists so many" "$(grep -c '^ *[0-9a-f]\{6,\} ' largest.txt)" 3
contains "and says what is missing" largest.txt "more mappings"
contains "--summary has a line of sums" summary.txt "^total "
is "--wide has a line each" "$(grep -c '^ *[0-9a-f]\{6,\} ' wide.txt)" "$(($(wc -l <maps.csv) - 1))"

exec 8>&-
wait "$pid"
server=
exec 9<&-

# --- Of a traced process, the owners, too ----------------------------------------------------------------
cat >maps_owners.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__attribute__((noinline)) char *maps_it(void)
{
	return mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
	/* between two mappings of another kind, with which nothing is joined */
	char *around = mmap(NULL, 300 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mapped;

	munmap(around + 100 * 4096, 100 * 4096);
	mapped = maps_it();
	memset(mapped, 1, 30 * 4096);
	printf("%lx\n", (unsigned long)mapped);
	fflush(stdout);
	return getchar() == 'x';
}
END
cc -g -O1 -o maps_owners maps_owners.c
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/owners.db:snapshot=off ./maps_owners <to >from &
server=$!
pid=$server
exec 8>to 9<from
read -r mapped <&9
"$memtrace" maps --format=json "$pid" >owners.json 2>err
is "maps of a traced process is fine" "$? $(cat err)" "0 "
exec 8>&-
wait "$pid"
server=
exec 9<&-
# A peak may have been looked at since.
"$memtrace" maps --format=json --at="$(sqlite3 owners.db "SELECT id FROM snapshot WHERE reason = 'asked'")" owners.db >file.json
cmp owners.json file.json >out 2>&1
is "maps of the file is that of the process" "$? $(cat out)" "0 "
cat >owners.py <<'END'
import json, sys
mappings = json.load(open("owners.json"))["mappings"]
for mapping in mappings:
    assert sum(owner["bytes"] for owner in mapping["owners"]) == mapping["rss_bytes"], mapping
mine = [mapping for mapping in mappings if int(mapping["start"], 16) == int(sys.argv[1], 16)]
assert mine[0]["owners"] == [{"kind": "mmap", "bytes": 30 * 4096, "whose": "maps_it"}], mine
END
check "each mapping's owners add up to its rss" "$python" owners.py "$mapped"
"$memtrace" maps owners.db >out
contains "the list names them" out "  $mapped  *400 kB  *120 kB .* mmap, maps_it"

# --- What cannot be shown --------------------------------------------------------------------------------
"$memtrace" maps "$pid" >out 2>err
is "a process that is gone: exit status 125" $? 125
contains "and a line that says so" err "no process $pid"
"$memtrace" maps none >out 2>err
is "neither a pid nor a file: 125" $? 125
"$memtrace" maps --sort=nothing $$ >out 2>err
is "no such column: wrong usage" $? 2
contains "and what there is" err "address, size, rss"
is "nothing on standard output" "$(cat out)" ""
finish
