/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.c - see commit.h.
 */
#include "collect/commit.h"

#include "collect/lifecycle.h"
#include "collect/output.h"
#include "collect/resident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A reader that writes symbols into the file holds it for moments; the writer waits 10 s each time. */
#define BUSY_TRIES 3

static int write_code(struct mt_writer *writer, const struct mt_batch *batch)
{
	int r = 0;

	for (size_t i = 0; i < batch->modules_count && r == 0; i++)
		r = mt_writer_module(writer, &batch->modules[i]);
	for (size_t i = 0; i < batch->frames_count && r == 0; i++)
		r = mt_writer_frame(writer, &batch->frames[i]);
	for (size_t i = 0; i < batch->stack_packs_count && r == 0; i++) {
		const struct mt_batch_pack *pack = &batch->stack_packs[i];

		r = mt_writer_stacks(writer, pack->number, &batch->stacks[pack->first],
		                     pack->count);
	}
	return r;
}

static struct mt_writer_block block_of(const struct mt_snapshot *snapshot,
                                       const struct mt_live_entry *entry)
{
	return (struct mt_writer_block){.addr = entry->addr,
	                                .size_bytes = entry->size_bytes,
	                                .born_ns = entry->born_ns,
	                                .stack = snapshot->nodes[entry->total],
	                                .kind = snapshot->kinds[entry->total],
	                                .thread = snapshot->threads[entry->thread]};
}

/* Many blocks are of one size; the blocks stand by address. */
static int write_weights(struct mt_writer *writer, const struct mt_snapshot *snapshot)
{
	int r = 0;

	for (uint64_t i = 0; i < snapshot->blocks && r == 0; i++) {
		uint64_t size_bytes = snapshot->live.entries[i].size_bytes;
		struct mt_weight weight = mt_snapshot_weight(snapshot, size_bytes);
		struct mt_writer_weight row = {.size_bytes = size_bytes,
		                               .blocks = weight.blocks,
		                               .bytes = weight.bytes,
		                               .blocks_variance = weight.blocks_variance,
		                               .bytes_variance = weight.bytes_variance};

		r = mt_writer_weight(writer, &row);
	}
	return r;
}

/* In packs; `stack` not 0: only those that it allocated. */
static int write_blocks(struct mt_writer *writer, const struct mt_snapshot *snapshot,
                        uint32_t stack)
{
	uint64_t most =
	        snapshot->blocks < MT_WRITER_BLOCKS_PACK ? snapshot->blocks : MT_WRITER_BLOCKS_PACK;
	struct mt_writer_block *rows = malloc((most + 1) * sizeof(*rows));
	uint32_t number = 0;
	size_t count = 0;
	int r = rows ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < snapshot->blocks && r == 0; i++) {
		rows[count] = block_of(snapshot, &snapshot->live.entries[i]);
		count += !stack || rows[count].stack == stack;
		if (count < MT_WRITER_BLOCKS_PACK)
			continue;
		r = mt_writer_blocks(writer, snapshot->id, number++, rows, count);
		count = 0;
	}
	if (r == 0)
		r = mt_writer_blocks(writer, snapshot->id, number, rows, count);
	free(rows);
	return r;
}

static int write_snapshot_row(struct mt_writer *writer, const struct mt_snapshot *snapshot)
{
	struct mt_writer_snapshot row = {.id = snapshot->id,
	                                 .process = snapshot->process,
	                                 .reason = snapshot->reason,
	                                 .time_ns = snapshot->time_ns,
	                                 .live_blocks = snapshot->live_blocks,
	                                 .live_bytes = snapshot->live_bytes};
	return mt_writer_snapshot(writer, &row);
}

static int write_snapshot(struct mt_writer *writer, struct mt_snapshot *snapshot)
{
	int r = write_snapshot_row(writer, snapshot);

	if (r == 0 && snapshot->sample_bytes)
		r = write_weights(writer, snapshot);
	return r < 0 ? r : write_blocks(writer, snapshot, 0);
}

