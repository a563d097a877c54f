/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_walk.c - preload/walk.c against libunwind, on stacks of every shape.
 *
 * The walk is linked in; at each check() both walk the same stack. libunwind is the reference, so each test
 * holds also where what it compares with is libunwind's and not ours.
 */
#define UNW_LOCAL_ONLY
#include <alloca.h>
#include <errno.h>
#include <libunwind.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload/walk.h"
#include "tests/unit/loaded.h"

#define LIMIT  128u
#define OTHERS 16u /* frames further in than check()'s caller */

#define NOINLINE __attribute__((noinline))
/* Nothing after a call in tail position would mean no frame. */
#define HERE __asm__ volatile("")

int main(int argc, char **argv);

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* --- one stack, two walks ----------------------------------------------------------------------------- */

static __thread struct mt_tail tail;
static uint32_t limit = LIMIT;
static uint32_t epoch;
static atomic_ulong checks;
static atomic_ulong cuts[MT_CUT_COUNT];

static struct mt_tail *no_tail(void)
{
	static __thread struct mt_tail empty;

	empty.count = 0;
	return &empty;
}

static void walk_as_hook(struct mt_tail *with, const uintptr_t *frame, struct mt_walk *ret_walk)
{
	struct mt_step start = {frame[1], (uintptr_t)(frame + 2), frame[0]};

	mt_walk_take(with, &start, limit, epoch, ret_walk);
}

/* True when ours is what libunwind has from the same caller on, up to our cut. */
static bool is_same(const struct mt_walk *walk, void *const *ours, void *const *theirs,
                    uint32_t count)
{
	for (uint32_t i = 0; i < walk->depth; i++)
		if (i >= count || ours[i] != theirs[i])
			return false;
	return walk->cut != MT_CUT_NONE || count == walk->depth;
}

/* The identity from the tail's sums is that of the frames. */
static bool is_same_identity(const struct mt_walk *walk, void *const *frames)
{
	struct mt_walk other = {.depth = walk->depth, .frames = frames};

	mt_walk_identify(&other);
	return other.hash == walk->hash && other.check == walk->check;
}

NOINLINE static enum mt_cut check(void)
{
	const uintptr_t *frame = __builtin_frame_address(0);
	void *ours[MT_EVENT_FRAMES_MAX], *theirs[MT_EVENT_FRAMES_MAX + OTHERS];
	struct mt_walk walk;
	int count = unw_backtrace(theirs, (int)(limit + OTHERS));
	int first = 0;

	while (first < count && theirs[first] != (void *)frame[1])
		first++;
	while (count > first && !theirs[count - 1])
		count--;
	for (int round = 0; round < 2; round++) {
		struct mt_tail *with = round ? no_tail() : &tail;

		walk_as_hook(with, frame, &walk);
		mt_walk_frames(with, &walk, ours);
		if (!is_same(&walk, ours, theirs + first, (uint32_t)(count - first)) ||
		    !is_same_identity(&walk, ours)) {
			for (uint32_t i = 0; i < walk.depth; i++)
				print_message("# ours   %2u %p\n", i, ours[i]);
			for (int i = first; i < count; i++)
				print_message("# theirs %2d %p\n", i - first, theirs[i]);
			fail_msg("the walks differ (%s the tail, cut %d)",
			         round ? "without" : "with", walk.cut);
		}
	}
	atomic_fetch_add(&checks, 1);
	atomic_fetch_add(&cuts[walk.cut], 1);
	return walk.cut;
}

/* The whole stack was walked. */
static void check_whole(void)
{
	assert_int_equal(check(), MT_CUT_NONE);
}

/* --- a random tree of calls through frames of every kind ------------------------------------------------ */

struct play {
	uint32_t seed;
	uint32_t depth;
	uint32_t calls_left;
	volatile uintptr_t sink;
};

static void play_on(struct play *play);

NOINLINE static void frame_plain(struct play *play)
{
	play_on(play);
	HERE;
}

NOINLINE static void frame_small(struct play *play)
{
	volatile uintptr_t locals[3];

	locals[0] = play->seed;
	play_on(play);
	play->sink = locals[0];
}

NOINLINE static void frame_large(struct play *play)
{
	volatile uintptr_t locals[41];

	locals[7] = play->seed;
	play_on(play);
	play->sink = locals[7];
}

