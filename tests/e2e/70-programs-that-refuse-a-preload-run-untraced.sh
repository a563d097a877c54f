#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A traced program starts others that no library can be preloaded into, by every way to start one: they run as they
# do untraced, one line says so, and the file names them.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >program.c <<'END2'
#include <stdio.h>
#include <stdlib.h>
void *volatile kept;
int main(void)
{
	kept = malloc(100);
	puts("running");
	return 6;
}
END2

cat >starter.c <<'END2'
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void start(const char *how, const char *path)
{
	char *arguments[] = {(char *)path, NULL};

	if (strcmp(how, "execve") == 0)
		execve(path, arguments, environ);
	else if (strcmp(how, "execv") == 0)
		execv(path, arguments);
	else if (strcmp(how, "execvp") == 0)
		execvp(path, arguments);
	else if (strcmp(how, "execlp") == 0)
		execlp(path, path, NULL);
	else if (strcmp(how, "execle") == 0)
		execle(path, path, NULL, environ);
	else if (strcmp(how, "fexecve") == 0)
		fexecve(open(path, O_RDONLY), arguments, environ);
	else if (strcmp(how, "execveat") == 0)
		execveat(AT_FDCWD, path, arguments, environ, 0);
	_exit(127);
}

int main(int count, char **arguments)
{
	const char *how = arguments[1], *path = arguments[2];
	char *its[] = {(char *)path, NULL};
	int status = -1;
	pid_t pid = 0;

	if (count != 3)
		return 99;
	if (strcmp(how, "system") == 0) {
		status = system(path);
	} else if (strcmp(how, "popen") == 0) {
		char line[64];
		FILE *pipe = popen(path, "r");

		while (fgets(line, sizeof(line), pipe))
			fputs(line, stdout);
		status = pclose(pipe);
	} else if (strcmp(how, "posix_spawn") == 0) {
		if (posix_spawn(&pid, path, NULL, NULL, its, environ) != 0)
			return 98;
	} else if (strcmp(how, "posix_spawnp") == 0) {
		if (posix_spawnp(&pid, path, NULL, NULL, its, environ) != 0)
			return 98;
	} else if ((pid = strcmp(how, "execv") == 0 ? vfork() : fork()) == 0) {
		start(how, path);
	}
	if (pid && waitpid(pid, &status, 0) != pid)
		return 97;
	/* Behind the child, which shares standard output. */
	fflush(stdout);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
}
END2
${CC:-cc} -g -o starter starter.c || exit 99

ways="execve execv execvp execlp execle fexecve execveat posix_spawn posix_spawnp system popen"
# refuses NAME PROGRAM REASON [WAY…]
refuses()
{
	local name=$1 program=$2 reason=$3 way
	shift 3
	for way in ${@:-posix_spawn execve}; do
		ASAN_OPTIONS=detect_leaks=0 "$work/starter" "$way" "$program" >plain.out 2>plain.err
		is "$name by $way: untraced it runs" "$? $(cat plain.out)" "6 running"
		rm -f started.db
		ASAN_OPTIONS=detect_leaks=0 trace_preload "$work/started.db" "$work/starter" "$way" "$program" \
			>out 2>err
		is "$name by $way: it runs as untraced" "$? $(cat out)" "6 running"
		is "$name by $way: one line" "$(grep -v '^memtrace: ' err | diff - plain.err && grep -c '^memtrace: ' err)" 1
		contains "$name by $way: which says why" err "runs untraced: $reason"
		settled started.db
		"$memtrace" info started.db >info.out
		contains "$name by $way: the file says it too" info.out "Note: .*runs untraced: $reason"
		is "$name by $way: who started it is traced" "$(query started.db "
			SELECT count(*) FROM process WHERE command = 'starter' AND origin = 'start'")" 1
	done
}