static int write_mappings(struct mt_writer *writer, const struct mt_resident *resident)
{
	int r = 0;

	for (size_t i = 0; i < resident->memory.smaps.count && r == 0; i++) {
		const struct mt_vma *vma = &resident->memory.smaps.vmas[i];
		struct mt_writer_mapping row = {.snapshot = resident->snapshot.id,
		                                .start = vma->start,
		                                .end = vma->end,
		                                .mode = vma->permissions,
		                                .offset_bytes = vma->offset_bytes,
		                                .device_major = vma->device_major,
		                                .device_minor = vma->device_minor,
		                                .inode = vma->inode,
		                                .kind = mt_vma_kinds[vma->kind],
		                                .path = vma->path[0] ? vma->path : NULL,
		                                .owner = vma->owner[0] ? vma->owner : NULL,
		                                .flags = vma->flags[0] ? vma->flags : NULL,
		                                .resident_bytes = resident->owners.mappings[i]};

		for (unsigned int f = 0; f < MT_SMAPS_KNOWN; f++)
			row.fields[f] = mt_smaps_has(&resident->memory.smaps, f)
			                        ? (int64_t)vma->fields[f]
			                        : MT_WRITER_NULL;
		r = mt_writer_mapping(writer, &row);
	}
	return r;
}

/* A site of an owner is an index of totals; a stack with two kinds of allocation has two rows. */
static struct mt_writer_owner owner_of(const struct mt_resident *resident,
                                       const struct mt_owner *owner)
{
	struct mt_writer_owner row = {.bytes = owner->bytes,
	                              .pinned_bytes = owner->pinned_bytes,
	                              .returned_bytes = owner->returned_bytes};

	switch (mt_owner_keys[owner->kind]) {
	case MT_OWNER_KEY_SITE: row.stack = resident->snapshot.nodes[owner->key]; break;
	case MT_OWNER_KEY_THREAD:
		row.thread = owner->key == MT_OWNER_NO_THREAD ? 0 : owner->key;
		break;
	case MT_OWNER_KEY_MAPPING: row.stack = owner->node; break;
	}
	return row;
}

/* Those of a mapping and kind stand together. */
static int write_owners(struct mt_writer *writer, const struct mt_resident *resident)
{
	const struct mt_owner *rows = resident->owners.rows;
	struct mt_writer_owner *pack = malloc(MT_WRITER_OWNERS_PACK * sizeof(*pack));
	struct mt_writer_owners key = {.snapshot = resident->snapshot.id};
	int r = pack ? 0 : -ENOMEM;

	for (size_t i = 0; i < resident->owners.count && r == 0;) {
		size_t first = i, count = 0;

		do
			pack[count++] = owner_of(resident, &rows[i++]);
		while (count < MT_WRITER_OWNERS_PACK && i < resident->owners.count &&
		       rows[i].mapping == rows[first].mapping && rows[i].kind == rows[first].kind);
		key.number = first && rows[first].mapping == rows[first - 1].mapping &&
		                             rows[first].kind == rows[first - 1].kind
		                     ? key.number + 1
		                     : 0;
		key.kind = mt_owner_kinds[rows[first].kind];
		key.mapping = (int64_t)resident->memory.smaps.vmas[rows[first].mapping].start;
		r = mt_writer_owners(writer, &key, pack, count);
	}
	free(pack);
	return r;
}

static int write_growth(struct mt_writer *writer, const struct mt_resident *resident)
{
	int r = 0;

	for (size_t i = 0; i < resident->anonymous.count && r == 0; i++) {
		const struct mt_anonymous_row *from = &resident->anonymous.rows[i];
		struct mt_writer_anonymous row = {.snapshot = resident->snapshot.id,
		                                  .kind = mt_anonymous_kinds[from->kind],
		                                  .stack = from->node,
		                                  .resident_bytes = from->resident_bytes,
		                                  .swapped_bytes = from->swapped_bytes};

		r = mt_writer_anonymous(writer, &row);
	}
	for (size_t i = 0; i < resident->pins.count && r == 0; i++) {
		const struct mt_pin *from = &resident->pins.rows[i];
		struct mt_writer_pin row = {.snapshot = resident->snapshot.id,
		                            .kind = mt_growth_kinds[from->kind],
		                            .start = from->start,
		                            .end = from->end,
		                            .addr = from->block.addr,
		                            .size_bytes = from->block.size_bytes,
		                            .stack = resident->snapshot.nodes[from->block.site],
		                            .above_bytes = from->above_bytes};

		r = mt_writer_pin(writer, &row);
	}
	return r;
}