NOINLINE static void frame_huge(struct play *play)
{
	volatile char locals[20000];

	locals[100] = 1;
	play_on(play);
	play->sink = (uintptr_t)locals[100];
}

NOINLINE static void frame_all_registers(struct play *play)
{
	__asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15");
	play_on(play);
	__asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15");
}

#if !defined(__SANITIZE_ADDRESS__) && defined(__OPTIMIZE__) && !defined(__clang__)
/* rbp as any other register, holding what is no address at all. */
NOINLINE __attribute__((optimize("omit-frame-pointer"))) static void
frame_takes_rbp(struct play *play)
{
	__asm__ volatile("mov $0x5a5a5a5a, %%ebp" : : : "rbp");
	play_on(play);
	__asm__ volatile("" : : : "rbp");
}
#else
#define frame_takes_rbp frame_all_registers
#endif

NOINLINE static void frame_by_rbp(struct play *play)
{
	volatile char *locals = alloca(16 + next_random(&play->seed) % 4 * 32);

	locals[3] = 1;
	play_on(play);
	play->sink = (uintptr_t)locals[3];
}

NOINLINE static void frame_aligned(struct play *play)
{
	_Alignas(64) volatile char locals[64];

	locals[3] = 1;
	play_on(play);
	play->sink = (uintptr_t)locals[3];
}

NOINLINE static void frame_realigned(struct play *play)
{
	_Alignas(64) volatile char aligned[64];
	volatile char *locals = alloca(16 + next_random(&play->seed) % 4 * 32);

	aligned[1] = 1;
	locals[3] = 1;
	play_on(play);
	play->sink = (uintptr_t)locals[3] + (uintptr_t)aligned[1];
}

/* Two call sites: the same sp, another return address. */
NOINLINE static void frame_two_sites(struct play *play)
{
	if (next_random(&play->seed) & 1) {
		play_on(play);
		HERE;
	} else {
		play_on(play);
		__asm__ volatile("nop");
	}
	HERE;
}

static void (*const kinds[])(struct play *) = {
        frame_plain,         frame_small,     frame_large,     frame_huge,
        frame_all_registers, frame_takes_rbp, frame_by_rbp,    frame_aligned,
        frame_realigned,     frame_two_sites, frame_two_sites, frame_plain,
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void play_on(struct play *play)
{
	uint32_t children = next_random(&play->seed) % 4;

	check();
	if (play->depth == 0)
		return;
	play->depth--;
	for (uint32_t i = 0; i < children && play->calls_left; i++) {
		play->calls_left--;
		kinds[next_random(&play->seed) % KINDS](play);
		if (next_random(&play->seed) % 4 == 0)
			check();
	}
	play->depth++;
}

static void random_calls_are_walked_as_libunwind_does(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 3000; round++) {
		struct play play = {.seed = round, .depth = 2 + round % 50, .calls_left = 100};

		play_on(&play);
	}
	print_message("# %lu stacks compared, %lu of them whole\n", atomic_load(&checks),
	              atomic_load(&cuts[MT_CUT_NONE]));
	assert_true(atomic_load(&checks) > 100000);
	assert_int_equal(atomic_load(&cuts[MT_CUT_NONE]), atomic_load(&checks));
	assert_true(tail.kept > 0 && tail.stepped > 0);
}

/* --- depth -------------------------------------------------------------------------------------------- */

NOINLINE static void recurse(int left)
{
	if (left % 7 == 0)
		assert_int_equal(check(), MT_CUT_DEPTH);
	if (left > 0)
		recurse(left - 1);
	if (left % 11 == 0)
		assert_int_equal(check(), MT_CUT_DEPTH);
}

/* As deep as `depth`, and from there a random way up and down. */
NOINLINE static void wander(uint32_t *seed, int depth, int *steps)
{
	while (*steps > 0) {
		(*steps)--;
		check();
		switch (next_random(seed) % 16) {
		case 0: return;
		case 1:
		case 2:
		case 3:
			if (depth < 3000)
				wander(seed, depth + 1, steps);
			break;
		default:
			if (next_random(seed) & 1)
				wander(seed, depth + 1, steps);
			else
				return;
		}
	}
}

NOINLINE static void descend_and_wander(int left, uint32_t *seed, int *steps)
{
	if (left > 0)
		descend_and_wander(left - 1, seed, steps);
	else
		wander(seed, 0, steps);
	check();
}

