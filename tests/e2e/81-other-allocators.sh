#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every way to allocate and to give back, with libc's allocator, jemalloc, tcmalloc and mimalloc, behind the library by
# LD_PRELOAD and as needed by the program: it answers as untraced, and each block stands in the file as it was asked for.
. "$(dirname "$0")/lib.sh"
need sqlite3

cat >ways.cpp <<'END'
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <thread>

extern "C" {
void free_sized(void *, size_t) __attribute__((weak));
void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));
}
struct alignas(64) wide { char bytes[64]; };
static const std::align_val_t wide_align{64};
static void *volatile kept;
template <typename T> static T *keep(T *block) { kept = block; return block; }
static void *aligned(size_t alignment, size_t bytes)
{
	void *block = nullptr;
	return posix_memalign(&block, alignment, bytes) == 0 ? block : nullptr;
}
static bool is_aligned(const void *block, uintptr_t alignment)
{
	return block && (uintptr_t)block % alignment == 0;
}

/* One block of each sort, its size from `base` on: the numbers in the test are these. */
static void **make(size_t base)
{
	static void *blocks[20];
	void **at = blocks;
	*at++ = keep(malloc(base + 1));
	*at++ = keep(calloc(1, base + 2));
	*at++ = keep(realloc(nullptr, base + 3));
	*at++ = keep(realloc(keep(malloc(10)), base + 4));
	*at++ = keep(reallocarray(nullptr, 1, base + 5));
	*at++ = keep(aligned(64, base + 6));
	*at++ = keep(aligned_alloc(16, base + 8));
	*at++ = keep(memalign(32, base + 9));
	*at++ = keep(valloc(base + 10));
	*at++ = keep(strdup("text"));
	*at++ = keep(::operator new(base + 12));
	*at++ = keep(::operator new[](base + 13));
	*at++ = keep(::operator new(base + 14, std::nothrow));
	*at++ = keep(::operator new[](base + 15, std::nothrow));
	*at++ = keep(::operator new(base + 16, wide_align));
	*at++ = keep(::operator new[](base + 17, wide_align));
	*at++ = keep(::operator new(base + 18, wide_align, std::nothrow));
	*at++ = keep(::operator new[](base + 19, wide_align, std::nothrow));
	return blocks;
}
static void drop(size_t base)
{
	void **block = make(base);
	for (int i = 0; i < 10; i++)
		if (i == 1 && free_sized)
			free_sized(block[i], base + 2);
		else if (i == 6 && free_aligned_sized)
			free_aligned_sized(block[i], 16, base + 8);
		else
			free(block[i]);
	::operator delete(block[10], base + 12);
	::operator delete[](block[11], base + 13);
	::operator delete(block[12], std::nothrow);
	::operator delete[](block[13], std::nothrow);
	::operator delete(block[14], wide_align);
	::operator delete[](block[15], base + 17, wide_align);
	::operator delete(block[16], base + 18, wide_align);
	::operator delete[](block[17], wide_align, std::nothrow);
	::operator delete(keep(::operator new(base)));
	::operator delete[](keep(::operator new[](base)));
	::operator delete(keep(::operator new(base, wide_align)), wide_align, std::nothrow);
	::operator delete[](keep(::operator new[](base, wide_align)), wide_align);
	delete keep(new wide);
	delete[] keep(new wide[3]);
	free(nullptr);
	::operator delete(nullptr);
}
static void fail()
{
	volatile size_t huge = PTRDIFF_MAX - 4096, half = SIZE_MAX / 2;
	void *untouched = kept, *const before = untouched, *block;
	int thrown = 0;

	errno = 0;
	printf("malloc %d", malloc(huge) != nullptr);
	printf(" %d\n", errno == ENOMEM);
	errno = 0;
	printf("calloc %d", calloc(half, 3) != nullptr);
	printf(" %d\n", errno == ENOMEM);
	errno = 0;
	printf("reallocarray %d", reallocarray(nullptr, half, 3) != nullptr);
	printf(" %d\n", errno == ENOMEM);
	block = keep(malloc(30));
	strcpy((char *)block, "still there");
	errno = 0;
	printf("realloc %d", realloc(block, huge) != nullptr);
	printf(" %d %s\n", errno == ENOMEM, (char *)block);
	free(block);
	errno = 77;
	printf("posix_memalign %d", posix_memalign(&untouched, 3, 10));
	printf(" %d %d\n", errno, untouched == before);
	try { keep(::operator new(huge)); } catch (const std::bad_alloc &) { thrown++; }
	try { keep(::operator new[](huge)); } catch (const std::bad_alloc &) { thrown++; }
	try { keep(::operator new(huge, wide_align)); } catch (const std::bad_alloc &) { thrown++; }
	printf("thrown %d, nothrow %d\n", thrown, ::operator new(huge, std::nothrow) != nullptr);
	errno = 77;
	free(keep(malloc(100)));
	printf("errno of good calls %d\n", errno);
}
int main()
{
	void **blocks = make(1000);
	printf("aligned %d %d %d %d %d %d\n", is_aligned(blocks[5], 64), is_aligned(blocks[6], 16),
	       is_aligned(blocks[7], 32), is_aligned(blocks[8], 4096), is_aligned(blocks[14], 64), is_aligned(blocks[17], 64));
	printf("usable %d\n", malloc_usable_size(blocks[0]) >= 1001 && malloc_usable_size(blocks[10]) >= 1012);
	for (int i = 0; i < 50; i++)
		drop(2000);
	std::thread([] { drop(3000); }).join();
	/* On allocators that give a block for it, that is given back. */
	if (void *rest = realloc(keep(malloc(20)), 0))
		free(rest);
	fail();
	return 0;
}
END
${CXX:-c++} -std=c++17 -O1 -g -w -fno-builtin -o ways ways.cpp -pthread 2>compiler || skip_all "no C++ compiler"