static int write_resident(struct mt_writer *writer, struct mt_resident *resident)
{
	const struct mt_smaps *smaps = &resident->memory.smaps;
	struct mt_writer_resident row = {
	        .snapshot = resident->snapshot.id,
	        .source = mt_pagemap_source_name(resident->memory.pages.source),
	        .is_frozen = resident->is_frozen,
	        .stopped_ns = resident->stopped_ns,
	        .tries = resident->tries,
	        .smaps_rss_bytes = mt_smaps_sum(smaps, MT_SMAPS_RSS),
	        .resident_bytes = resident->owners.resident_bytes,
	        .unexplained_bytes = resident->owners.unexplained_bytes,
	        .pss_bytes = mt_smaps_sum(smaps, MT_SMAPS_PSS),
	        .uss_bytes = mt_smaps_sum(smaps, MT_SMAPS_PRIVATE_CLEAN) +
	                     mt_smaps_sum(smaps, MT_SMAPS_PRIVATE_DIRTY),
	        .swap_bytes = mt_smaps_sum(smaps, MT_SMAPS_SWAP),
	        .hugetlb_bytes = mt_smaps_sum(smaps, MT_SMAPS_SHARED_HUGETLB) +
	                         mt_smaps_sum(smaps, MT_SMAPS_PRIVATE_HUGETLB),
	        .page_table_bytes = resident->page_table_bytes,
	        .peak_rss_bytes = resident->usage.peak_rss_bytes == MT_USAGE_UNKNOWN
	                                  ? 0
	                                  : (uint64_t)resident->usage.peak_rss_bytes,
	        .purgeable_bytes = resident->owners.purgeable_bytes,
	        .trim_step_bytes = resident->owners.trim_step_bytes};
	int r;

	if (resident->status)
		return 0;
	/* That of the end stands there with the live blocks. */
	r = resident->reason == MT_RESIDENT_EXIT ? 0
	                                         : write_snapshot_row(writer, &resident->snapshot);
	if (r == 0)
		r = mt_writer_resident(writer, &row);
	if (r == 0 && resident->blocks_of)
		r = write_blocks(writer, &resident->snapshot, resident->blocks_of);
	if (r == 0)
		r = write_mappings(writer, resident);
	if (r == 0)
		r = write_owners(writer, resident);
	if (r == 0)
		r = write_growth(writer, resident);
	for (size_t i = 0; i < resident->kept.count && r == 0; i++) {
		const struct mt_kept_row *from = &resident->kept.rows[i];
		struct mt_writer_meminfo to = {.snapshot = resident->snapshot.id,
		                               .source = from->source,
		                               .name = from->name,
		                               .value = from->value};

		r = mt_writer_meminfo(writer, &to);
	}
	return r;
}

static int write_processes(struct mt_writer *writer, const struct mt_batch *batch)
{
	int r = 0;

	for (size_t i = 0; i < batch->processes_count && r == 0; i++)
		r = mt_writer_process(writer, &batch->processes[i]);
	for (size_t i = 0; i < batch->threads_count && r == 0; i++)
		r = mt_writer_thread(writer, &batch->threads[i]);
	for (size_t i = 0; i < batch->total_packs_count && r == 0; i++) {
		const struct mt_batch_pack *pack = &batch->total_packs[i];

		r = mt_writer_totals(writer, pack->process, pack->number,
		                     &batch->totals[pack->first], pack->count);
	}
	for (size_t i = 0; i < batch->samples_count && r == 0; i++)
		r = mt_writer_sample(writer, &batch->samples[i]);
	for (size_t i = 0; i < batch->growths_count && r == 0; i++)
		r = mt_writer_growth(writer, &batch->growths[i]);
	for (size_t i = 0; i < batch->pauses_count && r == 0; i++)
		r = mt_writer_pause(writer, &batch->pauses[i]);
	for (size_t i = 0; i < batch->bad_frees_count && r == 0; i++)
		r = mt_writer_bad_free(writer, &batch->bad_frees[i]);
	for (size_t i = 0; i < batch->timeline_count && r == 0; i++)
		r = mt_writer_timeline(writer, &batch->timeline[i]);
	for (size_t i = 0; i < batch->thinned_count && r == 0; i++)
		r = mt_writer_thin_timeline(writer, batch->thinned[i]);
	for (size_t i = 0; i < batch->notes_count && r == 0; i++)
		r = mt_writer_note(writer, &batch->notes[i]);
	return r;
}