NOINLINE static enum mt_cut check_at_depth(int left)
{
	enum mt_cut cut = left > 0 ? check_at_depth(left - 1) : check();

	HERE;
	return cut;
}

NOINLINE static void recurse_below(int above, int count)
{
	if (above > 0)
		recurse_below(above - 1, count);
	else
		recurse(count);
	HERE;
}

static void a_hundred_thousand_frames_are_cut_at_the_limit(void **state)
{
	(void)state;
	assert_int_equal(check_at_depth(100000), MT_CUT_DEPTH);
	assert_int_equal(check_at_depth(10), MT_CUT_NONE);
	recurse_below((int)LIMIT, 20000);
}

static void stacks_around_the_limit_and_the_tails_size_are_right(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int depth = 90; depth < 150; depth++)
		check_at_depth(depth);
	for (int depth = (int)MT_TAIL_FRAMES - 40; depth < (int)MT_TAIL_FRAMES + 40; depth++) {
		check_at_depth(depth);
		check_at_depth(5);
	}
	for (int depth = 0; depth < 2500; depth += 97) {
		int steps = 300;

		descend_and_wander(depth, &seed, &steps);
	}
}

static void other_limits_hold_too(void **state)
{
	static const uint32_t limits[] = {1, 2, 3, 8, 64, 512};
	uint32_t seed = 9;

	(void)state;
	for (unsigned int i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		limit = limits[i];
		for (int depth = 0; depth < 1200; depth += 211) {
			int steps = 200;

			descend_and_wander(depth, &seed, &steps);
		}
	}
	limit = LIMIT;
}

/* --- signals ------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t handled;
static atomic_int handler_cut;

static void on_signal(int number)
{
	(void)number;
	handled++;
	atomic_store(&handler_cut, (int)check());
	if (handled == 1)
		raise(SIGUSR2);
}

static void handle(int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
}

NOINLINE static void raise_from_here(int left)
{
	if (left > 0)
		raise_from_here(left - 1);
	else
		raise(SIGUSR1);
	check_whole();
}

static void handlers_are_walked_through_to_what_they_interrupted(void **state)
{
	(void)state;
	handled = 0;
	handle(0);
	raise_from_here(20);
	assert_int_equal(handled, 2);
	assert_int_equal(atomic_load(&handler_cut), MT_CUT_NONE);
}

static void handlers_on_an_alternate_stack_too(void **state)
{
	stack_t stack = {.ss_size = 65536 * 4}, before;

	(void)state;
	stack.ss_sp = malloc(stack.ss_size);
	assert_non_null(stack.ss_sp);
	assert_int_equal(sigaltstack(&stack, &before), 0);
	handled = 0;
	handle(SA_ONSTACK);
	raise_from_here(20);
	assert_int_equal(handled, 2);
	assert_int_equal(atomic_load(&handler_cut), MT_CUT_NONE);
	assert_int_equal(sigaltstack(&before, NULL), 0);
	free(stack.ss_sp);
}

/* A timer that interrupts at any instruction of a program that calls and returns. */
static volatile sig_atomic_t ticks, ticks_compared;
static atomic_ulong tick_cuts[MT_CUT_COUNT];
static struct mt_module_found executable;
static timer_t timer;

/* Once, and again when it was handled: on a slow machine the program would get no further between two of a kind. */
static void wind_up(void)
{
	const struct itimerspec once = {{0, 0}, {0, 100000}};

	timer_settime(timer, 0, &once, NULL);
}

static void compare_tick(const ucontext_t *interrupted)
{
	void *ours[MT_EVENT_FRAMES_MAX], *theirs[MT_EVENT_FRAMES_MAX + OTHERS];
	static struct mt_tail own;
	struct mt_walk walk;
	int count, first = 0;

	ticks++;
	walk_as_hook(&own, __builtin_frame_address(0), &walk);
	mt_walk_frames(&own, &walk, ours);
	atomic_fetch_add(&tick_cuts[walk.cut], 1);
	/* libunwind may not be entered where it may be what was interrupted. */
	if (interrupted->uc_mcontext.gregs[REG_RIP] < (greg_t)(uintptr_t)executable.map_start ||
	    interrupted->uc_mcontext.gregs[REG_RIP] >= (greg_t)(uintptr_t)executable.map_end)
		return;
	count = unw_backtrace(theirs, (int)(limit + OTHERS));
	while (first < count && theirs[first] != ours[0])
		first++;
	if (!is_same(&walk, ours, theirs + first, (uint32_t)(count - first)))
		abort();
	ticks_compared++;
}