sanitizer="it has a sanitizer in it"
if ${CC:-cc} -fsanitize=address -o address program.c 2>/dev/null && [ "$(./address)" = running ]; then
	refuses AddressSanitizer ./address "$sanitizer" $ways
else
	skip "AddressSanitizer" "the compiler has none"
fi
if ${CC:-cc} -fsanitize=thread -o thread program.c 2>/dev/null && [ "$(./thread 2>&1)" = running ]; then
	refuses ThreadSanitizer ./thread "$sanitizer"
else
	skip "ThreadSanitizer" "the compiler has none, or it does not run here"
fi
if clang -fsanitize=memory -o memory program.c 2>/dev/null && [ "$(./memory 2>&1)" = running ]; then
	refuses MemorySanitizer ./memory "$sanitizer"
else
	skip "MemorySanitizer" "there is no clang that has it"
fi
if musl-gcc -o musl program.c 2>/dev/null && [ "$(./musl)" = running ]; then
	refuses musl ./musl "it is linked with musl"
else
	skip "musl" "there is no musl-gcc"
fi
if ${CC:-cc} -m32 -o short program.c 2>/dev/null && [ "$(./short)" = running ]; then
	refuses "32 bits" ./short "it is a program of another word size"
else
	skip "32 bits" "the compiler makes no such programs, or they do not run here"
fi
if ${CC:-cc} -static -o static program.c 2>/dev/null; then
	refuses "a static program" ./static "it is statically linked"
else
	skip "a static program" "the compiler cannot link statically"
fi
printf '#!%s/address\n' "$work" >script && chmod +x script
[ ! -e address ] || refuses "a script for one" ./script "$sanitizer" execve

${CC:-cc} -o setuid program.c || exit 99
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 4755 setuid
	mkdir -m 777 nobodys
	cat >nobody.sh <<-END2
		cd $work/nobodys || exit 1
		LD_PRELOAD=$library MEMTRACE_OPTIONS=output=$work/nobodys/started.db \
			exec $work/starter posix_spawn $work/setuid
	END2
	if setpriv --reuid 65534 --regid 65534 --clear-groups test -r "$library"; then
		setpriv --reuid 65534 --regid 65534 --clear-groups sh nobody.sh >out 2>err
		is "a setuid program, for nobody: it runs" "$? $(cat out)" "6 running"
		contains "a setuid program, for nobody: a line says why not traced" err \
			"runs untraced: it runs with raised privileges"
	else
		skip "a setuid program, for nobody" "nobody cannot read this folder"
	fi
else
	skip "a setuid program, for nobody" "only root can make one"
fi

# Nothing else changes: other preloads stay, and where memtrace's is not, there is no line.
if [ -e address ]; then
	cat >preload.py <<-END2
		import os, subprocess, sys
		environment = dict(os.environ)
		del environment["LD_PRELOAD"]
		print(subprocess.run(["./address"], env=environment).returncode, flush=True)
	END2
	ASAN_OPTIONS=detect_leaks=0 trace_preload "$work/clean.db" "$python" preload.py >out 2>err
	is "without the preload in its environment, nothing is said" "$(cat out err | tr '\n' ' ')" "running 6 "
	cat >environment.c <<-END2
		#include <stdio.h>
		#include <stdlib.h>
		int main(void)
		{
			const char *value = getenv("LD_PRELOAD");

			puts(value ? value : "(none)");
			return 0;
		}
	END2
	${CC:-cc} -fsanitize=address -o environment environment.c
	LD_PRELOAD=$library ASAN_OPTIONS=detect_leaks=0 MEMTRACE_OPTIONS=output=$work/none.db \
		sh -c ./environment >out 2>err
	is "nothing is left of the preload" "$(cat out)" "(none)"
	ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 LD_PRELOAD="$library $count" \
		COUNT_OUTPUT=$work/counts MEMTRACE_OPTIONS=output=$work/others.db sh -c ./environment >out 2>err
	is "other preloads stay" "$(cat out)" "$count"
fi
finish