/* The figures of what is live at the end are those of the rows, whatever the counters say. */
static void count_ends(struct mt_batch *batch)
{
	for (size_t i = 0; i < batch->members_count; i++) {
		const struct mt_batch_member *member = &batch->members[i];
		struct mt_snapshot *snapshot;

		if (!member->is_end)
			continue;
		snapshot = &batch->snapshots[member->snapshot];
		mt_snapshot_sort(snapshot);
		batch->processes[member->row].live_blocks = snapshot->live_blocks;
		batch->processes[member->row].live_bytes = snapshot->live_bytes;
	}
}

int mt_commit_write(struct mt_writer *writer, struct mt_batch *batch)
{
	int r = mt_writer_begin(writer);

	if (r == 0)
		r = write_code(writer, batch);
	for (size_t i = 0; i < batch->dropped_count && r == 0; i++)
		r = mt_writer_drop_snapshot(writer, batch->dropped[i]);
	for (size_t i = 0; i < batch->snapshots_count && r == 0; i++)
		r = write_snapshot(writer, &batch->snapshots[i]);
	for (struct mt_resident *resident = batch->residents; resident && r == 0;
	     resident = resident->next)
		r = write_resident(writer, resident);
	if (r == 0)
		r = write_processes(writer, batch);
	if (r == 0)
		r = batch->is_last ? mt_writer_commit_last(writer) : mt_writer_commit(writer);
	return r;
}

static void fail(struct mt_commit *commit, int r, const struct mt_error *error)
{
	pthread_mutex_lock(&commit->mutex);
	commit->failure = r;
	commit->error = *error;
	pthread_mutex_unlock(&commit->mutex);
}

/* What was committed is in a file; but if that is gone, nobody is to believe that it is kept. */
static void check_file(struct mt_commit *commit)
{
	struct mt_error error;

	if (commit->failure || commit->file_fd < 0 || !mt_output_is_removed(commit->file_fd))
		return;
	mt_error_set(&error, -ENOENT, "it was removed while it was written");
	fail(commit, -ENOENT, &error);
}

static void write_or_fail(struct mt_commit *commit, struct mt_batch *batch)
{
	int r = 0;

	check_file(commit);

	for (int i = 0; i < BUSY_TRIES && !commit->failure; i++) {
		struct mt_error error;

		r = mt_commit_write(commit->writer, batch);
		if (r == 0)
			return;
		mt_error_set(&error, r, "%s", mt_writer_error(commit->writer));
		mt_writer_rollback(commit->writer);
		if (r == -EBUSY && i + 1 < BUSY_TRIES)
			continue;
		fail(commit, r, &error);
		return;
	}
}

/*
 * Nobody is left who could ask, and when the last process was the first one of its pid namespace, this is the last
 * moment of ours, too.
 */
static void remove_socket(const struct mt_commit *commit)
{
	if (!commit->socket_path || !commit->socket_path[0])
		return;
	unlink(commit->socket_path);
	rmdir(commit->folder);
}

/* Whoever waits for a snapshot of pages is answered. */
static void announce_residents(struct mt_commit *commit, const struct mt_batch *batch)
{
	for (const struct mt_resident *resident = batch->residents; resident;
	     resident = resident->next) {
		struct mt_mail mail;

		if (!resident->serial)
			continue;
		mail = (struct mt_mail){.type = MT_MAIL_WRITTEN,
		                        .stamp = resident->serial,
		                        .status = resident->status ? resident->status
		                                                   : commit->failure,
		                        .text = strdup(resident->message)};

		mt_mailbox_post(commit->to_service, &mail);
	}
}

/* Whoever waits for the end of a process may go on. */
static void announce(struct mt_commit *commit, const struct mt_batch *batch)
{
	if (batch->is_last)
		remove_socket(commit);
	announce_residents(commit, batch);
	/* Newer images stand first, and the last one said of a pid is to be its newest. */
	for (size_t i = batch->members_count; i-- > 0;) {
		const struct mt_batch_member *member = &batch->members[i];
		const struct mt_writer_process *row = &batch->processes[member->row];
		const struct mt_slot *slot = &mt_segment_slots(commit->segment)[member->slot];

		if (!member->is_end)
			continue;
		mt_lifecycle_commit_slot(commit->segment, member->slot,
		                         commit->failure ? MT_COMMITTED_LOST : MT_COMMITTED);
		mt_mailbox_post(
		        commit->to_service,
		        &(struct mt_mail){.type = MT_MAIL_ENDED,
		                          .pid = member->pid,
		                          .slot = member->slot,
		                          .generation = member->generation,
		                          .outcome = {.has_row = true,
		                                      .allocations = row->allocations,
		                                      .live_blocks = row->live_blocks,
		                                      .live_bytes = row->live_bytes,
		                                      .peak_bytes = row->peak_bytes,
		                                      .dropped_events = row->dropped_events,
		                                      .gave_up = atomic_load(&slot->gave_up) ==
		                                                 MT_GAVE_UP_HEARTBEAT}});
	}
}

