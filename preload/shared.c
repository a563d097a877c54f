/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared.c - see shared.h.
 *
 * The lock stands in memory that a forked child finds wiped: it never inherits a held one.
 */
#include "preload/shared.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/order.h"
#include "preload/process.h"
#include "preload/thread.h"

#define SPINS_BEFORE_SLEEP 100

/* What the lock says. */
enum { UNLOCKED, LOCKED, CONTENDED };

/* Caused by the thread's own instructions: where they are blocked, the kernel kills instead. */
#define BIT(number) ((uint64_t)1 << ((number)-1))
#define OWN_SIGNALS \
	(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGSYS))
#define KERNEL_SET_SIZE 8

static void set_signals(const uint64_t *set, uint64_t *ret_old)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, set, ret_old, KERNEL_SET_SIZE);
}

static bool try_lock(struct mt_sharing *sharing)
{
	uint32_t state = UNLOCKED;

	/* acquire: the ring as the last holder left it; partner: unlock() */
	return atomic_compare_exchange_strong_explicit(&sharing->lock, &state, LOCKED,
	                                               memory_order_acquire, memory_order_relaxed);
}

static void lock(struct mt_sharing *sharing)
{
	for (int i = 0; i < SPINS_BEFORE_SLEEP; i++) {
		if (try_lock(sharing))
			return;
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
	}
	while (atomic_exchange_explicit(&sharing->lock, CONTENDED, memory_order_acquire) !=
	       UNLOCKED)
		syscall(SYS_futex, &sharing->lock, FUTEX_WAIT_PRIVATE, CONTENDED, NULL, NULL, 0);
}

static void unlock(struct mt_sharing *sharing)
{
	if (atomic_exchange_explicit(&sharing->lock, UNLOCKED, memory_order_release) == CONTENDED)
		syscall(SYS_futex, &sharing->lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* False: an event further out in this thread holds it. */
static bool hold(void)
{
	static const uint64_t blocked = ~OWN_SIGNALS;
	struct mt_tls *tls = &mt_tls;
	uint64_t signals = 0;

	if (tls->holding)
		return tls->holding == mt_thread_levels() + 1;
	set_signals(&blocked, &signals);
	lock(&mt_wiped->sharing);
	mt_wiped->sharing.signals = signals;
	tls->holding = mt_thread_levels() + 1;
	return true;
}

void mt_shared_let_go(void)
{
	uint64_t signals;
	int saved_errno = errno;

	if (!mt_tls.holding)
		return;
	signals = mt_wiped->sharing.signals;
	mt_tls.holding = 0;
	unlock(&mt_wiped->sharing);
	set_signals(&signals, NULL);
	errno = saved_errno;
}

void mt_shared_abandon(void)
{
	if (!mt_tls.holding)
		return;
	mt_tls.holding = 0;
	unlock(&mt_wiped->sharing);
}

/* Makes the slot's ring, or finds that of the process that had the slot before. NULL: the directory is damaged. */
static struct mt_ring *claim(void)
{
	struct mt_segment *segment = mt_process.segment;
	struct mt_slot *slot = mt_process.slot;
	uint32_t index = atomic_load_explicit(&slot->shared_ring, memory_order_relaxed);
	struct mt_ring *ring;
	uint64_t used;

	if (index > MT_RINGS)
		return NULL;
	ring = index ? &mt_segment_rings(segment)[index - 1] : NULL;
	if (!ring || atomic_load_explicit(&ring->state, memory_order_relaxed) == MT_RING_BROKEN) {
		index = atomic_fetch_add(&segment->ring_count, 1);
		used = atomic_fetch_add(&segment->ring_data_used, MT_RING_BYTES_MIN);
		if (index >= MT_RINGS || used + MT_RING_BYTES_MIN > MT_RING_DATA_BYTES)
			return NULL;
		ring = &mt_segment_rings(segment)[index];
		ring->size_bytes = MT_RING_BYTES_MIN;
		ring->offset_bytes = MT_SEGMENT_DATA_AT + used;
		ring->is_shared = 1;
		atomic_store_explicit(&slot->shared_ring, index + 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&slot->rings, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&slot->ring_bytes, MT_RING_BYTES_MIN,
		                          memory_order_relaxed);
	}
	atomic_store_explicit(&ring->owner_slot, mt_process.slot_index, memory_order_relaxed);
	/* release: size and offset; partner: the collector's acquire load of state */
	atomic_store_explicit(&ring->state, MT_RING_OWNED, memory_order_release);
	return ring;
}

bool mt_shared_join(struct mt_ring_writer *writer, uint32_t tid)
{
	struct mt_sharing *sharing = &mt_wiped->sharing;
	bool was_holding = mt_tls.holding;
	struct mt_ring *ring;

	if (!hold())
		return false;
	if (!sharing->ring)
		sharing->ring = claim();
	ring = sharing->ring;
	if (!was_holding)
		mt_shared_let_go();
	if (!ring)
		return false;
	writer->data = (unsigned char *)mt_process.segment + ring->offset_bytes;
	writer->mask = ring->size_bytes - 1;
	writer->head = 0;
	writer->limit = 0;
	writer->space_end = 0;
	writer->bell_at = 0;
	writer->share = MT_RING_SHARED_NEW;
	writer->number = mt_order_number(ring);
	writer->stamp_uses = 0;
	writer->tid = tid;
	writer->ring = ring;
	mt_tls.shares = true;
	return true;
}

bool mt_shared_hold(struct mt_ring_writer *writer)
{
	if (!hold())
		return false;
	/* relaxed: written by whoever held it before, see try_lock() */
	writer->head = atomic_load_explicit(&writer->ring->head, memory_order_relaxed);
	return true;
}

uint32_t mt_shared_last(void)
{
	return mt_wiped->sharing.last_tid;
}

void mt_shared_set_last(uint32_t tid)
{
	mt_wiped->sharing.last_tid = tid;
}
