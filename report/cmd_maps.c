/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_maps.c - memtrace maps: the mappings of a process, with what is resident of each.
 *
 * What pmap -x and -X show and more: what each mapping is, sums by that, sorting, JSON. Needs no tracing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/smaps.h"
#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/json.h"
#include "report/pid.h"
#include "report/say.h"
#include "report/table.h"
#include "report/text.h"

/* ---- Figures of a mapping ---- */

enum figure_type { FIGURE_FIELD, FIGURE_DIRTY, FIGURE_UNIQUE };

/* A column of bytes, or of a plain number, in the order of every listing. */
struct figure {
	const char *key;   /* of JSON and CSV */
	const char *title; /* of --wide: the kernel's word */
	const char *brief; /* of the short listing; NULL: not there */
	enum mt_column_type type;
	enum figure_type from;
	enum mt_smaps_field field; /* also of the other two: they are there when this one is */
};

#define FIELD(key, title, brief, field)                                            \
	{                                                                          \
		key, title, brief, MT_COLUMN_BYTES, FIGURE_FIELD, MT_SMAPS_##field \
	}
static const struct figure figures[] = {
        FIELD("size_bytes", "Size", "size", SIZE),
        FIELD("rss_bytes", "Rss", "rss", RSS),
        FIELD("pss_bytes", "Pss", "pss", PSS),
        {"uss_bytes", "Uss", NULL, MT_COLUMN_BYTES, FIGURE_UNIQUE, MT_SMAPS_PRIVATE_DIRTY},
        {"dirty_bytes", "Dirty", "dirty", MT_COLUMN_BYTES, FIGURE_DIRTY, MT_SMAPS_PRIVATE_DIRTY},
        FIELD("anonymous_bytes", "Anonymous", "anon", ANONYMOUS),
        FIELD("swap_bytes", "Swap", "swap", SWAP),
        FIELD("swap_pss_bytes", "SwapPss", NULL, SWAP_PSS),
        FIELD("pss_dirty_bytes", "Pss_Dirty", NULL, PSS_DIRTY),
        FIELD("shared_clean_bytes", "Shared_Clean", NULL, SHARED_CLEAN),
        FIELD("shared_dirty_bytes", "Shared_Dirty", NULL, SHARED_DIRTY),
        FIELD("private_clean_bytes", "Private_Clean", NULL, PRIVATE_CLEAN),
        FIELD("private_dirty_bytes", "Private_Dirty", NULL, PRIVATE_DIRTY),
        FIELD("referenced_bytes", "Referenced", NULL, REFERENCED),
        FIELD("ksm_bytes", "KSM", NULL, KSM),
        FIELD("lazy_free_bytes", "LazyFree", NULL, LAZY_FREE),
        FIELD("anon_huge_bytes", "AnonHugePages", NULL, ANON_HUGE),
        FIELD("shmem_pmd_bytes", "ShmemPmdMapped", NULL, SHMEM_PMD),
        FIELD("file_pmd_bytes", "FilePmdMapped", NULL, FILE_PMD),
        FIELD("shared_hugetlb_bytes", "Shared_Hugetlb", NULL, SHARED_HUGETLB),
        FIELD("private_hugetlb_bytes", "Private_Hugetlb", NULL, PRIVATE_HUGETLB),
        FIELD("locked_bytes", "Locked", NULL, LOCKED),
        FIELD("kernel_page_bytes", "KernelPageSize", NULL, KERNEL_PAGE_SIZE),
        FIELD("mmu_page_bytes", "MMUPageSize", NULL, MMU_PAGE_SIZE),
        {"thp_eligible", "THPeligible", NULL, MT_COLUMN_NUMBER, FIGURE_FIELD,
         MT_SMAPS_THP_ELIGIBLE},
        {"protection_key", "ProtectionKey", NULL, MT_COLUMN_NUMBER, FIGURE_FIELD,
         MT_SMAPS_PROTECTION_KEY},
};
#undef FIELD
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static uint64_t figure_of(const struct figure *figure, const struct mt_vma *vma)
{
	switch (figure->from) {
	case FIGURE_DIRTY: return mt_vma_dirty(vma);
	case FIGURE_UNIQUE: return mt_vma_unique(vma);
	case FIGURE_FIELD: break;
	}
	return vma->fields[figure->field];
}

