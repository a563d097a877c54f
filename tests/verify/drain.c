/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * drain.c - a collector that keeps nothing: it empties the rings and counts.
 *
 * Stands in for memtrace-collect where only the library is under test (tests/verify/run, bench): put as
 * "memtrace-collect" beside a copy of the library, it is started by it in the same way. One line per process goes
 * to the file output=, appended: what its slot has counted; by the reason of their cut its stacks, and the
 * events that have them. The file is locked until the last process has ended: flock FILE true waits for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/hello.h"
#include "wire/options.h"
#include "wire/segment.h"

#define CLIENTS      64
#define OPTION_BYTES 4096

static struct {
	struct mt_segment *segment;
	int segment_fd;
	char output[OPTION_BYTES];
	int output_fd; /* locked until all is in it */
	uint64_t ring_kib;
	char folder[64];
	struct sockaddr_un address;
	int listening;
	int clients[CLIENTS];
	unsigned int client_count;
	unsigned int joined;
} drain;

/* What is known of a stack, by its id. An event may be read before the definition, from another ring. */
struct stack {
	uint64_t events;
	uint64_t cut;
};

/* By slot; a slot that is claimed again begins anew. */
static struct {
	uint64_t events;
	struct stack *stacks;
	uint32_t stacks_room;
	uint32_t lost_beats;
	char command[64];
} counts[MT_SLOTS];

static const char *const cut_names[MT_CUT_COUNT] = {
        [MT_CUT_NONE] = "whole",      [MT_CUT_DEPTH] = "depth",
        [MT_CUT_NESTED] = "nested",   [MT_CUT_UNSAFE] = "unsafe",
        [MT_CUT_EARLY] = "early",     [MT_CUT_UNWINDER] = "unwinder",
        [MT_CUT_TABLE] = "table",     [MT_CUT_NO_CFI] = "no-cfi",
        [MT_CUT_NO_RULE] = "no-rule", [MT_CUT_OFF_STACK] = "off-stack",
};

static void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void read_command(uint32_t pid, char *ret_command, size_t bytes)
{
	char path[64];
	ssize_t got = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		got = read(fd, ret_command, bytes - 1);
		close(fd);
	}
	ret_command[got > 0 ? got - 1 : 0] = '\0';
}

static void make_segment(void)
{
	drain.segment_fd = memfd_create("memtrace-drain", MFD_CLOEXEC);
	if (drain.segment_fd < 0 || ftruncate(drain.segment_fd, MT_SEGMENT_BYTES) != 0)
		exit(1);
	drain.segment = mmap(NULL, MT_SEGMENT_BYTES, PROT_READ | PROT_WRITE,
	                     MAP_SHARED | MAP_NORESERVE, drain.segment_fd, 0);
	if (drain.segment == MAP_FAILED)
		exit(1);
	drain.segment->magic = MT_SEGMENT_MAGIC;
	drain.segment->version = MT_SEGMENT_VERSION;
	drain.segment->clock = MT_CLOCK_TSC;
	drain.segment->bytes = MT_SEGMENT_BYTES;
	drain.segment->ring_bytes = (uint32_t)drain.ring_kib << 10;
}

static void listen_for_more(void)
{
	strcpy(drain.folder, "/tmp/memtrace-drain-XXXXXX");
	if (!mkdtemp(drain.folder))
		exit(1);
	drain.address.sun_family = AF_UNIX;
	snprintf(drain.address.sun_path, sizeof(drain.address.sun_path), "%s/s", drain.folder);
	drain.listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(drain.listening, (struct sockaddr *)&drain.address, sizeof(drain.address)) ||
	    listen(drain.listening, 64))
		exit(1);
}

static void forget_counts(uint32_t slot)
{
	free(counts[slot].stacks);
	memset(&counts[slot], 0, sizeof(counts[slot]));
}

static struct stack *stack_of(uint32_t slot, uint32_t id)
{
	if (id >= counts[slot].stacks_room) {
		uint32_t room = id < 512 ? 1024 : id * 2;
		struct stack *stacks = realloc(counts[slot].stacks, room * sizeof(*stacks));

		if (!stacks)
			abort();
		memset(stacks + counts[slot].stacks_room, 0,
		       (room - counts[slot].stacks_room) * sizeof(*stacks));
		counts[slot].stacks = stacks;
		counts[slot].stacks_room = room;
	}
	return &counts[slot].stacks[id];
}