# Where the sizes come from is make(1000).
cat >wanted <<'END'
1001|malloc
1002|calloc
1003|realloc
1004|realloc
1005|realloc
1006|memalign
1008|memalign
1009|memalign
1010|memalign
1012|new
1013|new[]
1014|new
1015|new[]
1016|new
1017|new[]
1018|new
1019|new[]
END

# holds NAME FILE STATUS: what must be the same with every allocator, after a run into traced.out.
holds()
{
	is "$1: the same exit status" "$3" "$plain"
	same "$1: the same answers" plain.out traced.out
	query "$2" "SELECT size_bytes, kind.name FROM block JOIN kind ON kind.id = kind
		WHERE size_bytes BETWEEN 1001 AND 1019 ORDER BY size_bytes" >got
	same "$1: each block stands there as it was asked for" wanted got
	is "$1: nothing of what was given back" "$(query "$2" "
		SELECT count(*) FROM block WHERE size_bytes BETWEEN 1020 AND 3999 AND stack IN
		(SELECT stack FROM stack_frame WHERE module LIKE '%/ways%')")" 0
	is "$1: the ledger is balanced, no free is bad" "$(query "$2" "
		SELECT unmatched_frees, mismatched_frees, allocations - frees - live_blocks,
		bytes_allocated - bytes_freed - live_bytes, dropped_events FROM process")|$(query "$2" "
		SELECT count(*) FROM note")" "0|0|0|0|0|0"
	"$memtrace" leaks --format=json "$2" >leaks.json
	is "$1: the stacks name the function" "$("$python" -c '
import json
sites = json.load(open("leaks.json"))["processes"][0]["sites"]
print(sum(site["blocks"] for site in sites if any("make(" in (line["function"] or "") for line in site["stack"])))')" 18
}

./ways >plain.out 2>/dev/null
plain=$?
trace_preload "$work/libc.db" ./ways >traced.out 2>traced.err
holds "libc" libc.db $?

for allocator in jemalloc.so.2 tcmalloc_minimal.so.4 mimalloc.so.2; do
	file=$(ldconfig -p 2>/dev/null | sed -n "s/.*lib$allocator .*=> //p" | head -n 1)
	if [ ! -e "$file" ]; then
		skip "$allocator" "it is not installed"
		continue
	fi
	LD_PRELOAD=$file ./ways >plain.out 2>/dev/null
	plain=$?
	LD_PRELOAD="$library $file" MEMTRACE_OPTIONS=output=$work/after.db ./ways >traced.out 2>/dev/null
	holds "$allocator behind the library" after.db $?
	rm -f after.db
	if is_sanitized; then
		skip "LD_PRELOAD of $allocator under run" "the tool's sanitizer has to be the first library"
	else
		LD_PRELOAD=$file "$memtrace" run -q -o run.db -- ./ways >traced.out 2>/dev/null
		holds "LD_PRELOAD of $allocator under run" run.db $?
	fi
	${CXX:-c++} -std=c++17 -O1 -g -w -fno-builtin -o ways.needed ways.cpp -pthread -Wl,--no-as-needed "$file" || exit 99
	./ways.needed >plain.out 2>/dev/null
	plain=$?
	trace_preload "$work/needed.db" ./ways.needed >traced.out 2>/dev/null
	holds "$allocator, which the program needs" needed.db $?
	is "$allocator, which the program needs: its blocks are its own" "$(query needed.db "
		SELECT count(*) FROM process WHERE allocations > 50 * 18")" 1
	rm -f needed.db
done
finish
