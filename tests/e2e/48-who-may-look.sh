#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# memtrace rss where something is not allowed or not there: Yama, another tracer, an older kernel, other users' processes,
# hidepid. Either a clear word or a snapshot that says what it lacks; and processes go by the name that ps gives them.
. "$(dirname "$0")/lib.sh"

mkfifo to from

cat >rest.c <<'END_C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Was a page that has only been read given memory of its own? There are kernels that have no zero page. */
static int is_own(volatile char *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned long long entry = 0;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), (off_t)((unsigned long)page / 4096 * 8)) != 8)
		exit(1);
	close(fd);
	return (int)(entry >> 56 & 1);
}

/* 100 pages that are read, which is the zero page, and 50 that are written. */
int main(void)
{
	volatile char *start = mmap(NULL, 150 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int own;

	madvise((void *)start, 150 * 4096, MADV_NOHUGEPAGE);
	for (int i = 0; i < 150; i++)
		if (i < 100)
			(void)start[i * 4096];
		else
			start[i * 4096] = 1;
	own = is_own(start) ? 150 : 50;
	pid = fork();
	if (pid == 0) {
		free(malloc(1));
		pause();
	}
	printf("%d %d\n", (int)pid, own);
	fflush(stdout);
	getchar();
	kill(pid, 9);
	return 0;
}
END_C
sed -i 's/#include <stdio.h>/#include <signal.h>\n#include <stdio.h>/' rest.c
${CC:-cc} -g -O0 -o rest rest.c || exit 99

# begin FILE PRELOAD COMMAND…: $own is how many pages of its mapping the program has for itself.
begin()
{
	local file=$1 preload=$2
	shift 2
	LD_PRELOAD=$preload MEMTRACE_OPTIONS=output=$work/$file "$@" <to >from &
	server=$!
	exec 8>to 9<from
	read -r child own <&9
}

end()
{
	exec 8>&-
	wait "$server"
	server=
	exec 9<&-
}

# --- Yama --------------------------------------------------------------------------------------------------
# There may be none here: this answers in the kernel's place that there is, and writes down what it was asked.
cat >yama.c <<'END_C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

long syscall(long number, ...)
{
	long a[6], result;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_prctl && a[0] == PR_SET_PTRACER) {
		char line[64];
		int length = snprintf(line, sizeof(line), "%d %ld\n", (int)getpid(), a[1]);
		int fd = open("yama.log", O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (fd < 0 || write(fd, line, (size_t)length) != length)
			_exit(1);
		close(fd);
		return 0;
	}
	{
		register long r10 __asm__("r10") = a[3];
		register long r8 __asm__("r8") = a[4];
		register long r9 __asm__("r9") = a[5];

		__asm__ volatile("syscall"
		                 : "=a"(result)
		                 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
		                 : "rcx", "r11", "memory");
	}
	return result < 0 ? (*__import_errno() = (int)-result, -1) : result;
}
END_C
sed -i 's/(\*__import_errno() = (int)-result, -1)/(errno = (int)-result, -1)/; s/#include <fcntl.h>/#include <errno.h>\n#include <fcntl.h>/' yama.c
if [ "$(uname -m)" = x86_64 ]; then
	${CC:-cc} -shared -fPIC -O1 -o yama.so yama.c || exit 99
	begin yama.db "$work/yama.so $library" ./rest
	collector=$(sqlite3 yama.db 'SELECT collector_pid FROM session')
	is "the collector is allowed to look at the program, and at its child" "$(sort -u yama.log)" \
		"$(printf '%s\n' "$server $collector" "$child $collector" | sort)"
	end
else
	skip "the collector is allowed to look at the program" "the stand-in for the kernel is x86-64's"
fi

# --- Another tracer ----------------------------------------------------------------------------------------
cat >tracer.py <<'END'
import ctypes, subprocess, sys
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
if libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), 0, 0) != 0:
    sys.exit(77)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
END
cat >proof.py <<'END'
import json, sys
snapshot = json.load(open(sys.argv[1]))["snapshots"][0]
assert snapshot["frozen"] == (sys.argv[2] == "frozen"), snapshot["frozen"]
assert snapshot["source"] == sys.argv[3], snapshot["source"]
assert sum(owner["bytes"] for owner in snapshot["owners"]) == snapshot["resident_bytes"]
# 50 pages were written; before 6.7 the 100 that were read count, too, and a few of libc's
own = int(sys.argv[4])
mapped = sum(owner["bytes"] for owner in snapshot["owners"] if owner["kind"] == "mmap")
zero = snapshot["resident_bytes"] - snapshot["smaps_rss_bytes"]
if snapshot["source"] == "pagemap":
    assert mapped == 150 * 4096 and (150 - own) * 4096 <= zero <= (154 - own) * 4096, (mapped, zero)
