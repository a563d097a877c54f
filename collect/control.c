/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.c - see control.h.
 */
#include "collect/control.h"

#include "collect/resident.h"
#include "collect/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static void fail(struct mt_answer *answer, int status,
                                                       const char *format, ...)
{
	va_list arguments;

	answer->status = status;
	va_start(arguments, format);
	vsnprintf(answer->message, sizeof(answer->message), format, arguments);
	va_end(arguments);
}

static void switch_tracing(struct mt_session *session, const struct mt_request *request,
                           bool is_start, struct mt_answer *answer)
{
	struct mt_slot *slot;
	uint32_t index, generation, gate;

	index = mt_watch_find(session, (pid_t)request->pid, &generation);
	if (index == MT_SLOTS) {
		fail(answer, -ESRCH, "no process %u is traced in the session of %.300s",
		     request->pid, session->output);
		return;
	}
	slot = &mt_segment_slots(session->segment)[index];
	gate = atomic_load_explicit(&slot->gate, memory_order_relaxed);
	if (is_start == !(gate & MT_GATE_STOPPED)) {
		fail(answer, -EALREADY, "tracing of process %u is %s already", request->pid,
		     is_start ? "on" : "off");
		return;
	}
	/* Before the first event that may come of it. */
	mt_watch_switched(session, index, generation, is_start);
	/* Its other bits are the drain thread's. */
	if (is_start)
		atomic_fetch_and_explicit(&slot->gate, ~MT_GATE_UNFOLLOWED, memory_order_relaxed);
	else
		atomic_fetch_or_explicit(&slot->gate, MT_GATE_STOPPED, memory_order_relaxed);
}

static void take_snapshot(struct mt_session *session, struct mt_client *client,
                          const struct mt_request *request, struct mt_answer *answer)
{
	struct mt_resident *resident;
	uint32_t index, generation;

	index = mt_watch_find(session, (pid_t)request->pid, &generation);
	if (index == MT_SLOTS) {
		fail(answer, -ESRCH, "no process %u is traced in the session of %.300s",
		     request->pid, session->output);
		return;
	}
	if (!memchr(request->argument, '\0', sizeof(request->argument))) {
		fail(answer, -EINVAL, "the number of a stack does not end");
		return;
	}
	if (client->snapshot) {
		fail(answer, -EBUSY, "a snapshot was asked for already");
		return;
	}
	resident = mt_resident_new(session->collector, index, generation,
	                           session->watches[index].pid, MT_RESIDENT_ASKED);
	if (!resident) {
		fail(answer, -ENOMEM, "the collector has no memory for it");
		return;
	}
	if (request->verb == MT_CONTROL_BLOCKS)
		resident->blocks_of = (uint32_t)strtoul(request->argument, NULL, 10);
	client->snapshot = resident->serial = ++session->snapshots;
	mt_snapshots_add(&session->collector->snapshots, resident);
}

static bool send_answer(const struct mt_client *client, const struct mt_answer *answer)
{
	return send(client->fd, answer, sizeof(*answer), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)sizeof(*answer);
}

void mt_control_written(struct mt_session *session, const struct mt_mail *mail)
{
	struct mt_answer answer = {.magic = MT_CONTROL_MAGIC, .version = MT_CONTROL_VERSION};

	strcpy(answer.output, session->output);
	if (mail->status)
		fail(&answer, (int)mail->status, "no snapshot was taken: %.200s",
		     mail->text && mail->text[0] ? mail->text : strerror(-(int)mail->status));
	for (uint32_t i = 0; i < MT_SESSION_CLIENTS; i++) {
		struct mt_client *client = &session->clients[i];

		if (client->fd < 0 || client->snapshot != mail->stamp)
			continue;
		client->snapshot = 0;
		send_answer(client, &answer);
	}
}

/* Those who may read the process's memory anyway. */
static bool is_allowed(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

bool mt_control_answer(struct mt_session *session, struct mt_client *client,
                       const struct mt_request *request)
{
	struct mt_answer answer = {.magic = MT_CONTROL_MAGIC, .version = MT_CONTROL_VERSION};

	strcpy(answer.output, session->output);
	if (!is_allowed(client->fd))
		fail(&answer, -EPERM, "the session belongs to another user");
	else if (request->version != MT_CONTROL_VERSION)
		fail(&answer, -EPROTO,
		     "memtrace and the collector of that process are of different installations");
	else if (request->verb == MT_CONTROL_START || request->verb == MT_CONTROL_STOP)
		switch_tracing(session, request, request->verb == MT_CONTROL_START, &answer);
	else if (request->verb == MT_CONTROL_SNAPSHOT || request->verb == MT_CONTROL_BLOCKS)
		take_snapshot(session, client, request, &answer);
	else
		fail(&answer, -ENOSYS, "the collector of that process is of an older memtrace");
	return client->snapshot || send_answer(client, &answer);
}
