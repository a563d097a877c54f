/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * init.c - the life story of the library in a process, in order: constructor, main, end.
 *
 * The library is linked -z initfirst, so the constructor runs before every other one, libc's included:
 * environ is not set, stdio and dlopen() are not to be used. What needs libc waits for the first allocation
 * or for __libc_start_main (unwind.c, the environment).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "preload/bindings.h"
#include "preload/config.h"
#include "preload/early.h"
#include "preload/emit.h"
#include "preload/growth.h"
#include "preload/life.h"
#include "preload/mark.h"
#include "preload/module.h"
#include "preload/own.h"
#include "preload/patience.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/rules.h"
#include "preload/sample.h"
#include "preload/say.h"
#include "preload/session.h"
#include "preload/stacks.h"
#include "preload/thread.h"
#include "preload/unwind.h"
#include "preload/wait.h"

#define COMMIT_STEP_NS 50000000u

/* The gate before there is a slot, and when all is over. */
static const _Atomic uint32_t open_gate;
static const _Atomic uint32_t shut_gate = MT_GATE_STOPPED | MT_GATE_UNUSED;

struct mt_process mt_process = {.gate = &open_gate};

static struct mt_wiped not_begun; /* all zeros, for ever */
struct mt_wiped *mt_wiped = &not_begun;

extern char **environ;

void mt_process_off(const char *why)
{
	atomic_store(&mt_process.state, MT_PROCESS_OFF);
	atomic_store(&mt_wiped->generation, 0);
	atomic_store(&mt_process.gate, &shut_gate);
	if (why)
		mt_say(why, NULL);
}

static int map_wiped(void)
{
	struct mt_wiped *wiped = mt_own_map(sizeof(*wiped), true);

	if (!wiped)
		return -errno;
	mt_wiped = wiped;
	return 0;
}

/* -errno when the process cannot be traced. */
static int begin(char **environment)
{
	int error;

	if (!mt_real.malloc || !mt_real.free || !mt_real.mmap || !mt_real.execve)
		return -ENOSYS;
	if ((error = map_wiped()) || (error = mt_thread_init()) || (error = mt_stacks_init()) ||
	    (error = mt_rules_init())) {
		/* A child of one where this is so need not say it again. */
		if (!mt_config.session)
			mt_say("not traced: there is no address space, or no memory, for what "
			       "tracing needs",
			       NULL);
		mt_session_refuse();
		return error;
	}
	mt_module_init();
	error = mt_session_begin();
	if (!error && mt_process.segment->sample_bytes)
		error = mt_sample_init();
	if (error)
		return error;
	atomic_store(&mt_process.gate, &mt_process.slot->gate);
	atomic_store_explicit(&mt_wiped->generation,
	                      (uint64_t)mt_process.slot_index << 32 | mt_process.slot_generation,
	                      memory_order_release);
	atomic_store_explicit(&mt_process.state, MT_PROCESS_ON, memory_order_release);
	mt_life_init();
	mt_early_flush();
	mt_growth_init(environment);
	if (mt_process.segment->sample_bytes && mt_growth_is_on)
		mt_sample_let_hooks_pass();
	mt_mark_init();
	return 0;
}

__attribute__((constructor)) static void construct(int argc, char **argv, char **environment)
{
	int saved_errno = errno;

	(void)argc;
	mt_real_init();
	/* The arguments stand just above the first frame of the main thread. */
	mt_walk_init((uintptr_t)argv);
	/* A setuid program: the loader would not have taken us from a place that its user can write to. */
	if (getauxval(AT_SECURE) || !environment || mt_session_is_collector()) {
		mt_process_off(NULL);
		return;
	}
	mt_say_begin();
	mt_config_read(environment);
	if (begin(environment) != 0)
		mt_process_off(NULL);
	errno = saved_errno;
}

/* Called by __libc_start_main: libc is up, nothing of the program's own main has run. */
void mt_life_before_main(void)
{
	char **ours;

	ours = mt_session_environment(environ);
	if (ours)
		environ = ours;
	if (atomic_load_explicit(&mt_process.state, memory_order_relaxed) == MT_PROCESS_ON) {
		mt_unwind_warm_up(NULL);
		mt_bindings_tell_first();
	}
}

/* The collector could not write: once a session, and where nobody else will say it. */
static void say_lost(struct mt_segment *segment)
{
	if (!atomic_exchange(&segment->end_said, 1) && !atomic_load(&segment->is_reported))
		mt_say("the file could not be written to the end: it is incomplete, or gone if it "
		       "was "
		       "removed (memtrace info says why)",
		       NULL);
}

/* The collector does not read the ring any more: something wrote over it. */
static void say_broken(struct mt_segment *segment)
{
	if (!atomic_exchange(&segment->end_said, 1))
		mt_say("what came last is missing: the memory that is shared with the collector "
		       "is damaged",
		       NULL);
}

/* Waits until the collector has this process in the file, as long as it moves and the option allows. `ring`: the end. */
static void wait_for_commit(const struct mt_ring *ring)
{
	struct mt_segment *segment = mt_process.segment;
	uint64_t limit_ns = (uint64_t)mt_config.exit_wait_s * 1000000000u;
	struct mt_patience patience = {0, 0};
	uint64_t waited_ns = 0, step_ns = 0;

	for (;; waited_ns += step_ns) {
		uint32_t committed = atomic_load(&mt_process.slot->committed);
		enum mt_collector_state state;

		if (committed == MT_COMMITTED_LOST)
			say_lost(segment);
		if (committed != MT_COMMITTED_NOT_YET)
			return;
		if (atomic_load(&ring->state) == MT_RING_BROKEN) {
			say_broken(segment);
			return;
		}
		state = mt_patience_step(&patience, segment, step_ns);
		if (state != MT_COLLECTOR_ALIVE) {
			mt_patience_say(segment, state);
			return;
		}
		if (waited_ns >= limit_ns)
			break;
		mt_emit_ring_bell();
		step_ns = mt_wait(&mt_process.slot->committed, 0, COMMIT_STEP_NS);
	}
	if (mt_config.exit_wait_s && !atomic_load(&segment->is_reported))
		mt_say("the collector has not finished within exit_wait: it goes on by itself",
		       NULL);
}

void mt_life_end(enum mt_exit how, int status)
{
	const struct mt_ring *ring;

	if (atomic_load_explicit(&mt_process.state, memory_order_relaxed) != MT_PROCESS_ON)
		return;
	/* A vfork child shares this memory, not this life. */
	if (getpid() != mt_process.pid)
		return;
	if (atomic_exchange(&mt_process.ended, true))
		return;
	if (mt_tls.generation == atomic_load_explicit(&mt_wiped->generation, memory_order_relaxed))
		mt_unwind_account(mt_tls.thread);
	mt_thread_account();
	if (how == MT_EXIT_RETURN)
		mt_bindings_tell_last();
	ring = mt_emit_life(MT_EVENT_EXIT, how, (uint32_t)status);
	if (ring) {
		mt_emit_ring_bell();
		wait_for_commit(ring);
	}
}
