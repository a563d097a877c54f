/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * steps.cc - a signal at every instruction of an allocation, and a handler that allocates.
 *
 *	steps exact|jump [STRIDE]          with reentrant.so behind the library, so that no place is forbidden
 *
 * The processor's trap flag has SIGTRAP sent after every single instruction between start() and stop(): in the
 * program, in the hooks, in the walk, in the ring's writer, in the allocator. The handler allocates, reallocates and
 * gives back, and keeps a block from one time to the next.
 *
 *	exact	what was counted must be exactly what memtrace finds: prints "allocations N frees N bytes N live N"
 *	jump	the handler leaves by siglongjmp after STRIDE instructions, twice as many, and so on; then a count is taken of what
 *		is not interrupted, by aligned_alloc(): prints "memalign N frees N bytes N jumps N"
 */
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static struct count {
	unsigned long allocations, frees, bytes;
} count;

static volatile unsigned long steps, jump_at, jumps;
static sigjmp_buf landing;
static char *kept;
static bool does_nothing;
/* What a failing realloc took out is kept over the last few that begin meanwhile (MT_THREAD_REALLOCS), not over hundreds. */
static volatile int resizes_left = 1 << 30;

static void start()
{
	__asm__ volatile("sub $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; add $128, %%rsp" ::: "memory", "cc");
}

static void stop()
{
	__asm__ volatile("sub $128, %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; add $128, %%rsp" ::: "memory", "cc");
}

/* The compiler would leave out what comes to nothing. */
template <typename T> static T *opaque(T *block)
{
	__asm__ volatile("" : "+r"(block) : : "memory");
	return block;
}

static NOINLINE char *make(size_t bytes)
{
	char *block = opaque(static_cast<char *>(malloc(bytes)));

	count.allocations++;
	count.bytes += bytes;
	return block;
}

static NOINLINE void give_back(char *block)
{
	free(opaque(block));
	count.frees++;
}

static NOINLINE char *resize(char *block, size_t bytes)
{
	char *moved = opaque(static_cast<char *>(realloc(block, bytes)));

	if (!moved)
		return block;
	count.frees++;
	count.allocations++;
	count.bytes += bytes;
	return moved;
}

static void on_step(int)
{
	steps = steps + 1;
	if (jump_at) {
		if (steps < jump_at)
			return;
		jumps = jumps + 1;
		siglongjmp(landing, 1);
	}
	if (does_nothing)
		return;
	switch (steps % 4 >= 2 && resizes_left <= 0 ? 0 : steps % 4) {
	case 0: give_back(make(24)); break;
	case 1:
		if (kept)
			give_back(kept);
		kept = make(40);
		break;
	case 2:
		resizes_left = resizes_left - 1;
		give_back(resize(make(8), 72));
		break;
	default:
		resizes_left = resizes_left - 1;
		give_back(resize(make(9), 1 << 20)); /* which fails */
	}
}

/* Each call site, and each depth, is a stack of its own. */
static NOINLINE void pairs(unsigned int depth)
{
	if (depth) {
		pairs(depth - 1);
		__asm__ volatile("");
		return;
	}
	give_back(make(100));
	give_back(resize(make(10), 300));
	resizes_left = 7;
	give_back(resize(make(11), 1 << 20));
	resizes_left = 1 << 30;
	give_back(opaque(static_cast<char *>(calloc(3, 7))));
	count.allocations++;
	count.bytes += 21;
	give_back(opaque(static_cast<char *>(aligned_alloc(64, 64))));
	count.allocations++;
	count.bytes += 64;
}

struct alignas(64) wide {
	char bytes[192];
};

static NOINLINE void objects()
{
	delete opaque(new int);
	delete[] opaque(new char[33]);
	delete opaque(new wide);
	count.allocations += 3;
	count.frees += 3;
	count.bytes += sizeof(int) + 33 + sizeof(wide);
}

static void step_through(void (*body)())
{
	start();
	body();
	stop();
}

static int run_exact()
{
	char line[200];
	int length;

	step_through([] { pairs(3); });
	step_through([] { pairs(3); });
	step_through([] { pairs(20); });
	step_through(objects);
	step_through(objects);
	if (kept)
		give_back(kept);
	if (steps < 1000)
		return 3;
	length = snprintf(line, sizeof(line), "allocations %lu frees %lu bytes %lu live %lu\n", count.allocations,
	                  count.frees, count.bytes, count.allocations - count.frees);
	fprintf(stderr, "steps %lu\n", steps);
	return write(1, line, static_cast<size_t>(length)) != length;
}

/* Until one run is not interrupted any more. False: it was. */
static bool run_until(unsigned long instruction, void (*body)())
{
	steps = 0;
	jump_at = instruction;
	if (sigsetjmp(landing, 1))
		return false;
	step_through(body);
	return true;
}

static void pair()
{
	give_back(make(100));
}

static int run_jump(unsigned long stride)
{
	struct count calm = {0, 0, 0};
	char line[200];
	int length;

	/* What is learnt once takes ten thousands of instructions. */
	does_nothing = true;
	step_through(pair);
	does_nothing = false;
	for (unsigned long at = 1; !run_until(at, pair); at += stride) {
		size_t bytes = at % 500 + 1;
		void *block = opaque(aligned_alloc(32, bytes));

		calm.allocations++;
		calm.bytes += bytes;
		if (at % 2) {
			free(opaque(block));
			calm.frees++;
		}
		/* What was left behind is not known here: only that it does not pile up. */
		if (at > 20000)
			return 4;
	}
	jump_at = 0;
	if (jumps < 10)
		return 3;
	length = snprintf(line, sizeof(line), "memalign %lu frees %lu bytes %lu\n", calm.allocations, calm.frees,
	                  calm.bytes);
	fprintf(stderr, "jumps %lu\n", jumps);
	return write(1, line, static_cast<size_t>(length)) != length;
}

int main(int argc, char **argv)
{
	struct sigaction action;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_step;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGTRAP, &action, nullptr);
	if (argc > 1 && !strcmp(argv[1], "jump"))
		return run_jump(argc > 2 ? strtoul(argv[2], nullptr, 10) : 97);
	/* So that lazy binding and what is found at the first call is over before. */
	does_nothing = true;
	objects();
	pairs(1);
	does_nothing = false;
	return run_exact();
}
