/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owners.c - see owners.h.
 *
 * One sweep over mappings, runs of resident pages, regions and blocks, all by address.
 */
#include "collect/owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "collect/heapend.h"

const char *const mt_owner_kinds[MT_OWNER_KIND_COUNT] = {
#define NAME(name, text, key) [MT_OWNER_##name] = text,
        MT_OWNER_KINDS(NAME)
#undef NAME
};

const enum mt_owner_key mt_owner_keys[MT_OWNER_KIND_COUNT] = {
#define KEY(name, text, key) [MT_OWNER_##name] = MT_OWNER_KEY_##key,
        MT_OWNER_KINDS(KEY)
#undef KEY
};

/* What a site has on the page that is being looked at. */
struct share {
	uint32_t site;
	uint64_t bytes;
};

struct shares {
	struct share *rows;
	size_t count;
	size_t capacity;
	uint64_t live_bytes; /* of all */
	size_t largest;
};

struct sweep {
	const struct mt_owner_input *in;
	struct mt_owners *out;
	size_t block;              /* the first that ends behind the current address */
	size_t region;             /* the same */
	size_t grower;             /* the same */
	uint32_t node;             /* of what is added next: for whom it grew */
	bool has_blocks_in_break;  /* in one that was got by sbrk() itself, not by libc */
	struct mt_heapend heapend; /* what libc's malloc can cut off the break */
	/* of the current mapping */
	size_t mapping;
	bool has_blocks;
	uint64_t
	        last_block_end; /* of the whole break, if it is part of that; no block: its start */
	uint64_t cut_from;      /* from here on malloc_trim() gives all back; UINT64_MAX: nothing */
	uint32_t last_site;     /* of the last block */
	uint64_t above_bytes;   /* free pages above other_site_end */
	uint64_t
	        other_site_end; /* behind the last block of any other site, where it can be cut off */
	struct mt_owner_site *here; /* each site's in this mapping */
	uint32_t *sites_here;       /* those that have any */
	size_t sites_here_count;
	size_t capacity;
	struct shares shares; /* on the current page */
	struct shares huge;   /* in the current huge page */
	uint64_t bloat_bytes; /* of it, so far */
};

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t block_end(const struct mt_owner_block *block)
{
	/* malloc(0) has an address: it keeps its page, too */
	return block->addr + (block->size_bytes ? block->size_bytes : 1);
}

/* Rows are put together by gather() in the end; neighbours usually have the same owner. */
static int own(struct sweep *sweep, enum mt_owner_kind kind, uint32_t key, uint64_t bytes)
{
	struct mt_owners *out = sweep->out;
	struct mt_owner *last = out->count > 0 ? &out->rows[out->count - 1] : NULL;
	int r;

	if (bytes == 0)
		return 0;
	out->kinds[kind] += bytes;
	if (last && last->mapping == sweep->mapping && last->kind == kind && last->key == key &&
	    last->node == sweep->node) {
		last->bytes += bytes;
		return 0;
	}
	r = MT_ARRAY_RESERVE(out->rows, sweep->capacity, out->count + 1);
	if (r < 0)
		return r;
	out->rows[out->count++] = (struct mt_owner){.kind = kind,
	                                            .key = key,
	                                            .mapping = (uint32_t)sweep->mapping,
	                                            .node = sweep->node,
	                                            .bytes = bytes};
	return 0;
}

/* ---- Pages with live blocks ---- */

static int add_share(struct shares *shares, uint32_t site, uint64_t bytes)
{
	int r;

	for (size_t i = 0; i < shares->count; i++) {
		if (shares->rows[i].site == site) {
			shares->rows[i].bytes += bytes;
			return 0;
		}
	}
	r = MT_ARRAY_RESERVE(shares->rows, shares->capacity, shares->count + 1);
	if (r < 0)
		return r;
	shares->rows[shares->count++] = (struct share){site, bytes};
	return 0;
}

/* The sites on [start, end), by the bytes of their blocks. */
static int find_shares(const struct sweep *sweep, uint64_t start, uint64_t end,
                       struct shares *shares)
{
	const struct mt_owner_input *in = sweep->in;
	uint64_t covered = start;

