#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# memtrace pages of a program whose pages are known: what it says is what the program has done, and, page by page, what
# /proc/PID/pagemap, kpagecount and kpageflags have.
. "$(dirname "$0")/lib.sh"

cat >kinds.c <<'END'
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAGE 4096ul
#define HUGE (512 * PAGE)

static char *map(size_t pages, int flags, int fd)
{
	char *start = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (start == MAP_FAILED)
		exit(1);
	madvise(start, pages * PAGE, MADV_NOHUGEPAGE);
	return start;
}

static void say(const char *what, const char *start, size_t pages)
{
	printf("%s %lx-%lx\n", what, (unsigned long)start, (unsigned long)(start + pages * PAGE));
}

int main(int argc, char **argv)
{
	char *anon = map(16, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *both = map(4, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *gone = map(3, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *huge = map(3 * 512, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd = open("held", O_RDWR | O_CREAT, 0600);
	char page[PAGE], *shared, *copied;
	volatile char sum = 0;
	pid_t child;

	memset(page, 7, sizeof(page));
	for (int i = 0; i < 8; i++)
		if (write(fd, page, PAGE) != (ssize_t)PAGE)
			return 1;
	shared = map(8, MAP_SHARED, fd);
	copied = map(8, MAP_PRIVATE, fd);
	memset(anon, 1, 5 * PAGE);
	memset(both, 1, 4 * PAGE);
	for (int i = 0; i < 8; i++)
		sum += shared[i * PAGE] + copied[i * PAGE];
	memset(copied, 1, 2 * PAGE);
	munmap(gone + PAGE, PAGE);
	huge += (HUGE - (unsigned long)huge % HUGE) % HUGE;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
	}
	/* so that these are this one's alone again */
	memset(anon, 2, 5 * PAGE);
	memset(copied, 2, 2 * PAGE);
	madvise(huge, HUGE, MADV_HUGEPAGE);
	memset(huge, 2, HUGE);
	say("anon", anon, 16);
	say("both", both, 4);
	say("gone", gone, 3);
	say("shared", shared, 8);
	say("copied", copied, 8);
	say("huge", huge, 512);
	puts("ready");
	fflush(stdout);
	(void)argc, (void)argv;
	getchar();
	kill(child, SIGKILL);
	return 0;
}
END
${CC:-cc} -O1 -o kinds kinds.c || exit 99
mkfifo to from
./kinds <to >from &
server=$!
pid=$server
exec 8>to 9<from
while read -r what range <&9 && [ "$what" != ready ]; do echo "$what $range"; done >ranges
range() { sed -n "s/^$1 //p" ranges; }

cat >oracle.py <<'END'
"""The JSON of memtrace pages, held page by page to what the kernel's files say."""
import json, os, struct, sys
said, pid, first, last = json.load(open(sys.argv[1])), sys.argv[2], *(int(word, 16) for word in sys.argv[3].split("-"))
PAGE, NAMES = 4096, {0: "locked", 2: "referenced", 3: "uptodate", 5: "lru", 6: "active", 11: "mmap", 12: "anon", 14: "swapbacked", 22: "thp"}
def word(path, index):
    try:
        with open(path, "rb", buffering=0) as file:
            return struct.unpack("Q", os.pread(file.fileno(), 8, index * 8))[0]
    except OSError:
        return None
rows = {}
for run in said["runs"]:
    assert run["bytes"] == run["pages"] * PAGE, run
    for i in range(run["pages"]):
        rows[int(run["address"], 16) + i * PAGE] = (run, i)
assert sorted(rows) == list(range(first, last, PAGE)), "not all pages, or others"
for address, (run, i) in rows.items():
    entry = word(f"/proc/{pid}/pagemap", address // PAGE)
    present, swapped, of_file = entry >> 63 & 1, entry >> 62 & 1, entry >> 61 & 1
    if run["state"] == "not mapped":
        assert not present and not swapped
        continue
    wanted = "file" if present and of_file else "anonymous" if present else "swapped" if swapped else "not there"
    assert run["state"] == wanted, (hex(address), run, wanted)
    assert ("exclusive" in run["marks"].split()) == bool(entry >> 56 & 1), (hex(address), run)
    assert ("soft-dirty" in run["marks"].split()) == bool(entry >> 55 & 1), (hex(address), run)
    frame = entry & (1 << 55) - 1
    if not present:
        assert run["frame"] is None, run
    elif frame:
        assert int(run["frame"], 16) + i == frame, (hex(address), run, hex(frame))
        count, flags = word("/proc/kpagecount", frame), word("/proc/kpageflags", frame)
        if count is not None:
            assert run["mapped"] == count, (hex(address), run, count)
        if flags is not None:
            for bit, name in NAMES.items():
                # these come and go
                if name not in ("referenced", "active", "locked", "lru"):
                    assert (name in run["flags"].split()) == bool(flags >> bit & 1), (hex(address), run, hex(flags))
    else:
        assert run["frame"] is None and said["missing"], run
print(len(rows))
END

# counts NAME: pages of each state and mark in the JSON of a range
counts()
{
	"$python" -c '
import json, collections
counts = collections.Counter()
for run in json.load(open("said.json"))["runs"]:
    counts[(run["state"] + " " + run["marks"].replace("soft-dirty", "")).strip()] += run["pages"]
print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))'
}

for kind in anon both gone shared copied huge; do
	"$memtrace" pages --format=json "$pid" "$(range $kind)" >said.json 2>err
	is "pages is fine ($kind)" "$? $(cat err)" "0 "
	check "$kind: each page is as the kernel has it" "$python" oracle.py said.json "$pid" "$(range $kind)"
	case $kind in
	anon) is "five were written to, by one process" "$(counts)" "5 anonymous exclusive, 11 not there" ;;
	both) is "four are two processes'" "$(counts)" "4 anonymous" ;;
	gone) is "one is in no mapping" "$(counts)" "1 not mapped, 2 not there" ;;
	shared) is "eight are the file's, of which two are no longer mapped elsewhere" "$(counts)" "6 file, 2 file exclusive" ;;
	copied) is "two were copied for writing" "$(counts)" "2 anonymous exclusive, 6 file" ;;
	huge) is "a huge page is 512" "$(counts)" "512 anonymous exclusive" ;;
	esac
