/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_interrupted.c - preload/walk.c from a handler that interrupts at each instruction, held against the calls.
 *
 * The processor's trap flag has a handler run after every single instruction: of our own functions, of PLT stubs and the
 * loader's lazy binding, of libc's hand-written assembly and system calls, of the vdso, of libcrypto. No unwinder
 * says what the stack is: the handler itself keeps account of it. A call is an instruction that pushes the address
 * behind it; a frame is gone when the stack pointer has risen above its return address.
 *
 * What the walk tells must be exactly that, up to where it says that it was cut.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload/walk.h"
#include "tests/unit/loaded.h"

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)

#define NOINLINE      __attribute__((noinline))
#define TRAP_FLAG     0x100u
#define LIMIT         128u
#define CALLS_MAX     4096u
#define STEPS_MAX     400000u /* of one function */
#define REPORTED      3u
#define BEHIND_CALL   16u /* no call instruction is longer */
#define OPERAND_SIZES 600

/* --- the account of calls ------------------------------------------------------------------------------- */

struct call {
	uintptr_t pc; /* the return address */
	uintptr_t at; /* where it stands */
};

static struct {
	struct call calls[CALLS_MAX];
	uint32_t depth;
	uintptr_t last_pc; /* of the instruction that was executed */
	uintptr_t last_sp;
	uint32_t steps;
	uint32_t whole;
	uint32_t wrong;
	uint32_t cuts[MT_CUT_COUNT];
	uint32_t whole_in_exe;
	uintptr_t cut_pc; /* the first that was interrupted in a stack that was cut */
	void *outer[LIMIT];
	uint32_t outer_count;
	struct {
		uint32_t where;
		uint32_t depth;
		enum mt_cut cut;
		uintptr_t pc, ours, truth;
	} reported[REPORTED];
} account;

static struct mt_tail tail;

static bool is_call(const uint8_t *code)
{
	for (uint32_t i = 0; i < 5; i++) {
		uint8_t byte = code[i];

		if (byte == 0xe8)
			return true;
		if (byte == 0xff)
			return (code[i + 1] >> 3 & 7) == 2;
		/* A prefix: operand size, segment, repeat (bnd), notrack, rex. */
		if (byte != 0x66 && byte != 0x67 && byte != 0xf2 && byte != 0xf3 && byte != 0x3e &&
		    byte != 0x2e && (byte & 0xf0) != 0x40)
			return false;
	}
	return false;
}

/* After one more instruction. */
static void keep_account(uintptr_t pc, uintptr_t sp)
{
	while (account.depth && account.calls[account.depth - 1].at < sp)
		account.depth--;
	if (account.last_pc && sp == account.last_sp - 8 &&
	    is_call((const uint8_t *)account.last_pc)) {
		uintptr_t back = *(const uintptr_t *)sp;

		if (back - account.last_pc <= BEHIND_CALL && account.depth < CALLS_MAX)
			account.calls[account.depth++] = (struct call){back, sp};
	}
	account.last_pc = pc;
	account.last_sp = sp;
}

/* The frame at `index` from the one that was interrupted outwards; 0: the stack has ended. */
static uintptr_t truth(uintptr_t pc, uint32_t index)
{
	if (index == 0)
		return pc;
	if (index <= account.depth)
		return account.calls[account.depth - index].pc;
	index -= account.depth + 1;
	return index < account.outer_count ? (uintptr_t)account.outer[index] : 0;
}

