/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_rules.c - preload/rules.c: what is found is what .eh_frame says, whoever else learns or forgets meanwhile.
 *
 * What is looked up are functions that do nothing but have frame information, each of another size, so that what
 * must be found is known from the address alone. They are more than the first level of the table has room for in
 * many groups, and most of their rules are too large for an entry. Built with --with-sanitizer=thread it is also
 * about the memory order.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "preload/rules.h"
#include "tests/unit/loaded.h"

#if defined(__x86_64__)

#define FUNCTIONS      20000u
#define FUNCTION_BYTES 16u
#define THREADS        6u
#define LOOKUPS        100000u

extern const char functions[];
__asm__(".text\n"
        ".balign 16\n"
        "functions:\n"
        ".set i, 0\n"
        ".rept 20000\n"
        "	.cfi_startproc\n"
        "	.cfi_def_cfa_offset 16 + 8 * i\n"
        "	.cfi_offset 6, -16 - 8 * (i % 7)\n"
        "	.skip 16, 0x90\n"
        "	.cfi_endproc\n"
        ".set i, i + 1\n"
        ".endr\n");

static atomic_bool is_over;

/* A return address in this function: up to just behind it, where a call that does not return may be its end. */
static uintptr_t return_address(uint32_t function, uint32_t random)
{
	return (uintptr_t)functions + function * FUNCTION_BYTES + 1 + random % FUNCTION_BYTES;
}

static bool is_right(uint32_t function, struct mt_rule rule)
{
	return rule.kind == MT_RULE_SP && rule.offset_bytes == (int32_t)(16 + 8 * function) &&
	       rule.saved_bytes == 16 + 8 * (function % 7);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* How many look-ups gave another rule. */
static uintptr_t look_up(uint32_t seed, uint32_t functions_used)
{
	uintptr_t wrong = 0;

	for (uint32_t i = 0; i < LOOKUPS; i++) {
		uint32_t function = next_random(&seed) % functions_used;
		uintptr_t pc = return_address(function, next_random(&seed));
		bool lasts = true;
		uint64_t entry;

		wrong += !is_right(function, mt_rules_find(mt_rules, pc, &lasts)) || !lasts;
		/* What is in the table is right, too. */
		entry = mt_rules_peek(mt_rules, mt_rules_hash(pc));
		wrong += mt_rules_is_of(entry, pc) && !is_right(function, mt_rules_decode(entry));
	}
	return wrong;
}

static void every_rule_is_that_of_its_function(void **state)
{
	(void)state;
	for (uint32_t function = 0; function < FUNCTIONS; function++) {
		for (uint32_t at = 0; at < FUNCTION_BYTES; at += 5) {
			bool lasts = true;

			for (int again = 0; again < 2; again++)
				assert_true(is_right(function,
				                     mt_rules_find(mt_rules,
				                                   return_address(function, at),
				                                   &lasts)));
			assert_true(is_right(
			        function, mt_rules_learn_exact(return_address(function, at) - 1)));
		}
	}
	mt_rules_forget();
}

/* With few functions all find what others have put; with many, entries are overwritten all the time. */
static void *look_up_few_then_many(void *seed)
{
	uintptr_t wrong = look_up((uint32_t)(uintptr_t)seed, 700);

	return (void *)(wrong + look_up((uint32_t)(uintptr_t)seed, FUNCTIONS));
}

static void *forget_now_and_then(void *unused)
{
	while (!atomic_load(&is_over)) {
		mt_rules_forget();
		sched_yield();
	}
	return unused;
}

static void threads_that_learn_and_forget_at_once_find_no_other(void **state)
{
	pthread_t threads[THREADS], forgetful;

	(void)state;
	assert_int_equal(pthread_create(&forgetful, NULL, forget_now_and_then, NULL), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(
		        pthread_create(&threads[i], NULL, look_up_few_then_many, (void *)i), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	atomic_store(&is_over, true);
	pthread_join(forgetful, NULL);
}

static void an_object_that_is_leaving_is_not_remembered(void **state)
{
	uintptr_t pc = return_address(3, 4);
	bool lasts = true;

	(void)state;
	mt_rules_forget_object((const void *)pc);
	assert_true(is_right(3, mt_rules_find(mt_rules, pc, &lasts)));
	assert_false(lasts);
	assert_false(mt_rules_is_of(mt_rules_peek(mt_rules, mt_rules_hash(pc)), pc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_rule_is_that_of_its_function),
	        cmocka_unit_test(threads_that_learn_and_forget_at_once_find_no_other),
	        cmocka_unit_test(an_object_that_is_leaving_is_not_remembered),
	};

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
