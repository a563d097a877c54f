/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * early.c - the log of events before the constructor.
 */
#include "preload/early.h"

#include "preload/gate.h"
#include "preload/process.h"

#define EARLY_EVENTS 256u

struct early {
	_Atomic unsigned int count; /* also of those that found no room */
	struct {
		enum mt_event_type type;
		struct mt_caller caller;
		const void *addr;
		size_t size_bytes;
	} events[EARLY_EVENTS];
};

static struct early early;

void mt_early_keep(enum mt_event_type type, const struct mt_caller *caller, const void *addr,
                   size_t size_bytes)
{
	unsigned int index = atomic_fetch_add_explicit(&early.count, 1, memory_order_relaxed);

	if (index >= EARLY_EVENTS)
		return;
	early.events[index].type = type;
	early.events[index].caller = *caller;
	early.events[index].caller.frame = NULL;
	early.events[index].addr = addr;
	early.events[index].size_bytes = size_bytes;
}

void mt_early_flush(void)
{
	unsigned int count = atomic_load_explicit(&early.count, memory_order_relaxed);
	struct mt_gate_realloc begun = {NULL, false, false};
	const void *old = NULL;

	for (unsigned int i = 0; i < count && i < EARLY_EVENTS; i++) {
		const void *addr = early.events[i].addr;

		/* Only now it is known that the last realloc has not failed. */
		if (old && early.events[i].type != MT_EVENT_REALLOC_FAILED) {
			mt_gate_realloc_done(begun, old);
			old = NULL;
		}
		if (early.events[i].type == MT_EVENT_ALLOC) {
			mt_gate_alloc(&early.events[i].caller, addr, early.events[i].size_bytes);
		} else if (early.events[i].type == MT_EVENT_FREE) {
			mt_gate_free(early.events[i].caller.kind, addr);
		} else if (early.events[i].type == MT_EVENT_REALLOC) {
			begun = mt_gate_realloc_begin(addr);
			old = addr;
		} else if (early.events[i].type == MT_EVENT_REALLOC_FAILED && old) {
			mt_gate_realloc_failed(begun, old);
			old = NULL;
		}
	}
	if (old)
		mt_gate_realloc_done(begun, old);
	if (count > EARLY_EVENTS)
		atomic_fetch_add_explicit(&mt_process.slot->early, count - EARLY_EVENTS,
		                          memory_order_relaxed);
}
