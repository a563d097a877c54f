/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c - see session.h.
 */
#include "collect/session.h"

#include "collect/control.h"
#include "collect/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
/* A fork in flight, or a slot that is being claimed, may belong to a process that was killed there. */
#define FORK_WAIT_NS (5 * NS_PER_S)
/* After SIGTERM: those who were told the same may come to their own end first. */
#define STOP_WAIT_NS NS_PER_S
#define POLL_MS      20
/* Who owns what belongs to nobody in a user namespace. */
#define OVERFLOW_UID 65534u
/* How long a summary is kept back for the file to be closed. */
#define LAST_WAIT_NS (NS_PER_S / 2)

/* What an epoll event is about: these, then clients, then slots. */
enum { ABOUT_LISTENER, ABOUT_MAIL, ABOUT_SIGNAL, ABOUT_CLIENTS };
#define ABOUT_SLOTS (ABOUT_CLIENTS + MT_SESSION_CLIENTS)

static int attend(struct mt_session *session, int fd, uint32_t about)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = about};

	return epoll_ctl(session->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int mt_session_attend_slot(struct mt_session *session, uint32_t slot)
{
	return attend(session, session->watches[slot].pidfd, ABOUT_SLOTS + slot);
}

/* --- opening ----------------------------------------------------------------------------------------- */

/*
 * Who may rename what is in the parent could put a folder of his own in the place of ours: then the traced
 * programs would be told his socket, and what we do to ours by its path would be done to what he likes.
 */
static bool is_safe_parent(const char *parent)
{
	struct stat status;
	bool is_ours;

	if (stat(parent, &status) != 0 || !S_ISDIR(status.st_mode))
		return false;
	is_ours = status.st_uid == geteuid() || status.st_uid == 0;
	if (!(status.st_mode & S_ISVTX))
		return is_ours && !(status.st_mode & (S_IWGRP | S_IWOTH));
	/* In a user namespace root may be nobody. */
	return is_ours || status.st_uid == OVERFLOW_UID;
}

/* 0711: reachable for a process that has changed its user, not listable. */
static bool open_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool is_open = fd >= 0 && fchmod(fd, 0711) == 0;

	if (fd >= 0)
		close(fd);
	return is_open;
}

/* The socket is made with the mode that it keeps, before anybody can get at it. */
static int bind_socket(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0111);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	umask(before);
	return r;
}

static int try_folder(struct mt_session *session, const char *parent)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	/* The whole path has to fit into a socket's address. */
	if (!parent || parent[0] != '/' ||
	    snprintf(session->folder, sizeof(session->folder), "%s/memtrace-XXXXXX", parent) >=
	            (int)sizeof(session->folder) - (int)sizeof("/socket"))
		return -ENAMETOOLONG;
	if (!is_safe_parent(parent))
		return -EPERM;
	if (!mkdtemp(session->folder))
		return -errno;
	snprintf(session->socket_path, sizeof(session->socket_path), "%.*s/socket",
	         (int)(sizeof(session->socket_path) - sizeof("/socket")), session->folder);
	strcpy(address.sun_path, session->socket_path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind_socket(fd, &address) == 0 && listen(fd, 128) == 0 &&
	    open_folder(session->folder)) {
		session->listen_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	unlink(session->socket_path);
	rmdir(session->folder);
	return -EACCES;
}

static void open_socket(struct mt_session *session)
{
	const char *parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	int used;

	for (size_t i = 0; i < sizeof(parents) / sizeof(*parents); i++) {
		if (try_folder(session, parents[i]) < 0)
			continue;
		used = snprintf(session->entry, sizeof(session->entry),
		                "%s:", session->socket_path);
		for (size_t b = 0; b < MT_TOKEN_BYTES; b++)
			used += snprintf(session->entry + used,
			                 sizeof(session->entry) - (size_t)used, "%02x",
			                 session->token[b]);
		return;
	}
	session->folder[0] = '\0';
	session->socket_path[0] = '\0';
}

int mt_session_listen(struct mt_session *session)
{
	session->listen_fd = session->epoll_fd = session->event_fd = session->signal_fd = -1;
	session->spare_fd = -1;
	for (uint32_t i = 0; i < MT_SESSION_CLIENTS; i++)
		session->clients[i].fd = -1;
	mt_mailbox_init(&session->mail);
	if (getrandom(session->token, sizeof(session->token), 0) != sizeof(session->token))
		return -errno;
	open_socket(session);
	return 0;
}

int mt_session_open(struct mt_session *session, struct mt_segment *segment, int segment_fd,
                    enum mt_clock clock)
{
	struct stat status;
	sigset_t signals;

