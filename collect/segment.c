/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * segment.c - see segment.h.
 */
#include "collect/segment.h"

#include "base/cleanup.h"
#include "wire/control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

static int make_memfd(const char *socket_path)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	char name[256];
	int fd;

	snprintf(name, sizeof(name), MT_CONTROL_MEMFD "%.200s", socket_path);
	/* From Linux 6.3 on, one without it is complained about; before, it is refused. */
	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	return fd < 0 ? -errno : fd;
}

static uint32_t ring_bytes_of(uint64_t ring_kib)
{
	uint64_t bytes = MT_RING_BYTES_MIN;

	while (bytes < ring_kib * 1024)
		bytes *= 2;
	return (uint32_t)bytes;
}

int mt_segment_create(const char *socket_path, uint64_t ring_kib, enum mt_clock clock,
                      struct mt_segment **ret_segment, int *ret_fd, struct mt_error *ret_error)
{
	MT_CLEANUP_CLOSE int fd = make_memfd(socket_path);
	struct mt_segment *segment;

	if (fd < 0)
		return mt_error_set(ret_error, fd, "cannot make shared memory (memfd): %s",
		                    strerror(-fd));
	if (ftruncate(fd, (off_t)MT_SEGMENT_BYTES) != 0)
		return mt_error_set(
		        ret_error, -errno,
		        "cannot make %llu MiB of shared memory: %s; is `ulimit -f` lower?",
		        MT_SEGMENT_BYTES >> 20, strerror(errno));
	/* Nobody may cut it short under the others: that would be a SIGBUS in every traced process. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return mt_error_set(ret_error, -errno, "cannot seal the shared memory: %s",
		                    strerror(errno));
	segment = mmap(NULL, MT_SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
	               fd, 0);
	if (segment == MAP_FAILED)
		return mt_error_set(ret_error, -errno, "cannot map the shared memory: %s",
		                    strerror(errno));
	madvise(segment, MT_SEGMENT_BYTES, MADV_DONTDUMP);
	segment->magic = MT_SEGMENT_MAGIC;
	segment->version = MT_SEGMENT_VERSION;
	segment->clock = clock;
	segment->bytes = MT_SEGMENT_BYTES;
	segment->ring_bytes = ring_bytes_of(ring_kib);
	*ret_segment = segment;
	*ret_fd = mt_cleanup_steal_fd(&fd);
	return 0;
}

int mt_segment_claim(struct mt_segment *segment, uint32_t pid, uint64_t stamp, uint32_t *ret_slot,
                     uint32_t *ret_generation)
{
	uint32_t hint = atomic_load_explicit(&segment->slot_hint, memory_order_relaxed);

	for (uint32_t i = 0; i < MT_SLOTS; i++) {
		uint32_t index = (hint + i) % MT_SLOTS;
		struct mt_slot *slot = &mt_segment_slots(segment)[index];
		uint32_t state = MT_SLOT_FREE;

		mt_segment_use_slot(segment, index);
		if (!atomic_compare_exchange_strong(&slot->state, &state, MT_SLOT_CLAIMING))
			continue;
		*ret_slot = index;
		*ret_generation = atomic_fetch_add(&slot->generation, 1) + 1;
		slot->pid = pid;
		slot->parent_slot = MT_SLOTS;
		slot->parent_generation = 0;
		slot->fork_serial = 0;
		slot->begin_stamp = stamp;
		slot->first_gate = segment->first_gate;
		atomic_store_explicit(&slot->gate, slot->first_gate, memory_order_relaxed);
		mt_segment_clear_slot(slot);
		/* release: the fields; partner: any acquire load of state */
		atomic_store_explicit(&slot->state, MT_SLOT_LIVE, memory_order_release);
		atomic_store_explicit(&segment->slot_hint, index + 1, memory_order_relaxed);
		return 0;
	}
	return -EAGAIN;
}

void mt_segment_attest_life(struct mt_segment *segment)
{
	/*
	 * Only the word is in shared memory. What the kernel follows is here, where no traced process can write; it
	 * finds the word at a fixed distance from the entry.
	 */
	static struct robust_list entry;
	static struct robust_list_head head;

	entry.next = &head.list;
	head.list.next = &entry;
	head.futex_offset = (long)((uintptr_t)&segment->collector - (uintptr_t)&entry);
	atomic_store(&segment->collector, (uint32_t)gettid());
	/* Replaces libc's list of this thread, which takes no robust mutex. */
	syscall(SYS_set_robust_list, &head, sizeof(head));
}

static void wake_all(_Atomic uint32_t *futex)
{
	syscall(SYS_futex, futex, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void mt_segment_close(struct mt_segment *segment)
{
	uint32_t count = atomic_load(&segment->ring_count);
	uint32_t slots = mt_segment_slot_count(segment, 0);

	/* seq_cst, before the counts: a writer that looked too early finds them changed. */
	atomic_store(&segment->closed, 1);
	for (uint32_t i = 0; i < count && i < MT_RINGS; i++) {
		struct mt_ring *ring = &mt_segment_rings(segment)[i];

		atomic_fetch_add(&ring->space, 1);
		wake_all(&ring->space);
	}
	for (uint32_t i = 0; i < slots; i++) {
		struct mt_slot *slot = &mt_segment_slots(segment)[i];

		if (atomic_load(&slot->state) == MT_SLOT_LIVE)
			wake_all(&slot->committed);
	}
}