static void on_tick(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	compare_tick(context);
	wind_up();
}

static void any_instruction_may_be_interrupted(void **state)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_RESTART | SA_SIGINFO};

	(void)state;
	assert_true(mt_module_find((const void *)(uintptr_t)&main, &executable));
	sigaction(SIGUSR1, &action, NULL);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	wind_up();
	for (uint32_t round = 0; ticks < 2000; round++) {
		struct play play = {.seed = round, .depth = 2 + round % 60, .calls_left = 100};

		play_on(&play);
	}
	timer_delete(timer);
	for (int cut = 0; cut < MT_CUT_COUNT; cut++)
		if (atomic_load(&tick_cuts[cut]))
			print_message("# of %d handlers' stacks %lu with cut %d\n", (int)ticks,
			              atomic_load(&tick_cuts[cut]), cut);
	print_message("# %d were compared with libunwind's\n", (int)ticks_compared);
	assert_true(ticks_compared > 0);
	assert_int_equal(atomic_load(&tick_cuts[MT_CUT_OFF_STACK]), 0);
	/* Where a timer interrupts is up to the machine: test_interrupted.c holds each instruction to more. */
	assert_true(atomic_load(&tick_cuts[MT_CUT_NONE]) > 0);
}

/* --- other stacks ------------------------------------------------------------------------------------- */

static void *run_in_thread(void *seed)
{
	struct play play = {.seed = (uint32_t)(uintptr_t)seed, .depth = 30, .calls_left = 300};

	check_whole();
	assert_true(tail.stack_high > (uintptr_t)&play && tail.stack_low < (uintptr_t)&play);
	play_on(&play);
	return NULL;
}