	session->segment = segment;
	session->segment_fd = segment_fd;
	session->clock = clock;
	if (fstat(segment_fd, &status) == 0)
		session->segment_inode = status.st_ino;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	session->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	session->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (session->signal_fd < 0 || session->event_fd < 0 || session->epoll_fd < 0)
		return -errno;
	session->spare_fd = fcntl(session->event_fd, F_DUPFD_CLOEXEC, 0);
	if (attend(session, session->event_fd, ABOUT_MAIL) < 0 ||
	    attend(session, session->signal_fd, ABOUT_SIGNAL) < 0 ||
	    (session->listen_fd >= 0 && attend(session, session->listen_fd, ABOUT_LISTENER) < 0))
		return -errno;
	return 0;
}

void mt_session_close(struct mt_session *session)
{
	for (uint32_t i = 0; i < MT_SESSION_CLIENTS; i++)
		if (session->clients[i].fd >= 0)
			close(session->clients[i].fd);
	for (uint32_t i = 0; i < session->slot_count; i++) {
		if (session->watches[i].pidfd > 0)
			close(session->watches[i].pidfd);
		free(session->watches[i].oom_file);
	}
	if (session->listen_fd >= 0)
		close(session->listen_fd);
	if (session->socket_path[0])
		unlink(session->socket_path);
	if (session->folder[0])
		rmdir(session->folder);
	if (session->epoll_fd >= 0)
		close(session->epoll_fd);
	if (session->event_fd >= 0)
		close(session->event_fd);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	if (session->spare_fd >= 0)
		close(session->spare_fd);
	mt_mailbox_free(&session->mail);
	free(session->follow);
}

void mt_session_wake(struct mt_session *session)
{
	uint64_t one = 1;

	if (write(session->event_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it is awake */
}

/* --- the conversation -------------------------------------------------------------------------------- */

static void drop_client(struct mt_session *session, struct mt_client *client)
{
	if (client->is_trusted)
		atomic_store(&session->segment->is_reported, 0);
	epoll_ctl(session->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
	close(client->fd);
	*client = (struct mt_client){.fd = -1};
}

/* Anybody may connect. */
static bool is_stranger(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
	       (peer.uid != 0 && peer.uid != geteuid());
}

/*
 * A free place. Where there is none, who came first of those that have not shown the token has to go, and of
 * these another user's: nobody keeps others out by connecting and saying nothing.
 */
static struct mt_client *make_place(struct mt_session *session)
{
	struct mt_client *oldest = NULL;

	for (uint32_t i = 0; i < MT_SESSION_CLIENTS; i++) {
		struct mt_client *client = &session->clients[i];

		if (client->fd < 0)
			return client;
		if (client->is_trusted || client->is_known)
			continue;
		if (!oldest || client->is_stranger > oldest->is_stranger ||
		    (client->is_stranger == oldest->is_stranger && client->number < oldest->number))
			oldest = client;
	}
	if (oldest)
		drop_client(session, oldest);
	return oldest;
}

static void add_client(struct mt_session *session, int fd, bool is_trusted)
{
	struct mt_client *client = make_place(session);

	if (client) {
		*client = (struct mt_client){.fd = fd,
		                             .is_trusted = is_trusted,
		                             .is_stranger = is_stranger(fd),
		                             .number = session->client_count++};
		if (attend(session, fd, ABOUT_CLIENTS + (uint32_t)(client - session->clients)) == 0)
			return;
		client->fd = -1;
	}
	close(fd);
}

static bool token_is_right(const uint8_t *ours, const uint8_t *theirs)
{
	unsigned int difference = 0;

	/* In constant time: how long it takes must not tell how much was right. */
	for (size_t i = 0; i < MT_TOKEN_BYTES; i++)
		difference |= (unsigned int)(ours[i] ^ theirs[i]);
	return difference == 0;
}

static bool send_welcome(struct mt_session *session, int fd, const struct mt_welcome *welcome,
                         bool with_segment)
{
	struct iovec part = {(void *)(uintptr_t)welcome, sizeof(*welcome)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	if (with_segment) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &session->segment_fd, sizeof(int));
	}
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)sizeof(*welcome);
}

static bool welcome(struct mt_session *session, struct mt_client *client,
                    const struct mt_hello *hello)
{
	struct mt_welcome answer = {.magic = MT_HELLO_MAGIC,
	                            .version = MT_HELLO_VERSION,
	                            .slot = MT_SLOTS,
	                            .segment_bytes = MT_SEGMENT_BYTES};
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);
	bool has_joined = false;

	strcpy(answer.session, session->entry);
	strcpy(answer.output, session->output);
	/* Said once, to the first one. */
	strcpy(answer.message, session->message);
	/* The starter that does not join is `memtrace run`. */
	if (client->is_trusted && hello->purpose == MT_HELLO_SESSION)
		atomic_store(&session->segment->is_reported, 1);
	if (hello->version != MT_HELLO_VERSION) {
		answer.status = -EPROTO;
		snprintf(answer.message, sizeof(answer.message),
		         "the library speaks version %u of the protocol and memtrace-collect %u: "
		         "they are from different installations",
		         hello->version, MT_HELLO_VERSION);
	} else if (hello->purpose == MT_HELLO_JOIN) {
		getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
		mt_watch_join(session, client->fd, peer.pid, (pid_t)hello->pid, &answer);
		has_joined = answer.status == 0;
	}
	if (!send_welcome(session, client->fd, &answer, has_joined))
		return false;
	if (answer.status == 0)
		session->message[0] = '\0';
	mt_commit_open(session->commit);
	return true;
}