done
if [ "$(id -u)" = 0 ] && [ -r /proc/kpageflags ]; then
	"$memtrace" pages --wide "$pid" "$(range huge)" >wide.txt
	if grep -A25 "^$(range huge | sed 's/-.*//')" "/proc/$pid/smaps" | grep -q 'AnonHugePages: *[1-9]'; then
		contains "its frames are of a huge page" wide.txt ' thp'
	else
		skip "its frames are of a huge page" "the kernel gave none"
	fi
	contains "frames lie in memory" wide.txt 'System RAM'
	"$memtrace" pages --format=json "$pid" "$(range both)" >said.json
	is "mapped twice is said" "$("$python" -c 'import json; print({run["mapped"] for run in json.load(open("said.json"))["runs"]})')" "{2}"
else
	skip "its frames are of a huge page" "only root may read /proc/kpageflags"
fi
"$memtrace" pages "$pid" "$(range anon)" >text.txt
"$memtrace" pages --summary "$pid" "$(range copied)" >summary.txt
"$memtrace" pages --limit=1 "$pid" "$(range anon)" >cut.txt
awk 'length > 80' text.txt summary.txt >long
same "a row fits into 80 columns" /dev/null long
is "--summary has a row for a kind" "$(awk '$2 == "anonymous" { sum += $1 } END { print sum }' summary.txt)" 2
is "--limit has so many rows" "$(grep -c '^ *[0-9a-f]\{9,\} ' cut.txt)" 1
contains "and says that there is more" cut.txt "and more"
"$memtrace" pages --format=csv "$pid" "$(range anon)" >said.csv
is "CSV has a row more than text" "$(($(wc -l <said.csv)))" "$(wc -l <text.txt)"