static void threads_are_walked_to_their_root(void **state)
{
	pthread_t threads[8];

	(void)state;
	for (uintptr_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_in_thread, (void *)i), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

static void a_thread_on_a_stack_of_the_programs_own_too(void **state)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *stack = NULL;

	(void)state;
	assert_int_equal(posix_memalign(&stack, 4096, 1 << 20), 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, 1 << 20);
	assert_int_equal(pthread_create(&thread, &attributes, run_in_thread, (void *)77), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
	free(stack);
}

/* In the child, the tail is that of the thread that forked. */
static void *fork_in_thread(void *which)
{
	struct play play = {.seed = 3 + (uint32_t)(uintptr_t)which, .depth = 20, .calls_left = 200};
	int status = 0;
	pid_t child;

	play_on(&play);
	child = fork();
	if (child == 0) {
		play.calls_left = 200;
		play_on(&play);
		check_whole();
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		return (void *)"the child forked by a thread failed";
	/* It shares this very stack, below us. */
	child = vfork();
	if (child == 0) {
		check_whole();
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		return (void *)"the child vforked by a thread failed";
	play_on(&play);
	return NULL;
}

static void children_of_threads_walk_on(void **state)
{
	pthread_t threads[4];

	(void)state;
	/* One after the other: a child must not inherit what another thread holds of libunwind. */
	for (uintptr_t i = 0; i < 4; i++) {
		void *error;

		assert_int_equal(pthread_create(&threads[i], NULL, fork_in_thread, (void *)i), 0);
		pthread_join(threads[i], &error);
		assert_null(error);
	}
}

static ucontext_t main_context, fibers[3];
static int fiber_steps;

static void run_fiber(int which)
{
	struct play play = {.seed = (uint32_t)which, .depth = 20, .calls_left = 50};

	for (int i = 0; i < 20; i++) {
		play_on(&play);
		play.calls_left = 50;
		fiber_steps++;
		/* Nothing says that the function which makecontext() returns to has no caller. */
		assert_int_equal(check(), MT_CUT_NO_CFI);
		swapcontext(&fibers[which], &fibers[(which + 1) % 3]);
	}
}

static char fiber_stacks[3][1 << 18];

NOINLINE static void make_fiber(int which)
{
	ucontext_t *fiber = &fibers[which];

	getcontext(fiber);
	fiber->uc_stack.ss_sp = fiber_stacks[which];
	fiber->uc_stack.ss_size = sizeof(fiber_stacks[which]);
	fiber->uc_link = &main_context;
	makecontext(fiber, (void (*)(void))(uintptr_t)run_fiber, 1, which);
}

static void fibers_are_walked_to_their_own_root(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		make_fiber(i);
	swapcontext(&main_context, &fibers[0]);
	check_whole();
	assert_true(fiber_steps >= 58);
}

/* --- where the walk must stop ----------------------------------------------------------------------------- */

static atomic_int reached_cut;

static void note_cut(void)
{
	atomic_store(&reached_cut, (int)check());
}

#if defined(__x86_64__)

/* Calls note_cut() from code that has no call frame information at all. */
void without_cfi(void (*function)(void));
__asm__(".text\n"
        ".type without_cfi, @function\n"
        "without_cfi:\n"
        "	push %rbx\n"
        "	call *%rdi\n"
        "	pop %rbx\n"
        "	ret\n");

/* CFA in a register that a walk does not carry. */
void with_rbx_cfa(void (*function)(void));
__asm__(".text\n"
        ".type with_rbx_cfa, @function\n"
        "with_rbx_cfa:\n"
        "	.cfi_startproc\n"
        "	push %rbx\n"
        "	.cfi_def_cfa_offset 16\n"
        "	.cfi_offset %rbx, -16\n"
        "	mov %rsp, %rbx\n"
        "	.cfi_def_cfa_register %rbx\n"
        "	and $-64, %rsp\n"
        "	call *%rdi\n"
        "	mov %rbx, %rsp\n"
        "	.cfi_def_cfa_register %rsp\n"
        "	pop %rbx\n"
        "	.cfi_def_cfa_offset 8\n"
        "	ret\n"
        "	.cfi_endproc\n");

/* Information that lies: the caller would be far off the stack, or further in. */
#define LIAR(name, cfa)                                              \
	void name(void (*function)(void));                           \
	__asm__(".text\n"                                            \
	        ".type " #name ", @function\n" #name ":\n"           \
	        "	.cfi_startproc\n"                                  \
	        "	push %rbp\n"                                       \
	        "	.cfi_def_cfa_offset 16\n"                          \
	        "	.cfi_offset %rbp, -16\n" cfa "	call *%rdi\n" \
	        "	pop %rbp\n"                                        \
	        "	ret\n"                                             \
	        "	.cfi_endproc\n")

LIAR(with_null_fp, "	xor %ebp, %ebp\n	.cfi_def_cfa %rbp, 16\n");
LIAR(with_wild_fp, "	mov $0x7ffffffffff0, %rbp\n	.cfi_def_cfa %rbp, 16\n");
LIAR(with_crooked_fp, "	lea 3(%rsp), %rbp\n	.cfi_def_cfa %rbp, 16\n");
LIAR(with_falling_sp, "	.cfi_def_cfa_offset -64\n");
LIAR(with_far_sp, "	.cfi_def_cfa_offset 900000000\n");

static void cut_by(void (*through)(void (*)(void)), enum mt_cut cut)
{
	through(note_cut);
	assert_int_equal(atomic_load(&reached_cut), cut);
	/* From another depth, and again: what was remembered must not tell another story. */
	frame_large(&(struct play){.depth = 0});
	through(note_cut);
	assert_int_equal(atomic_load(&reached_cut), cut);
	check_whole();
}

static void code_without_frame_information_cuts_the_stack(void **state)
{
	(void)state;
	cut_by(without_cfi, MT_CUT_NO_CFI);
}

static void what_no_rule_can_express_cuts_the_stack(void **state)
{
	(void)state;
	cut_by(with_rbx_cfa, MT_CUT_NO_RULE);
}

/* --- code that goes away -------------------------------------------------------------------------------- */

/* unw_backtrace() remembers what it knew of an address; unw_step() without a cache does not. */
static int take_uncached(void **ret_frames, int count)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t pc;
	int taken = 0;

	unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
	unw_getcontext(&context);
	unw_init_local(&cursor, &context);
	do {
		unw_get_reg(&cursor, UNW_REG_IP, &pc);
		ret_frames[taken++] = (void *)pc;
	} while (taken < count && unw_step(&cursor) > 0);
	return taken;
}

static void check_uncached(void)
{
	const uintptr_t *frame = __builtin_frame_address(0);
	void *ours[MT_EVENT_FRAMES_MAX], *theirs[LIMIT];
	int count = take_uncached(theirs, LIMIT), first = 0;
	struct mt_walk walk;

	walk_as_hook(&tail, frame, &walk);
	mt_walk_frames(&tail, &walk, ours);
	while (first < count && theirs[first] != (void *)frame[1])
		first++;
	assert_int_equal(walk.cut, MT_CUT_NONE);
	assert_int_equal(walk.depth, count - first);
	assert_memory_equal(ours, theirs + first, walk.depth * sizeof(*ours));
}

/* What mt_module_new_epoch() does. */
static void begin_epoch(void)
{
	mt_rules_forget();
	epoch++;
}

/* Calls through() of that object; its address. */
static void *call_through(const char *name)
{
	char path[4096];
	void *handle, *address;

	snprintf(path, sizeof(path), "%s/tests/unit/%s", getenv("top_builddir"), name);
	handle = dlopen(path, RTLD_NOW);
	if (!handle)
		fail_msg("%s", dlerror());
	address = dlsym(handle, "through");
	assert_non_null(address);
	for (int i = 0; i < 3; i++)
		((void (*)(void (*)(void)))(uintptr_t)address)(check_uncached);
	assert_int_equal(dlclose(handle), 0);
	return address;
}

static void an_object_at_the_address_of_an_unloaded_one_has_its_own_rules(void **state)
{
	void *first, *second;

	(void)state;
	if (!getenv("top_builddir")) {
		print_message("# not run by make check: where the two objects are is not known\n");
		skip();
	}
	for (int round = 0; round < 4; round++) {
		first = call_through("shape1.so");
		begin_epoch();
		second = call_through("shape2.so");
		begin_epoch();
		if (first != second) {
			print_message("# the loader did not use the address again\n");
			skip();
		}
	}
}

/* libunwind would follow the lie; there is nothing to compare with. */
static void walk_only(void)
{
	struct mt_walk walk;

	walk_as_hook(&tail, __builtin_frame_address(0), &walk);
	atomic_store(&reached_cut, (int)walk.cut);
}

static void frame_information_that_lies_does_not_lead_off_the_stack(void **state)
{
	static void (*const liars[])(void (*)(void)) = {
	        with_null_fp, with_wild_fp, with_crooked_fp, with_falling_sp, with_far_sp,
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(liars) / sizeof(*liars); i++) {
		liars[i](walk_only);
		assert_true(atomic_load(&reached_cut) == MT_CUT_OFF_STACK ||
		            atomic_load(&reached_cut) == MT_CUT_NO_RULE);
		check_whole();
	}
}

static void *lie_in_fiber(void *unused)
{
	(void)unused;
	frame_information_that_lies_does_not_lead_off_the_stack(NULL);
	return NULL;
}

static void nor_in_a_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, lie_in_fiber, NULL), 0);
	pthread_join(thread, NULL);
}

