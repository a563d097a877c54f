/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_past.c - collect/past.h: generations of processes that allocate, free, fork and end at random, against a model
 * in which every fork copies an array with a place for every address.
 */
#include "collect/batch.h"
#include "collect/past.h"
#include "tests/unit/producer.h"
#include "tests/unit/random.h"

#define ADDRESSES 200u
#define PROCESSES 1500u
#define AT_ONCE   24u
#define STEPS     60000u

enum state { NOTHING, OWN, INHERITED };

struct model {
	struct producer producer;
	enum state states[ADDRESSES];
	uint64_t sizes[ADDRESSES];
	uint64_t forks;
	uint64_t inherited_blocks;
	uint64_t inherited_bytes;
	uint64_t inherited_frees;
	uint64_t unmatched;
	bool is_alive;
};

static struct bench bench;
static struct model models[AT_ONCE];
static uint64_t seed, stamp, steps_done;
static int32_t pids;

static uint64_t address_of(uint32_t index)
{
	return 0x5500abcd0000u + index * 32u;
}

static struct producer *speak(struct model *model)
{
	model->producer.stamp = ++stamp;
	return &model->producer;
}

static void allocate(struct model *model, uint32_t at)
{
	if (model->states[at] != NOTHING)
		return;
	model->states[at] = OWN;
	model->sizes[at] = 1 + random_below(&seed, 1000);
	producer_alloc(speak(model), address_of(at), model->sizes[at], 1);
}

static void release(struct model *model, uint32_t at)
{
	model->unmatched += model->states[at] == NOTHING;
	model->inherited_frees += model->states[at] == INHERITED;
	model->states[at] = NOTHING;
	producer_free(speak(model), address_of(at));
}

static void fail_realloc(struct model *model, uint32_t at)
{
	producer_fixed(speak(model), MT_EVENT_REALLOC, MT_KIND_REALLOC, address_of(at), 0, 0, 0);
	producer_fixed(speak(model), MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, address_of(at), 0, 0,
	               0);
}

static void fork_one(struct model *parent, struct model *child)
{
	producer_fixed(speak(parent), MT_EVENT_FORK, 0, 0, ++parent->forks, 0, 0);
	memset(child, 0, sizeof(*child));
	producer_fork(&parent->producer, parent->forks, ++pids, ++stamp, &child->producer);
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		child->states[i] = parent->states[i] == NOTHING ? NOTHING : INHERITED;
		child->sizes[i] = parent->sizes[i];
		child->inherited_blocks += child->states[i] == INHERITED;
		child->inherited_bytes += child->states[i] == INHERITED ? child->sizes[i] : 0;
	}
	child->is_alive = true;
	producer_ring(&child->producer, MT_RING_BYTES_MIN);
	speak(child);
	producer_begin(&child->producer, (uint32_t)pids);
	stamp = child->producer.stamp;
	producer_stack(speak(child), 1, 0x1000);
}

static void check(const struct model *model)
{
	const struct mt_process *process = bench_process(&bench, &model->producer);
	uint64_t blocks = 0, bytes = 0;

	assert_non_null(process);
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		const struct mt_live_entry *entry = mt_live_find(&process->live, address_of(i));
		bool is_inherited = entry ? (entry->total & MT_LIVE_INHERITED) != 0
		                          : mt_past_find(process->inherited, address_of(i)) != NULL;

		blocks += model->states[i] == OWN;
		bytes += model->states[i] == OWN ? model->sizes[i] : 0;
		assert_int_equal(is_inherited, model->states[i] == INHERITED);
		assert_int_equal(entry && !(entry->total & MT_LIVE_FLAGS), model->states[i] == OWN);
	}
	assert_int_equal(process->totals.live_blocks, blocks);
	assert_int_equal(process->totals.live_bytes, bytes);
	assert_int_equal(process->inherited_blocks, model->inherited_blocks);
	assert_int_equal(process->inherited_bytes, model->inherited_bytes);
	assert_int_equal(process->inherited_frees, model->inherited_frees);
	assert_int_equal(process->unmatched_frees, model->unmatched);
	assert_int_equal(process->overwritten, 0);
	assert_false(process->lost_inheritance);
}