	shares->count = shares->largest = 0;
	shares->live_bytes = 0;
	for (size_t i = sweep->block; i < in->block_count && in->blocks[i].addr < end; i++) {
		uint64_t from = max_of(in->blocks[i].addr, covered);
		uint64_t to = min_of(block_end(&in->blocks[i]), end);
		int r;

		if (to <= from)
			continue; /* blocks that overlap are not to be believed twice */
		r = add_share(shares, in->blocks[i].site, to - from);
		if (r < 0)
			return r;
		shares->live_bytes += to - from;
		covered = to;
	}
	for (size_t i = 1; i < shares->count; i++)
		if (shares->rows[i].bytes > shares->rows[shares->largest].bytes)
			shares->largest = i;
	return 0;
}

/* What of `bytes` falls to one of them; the largest has what is left over, too. They are few: this cannot overflow. */
static uint64_t part_of(const struct shares *shares, size_t index, uint64_t bytes)
{
	uint64_t given = 0;

	if (index != shares->largest)
		return bytes * shares->rows[index].bytes / shares->live_bytes;
	for (size_t i = 0; i < shares->count; i++)
		if (i != index)
			given += bytes * shares->rows[i].bytes / shares->live_bytes;
	return bytes - given;
}

/* The site has something in the current mapping. */
static void note_site(struct sweep *sweep, uint32_t site)
{
	if (sweep->here[site].live_bytes == 0 && sweep->here[site].bloat_bytes == 0)
		sweep->sites_here[sweep->sites_here_count++] = site;
}

/* The blocks' bytes on [start, end), which is one page or, where one block covers it all, many. */
static int own_by_blocks(struct sweep *sweep, uint64_t start, uint64_t end)
{
	struct shares *shares = &sweep->shares;
	int r = find_shares(sweep, start, end, shares);
	uint64_t slack;

	if (r < 0)
		return r;
	slack = end - start - shares->live_bytes;
	for (size_t i = 0; i < shares->count; i++) {
		const struct share *share = &shares->rows[i];
		struct mt_owner_site *site = &sweep->here[share->site];

		note_site(sweep, share->site);
		site->live_bytes += share->bytes;
		site->slack_bytes += slack ? part_of(shares, i, slack) : 0;
	}
	if (shares->count == 1)
		sweep->here[shares->rows[0].site].pinned_bytes += end - start;
	return 0;
}

/* ---- Huge pages ---- */

static uint64_t huge_bytes(const struct mt_owner_input *in)
{
	return in->page_bytes / sizeof(uint64_t) * in->page_bytes;
}

/* All of [start, end) is one huge page's. */
static int enter_huge(struct sweep *sweep, uint64_t start, uint64_t end)
{
	const struct mt_owner_input *in = sweep->in;

	sweep->bloat_bytes = 0;
	while (sweep->block < in->block_count && block_end(&in->blocks[sweep->block]) <= start)
		sweep->block++;
	return find_shares(sweep, start, end, &sweep->huge);
}

static void leave_huge(struct sweep *sweep)
{
	struct shares *huge = &sweep->huge;

	for (size_t i = 0; i < huge->count && sweep->bloat_bytes; i++)
		sweep->here[huge->rows[i].site].bloat_bytes += part_of(huge, i, sweep->bloat_bytes);
	if (huge->count == 1)
		sweep->here[huge->rows[0].site].pinned_bytes += sweep->bloat_bytes;
	huge->count = 0;
}