static const struct figure *find_figure(const char *word)
{
	for (size_t i = 0; i < FIGURES; i++) {
		const struct figure *figure = &figures[i];
		size_t length = strlen(word);

		if ((figure->brief && strcmp(figure->brief, word) == 0) ||
		    strcasecmp(figure->title, word) == 0 ||
		    (strncmp(figure->key, word, length) == 0 &&
		     (figure->key[length] == '\0' || strcmp(figure->key + length, "_bytes") == 0)))
			return figure;
	}
	return NULL;
}

/* ---- A process ---- */

struct report {
	pid_t pid;
	const char *command;
	struct mt_smaps smaps;
	struct mt_vma **order; /* as it is to be listed */
	size_t limit;          /* 0: none */
	struct mt_arena arena;
};

/* A row of sums: of a kind, or of everything. */
struct sum {
	const char *name;
	uint64_t mappings;
	uint64_t figures[FIGURES];
	uint64_t writable_private_bytes;
	uint64_t shared_bytes;
};

static void add(struct sum *sum, const struct mt_vma *vma)
{
	sum->mappings++;
	for (size_t i = 0; i < FIGURES; i++)
		sum->figures[i] += figure_of(&figures[i], vma);
	if (vma->permissions[3] == 's')
		sum->shared_bytes += vma->end - vma->start;
	else if (vma->permissions[1] == 'w')
		sum->writable_private_bytes += vma->end - vma->start;
}

static struct sum sum_of(const struct report *report)
{
	struct sum sum = {.name = "total"};

	for (size_t i = 0; i < report->smaps.count; i++)
		add(&sum, &report->smaps.vmas[i]);
	return sum;
}

static const char *owner_text(struct mt_arena *arena, const struct mt_vma *vma)
{
	return vma->owner[0] ? mt_text_clean(arena, vma->owner) : NULL;
}

/* ---- text ---- */

#define SUMMARY_FIGURES 7u /* the first ones: size to swap */

static void put_figures(const struct report *report, struct mt_value *values, const uint64_t *sums,
                        size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (mt_smaps_has(&report->smaps, figures[i].field))
			values[i] = mt_value_number((int64_t)sums[i]);
}

static void print_summary(const struct report *report)
{
	struct mt_column columns[SUMMARY_FIGURES + 2] = {
	        {"kind", "kind", MT_COLUMN_TEXT},    {"mappings", "mappings", MT_COLUMN_COUNT},
	        {"vss", "vss", MT_COLUMN_BYTES},     {"rss", "rss", MT_COLUMN_BYTES},
	        {"pss", "pss", MT_COLUMN_BYTES},     {"uss", "uss", MT_COLUMN_BYTES},
	        {"dirty", "dirty", MT_COLUMN_BYTES}, {"anonymous", "anonymous", MT_COLUMN_BYTES},
	        {"swap", "swap", MT_COLUMN_BYTES},
	};
	struct sum kinds[MT_VMA_KIND_COUNT + 1] = {0};
	struct mt_table table;

	for (size_t i = 0; i < MT_VMA_KIND_COUNT; i++)
		kinds[i].name = mt_vma_kinds[i];
	for (size_t i = 0; i < report->smaps.count; i++)
		add(&kinds[report->smaps.vmas[i].kind], &report->smaps.vmas[i]);
	kinds[MT_VMA_KIND_COUNT] = sum_of(report);
	mt_table_init(&table, columns, SUMMARY_FIGURES + 2);
	for (size_t i = 0; i <= MT_VMA_KIND_COUNT; i++) {
		struct mt_value *row;

		if (kinds[i].mappings == 0)
			continue;
		row = mt_table_add(&table);
		row[0] = mt_value_text(kinds[i].name);
		row[1] = mt_value_number((int64_t)kinds[i].mappings);
		put_figures(report, row + 2, kinds[i].figures, SUMMARY_FIGURES);
	}
	mt_table_print_text(&table, 0, stdout);
	mt_table_free(&table);
}

