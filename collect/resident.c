/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resident.c - see resident.h.
 */
#include "collect/resident.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/bss.h"
#include "base/cleanup.h"
#include "base/procfs.h"
#include "collect/collector.h"
#include "collect/host.h"
#include "collect/kept.h"
#include "collect/libc.h"
#include "collect/lifecycle.h"
#include "collect/pools.h"

/* The process does not stand still for longer than this, whatever happens. */
#define FREEZE_NS 2000000000ull
/* Of a process that runs: so often, if mappings and pages do not belong together. */
#define TRIES 3u

static const char *const reasons[] = {[MT_RESIDENT_ASKED] = "asked",
                                      [MT_RESIDENT_EXIT] = "exit",
                                      [MT_RESIDENT_PEAK] = "peak",
                                      [MT_RESIDENT_PERIODIC] = "periodic"};

static int fail(struct mt_resident *resident, int status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static int fail(struct mt_resident *resident, int status, const char *format, ...)
{
	va_list arguments;

	/* The drain thread may find that it cannot copy while the pages cannot be read: the first one says why. */
	pthread_mutex_lock(&resident->mutex);
	if (!resident->status) {
		resident->status = status;
		va_start(arguments, format);
		vsnprintf(resident->message, sizeof(resident->message), format, arguments);
		va_end(arguments);
	}
	pthread_mutex_unlock(&resident->mutex);
	return status;
}

/* ---- The drain thread's part ---- */

/* A thread that has never called anything of interest is seen now for the first time. */
static int know_threads(struct mt_process *process, const struct mt_freeze *freeze, uint64_t now_ns)
{
	for (size_t i = 0; i < freeze->count; i++) {
		uint32_t tid = (uint32_t)freeze->threads[i].tid, index;
		int r;

		if (mt_map_find(&process->thread_index, tid, 0, &index) &&
		    process->threads[index].tid == tid && !process->threads[index].has_ended)
			continue;
		r = mt_process_thread(process, tid, now_ns, &index);
		if (r < 0)
			return r;
		process->threads[index].rings = 0;
	}
	return 0;
}

static int copy_live(struct mt_process *process, struct mt_ledger *ledger,
                     struct mt_resident *resident)
{
	struct mt_snapshot *snapshot = &resident->snapshot;
	uint32_t totals = (uint32_t)process->totals.count, threads;
	int r;

	snapshot->process = process->id;
	snapshot->reason = reasons[resident->reason];
	snapshot->time_ns = mt_stamp_ns(&ledger->stamps, ledger->cut_stamp);
	r = resident->freeze ? know_threads(process, resident->freeze, snapshot->time_ns) : 0;
	if (r < 0)
		return r;
	threads = (uint32_t)process->thread_count;
	snapshot->sample_bytes = process->estimate ? process->estimate->mean_bytes : 0;
	snapshot->total_count = totals ? totals : 1;
	snapshot->thread_count = threads;
	snapshot->nodes = calloc(snapshot->total_count + 1u, sizeof(*snapshot->nodes));
	snapshot->kinds = calloc(snapshot->total_count + 1u, sizeof(*snapshot->kinds));
	snapshot->threads = calloc(threads + 1u, sizeof(*snapshot->threads));
	resident->threads = calloc(threads + 1u, sizeof(*resident->threads));
	if (!snapshot->nodes || !snapshot->kinds || !snapshot->threads || !resident->threads)
		return -ENOMEM;
	/* Inherited blocks are on the process's pages like its own. */
	mt_past_flatten(process);
	r = mt_live_copy(&process->live, &snapshot->live);
	if (r == 0)
		r = mt_regions_copy(&process->regions, &resident->regions, &resident->region_count);
	if (r == 0)
		r = mt_growth_copy(&process->growth, &resident->growth, &resident->growth_count);
	if (r < 0)
		return r;
	resident->region_modules =
	        mt_pools_modules(resident->regions, resident->region_count, &ledger->stacks,
	                         &ledger->modules, process->identity.executable);
	if (!resident->region_modules)
		return -ENOMEM;
	for (uint32_t i = 1; i < totals; i++) {
		snapshot->nodes[i] = process->totals.rows[i].node;
		snapshot->kinds[i] = process->totals.rows[i].kind;
	}
	for (uint32_t i = 0; i < threads; i++) {
		struct mt_thread *thread = &process->threads[i];

		mt_ledger_number_thread(ledger, process, thread);
		snapshot->threads[i] = thread->id;
		if (!thread->has_ended)
			resident->threads[resident->thread_count++] =
			        (struct mt_resident_thread){thread->tid, thread->id};
	}
	snapshot->id = ++ledger->snapshot_ids;
	return 0;
}

static void settle(struct mt_resident *resident, enum mt_copy_state state)
{
	pthread_mutex_lock(&resident->mutex);
	resident->state = state;
	pthread_cond_signal(&resident->changed);
	pthread_mutex_unlock(&resident->mutex);
}

int mt_resident_copy_end(struct mt_ledger *ledger, struct mt_process *process,
                         struct mt_resident *resident)
{
	memcpy(resident->own, mt_segment_slots(ledger->segment)[resident->slot].own,
	       sizeof(resident->own));
	resident->state = MT_COPY_DONE;
	return copy_live(process, ledger, resident);
}

bool mt_resident_copy(struct mt_ledger *ledger, struct mt_resident *resident)
{
	struct mt_process *process =
	        mt_lifecycle_find(ledger, resident->slot, resident->generation);

	if (!resident->asked_round) {
		/* This round's heads may have been read before the process stood still. */
		resident->asked_round = ledger->round ? ledger->round : 1;
		ledger->wants_round = true;
		return false;
	}
	if (!process || process->has_ended) {
		fail(resident, -ESRCH, "the process has ended");
		settle(resident, MT_COPY_REFUSED);
		return true;
	}
	if (process->estimate) {
		fail(resident, -ENOTSUP,
		     "of a sampled heap (option sample=) most blocks are not known, so "
		     "pages cannot be given to them; memtrace maps shows the mappings");
		settle(resident, MT_COPY_REFUSED);
		return true;
	}
	if (process->attention & MT_ATTEND_QUIET && resident->reason != MT_RESIDENT_ASKED) {
		fail(resident, -EAGAIN, "the process has done nothing yet");
		settle(resident, MT_COPY_REFUSED);
		return true;
	}
	if (resident->reason != MT_RESIDENT_ASKED && !mt_kept_has_room(ledger, process)) {
		fail(resident, -ENOMEM, "too many blocks are live");
		settle(resident, MT_COPY_REFUSED);
		return true;
	}
	settle(resident, MT_COPY_BEGUN);
	if (process->attention & MT_ATTEND_QUIET)
		mt_lifecycle_reveal(ledger, process);
	memcpy(resident->own, mt_segment_slots(ledger->segment)[resident->slot].own,
	       sizeof(resident->own));
	if (copy_live(process, ledger, resident) < 0) {
		fail(resident, -ENOMEM, "the collector has no memory for a copy of %llu blocks",
		     (unsigned long long)process->live.count);
		settle(resident, MT_COPY_REFUSED);
		return true;
	}
	if (resident->reason == MT_RESIDENT_PEAK)
		process->looks_under_way++;
	settle(resident, MT_COPY_DONE);
	return true;
}

void mt_resident_refuse(struct mt_resident *resident)
{
	fail(resident, -ECANCELED, "the collector is about to end");
	settle(resident, MT_COPY_REFUSED);
}

/* ---- Reading ---- */

static uint64_t status_kb(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_status(struct mt_resident *resident)
{
	MT_CLEANUP_FREE char *text = NULL;
	size_t bytes;

	if (mt_procfs_read("", resident->pid, "status", 65536, &text, &bytes) < 0)
		return;
	resident->page_table_bytes = status_kb(text, "\nVmPTE:");
	mt_usage_read("", resident->pid, &resident->usage);
}

static int fail_to_read(struct mt_resident *resident, int r)
{
	return fail(resident, r, "/proc/%d cannot be read: %s", (int)resident->pid, strerror(-r));
}

/*
 * Is it the one that we mean? Its pid may be another one's by now, or be that of another namespace. What a process has
 * mapped cannot be made up, so it is believed where the process itself is not.
 */
static bool is_ours(const struct mt_resident *resident)
{
	const struct mt_collector *collector = resident->collector;

	for (size_t i = 0; i < resident->memory.smaps.count; i++) {
		const struct mt_vma *vma = &resident->memory.smaps.vmas[i];

		if (vma->inode == collector->segment_inode &&
		    strncmp(vma->owner, "/memfd:memtrace:", 16) == 0)
			return true;
	}
	return false;
}

/* Mappings and pages: of a process that runs until they say the same, or it is of no use. */
static int read_memory(struct mt_resident *resident)
{
	/* A peak does not wait. */
	uint32_t tries = resident->reason == MT_RESIDENT_PEAK ? 1 : TRIES;

	for (;;) {
		int r = mt_memory_read(resident->pid, resident->page_bytes, &resident->memory);

		resident->tries++;
		if (r == 0 && !resident->is_frozen)
			r = mt_memory_sort(resident->page_bytes, &resident->memory);
		if (r < 0)
			return fail_to_read(resident, r);
		if (!resident->is_frozen && !is_ours(resident))
			return fail(resident, -ESRCH, "the process has ended");
		if (resident->tries == tries || resident->is_frozen ||
		    mt_memory_agrees(&resident->memory))
			return 0;
		mt_memory_free(&resident->memory);
	}
}

/* ---- What is known of ranges ---- */

static const struct mt_vma *find_vma(const struct mt_smaps *smaps, uint64_t addr)
{
	size_t low = 0, high = smaps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (smaps->vmas[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < smaps->count && smaps->vmas[low].start <= addr ? &smaps->vmas[low] : NULL;
}

static uint32_t thread_row(const struct mt_resident *resident, pid_t tid)
{
	for (size_t i = 0; i < resident->thread_count; i++)
		if (resident->threads[i].tid == tid)
			return resident->threads[i].row;
	return MT_OWNER_NO_THREAD;
}

/* Whatever a mapping there was taken for. */
static void add_region(const struct mt_resident *resident, struct mt_regions *regions,
                       uint64_t start, uint64_t end, enum mt_region_kind kind, uint32_t key)
{
	mt_regions_put(regions, start, end - start, kind, key, resident->page_bytes);
}

/* The stack of a thread that stands still: where its stack pointer is, up to its thread's own data. */
static void add_stack(struct mt_resident *resident, struct mt_regions *regions,
                      const struct mt_frozen_thread *thread)
{
	const struct mt_vma *vma =
	        thread->sp ? find_vma(&resident->memory.smaps, thread->sp) : NULL;
	uint64_t end;

	if (!vma || vma->kind == MT_VMA_HEAP || vma->path[0] == '/')
		return;
	end = vma->end;
	if (vma->kind != MT_VMA_STACK) {
		/* A fiber's stack is somebody's block or mapping: it stays theirs. */
		if (thread->thread < thread->sp || thread->thread >= vma->end)
			return;
		if (end > thread->thread + MT_LIBC_ABOVE_THREAD_POINTER)
			end = thread->thread + MT_LIBC_ABOVE_THREAD_POINTER;
	}
	add_region(resident, regions, vma->start, end, MT_REGION_STACK,
	           thread_row(resident, thread->tid));
}

/* Of a process that was not stopped, the main thread's stack at least is known by its name. */
static void add_main_stack(const struct mt_resident *resident, struct mt_regions *regions)
{
	for (size_t i = 0; i < resident->memory.smaps.count; i++) {
		const struct mt_vma *vma = &resident->memory.smaps.vmas[i];

		if (vma->kind == MT_VMA_STACK)
			add_region(resident, regions, vma->start, vma->end, MT_REGION_STACK,
			           thread_row(resident, resident->pid));
	}
}

/* Is all of the range that is mapped at all anonymous and private? */
static bool is_anonymous(const struct mt_resident *resident, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < resident->memory.smaps.count; i++) {
		const struct mt_vma *vma = &resident->memory.smaps.vmas[i];

		if (vma->start < end && vma->end > start && vma->kind != MT_VMA_ANONYMOUS &&
		    vma->kind != MT_VMA_BSS)
			return false;
	}
	return true;
}

static bool is_memtraces(const struct mt_vma *vma)
{
	return strncmp(vma->owner, "/memfd:memtrace:", 16) == 0 ||
	       strstr(vma->owner, "/libmemtrace.so") != NULL;
}

static void add_memtraces(const struct mt_resident *resident, struct mt_regions *regions)
{
	for (size_t i = 0; i < resident->memory.smaps.count; i++) {
		const struct mt_vma *vma = &resident->memory.smaps.vmas[i];

		if (!is_memtraces(vma))
			continue;
		add_region(resident, regions, vma->start, vma->end, MT_REGION_MEMTRACE, 0);
	}
	for (size_t i = 0; i < MT_SLOT_RANGES; i++) {
		uint64_t start = resident->own[i].start, bytes = resident->own[i].bytes;

		/* What the process itself says is believed of anonymous memory alone. */
		if (bytes && bytes < UINT64_MAX - start &&
		    is_anonymous(resident, start, start + bytes))
			add_region(resident, regions, start, start + bytes, MT_REGION_MEMTRACE, 0);
	}
}

/* All that live, also those that were inherited: site 0. */
static struct mt_owner_block *list_blocks(struct mt_snapshot *snapshot, size_t *ret_count)
{
	uint64_t count = mt_snapshot_sort_all(snapshot);
	struct mt_owner_block *blocks = malloc((count + 1) * sizeof(*blocks));

	for (uint64_t i = 0; blocks && i < count; i++) {
		const struct mt_live_entry *entry = &snapshot->live.entries[i];

		blocks[i] =
		        (struct mt_owner_block){entry->addr, entry->size_bytes,
		                                entry->total & MT_LIVE_FLAGS ? 0 : entry->total};
	}
	*ret_count = count;
	return blocks;
}

/* Whose it is, whose call took it, and what holds it. */
static int find_all(struct mt_resident *resident, struct mt_owner_input *input)
{
	struct mt_growth_range *growers;
	int r = mt_anonymous_growers(resident->growth, resident->growth_count, input->regions,
	                             input->region_count, resident->snapshot.nodes, &growers,
	                             &input->grower_count);

	if (r < 0)
		return r;
	input->growers = growers;
	r = mt_owners_find(input, &resident->owners);
	if (r == 0)
		r = mt_anonymous_find(input, &resident->anonymous);
	if (r == 0)
		r = mt_pins_find(input, &resident->pins);
	free(growers);
	return r;
}

/* One more site for a stack of which the process has no totals: it has inherited what that mapped. */
static int add_site(struct mt_snapshot *snapshot, uint32_t node)
{
	size_t count = snapshot->total_count + 2u;
	uint32_t *nodes = realloc(snapshot->nodes, count * sizeof(*nodes));
	uint8_t *kinds;

	if (!nodes)
		return -ENOMEM;
	snapshot->nodes = nodes;
	kinds = realloc(snapshot->kinds, count * sizeof(*kinds));
	if (!kinds)
		return -ENOMEM;
	snapshot->kinds = kinds;
	nodes[snapshot->total_count] = node;
	kinds[snapshot->total_count++] = MT_KIND_MMAP;
	return 0;
}

/* The keys of regions are stacks: makes sites of them. */
static int name_regions(struct mt_snapshot *snapshot, struct mt_regions *regions)
{
	struct mt_map sites = {0};
	int r = 0;

	for (uint32_t i = 1; i < snapshot->total_count && r == 0; i++)
		r = mt_map_set(&sites, snapshot->nodes[i], 0, i);
	for (size_t i = 0; i < regions->count && r == 0; i++) {
		struct mt_region *region = &regions->rows[i];
		uint32_t site = 0;

		if (region->key && !mt_map_find(&sites, region->key, 0, &site)) {
			site = snapshot->total_count;
			r = add_site(snapshot, region->key);
			if (r == 0)
				r = mt_map_set(&sites, region->key, 0, site);
		}
		region->key = site;
	}
	mt_map_free(&sites);
	return r;
}

static int find_owners(struct mt_resident *resident, const struct mt_freeze *freeze)
{
	struct mt_regions regions = {.rows = resident->regions,
	                             .count = resident->region_count,
	                             .capacity = resident->region_count};
	size_t block_count;
	MT_CLEANUP_FREE struct mt_owner_block *blocks =
	        list_blocks(&resident->snapshot, &block_count);
	struct mt_owner_input input = {.smaps = &resident->memory.smaps,
	                               .pages = &resident->memory.pages,
	                               .blocks = blocks,
	                               .block_count = block_count,
	                               .page_bytes = resident->page_bytes};
	int r = name_regions(&resident->snapshot, &regions);

	resident->regions = NULL;
	if (r == 0 && blocks)
		r = mt_pools_mark(regions.rows, regions.count, resident->region_modules, blocks,
		                  block_count);
	input.sites = resident->snapshot.total_count;
	mt_bss_bound("", resident->pid, &resident->memory.smaps);
	for (size_t i = 0; i < freeze->count; i++)
		add_stack(resident, &regions, &freeze->threads[i]);
	if (!freeze->count)
		add_main_stack(resident, &regions);
	add_memtraces(resident, &regions);
	if (blocks)
		mt_libc_find(resident->pid, &input, &regions);
	input.regions = regions.rows;
	input.region_count = regions.count;
	if (r == 0)
		r = blocks ? find_all(resident, &input) : -ENOMEM;
	mt_regions_free(&regions);
	mt_snapshot_sort(&resident->snapshot);
	return r < 0 ? fail(resident, r, "out of memory") : 0;
}

/* ---- The snapshot thread ---- */

/* Until the copy is beyond `state`; deadline 0: however long it takes, as a question is always answered. */
static int wait_for_copy(struct mt_resident *resident, enum mt_copy_state state,
                         uint64_t deadline_ns)
{
	struct timespec until = {(time_t)(deadline_ns / 1000000000u),
	                         (long)(deadline_ns % 1000000000u)};
	int r = 0;

	pthread_mutex_lock(&resident->mutex);
	while (resident->state <= state && r == 0)
		r = deadline_ns ? pthread_cond_clockwait(&resident->changed, &resident->mutex,
		                                         CLOCK_MONOTONIC, &until)
		                : pthread_cond_wait(&resident->changed, &resident->mutex);
	pthread_mutex_unlock(&resident->mutex);
	return -r;
}

/*
 * Stops the process, if that is to be. At its end, one with a single thread stands still by itself: that thread waits for
 * us.
 */
static void stop(struct mt_resident *resident, uint64_t deadline_ns, struct mt_freeze *freeze)
{
	bool is_end = resident->reason == MT_RESIDENT_EXIT;

	if (!is_end && resident->reason != MT_RESIDENT_ASKED)
		return;
	if (is_end && mt_usage_threads("", resident->pid) == 1)
		resident->is_frozen = true;
	/* Whom we stop must be the one. */
	else if (!is_end || mt_host_maps(resident->pid, resident->collector->segment_inode) == 1)
		resident->is_frozen = mt_freeze(resident->pid, deadline_ns, freeze) == 0;
}

void mt_resident_take(struct mt_resident *resident)
{
	uint64_t began_ns = mt_stamp_monotonic_ns(), cpu_ns = mt_stamp_thread_ns();
	uint64_t deadline_ns = began_ns + FREEZE_NS;
	struct mt_freeze freeze = {0};
	int r;

	/* The numbers in another namespace's /proc are those of others. */
	if (!mt_host_has_proc()) {
		fail(resident, -ENOTSUP, "the collector has no /proc of its own pid namespace");
		return;
	}
	stop(resident, deadline_ns, &freeze);
	resident->freeze = &freeze;
	if (resident->state == MT_COPY_ASKED) {
		if (!mt_mailbox_post(&resident->collector->mail,
		                     &(struct mt_mail){.type = MT_MAIL_COPY, .resident = resident}))
			mt_resident_refuse(resident);
		mt_collector_wake(resident->collector);
	}
	r = read_memory(resident);
	read_status(resident);
	if (r == 0 && wait_for_copy(resident, MT_COPY_ASKED, deadline_ns) < 0)
		/* The drain thread is far behind. What it will copy belongs to another moment. */
		resident->is_frozen = false;
	resident->stopped_ns = mt_freeze_end(&freeze);
	mt_probe_read(&resident->collector->probe, resident);
	if (r == 0 && (r = mt_memory_sort(resident->page_bytes, &resident->memory)) < 0)
		fail_to_read(resident, r);
	if (r == 0 && !is_ours(resident))
		r = fail(resident, -ESRCH, "the process has ended");
	wait_for_copy(resident, MT_COPY_BEGUN, 0);
	resident->freeze = NULL;
	if (r == 0 && resident->state == MT_COPY_DONE)
		r = find_owners(resident, &freeze);
	if (r == 0)
		mt_kept_read("", resident->pid, &resident->kept);
	mt_freeze_free(&freeze);
	resident->took_ns = mt_stamp_monotonic_ns() - began_ns;
	resident->cpu_ns = mt_stamp_thread_ns() - cpu_ns;
}

struct mt_resident *mt_resident_new(struct mt_collector *collector, uint32_t slot,
                                    uint32_t generation, pid_t pid, enum mt_resident_reason reason)
{
	struct mt_resident *resident = calloc(1, sizeof(*resident));

	if (!resident)
		return NULL;
	resident->collector = collector;
	resident->slot = slot;
	resident->generation = generation;
	resident->pid = pid;
	resident->reason = reason;
	resident->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	resident->usage = mt_usage_nothing();
	pthread_mutex_init(&resident->mutex, NULL);
	pthread_cond_init(&resident->changed, NULL);
	return resident;
}

void mt_resident_free(struct mt_resident *resident)
{
	mt_snapshot_free(&resident->snapshot);
	free(resident->regions);
	free(resident->growth);
	free(resident->region_modules);
	free(resident->threads);
	mt_memory_free(&resident->memory);
	mt_owners_free(&resident->owners);
	mt_anonymous_free(&resident->anonymous);
	mt_pins_free(&resident->pins);
	mt_kept_free(&resident->kept);
	pthread_cond_destroy(&resident->changed);
	pthread_mutex_destroy(&resident->mutex);
	free(resident);
}
