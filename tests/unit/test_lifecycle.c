/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_lifecycle.c - collect/lifecycle.h: processes come, fork, exec and go. */
#include "collect/lifecycle.h"
#include "tests/unit/producer.h"

#define A 0x10000u
#define B 0x20000u
#define C 0x30000u

static struct bench bench;
static struct producer parent, child;
static struct mt_process *process;

static int set_up(void **state)
{
	(void)state;
	bench_open(&bench, 100);
	bench_start(&bench, 100, &parent);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bench_close(&bench);
	return 0;
}

static struct mt_process *drain(const struct producer *producer)
{
	bench_round(&bench);
	process = bench_process(&bench, producer);
	return process;
}

static void fork_child(uint64_t serial)
{
	producer_fixed(&parent, MT_EVENT_FORK, 0, 0, serial, 0, 0);
	producer_fork(&parent, serial, 101, parent.stamp++, &child);
}

/* The first mail of this type, taken out together with all before it; false: there is none. */
static bool mail_of(enum mt_mail_type type, struct mt_mail *ret_mail)
{
	struct mt_mail *mail = mt_mailbox_take(&bench.to_service);
	bool is_found = false;

	while (mail) {
		struct mt_mail *next = mail->next;

		if (!is_found && mail->type == type) {
			*ret_mail = *mail;
			is_found = true;
		}
		mt_mail_free(mail);
		mail = next;
	}
	return is_found;
}

static void tell_gone(const struct producer *producer, const char *reason, int64_t status,
                      int64_t signal)
{
	struct mt_mail mail = {.type = MT_MAIL_GONE,
	                       .slot = producer->slot,
	                       .generation = producer->generation,
	                       .stamp = mt_stamp_monotonic_ns(),
	                       .reason = reason,
	                       .status = status,
	                       .signal = signal};

	mt_mailbox_post(&bench.collector->mail, &mail);
}

static void a_child_inherits_what_was_live_at_the_fork(void **state)
{
	struct mt_process *its_parent;

	(void)state;
	producer_alloc(&parent, A, 10, 1);
	producer_alloc(&parent, B, 20, 1);
	producer_fixed(&parent, MT_EVENT_ALLOC, MT_KIND_MALLOC, 0x666660, 5, 0, MT_ALLOC_OWN);
	fork_child(1);
	/* What the parent does later is its own affair. */
	producer_free(&parent, B);
	child.stamp = parent.stamp;
	producer_begin(&child, 101);
	producer_stack(&child, 1, 0x1000);
	producer_free(&child, A);
	producer_alloc(&child, C, 7, 1);
	producer_free(&child, 0x666660);
	drain(&child);
	assert_non_null(process);
	assert_int_equal(process->inherited_blocks, 2);
	assert_int_equal(process->inherited_bytes, 30);
	assert_int_equal(process->inherited_frees, 1);
	assert_int_equal(process->totals.allocations, 1);
	assert_int_equal(process->totals.frees, 0);
	assert_int_equal(process->totals.live_bytes, 7);
	assert_int_equal(process->unmatched_frees, 0);
	assert_int_equal(process->own_frees, 0);
	assert_string_equal(process->origin, "fork");
	assert_string_equal(process->identity.command, "program");
	its_parent = bench_process(&bench, &parent);
	assert_int_equal(process->parent, its_parent->id);
	assert_int_equal(its_parent->totals.live_bytes, 10);
	/* Both, and the child's own, but not memtrace's. */
	assert_non_null(mt_past_find(process->inherited, B));
	assert_non_null(mt_live_find(&its_parent->live, A));
}

