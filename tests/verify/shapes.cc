// SPDX-License-Identifier: LGPL-2.1-or-later
//
// shapes.cc - a program that allocates on every kind of stack, for unwind=verify.
//
// Exceptions through frames with destructors, handlers on their own and on an alternate stack, fibers, threads,
// callbacks through libc, recursion past every limit, a constructor before main and a destructor after it.
//
// Prints how many blocks it has allocated and freed.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

static volatile long blocks;
static void *volatile keep;

static __attribute__((noinline)) void touch(size_t bytes)
{
	keep = malloc(bytes);
	free(keep);
	blocks = blocks + 1;
}

struct outer {
	outer() { touch(10); }
	~outer() { touch(11); }
};
static outer before_and_after_main;

static __attribute__((noinline)) void thrower(int depth)
{
	outer unwound;
	std::string text(40 + depth, 'x');

	if (depth == 0)
		throw std::runtime_error(text);
	thrower(depth - 1);
	touch(text.size());
}

static void exceptions()
{
	for (int i = 0; i < 50; i++) {
		try {
			thrower(i % 9);
		} catch (const std::exception &error) {
			touch(std::string(error.what()).size());
		}
		try {
			std::function<void()> f = [] { std::map<int, std::string> m; m[3] = std::string(99, 'y'); m.at(4); };
			f();
		} catch (...) {
			touch(3);
		}
	}
}

static void on_signal(int)
{
	// Not what a handler should do, but programs do it.
	touch(20);
}

static __attribute__((noinline)) void raise_at(int depth, int number)
{
	if (depth > 0)
		raise_at(depth - 1, number);
	else
		raise(number);
	touch(21);
}

static void handlers()
{
	stack_t stack = {};
	struct sigaction action = {};

	stack.ss_size = 1 << 17;
	stack.ss_sp = malloc(stack.ss_size);
	sigaltstack(&stack, nullptr);
	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, nullptr);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &action, nullptr);
	for (int i = 0; i < 40; i++)
		raise_at(i, i % 2 ? SIGUSR1 : SIGUSR2);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, nullptr);
	free(stack.ss_sp);
}

static ucontext_t home, fiber;

static void in_fiber()
{
	for (int i = 0; i < 20; i++) {
		touch(30);
		exceptions();
		swapcontext(&fiber, &home);
	}
}

static void fibers()
{
	std::vector<char> stack(1 << 18);

	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack.data();
	fiber.uc_stack.ss_size = stack.size();
	fiber.uc_link = &home;
	makecontext(&fiber, in_fiber, 0);
	for (int i = 0; i < 20; i++) {
		swapcontext(&home, &fiber);
		touch(31);
	}
}

static __attribute__((noinline)) void recurse(int depth)
{
	if (depth > 0)
		recurse(depth - 1);
	if (depth % 13 == 0)
		touch(40);
}

static int compare(const void *a, const void *b)
{
	touch(50);
	return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

static void callbacks()
{
	int numbers[100];

	for (int i = 0; i < 100; i++)
		numbers[i] = i * 37 % 101;
	qsort(numbers, 100, sizeof(*numbers), compare);
}

int main()
{
	exceptions();
	handlers();
	fibers();
	recurse(20000);
	callbacks();
	std::vector<std::thread> threads;
	for (int i = 0; i < 6; i++)
		threads.emplace_back([] {
			exceptions();
			recurse(3000);
			callbacks();
		});
	for (auto &thread : threads)
		thread.join();
	std::printf("%ld blocks\n", static_cast<long>(blocks));
	return 0;
}