/* What the sites have in the mapping becomes rows. */
static int leave_mapping(struct sweep *sweep)
{
	/* A site of which nothing is resident has no row. */
	if (sweep->has_blocks && sweep->here[sweep->last_site].live_bytes)
		sweep->here[sweep->last_site].above_bytes = sweep->above_bytes;
	sweep->above_bytes = 0;
	for (size_t i = 0; i < sweep->sites_here_count; i++) {
		uint32_t key = sweep->sites_here[i];
		struct mt_owner_site *here = &sweep->here[key], *site = &sweep->out->sites[key];
		int r = own(sweep, MT_OWNER_LIVE, key, here->live_bytes);

		if (r < 0)
			return r;
		if (here->live_bytes) {
			struct mt_owner *row = &sweep->out->rows[sweep->out->count - 1];

			row->pinned_bytes = here->pinned_bytes;
			row->returned_bytes = here->pinned_bytes + here->above_bytes;
		}
		r = own(sweep, MT_OWNER_SLACK, key, here->slack_bytes);
		if (r == 0)
			r = own(sweep, MT_OWNER_BLOAT, key, here->bloat_bytes);
		if (r < 0)
			return r;
		site->live_bytes += here->live_bytes;
		site->slack_bytes += here->slack_bytes;
		site->pinned_bytes += here->pinned_bytes;
		site->bloat_bytes += here->bloat_bytes;
		site->above_bytes += here->above_bytes;
		memset(here, 0, sizeof(*here));
	}
	sweep->sites_here_count = 0;
	return 0;
}

/* ---- Pages without ---- */

static enum mt_owner_kind kind_of_mapping(enum mt_vma_kind kind)
{
	switch (kind) {
	case MT_VMA_TEXT: return MT_OWNER_TEXT;
	case MT_VMA_RODATA: return MT_OWNER_RODATA;
	case MT_VMA_DATA: return MT_OWNER_DATA;
	case MT_VMA_BSS: return MT_OWNER_BSS;
	case MT_VMA_FILE: return MT_OWNER_FILE;
	case MT_VMA_SHARED: return MT_OWNER_SHARED;
	case MT_VMA_KERNEL:
	case MT_VMA_DEVICE: return MT_OWNER_OTHER;
	case MT_VMA_STACK: return MT_OWNER_STACK;
	case MT_VMA_HEAP: return MT_OWNER_FREE;
	case MT_VMA_ANONYMOUS:
	case MT_VMA_KIND_COUNT: break;
	}
	return MT_OWNER_UNEXPLAINED;
}

/* [start, end) is of that kind, for those for whom it grew; what is not known to have grown is `otherwise`. */
static int own_by_growth(struct sweep *sweep, enum mt_owner_kind kind, enum mt_owner_kind otherwise,
                         uint64_t start, uint64_t end)
{
	const struct mt_owner_input *in = sweep->in;
	uint64_t to;
	int r = 0;

	for (uint64_t at = start; at < end && r == 0; at = to) {
		const struct mt_growth_range *grower;
		bool has_grown;

		while (sweep->grower < in->grower_count && in->growers[sweep->grower].end <= at)
			sweep->grower++;
		grower = sweep->grower < in->grower_count ? &in->growers[sweep->grower] : NULL;
		has_grown = grower && grower->start <= at;
		to = has_grown ? min_of(end, grower->end)
		     : grower  ? min_of(end, grower->start)
		               : end;
		sweep->node = has_grown ? grower->node : 0;
		r = own(sweep, has_grown ? kind : otherwise, (uint32_t)sweep->mapping, to - at);
		sweep->node = 0;
	}
	return r;
}

/* How much of [start, end), in which no block lives, is so far from the next ones that no slab of theirs reaches there. */
static uint64_t far_from_blocks(const struct sweep *sweep, uint64_t start, uint64_t end)
{
	const struct mt_owner_input *in = sweep->in;

	if (sweep->block > 0)
		start = max_of(start,
		               block_end(&in->blocks[sweep->block - 1]) + MT_OWNER_SLAB_BYTES);
	if (sweep->block < in->block_count &&
	    in->blocks[sweep->block].addr < end + MT_OWNER_SLAB_BYTES)
		end = max_of(in->blocks[sweep->block].addr, MT_OWNER_SLAB_BYTES) -
		      MT_OWNER_SLAB_BYTES;
	/* What is shorter may be an allocator's own small things between two that it gives back. */
	if (end < start + MT_OWNER_SLAB_BYTES)
		return 0;
	return (end - start) / in->page_bytes * in->page_bytes;
}

/* Pages [start, end) of an allocator's, none of them with a live block; from `top` on they are a heap's top. */
static int own_free(struct sweep *sweep, uint64_t start, uint64_t end, uint64_t top)
{
	int r;

	if (sweep->huge.count > 0) {
		sweep->bloat_bytes += end - start;
		return 0;
	}
	top = max_of(start, min_of(top, end));
	r = own_by_growth(sweep, MT_OWNER_FREE, MT_OWNER_FREE, start, top);
	return r < 0 ? r : own_by_growth(sweep, MT_OWNER_TOP, MT_OWNER_TOP, top, end);
}

