/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * define.c - see define.h.
 */
#include "collect/define.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t mt_define_total(struct mt_ledger *ledger, const struct mt_drain *drain,
                         struct mt_process *process, uint32_t stack, unsigned int kind)
{
	struct mt_totals *totals = &process->totals;
	uint32_t node;

	if (stack >= MT_TOTALS_IDS_MAX) {
		if (drain->last_stack_node && drain->last_stack == stack)
			return mt_totals_find_node(totals, drain->last_stack_node, kind);
		/* Nobody can say any more: with the others that were lost. */
		stack = 0;
	}
	if (!mt_totals_node(totals, stack)) {
		if (mt_stacks_promise(&ledger->stacks, &node) < 0 ||
		    mt_totals_define(totals, stack, node) < 0)
			return 0;
		process->lost_stacks++;
	}
	return mt_totals_find(totals, stack, kind);
}

bool mt_define_stack(struct mt_ledger *ledger, struct mt_drain *drain, struct mt_process *process,
                     const struct mt_event_large *large)
{
	uint32_t count = large->length_bytes / sizeof(uint64_t);
	uint64_t pcs[MT_EVENT_FRAMES_MAX];
	uint32_t node, promised;
	int r;

	if (large->length_bytes % sizeof(uint64_t) || count > MT_EVENT_FRAMES_MAX ||
	    large->argument >= MT_CUT_COUNT)
		return false;
	memcpy(pcs, ledger->payload, large->length_bytes);
	r = mt_stacks_add(&ledger->stacks, &process->ranges, pcs, count, (uint32_t)large->argument,
	                  &node);
	if (r < 0) {
		process->out_of_memory++;
		return true;
	}
	drain->last_stack = large->id;
	drain->last_stack_node = node;
	if (large->id >= MT_TOTALS_IDS_MAX)
		return true;
	promised = mt_totals_node(&process->totals, large->id);
	if (promised && ledger->stacks.nodes[promised].cut == MT_STACKS_CUT_LOST) {
		process->lost_stacks--;
		r = mt_stacks_settle(&ledger->stacks, promised, node);
	} else {
		r = mt_totals_define(&process->totals, large->id, node);
	}
	if (r < 0)
		process->out_of_memory++;
	return true;
}

/* The loader's name for a module may be relative to where the program was started. */
static int add_module(struct mt_ledger *ledger, struct mt_process *process, const char *path,
                      const struct mt_module_payload *module, uint32_t *ret_id)
{
	char absolute[2 * 4096 + 2];
	const char *folder = process->identity.folder;

	if (!*path && process->identity.executable)
		path = process->identity.executable;
	if (*path && *path != '/' && strchr(path, '/') && folder && *folder == '/') {
		int length = snprintf(absolute, sizeof(absolute), "%s/%s",
		                      strcmp(folder, "/") ? folder : "",
		                      strncmp(path, "./", 2) ? path : path + 2);

		if (length > 0 && (size_t)length < sizeof(absolute))
			path = absolute;
	}
	return mt_modules_add(&ledger->modules, path, module->build_id, module->build_id_bytes,
	                      ret_id);
}

bool mt_define_module(struct mt_ledger *ledger, struct mt_process *process,
                      const struct mt_event_large *large)
{
	struct mt_module_payload module;
	struct mt_range range;

	if (large->length_bytes < sizeof(module))
		return false;
	memcpy(&module, ledger->payload, sizeof(module));
	if (module.path_bytes > large->length_bytes - sizeof(module) ||
	    module.build_id_bytes > MT_BUILD_ID_MAX || module.start >= module.end)
		return false;
	/* mt_ledger.payload has a byte to spare. */
	ledger->payload[sizeof(module) + module.path_bytes] = '\0';
	range = (struct mt_range){module.start, module.end, module.base, 0};
	if (add_module(ledger, process, (const char *)ledger->payload + sizeof(module), &module,
	               &range.module) < 0 ||
	    mt_ranges_add(&process->ranges, &range) < 0)
		process->out_of_memory++;
	return true;
}

bool mt_define_name(struct mt_ledger *ledger, const struct mt_drain *drain,
                    struct mt_process *process, const struct mt_event_large *large)
{
	struct mt_thread *thread = &process->threads[drain->thread];

	if (large->length_bytes > MT_EVENT_NAME_MAX)
		return false;
	memcpy(thread->name, ledger->payload, large->length_bytes);
	thread->name[large->length_bytes] = '\0';
	thread->is_dirty = process->has_dirty_threads = process->is_dirty = true;
	return true;
}

bool mt_define_unseen(struct mt_ledger *ledger, struct mt_process *process,
                      const struct mt_event_large *large, uint64_t now_ns)
{
	const char *payload = (const char *)ledger->payload;
	const char *executable =
	        process->identity.executable ? process->identity.executable : "the executable";
	int path_bytes = (int)large->id;
	int other_bytes = (int)(large->length_bytes - large->id);
	const char *path = payload, *other = payload + path_bytes;

	if (large->id > large->length_bytes || large->argument >= MT_UNSEEN_COUNT)
		return false;
	if (path_bytes == 0) {
		path = executable;
		path_bytes = (int)strlen(executable);
	}
	if (large->argument == MT_UNSEEN_IN_FRONT)
		mt_notes_add(
		        &ledger->notes, process->id, now_ns, "unseen", 1,
		        "%.*s has a malloc of its own, which comes before libmemtrace.so: what is "
		        "allocated with it is not seen, unless it calls another",
		        path_bytes, path);
	else if (large->argument == MT_UNSEEN_MODULE)
		mt_notes_add(&ledger->notes, process->id, now_ns, "unseen", 1,
		             "what %.*s allocates is not seen: its calls are bound to %.*s "
		             "(RTLD_DEEPBIND does that)",
		             path_bytes, path, other_bytes ? other_bytes : (int)strlen(executable),
		             other_bytes ? other : executable);
	else
		mt_notes_add(
		        &ledger->notes, process->id, now_ns, "unseen", 1,
		        "what is in a namespace of its own (dlmopen, LD_AUDIT) is not seen: %.*s "
		        "and what it uses",
		        path_bytes, path);
	return true;
}

bool mt_define_untraced(struct mt_ledger *ledger, struct mt_process *process,
                        const struct mt_event_large *large, uint64_t now_ns)
{
	static const char *const texts[] = {
#define UNTRACED_TEXT(name, sentence) sentence,
	        MT_UNTRACED(UNTRACED_TEXT)
#undef UNTRACED_TEXT
	};

	if (large->id >= MT_UNTRACED_COUNT)
		return false;
	ledger->payload[large->length_bytes] = '\0';
	process->is_told_untraced = true;
	mt_notes_add(&ledger->notes, process->id, now_ns, "untraced", 1, "%s runs untraced: %s",
	             (const char *)ledger->payload, texts[large->id]);
	return true;
}