/* As the kernel and pmap write it: in kB, whole columns. */
static const char *kilobytes(struct mt_arena *arena, enum mt_column_type type, uint64_t value)
{
	return mt_arena_print(arena, "%" PRIu64, type == MT_COLUMN_BYTES ? value / 1024 : value);
}

#define WIDE_COLUMNS (FIGURES + MT_SMAPS_UNKNOWN_MAX + 8)

static void print_wide(struct report *report)
{
	static const struct mt_column head[] = {
	        {"address", "Address", MT_COLUMN_TEXT_RIGHT}, {"mode", "Perm", MT_COLUMN_TEXT},
	        {"offset", "Offset", MT_COLUMN_TEXT_RIGHT},   {"device", "Device", MT_COLUMN_TEXT},
	        {"inode", "Inode", MT_COLUMN_NUMBER},
	};
	struct mt_column columns[WIDE_COLUMNS];
	struct mt_smaps *smaps = &report->smaps;
	size_t count = 0;
	struct mt_table table;

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		columns[count++] = head[i];
	for (size_t i = 0; i < FIGURES; i++)
		if (mt_smaps_has(smaps, figures[i].field))
			columns[count++] = (struct mt_column){figures[i].key, figures[i].title,
			                                      MT_COLUMN_TEXT_RIGHT};
	for (size_t i = 0; i < smaps->unknown_count; i++)
		columns[count++] = (struct mt_column){smaps->unknown[i], smaps->unknown[i],
		                                      MT_COLUMN_TEXT_RIGHT};
	columns[count++] = (struct mt_column){"flags", "VmFlags", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"kind", "Kind", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"owner", "Mapping", MT_COLUMN_TEXT};
	mt_table_init(&table, columns, count);
	for (size_t i = 0; i < smaps->count; i++) {
		const struct mt_vma *vma = report->order[i];
		struct mt_value *row = mt_table_add(&table);
		size_t at = 0;

		row[at++] = mt_value_text(mt_arena_print(&table.arena, "%" PRIx64, vma->start));
		row[at++] = mt_value_text(vma->permissions);
		row[at++] =
		        mt_value_text(mt_arena_print(&table.arena, "%" PRIx64, vma->offset_bytes));
		row[at++] = mt_value_text(mt_arena_print(&table.arena, "%02x:%02x",
		                                         vma->device_major, vma->device_minor));
		row[at++] = mt_value_number((int64_t)vma->inode);
		for (size_t f = 0; f < FIGURES; f++)
			if (mt_smaps_has(smaps, figures[f].field))
				row[at++] = mt_value_text(kilobytes(&table.arena, figures[f].type,
				                                    figure_of(&figures[f], vma)));
		for (unsigned int u = 0; u < smaps->unknown_count; u++)
			row[at++] = mt_value_text(kilobytes(
			        &table.arena,
			        smaps->unknown_in_bytes[u] ? MT_COLUMN_BYTES : MT_COLUMN_NUMBER,
			        vma->fields[MT_SMAPS_KNOWN + u]));
		row[at++] = mt_value_text(mt_text_clean(&table.arena, vma->flags));
		row[at++] = mt_value_text(mt_vma_kinds[vma->kind]);
		row[at++] = mt_value_text(owner_text(&table.arena, vma));
	}
	mt_table_print_text(&table, report->limit, stdout);
	mt_table_free(&table);
}

#define PATH_WIDTH 40