static void compare(uintptr_t pc, const struct mt_walk *walk, void *const *frames)
{
	/* The handler's own frame returns to libc's sigreturn; the one that was interrupted is next. */
	uint32_t count = walk->depth - 1;
	uint32_t i = 0;

	while (i < count && (uintptr_t)frames[i + 1] == truth(pc, i))
		i++;
	account.cuts[walk->cut]++;
	if (walk->cut != MT_CUT_NONE && !account.cut_pc)
		account.cut_pc = pc;
	if (i == count && (walk->cut != MT_CUT_NONE || truth(pc, i) == 0)) {
		account.whole += walk->cut == MT_CUT_NONE;
		return;
	}
	if (account.wrong < REPORTED) {
		account.reported[account.wrong].where = i;
		account.reported[account.wrong].depth = count;
		account.reported[account.wrong].cut = walk->cut;
		account.reported[account.wrong].pc = pc;
		account.reported[account.wrong].ours = i < count ? (uintptr_t)frames[i + 1] : 0;
		account.reported[account.wrong].truth = truth(pc, i);
	}
	account.wrong++;
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uintptr_t *frame = __builtin_frame_address(0);
	struct mt_step start = {frame[1], (uintptr_t)(frame + 2), frame[0]};
	void *frames[LIMIT];
	struct mt_walk walk;

	(void)number;
	(void)info;
	keep_account((uintptr_t)registers[REG_RIP], (uintptr_t)registers[REG_RSP]);
	mt_walk_take(&tail, &start, LIMIT, 0, &walk);
	mt_walk_frames(&tail, &walk, frames);
	compare((uintptr_t)registers[REG_RIP], &walk, frames);
	if (++account.steps == STEPS_MAX)
		registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

/* --- running something instruction by instruction ------------------------------------------------------- */

static void name_of(uintptr_t pc, char *ret_name, size_t bytes)
{
	Dl_info info;

	if (dladdr((const void *)pc, &info) && info.dli_fname)
		snprintf(ret_name, bytes, "%s+0x%lx (%s)", info.dli_fname,
		         pc - (uintptr_t)info.dli_fbase, info.dli_sname ? info.dli_sname : "?");
	else
		snprintf(ret_name, bytes, "0x%lx", pc);
}

static void report(const char *what)
{
	char name[256], other[256], third[256];

	print_message("# %s: %u instructions, %u stacks whole", what, account.steps, account.whole);
	for (uint32_t cut = 1; cut < MT_CUT_COUNT; cut++)
		if (account.cuts[cut])
			print_message(", %u with cut %u", account.cuts[cut], cut);
	name_of(account.cut_pc, name, sizeof(name));
	print_message("%s%s\n", account.cut_pc ? ", first at " : "", account.cut_pc ? name : "");
	for (uint32_t i = 0; i < account.wrong && i < REPORTED; i++) {
		name_of(account.reported[i].pc, name, sizeof(name));
		name_of(account.reported[i].ours, other, sizeof(other));
		name_of(account.reported[i].truth, third, sizeof(third));
		print_message("# wrong, interrupted at %s, frame %u of %u, cut %d: %s instead of "
		              "%s\n",
		              name, account.reported[i].where, account.reported[i].depth,
		              account.reported[i].cut, other, third);
	}
}

void trap_each_instruction(void);
void trap_no_more(void);
__asm__(".text\n"
        "trap_each_instruction:\n"
        "	.cfi_startproc\n"
        "	pushfq\n"
        "	.cfi_adjust_cfa_offset 8\n"
        "	orl $0x100, (%rsp)\n"
        "	popfq\n"
        "	.cfi_adjust_cfa_offset -8\n"
        "	ret\n"
        "	.cfi_endproc\n"
        "trap_no_more:\n"
        "	.cfi_startproc\n"
        "	pushfq\n"
        "	.cfi_adjust_cfa_offset 8\n"
        "	andl $~0x100, (%rsp)\n"
        "	popfq\n"
        "	.cfi_adjust_cfa_offset -8\n"
        "	ret\n"
        "	.cfi_endproc\n");

/* Its callers never change, so what the walk says of them here is asked of libc's unwinder once. */
NOINLINE static void run_stepped(void (*function)(void))
{
	function();
	__asm__ volatile("");
}

int backtrace(void **frames, int count);

NOINLINE static void step_through(const char *what, void (*function)(void))
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO}, before;
	void *frames[LIMIT];
	int count = backtrace(frames, (int)LIMIT), first = 0;

	/* This function itself, and what a sanitizer has put before libc's backtrace(). */
	while (first < count && frames[first] != __builtin_return_address(0))
		first++;
	memset(&account, 0, sizeof(account));
	account.outer_count = (uint32_t)(count - first);
	memcpy(account.outer, frames + first, account.outer_count * sizeof(*frames));
	assert_true(account.outer_count > 1);
	sigaction(SIGTRAP, &action, &before);
	trap_each_instruction();
	run_stepped(function);
	trap_no_more();
	sigaction(SIGTRAP, &before, NULL);
	report(what);
	assert_true(account.steps > 50);
	assert_int_equal(account.wrong, 0);
	assert_int_equal(account.cuts[MT_CUT_OFF_STACK], 0);
}