static bool send_summary(struct mt_session *session, struct mt_client *client)
{
	struct mt_summary summary = {.magic = MT_HELLO_MAGIC,
	                             .processes = session->processes,
	                             .sample_bytes = session->collector->ledger.sample_bytes};
	struct mt_outcome outcome = {0};
	struct mt_error error;

	client->has_asked = false;
	client->known_since_ns = 0;
	strcpy(summary.output, session->output);
	if (mt_watch_outcome(session, client->pid, &outcome)) {
		summary.allocations = outcome.allocations;
		summary.live_blocks = outcome.live_blocks;
		summary.live_bytes = outcome.live_bytes;
		summary.peak_bytes = outcome.peak_bytes;
		summary.dropped_events = outcome.dropped_events;
		if (outcome.gave_up)
			strcpy(summary.message, "the collector did not move for 10 s: what the "
			                        "program did from then on is missing");
	} else {
		summary.status = -ESRCH;
	}
	/* It was left out by follow=. */
	if (summary.status == 0 && !outcome.has_row)
		summary.status = -ENOENT;
	if (mt_commit_failure(session->commit, &error) < 0) {
		summary.status = -EIO;
		snprintf(summary.message, sizeof(summary.message), "%.300s is incomplete: %.180s",
		         session->output, error.text);
	}
	return send(client->fd, &summary, sizeof(summary), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)sizeof(summary);
}

/*
 * Answers a summary when its time has come. Where nothing else is traced, that is when the session is over
 * and one closed file is left; but nobody waits long for that. False: the client is lost.
 */
static bool try_summary(struct mt_session *session, struct mt_client *client)
{
	uint64_t now_ns = mt_stamp_monotonic_ns();

	if (!client->has_asked || mt_watch_owes(session, client->pid))
		return true;
	if (!client->known_since_ns)
		client->known_since_ns = now_ns;
	if (!mt_watch_has_others(session, client->pid) &&
	    now_ns - client->known_since_ns < LAST_WAIT_NS)
		return true;
	return send_summary(session, client);
}

bool mt_session_hear(struct mt_session *session, struct mt_client *client)
{
	union {
		struct mt_hello hello;
		struct mt_request request;
	} message;
	struct mt_hello hello;
	/* MSG_TRUNC: as long as it was, whatever found room. */
	ssize_t got = recv(client->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got == (ssize_t)sizeof(message.request) && message.request.magic == MT_CONTROL_MAGIC)
		return mt_control_answer(session, client, &message.request);
	if (got != (ssize_t)sizeof(hello))
		return false;
	hello = message.hello;
	if (hello.magic != MT_HELLO_MAGIC ||
	    (!client->is_trusted && !token_is_right(session->token, hello.token)))
		return false;
	client->is_known = true;
	switch (hello.purpose) {
	case MT_HELLO_JOIN:
	case MT_HELLO_SESSION: return welcome(session, client, &hello);
	case MT_HELLO_SUMMARY:
		client->has_asked = true;
		client->known_since_ns = 0;
		client->pid = (pid_t)hello.pid;
		return try_summary(session, client);
	default: return false;
	}
}

/* No descriptor is left: who waits is told so, and does not keep us busy for ever. */
static void turn_away(struct mt_session *session)
{
	int fd;

	close(session->spare_fd);
	fd = accept4(session->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	session->spare_fd = fcntl(session->event_fd, F_DUPFD_CLOEXEC, 0);
}

static void accept_clients(struct mt_session *session)
{
	for (;;) {
		int fd = accept4(session->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE) && session->spare_fd >= 0) {
			turn_away(session);
			continue;
		}
		if (fd < 0)
			return;
		add_client(session, fd, false);
	}
}