/* The same of an allocator that gets its memory inside libc: free pages above the last other site's block go with it. */
static int own_by_allocator(struct sweep *sweep, uint64_t start, uint64_t end)
{
	bool is_heap = sweep->in->smaps->vmas[sweep->mapping].kind == MT_VMA_HEAP;

	if (sweep->has_blocks && sweep->huge.count == 0 && end > sweep->other_site_end)
		sweep->above_bytes += end - max_of(start, sweep->other_site_end);
	if (!is_heap || !sweep->has_blocks_in_break) {
		if (start < sweep->last_block_end)
			sweep->out->purgeable_bytes += min_of(end, sweep->last_block_end) - start;
		if (end > sweep->cut_from)
			sweep->out->purgeable_bytes += end - max_of(start, sweep->cut_from);
	}
	return own_free(sweep, start, end,
	                sweep->has_blocks || is_heap ? sweep->last_block_end : end);
}

static bool has_block_in(const struct mt_owner_input *in, uint64_t start, uint64_t end)
{
	size_t low = 0, high = in->block_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (in->blocks[middle].addr < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < in->block_count && in->blocks[low].addr < end;
}

/* Blocks live in what was mapped: then it was mapped by an allocator, to hand it out in pieces. */
static bool has_live_block(const struct mt_owner_input *in, const struct mt_region *region)
{
	return has_block_in(in, region->start, region->end);
}

/* The same of the break. The first and the last page may be half malloc's. */
static bool has_blocks_in_break(const struct mt_owner_input *in)
{
	for (size_t i = 0; i < in->region_count; i++) {
		const struct mt_region *region = &in->regions[i];

		if (region->kind == MT_REGION_BREAK &&
		    has_block_in(in, region->start + in->page_bytes, region->end - in->page_bytes))
			return true;
	}
	return false;
}

static int own_by_region(struct sweep *sweep, const struct mt_region *region, uint64_t start,
                         uint64_t end)
{
	switch (region->kind) {
	case MT_REGION_BREAK:
		if (sweep->has_blocks_in_break)
			break;
		sweep->out->sites[region->key].mapped_bytes += end - start;
		return own(sweep, MT_OWNER_MMAP, region->key, end - start);
	case MT_REGION_MMAP:
		if (has_live_block(sweep->in, region))
			return own_free(sweep, start, end, end);
		sweep->out->sites[region->key].mapped_bytes += end - start;
		return own(sweep, MT_OWNER_MMAP, region->key, end - start);
	case MT_REGION_POOL:
		/* In one without any block may be what the allocator keeps books in. */
		if (has_live_block(sweep->in, region))
			sweep->out->purgeable_bytes += far_from_blocks(sweep, start, end);
		return own_free(sweep, start, end, end);
	case MT_REGION_STACK: return own(sweep, MT_OWNER_STACK, region->key, end - start);
	case MT_REGION_MEMTRACE:
		return own(sweep, MT_OWNER_MEMTRACE, (uint32_t)sweep->mapping, end - start);
	case MT_REGION_LOADER:
		return own(sweep, MT_OWNER_OTHER, (uint32_t)sweep->mapping, end - start);
	case MT_REGION_ALLOCATOR: break;
	}
	return own_by_allocator(sweep, start, end);
}

static int own_by_mapping(struct sweep *sweep, uint64_t start, uint64_t end)
{
	const struct mt_vma *vma = &sweep->in->smaps->vmas[sweep->mapping];
	enum mt_vma_kind kind = vma->kind == MT_VMA_BSS ? MT_VMA_ANONYMOUS : vma->kind;

	if (start < vma->bss_end) {
		uint64_t to = min_of(end, vma->bss_end);
		int r = own(sweep, MT_OWNER_BSS, (uint32_t)sweep->mapping, to - start);

		if (r < 0 || to == end)
			return r;
		start = to;
	}
	if (kind == MT_VMA_HEAP || (kind == MT_VMA_ANONYMOUS && sweep->has_blocks))
		return own_by_allocator(sweep, start, end);
	if (kind == MT_VMA_STACK)
		return own(sweep, MT_OWNER_STACK, MT_OWNER_NO_THREAD, end - start);
	if (kind == MT_VMA_ANONYMOUS)
		return own_by_growth(sweep, MT_OWNER_FREE, MT_OWNER_UNEXPLAINED, start, end);
	return own(sweep, kind_of_mapping(kind), (uint32_t)sweep->mapping, end - start);
}

static int own_without_blocks(struct sweep *sweep, uint64_t start, uint64_t end)
{
	const struct mt_owner_input *in = sweep->in;
	uint64_t to;

	for (uint64_t at = start; at < end; at = to) {
		const struct mt_region *region;
		int r;

		while (sweep->region < in->region_count && in->regions[sweep->region].end <= at)
			sweep->region++;
		region = sweep->region < in->region_count ? &in->regions[sweep->region] : NULL;
		if (region && region->start <= at) {
			to = min_of(end, region->end);
			r = own_by_region(sweep, region, at, to);
		} else {
			to = region ? min_of(end, region->start) : end;
			r = own_by_mapping(sweep, at, to);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- The sweep ---- */

/* A run of resident pages inside the current mapping. */
static int sweep_run(struct sweep *sweep, uint64_t start, uint64_t end)
{
	const struct mt_owner_input *in = sweep->in;
	uint64_t page = in->page_bytes;
	uint64_t to;

	for (uint64_t at = start; at < end; at = to) {
		const struct mt_owner_block *block;
		int r;

		while (sweep->block < in->block_count && block_end(&in->blocks[sweep->block]) <= at)
			sweep->block++;
		block = sweep->block < in->block_count ? &in->blocks[sweep->block] : NULL;
		if (!block || block->addr >= end) {
			to = end;
			r = own_without_blocks(sweep, at, to);
		} else if (block->addr >= at + page) {
			to = block->addr / page * page;
			r = own_without_blocks(sweep, at, to);
		} else {
			/* A large block's whole pages at once. */
			to = at + page;
			if (block->addr <= at && block_end(block) >= to + page)
				to = min_of(end, block_end(block) / page * page);
			r = own_by_blocks(sweep, at, to);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static uint64_t page_end(const struct mt_owner_input *in, const struct mt_owner_block *block)
{
	return (block_end(block) + in->page_bytes - 1) / in->page_bytes * in->page_bytes;
}

/* The blocks of a mapping tell what it is for. */
static void look_at_mapping(struct sweep *sweep, size_t mapping)
{
	const struct mt_owner_input *in = sweep->in;
	const struct mt_vma *vma = &in->smaps->vmas[mapping];
	bool is_heap = vma->kind == MT_VMA_HEAP;
	uint64_t end = is_heap ? sweep->heapend.break_end : vma->end;
	size_t low = sweep->block, high = in->block_count;

	while (low < in->block_count && block_end(&in->blocks[low]) <= vma->start)
		low++;
	sweep->block = low;
	sweep->mapping = mapping;
	sweep->has_blocks = low < in->block_count && in->blocks[low].addr < vma->end;
	sweep->last_block_end = sweep->other_site_end = vma->start;
	if (low < in->block_count && in->blocks[low].addr < end) {
		/* the last one that starts there */
		while (high - low > 1) {
			size_t middle = low + (high - low) / 2;

			if (in->blocks[middle].addr < end)
				low = middle;
			else
				high = middle;
		}
		sweep->last_block_end = page_end(in, &in->blocks[low]);
		sweep->last_site = in->blocks[low].site;
		while (low > sweep->block && in->blocks[low].site == sweep->last_site)
			low--;
		if (in->blocks[low].site != sweep->last_site)
			sweep->other_site_end = page_end(in, &in->blocks[low]);
	}
	/* Of other arenas malloc_trim() leaves the end alone. */
	sweep->cut_from =
	        is_heap ? mt_heapend_cut(&sweep->heapend, sweep->last_block_end) : UINT64_MAX;
	if (is_heap)
		sweep->other_site_end = mt_heapend_cut(&sweep->heapend, sweep->other_site_end);
}

/* Resident pages of the current mapping; those of huge pages one huge page at a time. */
static int sweep_pages(struct sweep *sweep, uint64_t start, uint64_t end, bool is_huge)
{
	uint64_t huge = huge_bytes(sweep->in);
	int r = 0;

	if (!is_huge)
		return sweep_run(sweep, start, end);
	for (uint64_t at = start, to; at < end && r == 0; at = to) {
		to = min_of(end, at / huge * huge + huge);
		r = enter_huge(sweep, at, to);
		if (r == 0)
			r = sweep_run(sweep, at, to);
		leave_huge(sweep);
	}
	return r;
}

static int sweep_all(struct sweep *sweep)
{
	const struct mt_owner_input *in = sweep->in;
	size_t run = 0;

	sweep->has_blocks_in_break = has_blocks_in_break(in);
	sweep->heapend = mt_heapend_find(in->smaps, in->page_bytes, huge_bytes(in));
	if (sweep->heapend.break_end)
		sweep->out->trim_step_bytes = sweep->heapend.step_bytes;
	for (size_t i = 0; i < in->smaps->count; i++) {
		const struct mt_vma *vma = &in->smaps->vmas[i];
		int r;

		look_at_mapping(sweep, i);
		while (run < in->pages->count && in->pages->runs[run].end <= vma->start)
			run++;
		for (size_t j = run; j < in->pages->count && in->pages->runs[j].start < vma->end;
		     j++) {
			const struct mt_page_run *pages = &in->pages->runs[j];
			uint64_t start = max_of(pages->start, vma->start);
			uint64_t end = min_of(pages->end, vma->end);

			if (pages->bits & MT_PAGE_SWAPPED)
				sweep->out->swapped_bytes += end - start;
			if (!(pages->bits & MT_PAGE_RESIDENT))
				continue;
			sweep->out->mappings[i] += end - start;
			sweep->out->resident_bytes += end - start;
			r = sweep_pages(sweep, start, end, pages->bits & MT_PAGE_HUGE);
			if (r < 0)
				return r;
		}
		r = leave_mapping(sweep);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_owner(const void *left, const void *right)
{
	const struct mt_owner *a = left, *b = right;

	if (a->mapping != b->mapping)
		return a->mapping < b->mapping ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

/* Each owner gets one row a mapping. */
static void gather(struct mt_owners *out)
{
	size_t kept = 0;

	if (out->count == 0)
		return;
	qsort(out->rows, out->count, sizeof(*out->rows), by_owner);
	for (size_t i = 1; i < out->count; i++) {
		if (by_owner(&out->rows[kept], &out->rows[i]) == 0)
			out->rows[kept].bytes += out->rows[i].bytes;
		else
			out->rows[++kept] = out->rows[i];
	}
	out->count = kept + 1;
}

int mt_owners_find(const struct mt_owner_input *input, struct mt_owners *ret_owners)
{
	struct mt_owners owners = {0};
	struct sweep sweep = {.in = input, .out = &owners};
	int r = -ENOMEM;

	owners.sites = calloc(input->sites + 1u, sizeof(*owners.sites));
	owners.mappings = calloc(input->smaps->count + 1u, sizeof(*owners.mappings));
	sweep.here = calloc(input->sites + 1u, sizeof(*sweep.here));
	sweep.sites_here = calloc(input->sites + 1u, sizeof(*sweep.sites_here));
	if (owners.sites && owners.mappings && sweep.here && sweep.sites_here)
		r = sweep_all(&sweep);
	free(sweep.shares.rows);
	free(sweep.huge.rows);
	free(sweep.here);
	free(sweep.sites_here);
	if (r < 0) {
		mt_owners_free(&owners);
		return r;
	}
	gather(&owners);
	owners.unexplained_bytes = owners.kinds[MT_OWNER_UNEXPLAINED];
	*ret_owners = owners;
	return 0;
}

void mt_owners_free(struct mt_owners *owners)
{
	free(owners->rows);
	free(owners->sites);
	free(owners->mappings);
	memset(owners, 0, sizeof(*owners));
}
