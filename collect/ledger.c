/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger.c - see ledger.h.
 */
#include "collect/ledger.h"

#include "collect/resident.h"

#include <string.h>
#include <unistd.h>

void mt_ledger_init(struct mt_ledger *ledger, struct mt_segment *segment, enum mt_clock clock,
                    uint32_t point_ms, struct mt_mailbox *to_service)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->segment = segment;
	ledger->sample_bytes = segment->sample_bytes;
	ledger->wants_free_stacks = segment->first_gate & MT_GATE_FREE_STACKS;
	ledger->to_service = to_service;
	mt_stamp_start(&ledger->stamps, clock);
	ledger->now_ns = mt_stamp_monotonic_ns();
	ledger->point_ticks = mt_stamp_ticks(&ledger->stamps, (uint64_t)point_ms * 1000000u);
	ledger->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	if (!ledger->point_ticks)
		ledger->point_ticks = 1;
}

void mt_ledger_free(struct mt_ledger *ledger)
{
	while (ledger->residents) {
		struct mt_resident *next = ledger->residents->next;

		mt_resident_free(ledger->residents);
		ledger->residents = next;
	}
	while (ledger->first) {
		struct mt_process *next = ledger->first->next;

		mt_process_free(ledger->first);
		ledger->first = next;
	}
	mt_forks_free(&ledger->forks);
	mt_notes_free(&ledger->notes);
	mt_stacks_free(&ledger->stacks);
	mt_modules_free(&ledger->modules);
}

void mt_ledger_post(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	mt_mailbox_post(ledger->to_service, mail);
	ledger->service_has_mail = true;
}