static uint32_t claim_slot(uint32_t pid)
{
	struct mt_slot *slots = mt_segment_slots(drain.segment);

	for (uint32_t i = 0; i < MT_SLOTS; i++) {
		uint32_t state = MT_SLOT_FREE;

		mt_segment_use_slot(drain.segment, i);
		if (!atomic_compare_exchange_strong(&slots[i].state, &state, MT_SLOT_CLAIMING))
			continue;
		atomic_fetch_add(&slots[i].generation, 1);
		slots[i].pid = pid;
		slots[i].parent_slot = MT_SLOTS;
		mt_segment_clear_slot(&slots[i]);
		forget_counts(i);
		atomic_store(&slots[i].state, MT_SLOT_LIVE);
		return i;
	}
	exit(1);
}

/* Answers one hello; false: the peer has gone. */
static bool answer(int fd)
{
	static struct mt_welcome welcome;
	struct mt_hello hello;
	struct iovec part = {&welcome, sizeof(welcome)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr message = {.msg_iov = &part,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};

	if (recv(fd, &hello, sizeof(hello), 0) != sizeof(hello) || hello.magic != MT_HELLO_MAGIC)
		return false;
	memset(&welcome, 0, sizeof(welcome));
	welcome.magic = MT_HELLO_MAGIC;
	welcome.version = MT_HELLO_VERSION;
	welcome.slot = claim_slot(hello.pid);
	welcome.generation = atomic_load(&mt_segment_slots(drain.segment)[welcome.slot].generation);
	welcome.segment_bytes = MT_SEGMENT_BYTES;
	snprintf(welcome.session, sizeof(welcome.session), "%s:%032d", drain.address.sun_path, 0);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &drain.segment_fd, sizeof(int));
	drain.joined++;
	return sendmsg(fd, &message, MSG_NOSIGNAL) == sizeof(welcome);
}