static void a_realloc_of_an_inherited_block_that_fails_leaves_it_inherited(void **state)
{
	(void)state;
	producer_alloc(&parent, A, 10, 1);
	fork_child(1);
	child.stamp = parent.stamp;
	producer_begin(&child, 101);
	producer_fixed(&child, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	producer_fixed(&child, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain(&child);
	assert_int_equal(process->inherited_frees, 0);
	producer_fixed(&child, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	producer_stack(&child, 1, 0x1000);
	producer_fixed(&child, MT_EVENT_ALLOC, MT_KIND_REALLOC, A, 50, 1, 0);
	drain(&child);
	assert_int_equal(process->inherited_frees, 1);
	assert_int_equal(process->totals.live_bytes, 50);
	assert_int_equal(process->totals.frees, 0);
}

static void a_child_inherits_what_its_parent_had_inherited(void **state)
{
	struct producer grandchild;

	(void)state;
	producer_alloc(&parent, A, 10, 1);
	fork_child(1);
	child.stamp = parent.stamp;
	producer_begin(&child, 101);
	producer_stack(&child, 1, 0x1000);
	producer_alloc(&child, B, 20, 1);
	producer_fixed(&child, MT_EVENT_FORK, 0, 0, 1, 0, 0);
	producer_fork(&child, 1, 102, child.stamp++, &grandchild);
	grandchild.stamp = child.stamp;
	producer_begin(&grandchild, 102);
	producer_free(&grandchild, A);
	producer_free(&grandchild, B);
	drain(&grandchild);
	assert_int_equal(process->inherited_blocks, 2);
	assert_int_equal(process->inherited_frees, 2);
	assert_int_equal(process->unmatched_frees, 0);
}

static void a_child_that_has_no_copy_says_so(void **state)
{
	(void)state;
	producer_alloc(&parent, A, 10, 1);
	drain(&parent);
	producer_fork(&parent, 77, 101, parent.stamp++, &child);
	producer_begin(&child, 101);
	producer_free(&child, A);
	drain(&child);
	assert_true(process->lost_inheritance);
	assert_int_equal(process->unmatched_frees, 1);
	assert_int_equal(process->parent, bench_process(&bench, &parent)->id);
}

static void a_child_is_seen_without_any_event(void **state)
{
	struct mt_mail mail;

	(void)state;
	producer_alloc(&parent, A, 10, 1);
	fork_child(3);
	drain(&child);
	assert_non_null(process);
	assert_int_equal(process->id, 0);
	assert_int_equal(process->inherited_blocks, 1);
	assert_true(mail_of(MT_MAIL_WATCH, &mail));
	assert_int_equal(mail.pid, 101);
	assert_int_equal(mail.parent_pid, 100);
	assert_int_equal(mail.slot, child.slot);
}

static void a_child_that_only_execs_leaves_no_row(void **state)
{
	struct producer next;
	struct mt_mail mail;
	uint32_t slot;

	(void)state;
	fork_child(1);
	child.stamp = parent.stamp;
	producer_begin(&child, 101);
	producer_fixed(&child, MT_EVENT_EXEC, 0, 0, 0, 0, 0);
	drain(&child);
	assert_int_equal(process->id, 0);
	/* Its image is replaced by one that joins. */
	tell_gone(&child, "exec", MT_MAIL_UNKNOWN, MT_MAIL_UNKNOWN);
	assert_int_equal(mt_segment_claim(bench.segment, 101, bench.past, &slot, &next.generation),
	                 0);
	next.slot = slot;
	mt_mailbox_post(&bench.collector->mail,
	                &(struct mt_mail){.type = MT_MAIL_JOINED,
	                                  .slot = slot,
	                                  .generation = next.generation,
	                                  .pid = 101,
	                                  .previous_slot = child.slot,
	                                  .previous_generation = child.generation,
	                                  .stamp = bench.past});
	drain(&next);
	assert_int_equal(process->id, 2);
	assert_string_equal(process->origin, "exec");
	assert_int_equal(process->parent, bench_process(&bench, &parent)->id);
	bench_round(&bench);
	assert_null(bench_process(&bench, &child));
	assert_true(mail_of(MT_MAIL_ENDED, &mail));
	assert_int_equal(mail.pid, 101);
	assert_false(mail.outcome.has_row);
	assert_int_equal(atomic_load(&mt_segment_slots(bench.segment)[child.slot].state),
	                 MT_SLOT_FREE);
}

static void a_childs_end_is_heard_before_its_parents_past_is_applied(void **state)
{
	(void)state;
	producer_alloc(&parent, A, 10, 1);
	/* The child begins behind this round's cut: all of it is to be known in a later one. */
	parent.stamp = mt_stamp_monotonic_ns() + 200000000u;
	fork_child(1);
	tell_gone(&child, "exit", 0, MT_MAIL_UNKNOWN);
	drain(&child);
	assert_null(process);
	while (mt_stamp_monotonic_ns() < child.stamp)
		usleep(10000);
	drain(&child);
	assert_non_null(process);
	assert_int_equal(process->inherited_blocks, 1);
	assert_true(process->is_gone);
}

static void a_process_that_vanishes_ends_after_all_that_it_published(void **state)
{
	(void)state;
	producer_alloc(&parent, A, 10, 1);
	drain(&parent);
	producer_alloc(&parent, B, 20, 1);
	tell_gone(&parent, "signal", MT_MAIL_UNKNOWN, 9);
	drain(&parent);
	assert_false(process->has_ended);
	drain(&parent);
	assert_true(process->has_ended);
	assert_int_equal(process->totals.allocations, 2);
	assert_string_equal(process->end_reason, "signal");
	assert_int_equal(process->exit_signal, 9);
	assert_true(process->exit_status == MT_MAIL_UNKNOWN);
	assert_string_equal(process->snapshot_reason, "exit");
	/* Its ring can be used again. */
	assert_int_equal(atomic_load(&parent.writer.ring->state), MT_RING_FREE);
}

static void an_end_that_nobody_can_tell_of_is_a_vanishing(void **state)
{
	(void)state;
	drain(&parent);
	tell_gone(&parent, NULL, MT_MAIL_UNKNOWN, MT_MAIL_UNKNOWN);
	drain(&parent);
	drain(&parent);
	assert_string_equal(process->end_reason, "vanished");
	assert_true(process->exit_status == MT_MAIL_UNKNOWN);
}

static void what_the_kernel_says_of_an_end_counts(void **state)
{
	(void)state;
	producer_fixed(&parent, MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 0, 0, 0);
	drain(&parent);
	assert_string_equal(process->end_reason, "exit");
	assert_int_equal(process->exit_status, 0);
	/* It crashed in what came after. */
	tell_gone(&parent, "signal", MT_MAIL_UNKNOWN, 11);
	drain(&parent);
	drain(&parent);
	assert_string_equal(process->end_reason, "signal");
	assert_int_equal(process->exit_signal, 11);
	assert_true(process->exit_status == MT_MAIL_UNKNOWN);
}

static void a_ring_that_the_next_process_took_is_not_given_away(void **state)
{
	struct producer next;

	(void)state;
	drain(&parent);
	producer_fixed(&parent, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
	drain(&parent);
	/* The next owner has claimed it, but neither said so in the ring nor in owner_slot. */
	atomic_store(&parent.writer.ring->state, MT_RING_OWNED);
	tell_gone(&parent, "exit", 0, MT_MAIL_UNKNOWN);
	drain(&parent);
	drain(&parent);
	assert_int_equal(atomic_load(&parent.writer.ring->state), MT_RING_OWNED);
	bench_join(&bench, 200, &next);
	next.writer = parent.writer;
	next.stamp = parent.stamp;
	producer_begin(&next, 200);
	producer_stack(&next, 1, 0x1000);
	producer_alloc(&next, A, 10, 1);
	drain(&next);
	assert_int_equal(process->totals.allocations, 1);
}

static void an_exec_that_fails_changes_nothing(void **state)
{
	(void)state;
	producer_fixed(&parent, MT_EVENT_EXEC, 0, 0, 0, 0, 0);
	drain(&parent);
	assert_true(process->attention & MT_ATTEND_EXEC);
	producer_fixed(&parent, MT_EVENT_EXEC_FAILED, 0, 0, 0, 0, 0);
	producer_alloc(&parent, A, 10, 1);
	drain(&parent);
	assert_int_equal(process->attention, 0);
	assert_int_equal(process->totals.allocations, 1);
}

static void an_image_that_does_not_come_back_was_not_traced(void **state)
{
	struct mt_mail mail;

	(void)state;
	producer_alloc(&parent, A, 10, 1);
	producer_fixed(&parent, MT_EVENT_EXEC, 0, 0, 0, 0, 0);
	drain(&parent);
	assert_false(mail_of(MT_MAIL_EXECUTED, &mail));
	/* For a minute it was we who did not run: it had no time to come back, either. */
	bench.collector->ledger.now_ns -= 60000000000u;
	drain(&parent);
	assert_false(mail_of(MT_MAIL_EXECUTED, &mail));
	process->exec_round_ns -= 6000000000u;
	drain(&parent);
	assert_true(mail_of(MT_MAIL_EXECUTED, &mail));
	assert_int_equal(mail.pid, 100);
	mt_mailbox_post(&bench.collector->mail, &(struct mt_mail){.type = MT_MAIL_UNTRACED,
	                                                          .slot = parent.slot,
	                                                          .generation = parent.generation,
	                                                          .text = strdup("/bin/static")});
	drain(&parent);
	assert_true(process->has_ended);
	assert_string_equal(process->end_reason, "exec-untraced");
	assert_int_equal(bench.collector->ledger.notes.count, 1);
	assert_string_equal(bench.collector->ledger.notes.rows[0].kind, "untraced");
	assert_non_null(strstr(bench.collector->ledger.notes.rows[0].text, "/bin/static"));
}

static void what_the_process_lost_is_noted_at_its_end(void **state)
{
	struct mt_slot *slot = &mt_segment_slots(bench.segment)[parent.slot];

	(void)state;
	atomic_store(&slot->dropped, 3);
	atomic_store(&slot->early, 2);
	atomic_store(&slot->high_addresses, 1);
	atomic_store(&slot->stacks_cut, 4);
	atomic_store(&slot->gave_up, MT_GAVE_UP_RINGS);
	producer_fixed(&parent, MT_EVENT_EXIT, MT_EXIT_IMMEDIATE, 0, 0, 0, 0);
	drain(&parent);
	assert_string_equal(process->end_reason, "_exit");
	assert_int_equal(process->dropped_events, 6);
	assert_int_equal(process->stacks_cut, 4);
	assert_int_equal(bench.collector->ledger.notes.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(bench.collector->ledger.notes.rows[i].process, process->id);
}

static void copies_that_nobody_comes_for_are_dropped(void **state)
{
	struct mt_forks *forks = &bench.collector->ledger.forks;

	(void)state;
	producer_fixed(&parent, MT_EVENT_FORK, 0, 0, 1, 0, 0);
	drain(&parent);
	assert_non_null(forks->first);
	mt_forks_expire(forks, forks->first->taken_ns + MT_FORKS_KEEP_NS - 1);
	assert_non_null(forks->first);
	mt_forks_expire(forks, forks->first->taken_ns + MT_FORKS_KEEP_NS);
	assert_null(forks->first);
}

static void threads_are_told_apart_by_their_ends(void **state)
{
	(void)state;
	drain(&parent);
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t index;

		assert_int_equal(mt_process_thread(process, 500 + i, 1000, &index), 0);
		assert_int_equal(index, i + 1);
	}
	process->threads[1].has_ended = true;
	process->threads[1].ended_ns = 2000;
	/* Back for one last event, and long after: another one. */
	assert_int_equal(process->threads[1].tid, 500);
	{
		uint32_t index;

		assert_int_equal(mt_process_thread(process, 500, 3000, &index), 0);
		assert_int_equal(index, 1);
		process->threads[1].has_ended = true;
		assert_int_equal(mt_process_thread(process, 500, 9000000000u, &index), 0);
		assert_int_equal(index, 1001);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_child_inherits_what_was_live_at_the_fork),
	        TEST(a_realloc_of_an_inherited_block_that_fails_leaves_it_inherited),
	        TEST(a_child_inherits_what_its_parent_had_inherited),
	        TEST(a_child_that_has_no_copy_says_so),
	        TEST(a_child_is_seen_without_any_event),
	        TEST(a_child_that_only_execs_leaves_no_row),
	        TEST(a_childs_end_is_heard_before_its_parents_past_is_applied),
	        TEST(a_process_that_vanishes_ends_after_all_that_it_published),
	        TEST(an_end_that_nobody_can_tell_of_is_a_vanishing),
	        TEST(what_the_kernel_says_of_an_end_counts),
	        TEST(a_ring_that_the_next_process_took_is_not_given_away),
	        TEST(an_exec_that_fails_changes_nothing),
	        TEST(an_image_that_does_not_come_back_was_not_traced),
	        TEST(what_the_process_lost_is_noted_at_its_end),
	        TEST(copies_that_nobody_comes_for_are_dropped),
	        TEST(threads_are_told_apart_by_their_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
