// SPDX-License-Identifier: LGPL-2.1-or-later
//
// shapes.cc - a program that allocates on every kind of stack, for unwind=verify.
//
// Exceptions through frames with destructors, handlers on their own and on an alternate stack, a timer's handler at
// any instruction, fibers by libc and by hand, coroutines, threads with the smallest stack, realigned frames,
// forked and vforked children, code without frame information, callbacks through libc, recursion past every
// limit, a constructor before main and a destructor after it.
//
// Prints how many blocks it has allocated and freed.
#include <alloca.h>
#include <climits>
#if __cplusplus >= 202002L && defined(__cpp_impl_coroutine)
#include <coroutine>
#endif
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

static volatile long blocks;
static void *volatile keep;

static __attribute__((noinline)) void touch(size_t bytes)
{
	void *block = malloc(bytes);

	keep = block; // so that the compiler keeps the call
	free(block);
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

// Where a frame is aligned to more than the stack is, and has no fixed size besides.
static __attribute__((noinline)) void realigned(int depth)
{
	alignas(64) volatile char aligned[64];
	volatile char *more = static_cast<volatile char *>(alloca(16 + depth % 7 * 48));

	aligned[1] = 1;
	more[1] = 1;
	touch(60);
	if (depth > 0)
		realigned(depth - 1);
	keep = const_cast<char *>(more + aligned[1]);
	touch(61);
}

#if defined(__x86_64__)

// A switch of stacks as libraries of fibers write it: what is saved lies on the stack that is left.
extern "C" void switch_stacks(void **save, void *to);
__asm__(".text\n"
        ".type switch_stacks, @function\n"
        "switch_stacks:\n"
        "	push %rbp\n"
        "	push %rbx\n"
        "	push %r12\n"
        "	push %r13\n"
        "	push %r14\n"
        "	push %r15\n"
        "	mov %rsp, (%rdi)\n"
        "	mov %rsi, %rsp\n"
        "	pop %r15\n"
        "	pop %r14\n"
        "	pop %r13\n"
        "	pop %r12\n"
        "	pop %rbx\n"
        "	pop %rbp\n"
        "	ret\n");

static void *by_hand_home, *by_hand_fiber;

static void in_fiber_by_hand()
{
	for (;;) {
		touch(32);
		realigned(3);
		switch_stacks(&by_hand_fiber, by_hand_home);
	}
}

static void fibers_by_hand()
{
	// One on the heap, one inside this very stack.
	std::vector<uintptr_t> on_heap(4096);
	uintptr_t on_stack[4096];

	for (uintptr_t *stack : {on_heap.data(), on_stack}) {
		uintptr_t *top = stack + 4090;

		top -= (reinterpret_cast<uintptr_t>(top) & 15) / 8;
		*--top = 0;
		*--top = reinterpret_cast<uintptr_t>(in_fiber_by_hand);
		for (int i = 0; i < 6; i++)
			*--top = 0x5a5a5a5a5a5a5a5aull;
		by_hand_fiber = top;
		for (int i = 0; i < 20; i++) {
			switch_stacks(&by_hand_home, by_hand_fiber);
			touch(33);
		}
	}
}

// Compiled code as it is without frame information and without frame pointers.
extern "C" void without_information(void (*function)());
__asm__(".text\n"
        ".type without_information, @function\n"
        "without_information:\n"
        "	sub $40, %rsp\n"
        "	call *%rdi\n"
        "	add $40, %rsp\n"
        "	ret\n");

#else
static void fibers_by_hand() {}
static void without_information(void (*function)()) { function(); }
#endif

#if __cplusplus >= 202002L && defined(__cpp_impl_coroutine)

struct task {
	struct promise_type {
		task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
		std::suspend_always initial_suspend() { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		void return_void() {}
		void unhandled_exception() {}
	};
	std::coroutine_handle<promise_type> handle;
};

static task coroutine(int steps)
{
	for (int i = 0; i < steps; i++) {
		touch(70);
		co_await std::suspend_always();
	}
	if (steps > 1) {
		task inner = coroutine(steps - 1);
		while (!inner.handle.done())
			inner.handle.resume();
		inner.handle.destroy();
	}
}

static void coroutines()
{
	task outer = coroutine(6);

	while (!outer.handle.done())
		outer.handle.resume();
	outer.handle.destroy();
}

#else
static void coroutines() {}
#endif

static void *on_small_stack(void *)
{
	touch(80);
	realigned(2);
	callbacks();
	return nullptr;
}

static void small_stacks()
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	for (int i = 0; i < 40; i++) {
		pthread_t thread;

		// Another size each time, so that stacks come to lie where others were.
		pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + i % 5 * 65536);
		if (pthread_create(&thread, &attributes, on_small_stack, nullptr) == 0)
			pthread_join(thread, nullptr);
	}
	pthread_attr_destroy(&attributes);
}

static void children()
{
	for (int i = 0; i < 4; i++) {
		pid_t child = fork();

		if (child == 0) {
			recurse(100);
			exceptions();
			_exit(0);
		}
		waitpid(child, nullptr, 0);
		child = vfork();
		if (child == 0) {
			touch(90);
			_exit(0);
		}
		waitpid(child, nullptr, 0);
		touch(91);
	}
}

static volatile sig_atomic_t ticks;

static void on_tick(int)
{
	ticks = ticks + 1;
	touch(22);
}

// A thousand times a second, wherever the program is. What is interrupted must not be malloc, which is not reentrant.
static void timer()
{
	struct itimerval every = {{0, 1000}, {0, 1000}}, never = {};
	struct sigaction action = {};
	volatile double sum = 0;

	action.sa_handler = on_tick;
	action.sa_flags = SA_RESTART;
	sigaction(SIGPROF, &action, nullptr);
	setitimer(ITIMER_PROF, &every, nullptr);
	while (ticks < 100) {
		char text[200], copy[200];
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		std::snprintf(text, sizeof(text), "%ld %f", static_cast<long>(now.tv_nsec), sum);
		std::strcpy(copy, text);
		sum = sum + std::strtod(copy, nullptr) + getppid();
	}
	setitimer(ITIMER_PROF, &never, nullptr);
}

int main()
{
	exceptions();
	handlers();
	fibers();
	recurse(20000);
	callbacks();
	realigned(40);
	fibers_by_hand();
	without_information(callbacks);
	coroutines();
	small_stacks();
	timer();
	children();
	std::vector<std::thread> threads;
	for (int i = 0; i < 6; i++)
		threads.emplace_back([] {
			exceptions();
			recurse(3000);
			callbacks();
			children();
		});
	// Now with others that run.
	children();
	for (auto &thread : threads)
		thread.join();
	std::printf("%ld blocks\n", static_cast<long>(blocks));
	return 0;
}