/* --- the loop ---------------------------------------------------------------------------------------- */

static void on_signal(struct mt_session *session)
{
	struct signalfd_siginfo info;

	while (read(session->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		uint64_t now_ns = mt_stamp_monotonic_ns();

		/* A hang-up is the terminal's business, not ours; a second demand is a stronger one. */
		if (info.ssi_signo == SIGHUP)
			continue;
		session->stop_at_ns = session->stop_at_ns ? now_ns : now_ns + STOP_WAIT_NS;
	}
}

static void on_event(struct mt_session *session, uint32_t about)
{
	uint64_t count;

	if (about == ABOUT_LISTENER) {
		accept_clients(session);
	} else if (about == ABOUT_MAIL) {
		if (read(session->event_fd, &count, sizeof(count)) < 0)
			return;
	} else if (about == ABOUT_SIGNAL) {
		on_signal(session);
	} else if (about < ABOUT_SLOTS) {
		struct mt_client *client = &session->clients[about - ABOUT_CLIENTS];

		if (client->fd >= 0 && !mt_session_hear(session, client))
			drop_client(session, client);
	} else {
		mt_watch_ended(session, about - ABOUT_SLOTS);
	}
}

static void answer_summaries(struct mt_session *session, bool is_over)
{
	session->keeps_back = false;
	for (uint32_t i = 0; i < MT_SESSION_CLIENTS; i++) {
		struct mt_client *client = &session->clients[i];

		if (client->fd < 0 || !client->has_asked)
			continue;
		if (!(is_over ? send_summary(session, client) : try_summary(session, client)))
			drop_client(session, client);
		else if (client->known_since_ns)
			session->keeps_back = true;
	}
}

/* Is there anybody who still may want something? */
static bool is_needed(const struct mt_session *session)
{
	if (session->watched)
		return true;
	for (uint32_t i = 0; i < MT_SESSION_CLIENTS; i++) {
		const struct mt_client *client = &session->clients[i];

		/* A summary that is only kept back until the end does not put the end off. */
		if (client->fd >= 0 &&
		    (client->is_trusted || client->has_asked || client->snapshot) &&
		    !client->known_since_ns)
			return true;
	}
	return false;
}

static void post_to_drain(struct mt_session *session, enum mt_mail_type type)
{
	mt_mailbox_post(&session->collector->mail, &(struct mt_mail){.type = type});
	mt_collector_wake(session->collector);
}

/* True when the session is over. */
static bool has_come_to_end(struct mt_session *session)
{
	uint64_t now_ns = mt_stamp_monotonic_ns();
	bool is_patient;

	if (session->stop_at_ns && (now_ns >= session->stop_at_ns || !session->watched)) {
		session->was_cut_off = session->watched != 0;
		return true;
	}
	if (is_needed(session)) {
		session->empty_since_ns = 0;
		session->has_asked_rest = session->is_resting = false;
		return false;
	}
	if (!session->empty_since_ns)
		session->empty_since_ns = now_ns;
	is_patient = now_ns - session->empty_since_ns < FORK_WAIT_NS;
	if (is_patient && atomic_load(&session->segment->forks_in_flight))
		return false;
	if (session->is_resting || !is_patient)
		return true;
	if (!session->has_asked_rest) {
		session->has_asked_rest = true;
		post_to_drain(session, MT_MAIL_REST);
	}
	return false;
}

void mt_session_run(struct mt_session *session, int starter_fd)
{
	struct epoll_event events[64];
	bool is_last_look = false;

	add_client(session, starter_fd, true);
	for (;;) {
		bool is_waiting =
		        session->stop_at_ns || session->empty_since_ns || session->keeps_back;
		int count = epoll_wait(session->epoll_fd, events, 64,
		                       is_last_look ? 0
		                       : is_waiting ? POLL_MS
		                                    : -1);

		for (int i = 0; i < count; i++)
			on_event(session, events[i].data.u32);
		mt_watch_read_mail(session);
		answer_summaries(session, false);
		/* Somebody may have come while the drain thread said that it rests. */
		if (!has_come_to_end(session))
			is_last_look = false;
		else if (is_last_look || session->stop_at_ns)
			return;
		else
			is_last_look = true;
	}
}

void mt_session_finish(struct mt_session *session)
{
	mt_watch_read_mail(session);
	answer_summaries(session, true);
}