static void *run(void *context)
{
	struct mt_commit *commit = context;

	pthread_setname_np(pthread_self(), "commit");
	pthread_mutex_lock(&commit->mutex);
	while (!commit->may_open && !commit->batch && !commit->is_stopping)
		pthread_cond_wait(&commit->changed, &commit->mutex);
	pthread_mutex_unlock(&commit->mutex);
	/* If it cannot be, the first batch will say why. */
	mt_writer_open(commit->writer);
	mt_writer_prepare(commit->writer);
	pthread_mutex_lock(&commit->mutex);
	for (;;) {
		struct mt_batch *batch = commit->batch;

		if (!batch && commit->is_stopping)
			break;
		if (!batch) {
			pthread_cond_wait(&commit->changed, &commit->mutex);
			continue;
		}
		commit->batch = NULL;
		pthread_mutex_unlock(&commit->mutex);
		count_ends(batch);
		write_or_fail(commit, batch);
		announce(commit, batch);
		pthread_mutex_lock(&commit->mutex);
		commit->done = batch;
		pthread_cond_broadcast(&commit->changed);
		pthread_mutex_unlock(&commit->mutex);
		commit->wake(commit->wake_context);
		pthread_mutex_lock(&commit->mutex);
	}
	pthread_mutex_unlock(&commit->mutex);
	return NULL;
}

void mt_commit_init(struct mt_commit *commit, struct mt_writer *writer, struct mt_segment *segment,
                    struct mt_mailbox *to_service, void (*wake)(void *context), void *wake_context)
{
	memset(commit, 0, sizeof(*commit));
	commit->writer = writer;
	commit->file_fd = -1;
	commit->segment = segment;
	commit->to_service = to_service;
	commit->wake = wake;
	commit->wake_context = wake_context;
	pthread_mutex_init(&commit->mutex, NULL);
	pthread_cond_init(&commit->changed, NULL);
}

int mt_commit_start(struct mt_commit *commit)
{
	return -pthread_create(&commit->thread, NULL, run, commit);
}

void mt_commit_open(struct mt_commit *commit)
{
	pthread_mutex_lock(&commit->mutex);
	commit->may_open = true;
	pthread_cond_broadcast(&commit->changed);
	pthread_mutex_unlock(&commit->mutex);
}

bool mt_commit_is_idle(struct mt_commit *commit)
{
	bool is_idle;

	pthread_mutex_lock(&commit->mutex);
	is_idle = !commit->is_busy;
	pthread_mutex_unlock(&commit->mutex);
	return is_idle;
}

void mt_commit_offer(struct mt_commit *commit, struct mt_batch *batch)
{
	pthread_mutex_lock(&commit->mutex);
	commit->batch = batch;
	commit->is_busy = true;
	pthread_cond_broadcast(&commit->changed);
	pthread_mutex_unlock(&commit->mutex);
}

struct mt_batch *mt_commit_collect(struct mt_commit *commit, bool wait)
{
	struct mt_batch *done;

	pthread_mutex_lock(&commit->mutex);
	while (wait && commit->is_busy && !commit->done)
		pthread_cond_wait(&commit->changed, &commit->mutex);
	done = commit->done;
	commit->done = NULL;
	if (done)
		commit->is_busy = false;
	pthread_mutex_unlock(&commit->mutex);
	return done;
}

int mt_commit_failure(struct mt_commit *commit, struct mt_error *ret_error)
{
	int failure;

	pthread_mutex_lock(&commit->mutex);
	failure = commit->failure;
	if (failure && ret_error)
		*ret_error = commit->error;
	pthread_mutex_unlock(&commit->mutex);
	return failure;
}

void mt_commit_free(struct mt_commit *commit)
{
	pthread_cond_destroy(&commit->changed);
	pthread_mutex_destroy(&commit->mutex);
}

void mt_commit_stop(struct mt_commit *commit)
{
	pthread_mutex_lock(&commit->mutex);
	commit->is_stopping = true;
	pthread_cond_broadcast(&commit->changed);
	pthread_mutex_unlock(&commit->mutex);
	pthread_join(commit->thread, NULL);
}