/* The same, and nothing was cut at any instruction. */
static void step_through_whole(const char *what, void (*function)(void))
{
	step_through(what, function);
	assert_int_equal(account.whole, account.steps);
}

/* --- what is run ---------------------------------------------------------------------------------------- */

static volatile uintptr_t sink;
static char source_bytes[8192], target_bytes[8192], copied_bytes[8192];

NOINLINE static void leaf(void)
{
	sink++;
}

NOINLINE static void frame_with_alloca(uint32_t bytes)
{
	volatile char *locals = alloca(bytes);

	locals[1] = 1;
	leaf();
	sink += (uintptr_t)locals[1];
}

NOINLINE static void frame_aligned(void)
{
	_Alignas(64) volatile char locals[64];

	locals[1] = 1;
	leaf();
	sink += (uintptr_t)locals[1];
}

NOINLINE static void frame_realigned(uint32_t bytes)
{
	_Alignas(64) volatile char aligned[64];
	volatile char *locals = alloca(bytes);

	aligned[1] = 1;
	locals[1] = 1;
	frame_aligned();
	sink += (uintptr_t)locals[1] + (uintptr_t)aligned[1];
}

__attribute__((noinline, target("avx"))) static void frame_with_vectors(void)
{
	typedef double vector __attribute__((vector_size(32)));
	volatile vector locals[3];

	for (int i = 0; i < 3; i++)
		locals[i] = (vector){1, 2, 3, i};
	leaf();
	sink += (uintptr_t)locals[1][2];
}

NOINLINE static void frame_large(void)
{
	volatile char locals[70000];

	locals[5] = 1;
	leaf();
	sink += (uintptr_t)locals[5];
}

NOINLINE static uintptr_t frame_with_many(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
	uintptr_t e = a * b, f = b * c, g = c * d, h = d * a, i = a ^ c;

	leaf();
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
	return a + b + c + d + e + f + g + h + i;
}

static void run_frames(void)
{
	frame_with_alloca(100);
	frame_aligned();
	frame_realigned(40);
	if (__builtin_cpu_supports("avx"))
		frame_with_vectors();
	frame_large();
	sink += frame_with_many(1, 2, 3, 4);
}

static void frames_of_every_form(void **state)
{
	(void)state;
	run_frames();
	/* Where the stack is being realigned the way to the caller is in a register that a walk does not carry. */
	step_through("frames", run_frames);
	assert_int_equal(account.whole + account.cuts[MT_CUT_NO_RULE], account.steps);
	assert_true(account.whole > account.steps * 8 / 10);
}

/* Inline assembly that moves the stack pointer without saying so: what stands there is no return address. */
NOINLINE static void run_unsaid_pushes(void)
{
	for (int i = 0; i < 5; i++)
		__asm__ volatile("lea -128(%%rsp), %%rsp\n"
		                 "	push $0\n"
		                 "	push $0x1234\n"
		                 "	push %%rsp\n"
		                 "	lea run_unsaid_pushes(%%rip), %%rax\n"
		                 "	push %%rax\n"
		                 "	pushfq\n"
		                 "	pop %%rax\n"
		                 "	lea 160(%%rsp), %%rsp\n"
		                 :
		                 :
		                 : "rax", "memory", "cc");
}