static void print_list(struct report *report)
{
	struct mt_column columns[FIGURES + 4];
	size_t count = 0;
	struct mt_table table;

	columns[count++] = (struct mt_column){"address", "address", MT_COLUMN_TEXT_RIGHT};
	for (size_t i = 0; i < FIGURES; i++)
		if (figures[i].brief)
			columns[count++] = (struct mt_column){figures[i].key, figures[i].brief,
			                                      MT_COLUMN_BYTES};
	columns[count++] = (struct mt_column){"mode", "mode", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"kind", "kind", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"owner", "mapping", MT_COLUMN_TEXT};
	mt_table_init(&table, columns, count);
	for (size_t i = 0; i < report->smaps.count; i++) {
		const struct mt_vma *vma = report->order[i];
		struct mt_value *row = mt_table_add(&table);
		const char *owner = owner_text(&table.arena, vma);
		size_t at = 0;

		row[at++] = mt_value_text(mt_arena_print(&table.arena, "%" PRIx64, vma->start));
		for (size_t f = 0; f < FIGURES; f++) {
			if (!figures[f].brief)
				continue;
			if (mt_smaps_has(&report->smaps, figures[f].field))
				row[at] = mt_value_number((int64_t)figure_of(&figures[f], vma));
			at++;
		}
		row[at++] = mt_value_text(vma->permissions);
		row[at++] = mt_value_text(mt_vma_kinds[vma->kind]);
		row[at++] = mt_value_text(
		        owner ? mt_text_short_path(&table.arena, owner, PATH_WIDTH) : "");
	}
	mt_table_print_text(&table, report->limit, stdout);
	mt_table_free(&table);
}

/* What pmap -d prints: of the last two a leak is often first seen. */
static void print_sum(const struct report *report)
{
	struct sum sum = sum_of(report);
	const struct mt_smaps *smaps = &report->smaps;

	if (report->limit && report->limit < smaps->count)
		printf("and %s (--limit=0 shows all)\n",
		       mt_units_of((int64_t)(smaps->count - report->limit), "more mapping",
		                   "more mappings")
		               .text);
	printf("\n%s: mapped %s", mt_units_of((int64_t)sum.mappings, "mapping", "mappings").text,
	       mt_units_bytes((int64_t)sum.figures[0]).text);
	for (size_t i = 1; i < SUMMARY_FIGURES; i++)
		if (mt_smaps_has(smaps, figures[i].field))
			printf(", %s %s", figures[i].key[0] == 'u' ? "uss" : figures[i].brief,
			       mt_units_bytes((int64_t)sum.figures[i]).text);
	printf("\nwritable and private %s, shared %s\n",
	       mt_units_bytes((int64_t)sum.writable_private_bytes).text,
	       mt_units_bytes((int64_t)sum.shared_bytes).text);
}

static void print_text(struct report *report, bool is_wide, bool is_summary)
{
	printf("%s, pid %d\n\n", mt_text_clean(&report->arena, report->command), (int)report->pid);
	if (is_summary)
		print_summary(report);
	else if (is_wide)
		print_wide(report);
	else
		print_list(report);
	print_sum(report);
}

/* ---- JSON, CSV ---- */

/* Every figure, those that this kernel does not have as unknown. */
static void fill_table(struct report *report, struct mt_table *table)
{
	for (size_t i = 0; i < report->smaps.count; i++) {
		const struct mt_vma *vma = report->order[i];
		struct mt_value *row = mt_table_add(table);
		size_t at = 0;

		row[at++] = mt_value_text(mt_arena_print(&table->arena, "0x%" PRIx64, vma->start));
		row[at++] = mt_value_text(mt_arena_print(&table->arena, "0x%" PRIx64, vma->end));
		row[at++] = mt_value_text(vma->permissions);
		row[at++] = mt_value_number((int64_t)vma->offset_bytes);
		row[at++] = mt_value_number(vma->device_major);
		row[at++] = mt_value_number(vma->device_minor);
		row[at++] = mt_value_number((int64_t)vma->inode);
		for (size_t f = 0; f < FIGURES; f++, at++)
			if (mt_smaps_has(&report->smaps, figures[f].field))
				row[at] = mt_value_number((int64_t)figure_of(&figures[f], vma));
		row[at++] = mt_value_text(vma->flags);
		row[at++] = mt_value_text(mt_vma_kinds[vma->kind]);
		row[at++] = mt_value_text(vma->path[0] ? vma->path : NULL);
		row[at++] = mt_value_text(vma->owner[0] ? vma->owner : NULL);
	}
}