# One address is its page.
address=$(range anon | sed 's/-.*//')
"$memtrace" pages --format=json "$pid" "0x${address%???}123" >said.json
check "an address is the page that it is on" "$python" oracle.py said.json "$pid" "$address-$(printf %x $((0x$address + 4096)))"
stack=$(sed -n 's/\([0-9a-f-]*\) .*\[stack\]$/\1/p' "/proc/$pid/maps")
"$memtrace" pages --format=json --vma=stack "$pid" >said.json
check "--vma is the mapping of that name" "$python" oracle.py said.json "$pid" "$stack"
"$memtrace" pages --format=json --vma='*held' "$pid" >said.json
is "and all those of a pattern" "$(counts)" "2 anonymous exclusive, 12 file, 2 file exclusive"

# --- Without privileges ------------------------------------------------------------------------------------
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && ! is_sanitized; then
	mkdir -m 777 nobody
	(cd nobody && exec setpriv --reuid=65534 --regid=65534 --clear-groups sleep 100) &
	other=$!
	until grep -q '^Uid:.65534' "/proc/$other/status" && grep -q sleep "/proc/$other/comm"; do sleep 0.05; done
	setpriv --reuid=65534 --regid=65534 --clear-groups "$memtrace" pages --vma='[stack]' "$other" >hidden.txt 2>err
	is "a user sees the pages of their own process" "$? $(cat err)" "0 "
	contains "present or not" hidden.txt 'anonymous  *exclusive  *-'
	contains "and the right that hides frames is named" hidden.txt 'need CAP_SYS_ADMIN'
	setpriv --reuid=65534 --regid=65534 --clear-groups "$memtrace" pages --vma='[stack]' "$pid" >out 2>err
	is "not of another's" "$?" 125
	contains "which is said" err "another user's"
	kill "$other"
else
	skip "without privileges" "needs root, setpriv, and a tool that nobody may run"
fi

# --- Wrong ---------------------------------------------------------------------------------------------------
# wrong STATUS WORDS ARGUMENT…
wrong()
{
	local status=$1 words=$2
	shift 2
	"$memtrace" pages "$@" >out 2>err
	is "pages $*: exit status" "$?" "$status"
	contains "and why" err "$words"
	same "and nothing else" /dev/null out
}
wrong 2 'an address is hexadecimal' "$pid" xyz
wrong 2 'an address is hexadecimal' "$pid" 2000-1000
wrong 2 'an address is hexadecimal' "$pid" -- -1
wrong 2 'an address is hexadecimal' "$pid" ffffffffffffffff
wrong 2 'give an address' "$pid"
wrong 2 'give an address' --vma='[heap]' "$pid" 1000
wrong 2 'is not a pid' someone 1000
wrong 125 'no such mapping' --vma='*nowhere*' "$pid"
wrong 2 'give the number of a site' --site=x "$pid"
wrong 125 'not traced' --site=1 "$pid"
wrong 2 '' --unknown "$pid" 1000
kill -9 "$server"
wait "$server" 2>/dev/null
exec 8>&- 9<&-
wrong 125 'there is no process' "$server" 1000
server=

# --- The blocks of a call site -------------------------------------------------------------------------------
cat >blocks.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) char *takes_them(void)
{
	char *block = malloc(100 * 4096);

	memset(block, 1, 25 * 4096 - 16);
	return block;
}

int main(void)
{
	/* each in a mapping of its own, 16 bytes behind its start */
	char *blocks[3];
	volatile int count = 3; /* so that it stays one call */

	for (int i = 0; i < count; i++)
		blocks[i] = takes_them();

	puts("ready");
	fflush(stdout);
	return getchar() == blocks[0][0];
}
END
${CC:-cc} -g -O1 -o blocks blocks.c || exit 99
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/blocks.db:snapshot=off ./blocks <to >from &
server=$!
exec 8>to 9<from
read -r answer <&9
"$memtrace" rss --format=json "$server" >rss.json
site=$("$python" -c '
import json
print({owner["site"] for snapshot in json.load(open("rss.json"))["snapshots"] for owner in snapshot["owners"]
       if owner["stack"] and owner["stack"][0]["function"] == "takes_them"}.pop())')
"$memtrace" pages --site="$site" --format=json "$server" >said.json 2>err
is "pages of a site are found" "$? $(cat err)" "0 "
is "25 of each block are there" "$(counts)" "75 anonymous exclusive, 228 not there"
wrong 125 'no live blocks of such a site' --site=4000000 "$server"
echo >&8
exec 8>&-
wait "$server"
server=
exec 9<&-
finish