else:
    assert mapped == own * 4096 and zero == 0, (mapped, zero)
END
begin tracer.db "$library" ./rest
"$memtrace" rss --format=json "$server" >alone.json 2>err
is "a snapshot is taken" "$? $(cat err)" "0 "
source_here=$("$python" -c 'import json; print(json.load(open("alone.json"))["snapshots"][0]["source"])')
"$python" tracer.py "$server" "$memtrace" rss --format=json "$server" >traced.json 2>err
status=$?
if [ $status = 77 ]; then
	skip "a process that another one traces is not stopped" "ptrace is not allowed here"
else
	is "a process that another one traces is looked at, too" "$status $(cat err)" "0 "
	check "it is said that it ran meanwhile" "$python" proof.py traced.json ran "$source_here" "$own"
	"$memtrace" rss --at="$("$python" -c 'import json; print(json.load(open("traced.json"))["snapshots"][0]["id"])')" tracer.db >text
	contains "in text, too" text "the process ran meanwhile"
fi
end

# --- Kernels before 6.7 ------------------------------------------------------------------------------------
# The ioctl PAGEMAP_SCAN answers as there: the filter is inherited by the collector.
cat >old.py <<'END'
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
SYS_ioctl, PAGEMAP_SCAN, ENOTTY, ALLOW = 16, 0xc0606610, 25, 0x7fff0000
def bpf(code, k, jt=0, jf=0):
    return struct.pack("HBBI", code, jt, jf, k)
program = (bpf(0x20, 0) + bpf(0x15, SYS_ioctl, 0, 3) + bpf(0x20, 24) + bpf(0x15, PAGEMAP_SCAN, 0, 1) +
           bpf(0x06, 0x00050000 | ENOTTY) + bpf(0x06, ALLOW))
buffer = ctypes.create_string_buffer(program)
fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer)))
if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.c_ulong(ctypes.addressof(fprog)), 0, 0) != 0:
    sys.exit(77)
os.environ["LD_PRELOAD"] = sys.argv[1]
os.execv(sys.argv[2], sys.argv[2:])
END
if [ "$(uname -m)" = x86_64 ] && "$python" old.py "" /bin/true; then
	begin old.db "" "$python" old.py "$library" ./rest
	"$memtrace" rss --format=json "$server" >old.json 2>err
	is "on an old kernel a snapshot is taken" "$? $(cat err)" "0 "
	check "it counts zero pages, and says what it read" "$python" proof.py old.json frozen pagemap "$own"
	"$memtrace" rss old.db >text
	if [ "$own" = 50 ]; then
		contains "in text, too" text "pages that pagemap cannot tell"
	else
		skip "in text, too" "this kernel has no zero page"
	fi
	end
else
	skip "on an old kernel a snapshot is taken" "no seccomp filter can be had here"
fi

# --- Whose it is not ---------------------------------------------------------------------------------------
begin own.db "$library" ./rest
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
	$nobody "$memtrace" rss "$server" >out 2>err
	is "another user's process: 125" $? 125
	is "in one line" "$(wc -l <err)" 1
	contains "and why" err "permission\|another user\|not allowed"
	if unshare -m mount -t proc -o hidepid=2 proc /proc 2>/dev/null; then
		unshare -m sh -c "mount -t proc -o hidepid=2 proc /proc && exec $nobody $memtrace rss $server" >out 2>err
		is "a process that hidepid hides: 125" $? 125
		contains "and that it may be there" err "no process $server.*hidepid"
	else
		skip "a process that hidepid hides" "no mount namespace can be had here"
	fi
else
	skip "another user's process" "only root can try"
fi
end
true &
ended=$!
wait "$ended"
"$memtrace" rss "$ended" >out 2>err
is "a process that has ended: 125" $? 125
contains "and that it is not there" err "no process $ended"

# --- Its name ----------------------------------------------------------------------------------------------
ln -s "$work/rest" a-name-of-more-than-fifteen-letters
begin name.db "$library" ./a-name-of-more-than-fifteen-letters
"$memtrace" rss "$server" >out 2>err
contains "a process goes by the name that it was started by" out "^a-name-of-more-than-fifteen-letters, pid $server"
end
finish
