#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Modules that come and go: dlopen finds what it finds untraced, stacks name the module that was there, and what is
# bound past the library is said.
. "$(dirname "$0")/lib.sh"
need sqlite3
CC=${CC:-cc} CXX=${CXX:-c++}

# library NAME SOURCE [OPTION…]: a shared library.
library()
{
	local name=$1 text=$2
	shift 2
	printf '%s\n' "$text" >"$name.c"
	$CC -g -O1 -shared -fPIC -o "$name.so" "$name.c" "$@" || exit 99
}

# unseen FILE: the notes of what is not seen.
unseen()
{
	query "$1" "SELECT text FROM note WHERE kind = 'unseen'"
}

# both NAME FILE COMMAND…: the same output and status as untraced.
both()
{
	local name=$1 file=$2 status
	shift 2
	"$@" >plain.out 2>plain.err
	status=$?
	trace_preload "$work/$file" "$@" >traced.out 2>traced.err
	is "$name: the same exit status" $? $status
	same "$name: the same output" plain.out traced.out
	same "$name: the same standard error" plain.err traced.err
	figures_hold "$name: the figures hold" "$file"
}

# --- one address, several modules ---------------------------------------------------------------------------
for name in one two three; do
	library $name "#include <stdlib.h>
void *volatile kept_$name;
__attribute__((noinline)) void leak_$name(void) { kept_$name = malloc(100); __asm__ volatile(\"\"); }
void work(void) { leak_$name(); __asm__ volatile(\"\"); }"
done
cat >turns.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <iconv.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* turns ROUNDS FILE...: loads one after the other, calls work() in it and unloads it. */
int main(int argc, char **argv)
{
	uintptr_t first = 0;
	int elsewhere = 0;
	for (int round = 0; round < atoi(argv[1]); round++) {
		for (int i = 2; i < argc; i++) {
			struct link_map *handle;
			if (!strchr(argv[i], '/')) {
				/* libc loads a module for it, and unloads it when it likes. */
				char in[] = "memory", out[64], *from = in, *to = out;
				size_t left = 6, room = sizeof(out);
				iconv_t conversion = iconv_open(argv[i], "UTF-8");
				if (conversion == (iconv_t)-1)
					return 1;
				printf("%zu\n", iconv(conversion, &from, &left, &to, &room));
				iconv_close(conversion);
				continue;
			}
			handle = dlopen(argv[i], RTLD_NOW);
			if (!handle)
				return 1;
			first = first ? first : handle->l_addr;
			elsewhere += handle->l_addr != first;
			((void (*)(void))dlsym(handle, "work"))();
			dlclose(handle);
		}
	}
	fprintf(stderr, "%d elsewhere\n", elsewhere);
	return 0;
}
END
$CC -g -O1 -o turns turns.c -ldl || exit 99

# leaks_of FILE: "function module blocks" of the leaks in leak_*.
leaks_of()
{
	"$memtrace" leaks --format=json "$1" | "$python" -c '
import collections, json, os, sys
sum = collections.Counter()
for process in json.load(sys.stdin)["processes"]:
    for site in process["sites"]:
        for line in site["stack"]:
            if (line["function"] or "").startswith("leak_"):
                sum[line["function"], os.path.basename(line["module"])] += site["blocks"]
for (function, module), blocks in sorted(sum.items()):
    print(function, module, blocks)'
}
trace_preload "$work/turns.db" ./turns 50 ./one.so ./two.so ./three.so 2>said
is "one address: all the modules were at one" "$(cat said)" "0 elsewhere"
is "one address: each leak has the function and the module that was there" "$(leaks_of turns.db)" \
	"leak_one one.so 50
leak_three three.so 50
leak_two two.so 50"
for unwind in auto verify libunwind; do
	LD_PRELOAD=$library MEMTRACE_OPTIONS=unwind=$unwind:output=$work/turns.$unwind.db \
		./turns 20 ./one.so ANSI_X3.110 ./two.so IBM437 ./three.so EBCDIC-US IBM1026 >traced.out 2>/dev/null
	is "iconv loads modules of its own, unwind=$unwind: the leaks are the same" "$(leaks_of turns.$unwind.db)" \
		"leak_one one.so 20
leak_three three.so 20
leak_two two.so 20"
done
is "iconv: the cheap walk is libunwind's" \
	"$(query turns.verify.db "SELECT walks_verified > 100, walks_different FROM walk")" "1|0"
# Between the first and the last plugin's, that is, not at the end.
LD_DEBUG=files LD_DEBUG_OUTPUT=$work/files trace_preload "$work/files.db" \
	./turns 20 ./one.so ANSI_X3.110 ./two.so IBM437 ./three.so EBCDIC-US IBM1026 >traced.out 2>/dev/null
is "iconv: libc unloaded modules of its own meanwhile" "$(cat files.* | sed -n 's/.*calling fini: \([^ ]*\).*/\1/p' |
	awk '/gconv/ { n++ } /one.so/ { if (n) seen = 1 } END { print seen + 0 }')" 1

# --- where a module is looked for ---------------------------------------------------------------------------
mkdir -p app/plugins app/deeper
library dependency 'int answer(void) { return 42; }'
mv dependency.so app/deeper/libdependency.so
library plugin 'int answer(void); int question(void) { return answer(); }' \
	-Lapp/deeper -ldependency -Wl,-rpath,'$ORIGIN/../deeper' -Wl,--enable-new-dtags
mv plugin.so app/plugins/plugin.so
cat >search.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *handle = dlopen(argv[1], RTLD_NOW);
	if (!handle)
		return puts(dlerror()), 1;
	printf("%d\n", ((int (*)(void))dlsym(handle, "question"))());
	return dlclose(handle);
}
END
$CC -g -o app/search search.c -ldl -Wl,-rpath,'$ORIGIN/plugins' -Wl,--enable-new-dtags || exit 99
both "RUNPATH and \$ORIGIN" search.db ./app/search plugin.so
is "RUNPATH and \$ORIGIN: found" "$(cat traced.out)" 42
both "\$ORIGIN in the name" origin.db ./app/search '$ORIGIN/plugins/plugin.so'
both "a plugin that is not there" absent.db ./app/search absent.so

# --- other scopes -------------------------------------------------------------------------------------------
library allocates '#include <stdlib.h>
#include <string.h>
void *volatile kept;
void work(void) { kept = malloc(777); kept = strdup("memory"); free(malloc(50)); }'
cat >scopes.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
	void *handle = NULL;
	free(malloc(20));
	if (strcmp(argv[1], "namespace") == 0)
		handle = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
	else if (strcmp(argv[1], "deep") == 0)
		handle = dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND);
	else if (strcmp(argv[1], "lazy") == 0)
		handle = dlopen(argv[2], RTLD_LAZY | RTLD_LOCAL);
	if (handle)
		((void (*)(void))dlsym(handle, "work"))();
	puts("done");
	return 0;
}
END
$CC -g -o scopes scopes.c -ldl || exit 99
for how in lazy deep namespace; do
	both "dlopen, $how" $how.db ./scopes $how ./allocates.so
