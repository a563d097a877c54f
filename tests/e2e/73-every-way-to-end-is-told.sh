#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every way in which a process can end: its status is what it would be, what it had is in the file, and the file
# says how it ended.
. "$(dirname "$0")/lib.sh"
need sqlite3
ulimit -c 0

cat >ends.cc <<'END2'
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>

static void *volatile kept;
static std::atomic<bool> is_up;

static void *work(void *)
{
	for (;;) {
		free(malloc(50));
		is_up = true;
	}
	return nullptr;
}

static void *wait_for_ever(void *)
{
	is_up = true;
	for (;;)
		pause();
	return nullptr;
}

static void *exit_later(void *main_thread)
{
	pthread_join(*(pthread_t *)main_thread, nullptr);
	kept = malloc(77);
	return nullptr;
}

static void *exit_from_here(void *)
{
	kept = malloc(77);
	exit(12);
}

static void *exec_from_here(void *path)
{
	kept = malloc(77);
	execl((char *)path, (char *)path, "return", nullptr);
	return nullptr;
}

static void on_alarm(int)
{
	exit(11);
}

static void start(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	static const int threads = body == work ? 3 : 1;

	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread, nullptr, body, argument) != 0)
			abort();
}

int main(int, char **arguments)
{
	const char *how = arguments[1];

	kept = malloc(1000);
	if (!strcmp(how, "return"))
		return 3;
	if (!strcmp(how, "exit"))
		exit(4);
	if (!strcmp(how, "_exit"))
		_exit(5);
	if (!strcmp(how, "_Exit"))
		_Exit(6);
	if (!strcmp(how, "quick_exit"))
		quick_exit(7);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "exception"))
		throw std::runtime_error("nobody catches this");
	if (!strcmp(how, "segv"))
		*(volatile int *)(uintptr_t)16 = 1;
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "term"))
		raise(SIGTERM);
	if (!strcmp(how, "last-thread")) {
		static pthread_t self = pthread_self();
		start(exit_later, &self);
		pthread_exit(nullptr);
	}
	if (!strcmp(how, "threads")) {
		start(work, nullptr);
		while (!is_up)
			;
		exit(8);
	}
	if (!strcmp(how, "_exit-threads")) {
		start(work, nullptr);
		while (!is_up)
			;
		_exit(9);
	}
	if (!strcmp(how, "exit-in-thread")) {
		start(exit_from_here, nullptr);
		for (;;)
			pause();
	}
	if (!strcmp(how, "exit-in-handler")) {
		signal(SIGALRM, on_alarm);
		raise(SIGALRM);
	}
	if (!strcmp(how, "exec-in-thread")) {
		start(exec_from_here, arguments[0]);
		for (;;)
			pause();
	}
	if (!strcmp(how, "exec-threads")) {
		start(wait_for_ever, nullptr);
		while (!is_up)
			;
		execl(arguments[0], arguments[0], "return", nullptr);
	}
	if (!strcmp(how, "oom"))
		for (;;)
			memset((void *)(kept = malloc(1 << 20)), 1, 1 << 20);
	return 99;
}
END2
${CXX:-c++} -g -O1 -pthread -o ends ends.cc || exit 99

# ended FILE WHERE: how it ended, and whether its block of 1000 bytes is in its exit snapshot.
ended()
{
	query "$1" "SELECT end_reason, exit_status, exit_signal, (SELECT count(*) FROM block JOIN snapshot
		ON snapshot.id = block.snapshot WHERE snapshot.process = process.id AND size_bytes = 1000)
		FROM process ORDER BY id LIMIT 1"
}

# ends HOW STATUS WANTED TEXT: WANTED as ended() has it, TEXT as `info` says it.
ends()
{
	local how=$1 mode got
	(./ends "$how") >/dev/null 2>&1
	is "$how: untraced" $? "$2"
	for mode in run preload; do
		(trace_$mode "$work/$how-$mode.db" ./ends "$how") >out 2>err
		is "$how, $mode: the status" $? "$2"
		is "$how, $mode: memtrace says nothing" "$(grep -c memtrace err)" 0
		got=$(ended "$how-$mode.db")
		# Nobody whom the collector can ask knows of what a program died whose parent was quicker.
		[ "$mode" != preload ] || [ "$got" != "vanished|||1" ] || got=$3
		is "$how, $mode: what the file says" "$got" "$3"
	done
	figures_hold "$how: the figures hold" "$how-run.db"
	"$memtrace" info "$how-run.db" >out
	contains "$how: info says it" out "^ends, pid [0-9]*, $4\$"
	case $how in segv | quick_exit) ;; *) return ;; esac
	"$memtrace" leaks "$how-run.db" >out
	contains "$how: leaks says it" out "^ends, pid [0-9]*, $4: "
}