static void what_is_no_return_address_is_not_told(void **state)
{
	(void)state;
	step_through("unsaid pushes", run_unsaid_pushes);
	assert_true(account.whole > 0 && account.cuts[MT_CUT_NO_CFI] > 0);
}

static void run_strings(void)
{
	/* Sizes around each of the forms that libc has. */
	for (size_t bytes = 0; bytes < OPERAND_SIZES; bytes += 1 + bytes / 5) {
		memcpy(target_bytes, source_bytes, bytes);
		memmove(target_bytes + 3, target_bytes, bytes);
		memset(target_bytes, 'x', bytes);
		target_bytes[bytes] = '\0';
		sink += (uintptr_t)memcmp(source_bytes, target_bytes, bytes) +
		        strlen(target_bytes) + (uintptr_t)strchr(target_bytes, 'y') +
		        (uintptr_t)memchr(source_bytes, 'y', bytes) +
		        (uintptr_t)strcmp(source_bytes, target_bytes);
		strcpy(copied_bytes, target_bytes);
	}
	memcpy(target_bytes, source_bytes, sizeof(target_bytes));
}

static void the_string_functions_of_libc(void **state)
{
	(void)state;
	/* Bound before, so that only they are run. */
	run_strings();
	step_through_whole("strings", run_strings);
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void run_libc(void)
{
	int numbers[30];
	char text[200];

	for (int i = 0; i < 30; i++)
		numbers[i] = i * 37 % 31;
	qsort(numbers, 30, sizeof(*numbers), by_value);
	snprintf(text, sizeof(text), "%d %s %.3f %p", numbers[3], "text", 1.25, (void *)text);
	sink += (uintptr_t)strtod("3.25e10", NULL) + (uintptr_t)strtol("1234", NULL, 10);
	free(realloc(malloc(100), 100000));
	free(calloc(10, 1000));
	getenv("HOME");
}

static void libc(void **state)
{
	(void)state;
	run_libc();
	step_through_whole("libc", run_libc);
}

static void run_system_calls(void)
{
	struct timespec now;

	sink += (uintptr_t)getppid();
	sink += (uintptr_t)write(-1, "", 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
}

static void system_calls(void **state)
{
	(void)state;
	run_system_calls();
	step_through_whole("system calls", run_system_calls);
}

static void run_vdso(void)
{
	struct timespec now;

	for (int i = 0; i < 5; i++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		sink += (uintptr_t)time(NULL);
	}
}

static void the_vdso(void **state)
{
	(void)state;
	run_vdso();
	step_through_whole("vdso", run_vdso);
}

static jmp_buf back;

NOINLINE static void jump(int depth)
{
	if (depth > 0)
		jump(depth - 1);
	else if (sink)
		longjmp(back, 1);
	sink++;
}

static void run_jumps(void)
{
	for (volatile int i = 0; i < 5; i++)
		if (setjmp(back) == 0)
			jump(i);
}

/* In the middle of longjmp the registers are of two stacks at once: there, the frames may be either's. */
static void jumps(void **state)
{
	(void)state;
	run_jumps();
	step_through("longjmp", run_jumps);
}

/* Not called by anything else here, so that they are bound while they are stepped through. */
static void run_lazy_binding(void)
{
	sink += (uintptr_t)atol("12") + (uintptr_t)labs(-3) + (uintptr_t)strcspn("abc", "c");
	sink += (uintptr_t)strpbrk("abc", "c") + (uintptr_t)getpgrp();
	srand(3);
	sink += (uintptr_t)rand();
}

static void plt_stubs_and_the_loader_behind_them(void **state)
{
	(void)state;
	step_through("lazy binding", run_lazy_binding);
	assert_true(account.whole > 0);
	step_through_whole("the same, bound", run_lazy_binding);
}

static void *(*crypto_method)(void);
static int (*crypto_digest)(const void *, size_t, unsigned char *, unsigned int *, const void *,
                            void *);

static void run_digest(void)
{
	unsigned char digest[64];
	unsigned int bytes;

	crypto_digest(source_bytes, 1000, digest, &bytes, crypto_method(), NULL);
}

static void *bn_base, *bn_exponent, *bn_modulus, *bn_result, *bn_context;
static int (*bn_mod_exp)(void *, const void *, const void *, const void *, void *);

static void run_mod_exp(void)
{
	bn_mod_exp(bn_result, bn_base, bn_exponent, bn_modulus, bn_context);
}

static void *symbol(void *library, const char *name)
{
	void *address = dlsym(library, name);

	assert_non_null(address);
	return address;
}

static void the_assembly_of_libcrypto(void **state)
{
	static const char *const digests[] = {"EVP_md5",    "EVP_sha1",     "EVP_sha256",
	                                      "EVP_sha512", "EVP_sha3_256", "EVP_blake2b512"};
	void *library = dlopen("libcrypto.so.3", RTLD_NOW);

	(void)state;
	if (!library) {
		print_message("# libcrypto.so.3 is not installed\n");
		skip();
	}
	*(void **)&crypto_digest = symbol(library, "EVP_Digest");
	for (unsigned int i = 0; i < sizeof(digests) / sizeof(*digests); i++) {
		*(void **)&crypto_method = symbol(library, digests[i]);
		run_digest();
		/* Some of it keeps the caller's sp in memory: no rule says so. */
		step_through(digests[i], run_digest);
		assert_int_equal(account.whole + account.cuts[MT_CUT_NO_RULE], account.steps);
	}
	{
		void *(*bn_new)(void), *(*context_new)(void);
		void (*bn_free)(void *), (*context_free)(void *);
		int (*hex2bn)(void **, const char *);
		char number[513];

		*(void **)&bn_new = symbol(library, "BN_new");
		*(void **)&context_new = symbol(library, "BN_CTX_new");
		*(void **)&bn_free = symbol(library, "BN_free");
		*(void **)&context_free = symbol(library, "BN_CTX_free");
		*(void **)&hex2bn = symbol(library, "BN_hex2bn");
		*(void **)&bn_mod_exp = symbol(library, "BN_mod_exp");
		/* 1024 bits, 512 bits, and an odd modulus: each has its own assembly. */
		for (int digits = 256; digits >= 64; digits /= 2) {
			memset(number, 'd', sizeof(number));
			number[digits] = '\0';
			bn_base = bn_exponent = bn_modulus = NULL;
			hex2bn(&bn_modulus, number);
			number[digits - 1] = '3';
			hex2bn(&bn_base, number);
			number[8] = '\0';
			hex2bn(&bn_exponent, number);
			bn_result = bn_new();
			bn_context = context_new();
			step_through("BN_mod_exp", run_mod_exp);
			assert_int_equal(account.whole + account.cuts[MT_CUT_NO_RULE],
			                 account.steps);
			bn_free(bn_base);
			bn_free(bn_exponent);
			bn_free(bn_modulus);
			bn_free(bn_result);
			context_free(bn_context);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(plt_stubs_and_the_loader_behind_them),
	        cmocka_unit_test(frames_of_every_form),
	        cmocka_unit_test(what_is_no_return_address_is_not_told),
	        cmocka_unit_test(the_string_functions_of_libc),
	        cmocka_unit_test(libc),
	        cmocka_unit_test(system_calls),
	        cmocka_unit_test(the_vdso),
	        cmocka_unit_test(jumps),
	        cmocka_unit_test(the_assembly_of_libcrypto),
	};

	(void)argc;
	mt_walk_init((uintptr_t)argv);
	if (mt_rules_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return 77;
}

#endif
