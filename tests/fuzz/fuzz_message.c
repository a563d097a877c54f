/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_message.c - what is said to a collector over its socket, by whoever can reach it.
 *
 * The input is a list of messages: of which length, with the right magic, version and token or not, on the
 * starter's socket or on another one. Each is heard as the service thread hears it; what a client is told may stay
 * unread.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collect/segment.h"
#include "collect/session.h"
#include "collect/watch.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/replay.h"
#include "wire/control.h"

#define MESSAGES_MAX 32u

static struct mt_session session;
static struct mt_collector collector;
static struct mt_commit commit;

static int begin_once(void)
{
	struct mt_segment *segment;
	struct mt_error error;
	int fd;

	/* No socket: the messages come over one of our own. */
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	if (mt_session_listen(&session) < 0 ||
	    mt_segment_create("", 16, MT_CLOCK_MONOTONIC, &segment, &fd, &error) < 0 ||
	    mt_session_open(&session, segment, fd, MT_CLOCK_MONOTONIC) < 0)
		return -1;
	mt_collector_init(&collector, segment, MT_CLOCK_MONOTONIC, 100, &session.mail, -1, &commit);
	pthread_mutex_init(&commit.mutex, NULL);
	session.collector = &collector;
	session.commit = &commit;
	strcpy(session.output, "/tmp/out.db");
	return 0;
}

/* All who joined are gone, and nothing was said to the drain thread. */
static void forget(void)
{
	struct mt_mail *mail = mt_mailbox_take(&collector.mail);

	while (mail) {
		struct mt_mail *next = mail->next;

		mt_mail_free(mail);
		mail = next;
	}
	for (uint32_t i = 0; i < MESSAGES_MAX * 2; i++) {
		if (session.watches[i].pidfd > 0)
			close(session.watches[i].pidfd);
		free(session.watches[i].oom_file);
		session.watches[i] = (struct mt_watch){0};
		atomic_store(&mt_segment_slots(session.segment)[i].state, MT_SLOT_FREE);
	}
	atomic_store(&session.segment->slot_hint, 0);
	session.watched = 0;
}

static size_t make(struct bytes *bytes, unsigned char *message, size_t most)
{
	uint8_t how = bytes_u8(bytes), change = bytes_u8(bytes);
	struct mt_hello hello = {.magic = MT_HELLO_MAGIC, .version = MT_HELLO_VERSION};
	struct mt_request request = {.magic = MT_CONTROL_MAGIC, .version = MT_CONTROL_VERSION};
	size_t length = sizeof(hello);

	memset(message, 0, most);
	if (how & 1) {
		/* Not MT_CONTROL_SNAPSHOT, which would stop this process. */
		request.verb = bytes_u8(bytes) % MT_CONTROL_SNAPSHOT;
		request.pid = how & 2 ? (uint32_t)getpid() : (uint32_t)bytes_number(bytes);
		memcpy(message, &request, length = sizeof(request));
	} else {
		hello.purpose = bytes_u8(bytes) % 5;
		hello.pid = how & 2 ? (uint32_t)getpid() : (uint32_t)bytes_number(bytes);
		if (how & 4)
			memcpy(hello.token, session.token, sizeof(hello.token));
		memcpy(message, &hello, length);
	}
	if (change & 1)
		message[bytes_u16(bytes) % length] = bytes_u8(bytes);
	if (change & 2)
		bytes_take(bytes, message, bytes_u8(bytes) % length);
	if (change & 4)
		length = bytes_u16(bytes) % most;
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct bytes bytes = {data, count};
	struct mt_client client = {.fd = -1};
	unsigned char message[8192];
	int pair[2];

	if (!session.segment && begin_once() < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	client.fd = pair[0];
	client.is_trusted = bytes_u8(&bytes) & 1;
	for (uint32_t i = 0; bytes.left && i < MESSAGES_MAX; i++) {
		size_t length = make(&bytes, message, sizeof(message));
		bool had_token =
		        client.is_trusted || memcmp(message + offsetof(struct mt_hello, token),
		                                    session.token, MT_TOKEN_BYTES) == 0;
		uint32_t watched = session.watched;

		if (send(pair[1], message, length, 0) < 0)
			break;
		if (!mt_session_hear(&session, &client))
			break;
		/* Nobody is let in without. */
		if (session.watched != watched && !had_token)
			abort();
		mt_watch_read_mail(&session);
	}
	close(pair[0]);
	close(pair[1]);
	forget();
	return 0;
}