/* A round, and what the writer would do. */
static void settle(void)
{
	struct mt_batch *batch;

	bench_round(&bench);
	for (uint32_t i = 0; i < AT_ONCE; i++)
		if (models[i].is_alive)
			check(&models[i]);
	batch = mt_batch_build(&bench.collector->ledger);
	assert_non_null(batch);
	mt_batch_settle(batch);
	for (struct mt_mail *mail = mt_mailbox_take(&bench.to_service), *next; mail; mail = next) {
		next = mail->next;
		mt_mail_free(mail);
	}
}

static void end(struct model *model)
{
	struct mt_mail mail = {.type = MT_MAIL_GONE,
	                       .slot = model->producer.slot,
	                       .generation = model->producer.generation,
	                       .stamp = mt_stamp_monotonic_ns(),
	                       .reason = "exit",
	                       .status = 0,
	                       .signal = MT_MAIL_UNKNOWN};

	settle();
	producer_fixed(speak(model), MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 0, 0, 0);
	mt_mailbox_post(&bench.collector->mail, &mail);
	model->is_alive = false;
}

static uint32_t alive(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < AT_ONCE; i++)
		count += models[i].is_alive;
	return count;
}

static void step(void)
{
	struct model *model = &models[random_below(&seed, AT_ONCE)];
	struct model *other = &models[random_below(&seed, AT_ONCE)];
	uint32_t at = (uint32_t)random_below(&seed, ADDRESSES);
	uint64_t draw = random_below(&seed, 100);

	if (!model->is_alive)
		return;
	steps_done++;
	if (draw < 45)
		allocate(model, at);
	else if (draw < 85)
		release(model, at);
	else if (draw < 91)
		fail_realloc(model, at);
	else if (draw < 96 && !other->is_alive && pids < (int32_t)PROCESSES)
		fork_one(model, other);
	else if (draw < 98 && alive() > 1)
		end(model);
	else if (draw < 99)
		settle();
}

static void every_child_inherits_what_was_live_then(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 3; round++) {
		seed = round + 1;
		bench_open(&bench, 100);
		/* Room for many more stamps than there are steps. */
		stamp = bench.past + 1;
		pids = 100;
		memset(models, 0, sizeof(models));
		bench_start(&bench, pids, &models[0].producer);
		models[0].is_alive = true;
		stamp = models[0].producer.stamp;
		steps_done = 0;
		for (uint32_t i = 0; i < STEPS; i++)
			step();
		settle();
		/* The test has not run out of processes early. */
		assert_true(pids > 500);
		assert_true(steps_done > STEPS / 10);
		for (uint32_t i = 0; i < AT_ONCE; i++)
			if (models[i].is_alive)
				end(&models[i]);
		for (uint32_t i = 0; i < 4; i++)
			settle();
		assert_null(bench.collector->ledger.first);
		bench_close(&bench);
	}
}

static void a_fork_takes_no_copy_of_a_large_table(void **state)
{
	struct producer parent, child;
	struct mt_process *process;

	(void)state;
	bench_open(&bench, 100);
	bench_start(&bench, 100, &parent);
	for (uint64_t i = 0; i < 20000; i++) {
		producer_alloc(&parent, 0x10000 + 32 * i, 8, 1);
		if (i % 200 == 0)
			bench_round(&bench);
	}
	for (uint64_t serial = 1; serial <= 50; serial++) {
		producer_fixed(&parent, MT_EVENT_FORK, 0, 0, serial, 0, 0);
		producer_fork(&parent, serial, 100 + (int32_t)serial, parent.stamp++, &child);
		producer_free(&parent, 0x10000 + 32 * serial);
		bench_round(&bench);
		process = bench_process(&bench, &child);
		assert_non_null(process);
		assert_int_equal(process->inherited_blocks, 20000 - serial + 1);
		assert_int_equal(process->live.count, 0);
		assert_non_null(mt_past_find(process->inherited, 0x10000 + 32 * serial));
		assert_true(serial == 1 ||
		            !mt_past_find(process->inherited, 0x10000 + 32 * (serial - 1)));
		assert_true(process->inherited->changed.count <= 1);
	}
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_child_inherits_what_was_live_then),
	        cmocka_unit_test(a_fork_takes_no_copy_of_a_large_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