ends return 3 "exit|3||1" "exit status 3"
ends exit 4 "exit|4||1" "exit status 4"
ends _exit 5 "_exit|5||1" "exit status 5"
ends _Exit 6 "_exit|6||1" "exit status 6"
ends quick_exit 7 "quick_exit|7||1" "exit status 7"
ends abort 134 "signal||6|1" "killed by SIGABRT"
ends exception 134 "signal||6|1" "killed by SIGABRT"
ends segv 139 "signal||11|1" "killed by SIGSEGV"
ends kill 137 "signal||9|1" "killed by SIGKILL"
ends term 143 "signal||15|1" "killed by SIGTERM"
ends last-thread 0 "exit|0||1" "exit status 0"
ends threads 8 "exit|8||1" "exit status 8"
ends _exit-threads 9 "_exit|9||1" "exit status 9"
ends exit-in-thread 12 "exit|12||1" "exit status 12"
ends exit-in-handler 11 "exit|11||1" "exit status 11"
ends exec-in-thread 3 "exec|||1" "became another program by exec"
ends exec-threads 3 "exec|||1" "became another program by exec"
is "exec from a thread: the next image is in the file, too" "$(query exec-in-thread-run.db "
	SELECT origin, end_reason, exit_status FROM process ORDER BY id DESC LIMIT 1")" "exec|exit|3"

# The exit snapshot is taken after all destructors: what they free is no leak.
cat >library.c <<'END2'
#include <stdlib.h>
static void *volatile held, *volatile lost;
__attribute__((constructor)) static void begin(void) { held = malloc(4321); lost = malloc(5432); }
__attribute__((destructor)) static void end(void) { free(held); }
void library_use(void) {}
END2
cat >user.c <<'END2'
#include <stdlib.h>
void library_use(void);
static void *volatile first, *volatile second;
static void late(void) { free(first); }
__attribute__((destructor)) static void last(void) { free(second); }
int main(void) { library_use(); first = malloc(111); second = malloc(222); atexit(late); return 0; }
END2
${CC:-cc} -g -shared -fPIC -o liblate.so library.c && ${CC:-cc} -g -o user user.c ./liblate.so || exit 99
for mode in run preload; do
	trace_$mode "$work/late-$mode.db" ./user
	is "$mode: what destructors free is no leak, what they leave is one" "$(query "late-$mode.db" "
		SELECT group_concat(size_bytes) FROM block WHERE size_bytes IN (111, 222, 4321, 5432)")" 5432
done

# Its parent is killed; and everything at once, the collector too.
cat >family.c <<'END2'
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *volatile kept;
int main(void)
{
	int ready[2];
	char byte;
	if (pipe(ready) != 0)
		return 1;
	if (fork() == 0) {
		kept = malloc(1000);
		close(ready[0]);
		if (write(ready[1], "x", 1) != 1)
			return 1;
		/* It ends when its parent has ended. */
		while (getppid() != 1 && getppid() == getpgrp())
			usleep(1000);
		exit(21);
	}
	kept = malloc(100);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	setpgid(0, 0);
	raise(SIGKILL);
	return 0;
}
END2
sed -i 's/while (getppid() != 1 \&\& getppid() == getpgrp())/while (getppid() == parent)/; s/	int ready\[2\];/	pid_t parent = getpid();\n&/' family.c
${CC:-cc} -g -o family family.c || exit 99
(trace_run "$work/family.db" ./family) 2>/dev/null
is "a parent is killed: it is told" $? 137
is "a parent is killed: its child ends as it wants, in the same file" "$(query family.db "
	SELECT group_concat(end_reason || ' ' || coalesce(exit_status, exit_signal) || ' ' ||
	(SELECT group_concat(size_bytes) FROM block JOIN snapshot ON snapshot.id = block.snapshot
	WHERE snapshot.process = process.id), '; ') FROM (SELECT * FROM process ORDER BY id) AS process")" \
	"signal 9 100; exit 21 1000"