static void talk(void)
{
	int fd;

	while (drain.client_count < CLIENTS &&
	       (fd = accept4(drain.listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		drain.clients[drain.client_count++] = fd;
	for (unsigned int i = 0; i < drain.client_count;) {
		struct pollfd pending = {drain.clients[i], POLLIN, 0};

		if (poll(&pending, 1, 0) > 0 && !answer(drain.clients[i])) {
			close(drain.clients[i]);
			drain.clients[i] = drain.clients[--drain.client_count];
		} else {
			i++;
		}
	}
}

static void report(uint32_t index)
{
	struct mt_slot *slot = &mt_segment_slots(drain.segment)[index];
	uint64_t stacks[MT_CUT_COUNT] = {0}, events[MT_CUT_COUNT] = {0};
	char line[1024];
	size_t at = 0;

	at += (size_t)snprintf(line + at, sizeof(line) - at,
	                       "%s pid=%u events=%llu walks=%llu stepped=%llu kept=%llu "
	                       "libunwind=%llu verified=%llu different=%llu dropped=%llu "
	                       "cut-walks=%llu stacks:",
	                       counts[index].command[0] ? counts[index].command : "?", slot->pid,
	                       (unsigned long long)counts[index].events,
	                       (unsigned long long)atomic_load(&slot->walks),
	                       (unsigned long long)atomic_load(&slot->frames_stepped),
	                       (unsigned long long)atomic_load(&slot->frames_kept),
	                       (unsigned long long)atomic_load(&slot->walks_libunwind),
	                       (unsigned long long)atomic_load(&slot->walks_verified),
	                       (unsigned long long)atomic_load(&slot->walks_different),
	                       (unsigned long long)atomic_load(&slot->dropped),
	                       (unsigned long long)atomic_load(&slot->stacks_cut));
	for (uint32_t id = 1; id < counts[index].stacks_room; id++) {
		const struct stack *stack = &counts[index].stacks[id];

		stacks[stack->cut] += stack->events > 0;
		events[stack->cut] += stack->events;
	}
	for (unsigned int i = 0; i < MT_CUT_COUNT; i++)
		if (stacks[i])
			at += (size_t)snprintf(line + at, sizeof(line) - at, " %s=%llu",
			                       cut_names[i], (unsigned long long)stacks[i]);
	at += (size_t)snprintf(line + at, sizeof(line) - at, " events-of-stacks:");
	for (unsigned int i = 0; i < MT_CUT_COUNT; i++)
		if (events[i])
			at += (size_t)snprintf(line + at, sizeof(line) - at, " %s=%llu",
			                       cut_names[i], (unsigned long long)events[i]);
	line[at++] = '\n';
	if (write(drain.output_fd, line, at) != (ssize_t)at)
		perror(drain.output);
}

static void end_process(uint32_t index)
{
	struct mt_slot *slot = &mt_segment_slots(drain.segment)[index];

	report(index);
	forget_counts(index);
	atomic_store(&slot->committed, 1);
	futex_wake(&slot->committed);
	atomic_store(&slot->state, MT_SLOT_FREE);
}

static bool drain_ring(struct mt_ring *ring)
{
	const unsigned char *data = (const unsigned char *)drain.segment + ring->offset_bytes;
	uint64_t mask = ring->size_bytes - 1;
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint32_t slot = atomic_load(&ring->owner_slot);
	bool ended = false;

	if (head == tail)
		return false;
	while (tail < head) {
		union {
			uint64_t word;
			struct mt_event_large large;
			struct mt_event_fixed fixed;
		} event;
		uint32_t bytes;
		unsigned int type;

		uint64_t stack = 0;

		mt_ring_get(data, mask, tail, &event.word, sizeof(event.word));
		type = mt_event_type(event.word);
		bytes = mt_event_bytes(type, 0);
		mt_ring_get(data, mask, tail, &event, bytes);
		if (type == MT_EVENT_ALLOC)
			stack = event.fixed.size_bytes >> 32;
		else if (type > MT_EVENT_ALLOC && type < MT_EVENT_THREAD_BEGIN)
			stack = event.fixed.stack;
		if (type >= MT_EVENT_STACK)
			bytes = mt_event_bytes(type, event.large.length_bytes);
		if (bytes == 0)
			abort();
		if (type == MT_EVENT_STACK && event.large.argument < MT_CUT_COUNT)
			stack_of(slot, event.large.id)->cut = event.large.argument;
		else if (stack)
			stack_of(slot, (uint32_t)stack)->events++;
		if (type >= MT_EVENT_FREE && type < MT_EVENT_THREAD_BEGIN)
			counts[slot].events++;
		ended = ended || type == MT_EVENT_EXIT;
		tail += bytes;
	}
	if (!counts[slot].command[0])
		read_command(mt_segment_slots(drain.segment)[slot].pid, counts[slot].command,
		             sizeof(counts[slot].command));
	atomic_store(&ring->tail, tail);
	if (atomic_load(&ring->writer_waits)) {
		atomic_fetch_add(&ring->space, 1);
		futex_wake(&ring->space);
	}
	if (ended)
		end_process(slot);
	return true;
}

/* True while some process lives. */
static bool look_after_processes(void)
{
	struct mt_slot *slots = mt_segment_slots(drain.segment);
	bool alive = false;

	for (uint32_t i = 0; i < MT_SLOTS; i++) {
		if (atomic_load(&slots[i].state) != MT_SLOT_LIVE)
			continue;
		if (kill((pid_t)slots[i].pid, 0) == 0 || errno != ESRCH)
			alive = true;
		else if (counts[i].lost_beats++ > 2)
			end_process(i);
		else
			alive = true;
	}
	return alive;
}

static void run(void)
{
	unsigned int rounds = 0, idle = 0, empty = 0;

	for (;;) {
		struct mt_ring *rings = mt_segment_rings(drain.segment);
		uint32_t count = atomic_load(&drain.segment->ring_count);
		bool read = false;

		for (uint32_t i = 0; i < count && i < MT_RINGS; i++)
			if (atomic_load_explicit(&rings[i].state, memory_order_acquire) !=
			    MT_RING_UNUSED)
				read = drain_ring(&rings[i]) || read;
		atomic_fetch_add(&drain.segment->heartbeat, 1);
		talk();
		idle = read ? 0 : idle + 1;
		if (idle > 10)
			usleep(idle > 100 ? 2000 : 200);
		if (++rounds % 64 == 0 && idle > 10) {
			empty = look_after_processes() ? 0 : empty + 1;
			if (empty > 4)
				return;
		}
	}
}

static void read_options(const char *options)
{
	struct mt_options parsed;
	struct mt_option_pair pair;

	mt_options_defaults(&parsed);
	while (mt_option_next(&options, &pair))
		mt_option_set(&parsed, &pair);
	snprintf(drain.output, sizeof(drain.output), "%.*s",
	         (int)parsed.values[MT_OPTION_ID_output].text_bytes,
	         parsed.values[MT_OPTION_ID_output].text);
	drain.ring_kib = parsed.values[MT_OPTION_ID_ring_kib].number;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--options=", 10) == 0)
			read_options(argv[i] + 10);
	/* Traced itself it would start one more of itself. */
	if (getenv("LD_PRELOAD"))
		return 1;
	drain.output_fd = open(drain.output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (drain.output_fd < 0 || flock(drain.output_fd, LOCK_SH) != 0)
		return 1;
	if (fork() != 0)
		return 0;
	setsid();
	signal(SIGPIPE, SIG_IGN);
	make_segment();
	listen_for_more();
	drain.clients[drain.client_count++] = STDIN_FILENO;
	run();
	unlink(drain.address.sun_path);
	rmdir(drain.folder);
	return 0;
}