#endif

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_calls_are_walked_as_libunwind_does),
		cmocka_unit_test(a_hundred_thousand_frames_are_cut_at_the_limit),
		cmocka_unit_test(stacks_around_the_limit_and_the_tails_size_are_right),
		cmocka_unit_test(other_limits_hold_too),
		cmocka_unit_test(handlers_are_walked_through_to_what_they_interrupted),
		cmocka_unit_test(handlers_on_an_alternate_stack_too),
		cmocka_unit_test(any_instruction_may_be_interrupted),
		cmocka_unit_test(threads_are_walked_to_their_root),
		cmocka_unit_test(a_thread_on_a_stack_of_the_programs_own_too),
		cmocka_unit_test(children_of_threads_walk_on),
		cmocka_unit_test(fibers_are_walked_to_their_own_root),
#if defined(__x86_64__)
		cmocka_unit_test(code_without_frame_information_cuts_the_stack),
		cmocka_unit_test(what_no_rule_can_express_cuts_the_stack),
		cmocka_unit_test(frame_information_that_lies_does_not_lead_off_the_stack),
		cmocka_unit_test(nor_in_a_thread),
		cmocka_unit_test(an_object_at_the_address_of_an_unloaded_one_has_its_own_rules),
#endif
	};

	(void)argc;
	mt_walk_init((uintptr_t)argv);
	if (mt_rules_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