static json_t *sum_json(const struct report *report, const struct sum *sum)
{
	json_t *json = json_object();

	json_object_set_new(json, "mappings", json_integer((json_int_t)sum->mappings));
	for (size_t i = 0; i < FIGURES; i++)
		if (figures[i].type == MT_COLUMN_BYTES &&
		    figures[i].field != MT_SMAPS_KERNEL_PAGE_SIZE &&
		    figures[i].field != MT_SMAPS_MMU_PAGE_SIZE)
			json_object_set_new(
			        json, figures[i].key,
			        mt_json_number(mt_smaps_has(&report->smaps, figures[i].field),
			                       (int64_t)sum->figures[i]));
	json_object_set_new(json, "writable_private_bytes",
	                    json_integer((json_int_t)sum->writable_private_bytes));
	json_object_set_new(json, "shared_mapping_bytes",
	                    json_integer((json_int_t)sum->shared_bytes));
	return json;
}

static void print_json(struct report *report, const struct mt_table *table)
{
	struct sum kinds[MT_VMA_KIND_COUNT] = {0};
	struct sum total = sum_of(report);
	json_t *json = json_object();
	json_t *list = json_array();

	json_object_set_new(json, "pid", json_integer(report->pid));
	json_object_set_new(json, "command", mt_json_text(report->command));
	json_object_set_new(json, "totals", sum_json(report, &total));
	for (size_t i = 0; i < report->smaps.count; i++)
		add(&kinds[report->smaps.vmas[i].kind], &report->smaps.vmas[i]);
	for (size_t i = 0; i < MT_VMA_KIND_COUNT; i++) {
		json_t *kind;

		if (kinds[i].mappings == 0)
			continue;
		kind = sum_json(report, &kinds[i]);
		json_object_set_new(kind, "kind", json_string(mt_vma_kinds[i]));
		json_array_append_new(list, kind);
	}
	json_object_set_new(json, "kinds", list);
	list = mt_table_json(table);
	for (size_t i = 0; i < report->smaps.count; i++)
		for (unsigned int u = 0; u < report->smaps.unknown_count; u++)
			json_object_set_new(
			        json_array_get(list, i), report->smaps.unknown[u],
			        json_integer(
			                (json_int_t)report->order[i]->fields[MT_SMAPS_KNOWN + u]));
	json_object_set_new(json, "mappings", list);
	mt_json_print(json);
}

static void print_rows(struct report *report, enum mt_format format)
{
	struct mt_column columns[FIGURES + 11];
	static const struct mt_column head[] = {
	        {"start", NULL, MT_COLUMN_TEXT},          {"end", NULL, MT_COLUMN_TEXT},
	        {"mode", NULL, MT_COLUMN_TEXT},           {"offset_bytes", NULL, MT_COLUMN_BYTES},
	        {"device_major", NULL, MT_COLUMN_NUMBER}, {"device_minor", NULL, MT_COLUMN_NUMBER},
	        {"inode", NULL, MT_COLUMN_NUMBER},
	};
	static const struct mt_column tail[] = {
	        {"flags", NULL, MT_COLUMN_TEXT},
	        {"kind", NULL, MT_COLUMN_TEXT},
	        {"path", NULL, MT_COLUMN_TEXT},
	        {"owner", NULL, MT_COLUMN_TEXT},
	};
	size_t count = 0;
	struct mt_table table;

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		columns[count++] = head[i];
	for (size_t i = 0; i < FIGURES; i++)
		columns[count++] = (struct mt_column){figures[i].key, NULL, figures[i].type};
	for (size_t i = 0; i < sizeof(tail) / sizeof(tail[0]); i++)
		columns[count++] = tail[i];
	mt_table_init(&table, columns, count);
	fill_table(report, &table);
	if (format == MT_FORMAT_JSON)
		print_json(report, &table);
	else
		mt_table_print_csv(&table, stdout);
	mt_table_free(&table);
}