done
is "a plugin in a scope of its own is seen" "$(query lazy.db "
	SELECT count(*) FROM block WHERE size_bytes IN (777, 7)")|$(unseen lazy.db)" "2|"
is "RTLD_DEEPBIND: what it allocates is not seen, and that is said" "$(query deep.db "
	SELECT count(*) FROM block WHERE size_bytes = 777")|$(unseen deep.db | grep -c 'allocates.so allocates is not seen.*DEEPBIND')" "0|1"
is "dlmopen: what it allocates is not seen, and that is said" "$(query namespace.db "
	SELECT count(*) FROM block WHERE size_bytes = 777")|$(unseen namespace.db | grep -c 'namespace of its own.*allocates.so')" "0|1"
"$memtrace" info deep.db >out
contains "info shows the note" out "Note: what ./allocates.so allocates is not seen"

library audit '#include <link.h>
#include <stdlib.h>
unsigned int la_version(unsigned int version) { free(malloc(10)); return version; }
unsigned int la_objopen(struct link_map *map, Lmid_t id, uintptr_t *cookie)
{ (void)map; (void)id; (void)cookie; return LA_FLG_BINDTO | LA_FLG_BINDFROM; }' -D_GNU_SOURCE
LD_AUDIT=$work/audit.so trace_preload "$work/audit.db" ./scopes lazy ./allocates.so >out 2>err
is "LD_AUDIT: the program runs" "$? $(cat out) $(cat err)" "0 done "
figures_hold "LD_AUDIT: the figures hold" audit.db
is "LD_AUDIT: the program is seen, the auditor is not" "$(query audit.db "
	SELECT count(*) FROM block WHERE size_bytes IN (777, 7)")|$(unseen audit.db | grep -c audit.so)" "2|1"

# --- allocators in front ------------------------------------------------------------------------------------
rm -f counts
LD_PRELOAD="$count $library" COUNT_OUTPUT=counts MEMTRACE_OPTIONS=output=$work/front.db ./scopes lazy ./allocates.so >out 2>err
is "a wrapper before the library: the program runs" "$? $(cat out) $(cat err)" "0 done "
is "a wrapper before the library: what it passes on is seen" "$(query front.db "
	SELECT count(*) FROM block WHERE size_bytes IN (777, 7)")" "2"