cat >steady.c <<'END2'
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>
static void *volatile kept;
int main(void)
{
	for (int i = 0; i < 5000; i++)
		kept = malloc(33);
	puts("there");
	fflush(stdout);
	for (;;)
		pause();
}
END2
${CC:-cc} -g -o steady steady.c || exit 99
mkfifo there
"$memtrace" run -q -o all.db -- ./steady >there 2>/dev/null &
read -r line <there
# A second at most until it is committed; the file says when.
committed=
for i in $(seq 5000); do
	committed=$(sqlite3 all.db "SELECT sum(allocations) FROM process" 2>/dev/null)
	[ "${committed:-0}" -lt 5000 ] || break
done
collector=$(sqlite3 all.db "SELECT collector_pid FROM session")
program=$(sqlite3 all.db "SELECT pid FROM process")
# The collector first: it would see that the others are gone, and end well.
kill -KILL "$collector" "$!" "$program" 2>/dev/null
wait "$!" 2>/dev/null
"$memtrace" info all.db >out 2>&1
is "all are killed, the collector too: the file opens, and has what was committed" \
	"$? $(sqlite3 all.db "PRAGMA integrity_check; SELECT allocations >= 5000 FROM process" | tr '\n' ' ')" "0 ok 1 "
contains "all are killed, the collector too: info says that the end is missing" out "its end was not recorded"

# All are told to end, the collector too, as a service manager does it: who ends in good order is whole in the file.
cat >polite.c <<'END2'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *volatile kept;
int main(void)
{
	sigset_t wanted;
	int signal;
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	kept = malloc(1000);
	puts("there");
	fflush(stdout);
	sigwait(&wanted, &signal);
	for (int i = 0; i < 1000; i++)
		kept = malloc(10);
	return 14;
}
END2
${CC:-cc} -g -o polite polite.c || exit 99
LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/polite.db ./polite >there 2>err &
read -r line <there
kill -TERM "$(sqlite3 polite.db "SELECT collector_pid FROM session")" "$!"
wait "$!"
is "all are told to end: the status" $? 14
is "all are told to end: nothing is missing, and nothing is said" "$(query polite.db "
	SELECT end_reason, exit_status, allocations >= 1001, (SELECT state FROM session) FROM process") $(cat err)" \
	"exit|14|1|complete "

# Killed for want of memory, in a control group of its own.
group=
for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do
	[ -w "$root/cgroup.procs" ] && mkdir "$root/memtrace-test-$$" 2>/dev/null || continue
	group=$root/memtrace-test-$$
	{ echo 33554432 >"$group/memory.max" || echo 33554432 >"$group/memory.limit_in_bytes"; } 2>/dev/null && break
	rmdir "$group"
	group=
done
if [ -n "$group" ]; then
	echo 0 2>/dev/null >"$group/memory.swap.max"
	cat >limited.sh <<-END2
		echo \$\$ >$group/cgroup.procs || exit 90
		exec "\$@"
	END2
	(sh limited.sh ./ends oom) 2>/dev/null
	if [ $? -eq 137 ]; then
		(trace_run "$work/oom.db" sh limited.sh ./ends oom) 2>/dev/null
		is "out of memory: the status" $? 137
		is "out of memory: the file says it" "$(query oom.db "
			SELECT end_reason, exit_signal, live_blocks > 5 FROM process WHERE command = 'ends'")" "oom|9|1"
		"$memtrace" info oom.db >out
		contains "out of memory: info says it" out "^ends, pid [0-9]*, killed, likely out of memory"
		figures_hold "out of memory: the figures hold" oom.db
		cp ends innocent
		(trace_run "$work/innocent.db" sh limited.sh ./innocent kill) 2>/dev/null
		is "killed there by somebody: that is not said" "$(query innocent.db "
			SELECT end_reason, exit_signal FROM process WHERE command = 'innocent'")" "signal|9"
	else
		skip "out of memory" "the kernel does not kill in a control group here"
	fi
	for i in $(seq 500); do
		rmdir "$group" 2>/dev/null && break
	done
else
	skip "out of memory" "no control group with a memory limit can be made here"
fi
finish