/* ---- The command ---- */

static const struct figure *sort_figure; /* qsort() has no other way to tell */

static int by_figure(const void *left, const void *right)
{
	const struct mt_vma *a = *(struct mt_vma *const *)left;
	const struct mt_vma *b = *(struct mt_vma *const *)right;
	uint64_t of_a = figure_of(sort_figure, a), of_b = figure_of(sort_figure, b);

	if (of_a != of_b)
		return of_a < of_b ? 1 : -1;
	return (a->start > b->start) - (a->start < b->start);
}

static int sort_mappings(struct report *report, const char *word)
{
	report->order = mt_memory_new(report->smaps.count + 1, sizeof(struct mt_vma *));
	for (size_t i = 0; i < report->smaps.count; i++)
		report->order[i] = &report->smaps.vmas[i];
	if (!word || strcmp(word, "address") == 0)
		return 0;
	sort_figure = find_figure(word);
	if (!sort_figure) {
		mt_say("--sort=%s: there is no such column; use address, size, rss, pss, uss, "
		       "dirty, "
		       "anon, swap or one that --wide shows",
		       word);
		return -EINVAL;
	}
	qsort(report->order, report->smaps.count, sizeof(struct mt_vma *), by_figure);
	return 0;
}

static int run(const struct mt_call *call)
{
	MT_CLEANUP_FREE char *command = NULL;
	struct report report = {.limit = (size_t)mt_arguments_number(call, "limit", 0)};
	enum mt_format format = mt_arguments_format(call);
	int status = mt_pid_parse(call->operands[0], &report.pid);

	if (status != MT_EXIT_FINE)
		return status;
	status = mt_pid_read_smaps(report.pid, &report.smaps, &command);
	if (status != MT_EXIT_FINE)
		return status;
	report.command = command;
	if (sort_mappings(&report, mt_arguments_value(call, "sort")) < 0)
		status = MT_EXIT_USAGE;
	else if (format == MT_FORMAT_TEXT)
		print_text(&report, mt_arguments_has(call, "wide"),
		           mt_arguments_has(call, "summary"));
	else
		print_rows(&report, format);
	free(report.order);
	mt_arena_free(&report.arena);
	mt_smaps_free(&report.smaps);
	return status;
}

static const struct mt_flag flags[] = {
        {"sort", 's', MT_FLAG_TEXT, "COLUMN",
         "by address (default), or largest first by size, rss, pss, uss, dirty, anon, swap or any "
         "column of --wide"},
        {"summary", 0, MT_FLAG_NONE, NULL, "a line for each kind of mapping"},
        {"wide", 'X', MT_FLAG_NONE, NULL, "every column that the kernel has, in kB as in pmap -X"},
        {"limit", 'l', MT_FLAG_NUMBER, "COUNT", "at most so many mappings; 0 (default): all"},
        MT_FLAG_FORMAT,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_maps = {
        .name = "maps",
        .usage = "[OPTION...] PID",
        .sentence =
                "the mappings of a running process, traced or not, and what is resident of each",
        .prose = "Kinds: text, rodata, data and bss of a file that is mapped privately; file: one "
                 "that is "
                 "shared;\n"
                 "heap: the break; shared memory: of /dev/shm, memfd, System V, or anonymous and "
                 "shared.\n"
                 "Columns: rss is resident, pss the same with shared pages divided among those who "
                 "have "
                 "them,\n"
                 "dirty is written and not written back, anon belongs to no file. USS, in the "
                 "sums, is "
                 "what\n"
                 "nobody else has mapped. The figures are those of /proc/PID/smaps.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