is "a wrapper before the library: it is named" "$(unseen front.db | grep -c "count.so has a malloc of its own")" 1
cat >arena.c <<'END'
#include <stddef.h>
#include <string.h>
static _Alignas(16) char arena[1 << 20];
static size_t used;
void *malloc(size_t bytes) { char *block = arena + used + 16; *(size_t *)(block - 16) = bytes; used += (bytes + 31) & ~(size_t)15; return block; }
void free(void *block) { (void)block; }
void *calloc(size_t count, size_t bytes) { return malloc(count * bytes); }
void *realloc(void *old, size_t bytes)
{
	char *block = malloc(bytes);
	if (old)
		memcpy(block, old, *(size_t *)((char *)old - 16) < bytes ? *(size_t *)((char *)old - 16) : bytes);
	return block;
}
END
$CC -g -fno-builtin -o arena arena.c scopes.c -ldl || exit 99
both "a malloc of the executable's own" arena.db ./arena lazy ./allocates.so
is "a malloc of the executable's own: nothing is seen, and that is said" "$(query arena.db "
	SELECT count(*) FROM block")|$(unseen arena.db | grep -c "/arena has a malloc of its own")" "0|1"
"$memtrace" leaks arena.db >out
contains "a malloc of the executable's own: that there are no leaks is not claimed" out "no leaks seen, but some of its code allocates past"
"$memtrace" leaks deep.db >out
contains "RTLD_DEEPBIND: leaks says that something is not seen" out "Note: some of the program's code allocates past memtrace"

# Linked in, under a name of its own or bound within its library: only a table of symbols tells.
sed 's/\<malloc(/je_malloc(/g; s/\<free(/je_free(/; s/\<calloc(/je_calloc(/; s/\<realloc(/je_realloc(/' arena.c >linked.c
echo 'void *je_malloc(unsigned long bytes);
int main(void) { *(char *)je_malloc(100) = 1; return 0; }' >uses.c
$CC -g -fno-builtin -o linked linked.c uses.c || exit 99
both "an allocator that is linked in" linked.db ./linked
"$memtrace" info linked.db >out
contains "an allocator that is linked in: info says so" out "/linked holds an allocator of its own (je_malloc)"
$CC -g -fno-builtin -shared -fPIC -Wl,-Bsymbolic -o bound.so arena.c allocates.c || exit 99
both "an allocator that is bound within a library" bound.db ./scopes lazy ./bound.so
is "an allocator that is bound within a library: its blocks are not seen" \
	"$(query bound.db "SELECT count(*) FROM block WHERE size_bytes = 777")" 0
"$memtrace" info lazy.db >out
is "no allocator is found where there is none" "$(grep -c 'holds an allocator\|calls ' out)" 0

# --- exceptions ---------------------------------------------------------------------------------------------
cat >throws.cpp <<'END'
#include <stdexcept>
#include <string>
static __attribute__((noinline)) void thrower(int depth)
{
	std::string local(100, 'x');
	if (depth == 0)
		throw std::runtime_error("thrown " + local.substr(0, 3));
	thrower(depth - 1);
}
extern "C" int question()
{
	int caught = 0;
	for (int i = 0; i < 100; i++) {
		try {
			thrower(10);
		} catch (const std::exception &error) {
			caught += error.what() == std::string("thrown xxx");
		}
	}
	return caught;
}
END
if $CXX -g -O1 -shared -fPIC -o throws.so throws.cpp 2>/dev/null; then
	both "a C++ plugin of a C program throws" throws.db ./app/search ./throws.so
	is "a C++ plugin of a C program throws: caught" "$(cat traced.out)" 100
	LD_DEBUG=bindings LD_DEBUG_OUTPUT=$work/bindings trace_preload "$work/bound.db" ./app/search ./throws.so >/dev/null
	cat bindings.* | grep '_Unwind_RaiseException' | grep 'libstdc++' >bound
	contains "the plugin's libstdc++ is bound to libgcc_s" bound "to .*libgcc_s"
	is "the plugin's libstdc++ is bound to nothing of ours" "$(grep -c 'libunwind\|libmemtrace' bound)" 0
	LD_PRELOAD=$library MEMTRACE_OPTIONS=unwind=libunwind:output=$work/other.db ./app/search ./throws.so >traced.out
	is "with libunwind as the unwinder: caught" "$(cat traced.out)" 100
	is "the ledger is balanced" "$(query throws.db "
		SELECT unmatched_frees, mismatched_frees, allocations - frees - live_blocks FROM process")" "0|0|0"
else
	skip "a C++ plugin of a C program throws" "no C++ compiler"
fi

# What the program's environment says to the loader is for the program: a folder with a library that is none.
if readelf -d "$build/memtrace-collect" | grep -q NEEDED; then
	skip "LD_LIBRARY_PATH does not reach the collector" "it is linked dynamically"
else
	mkdir foreign
	touch foreign/libsqlite3.so.0 foreign/libz.so.1
	LD_LIBRARY_PATH=$work/foreign trace_preload "$work/foreign.db" ls / >/dev/null 2>err
	is "LD_LIBRARY_PATH does not reach the collector" "$(cat err)|$(query foreign.db "SELECT count(*) FROM process")" "|1"
fi
finish
