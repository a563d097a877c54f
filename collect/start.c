/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * start.c - memtrace-collect: main, from the command line to the threads and back.
 *
 *	memtrace-collect [--options=key=value:...] [--folder=DIR] [--command=NAME] [--pid=N] [--stay]
 *
 * Started by the library's constructor or by `memtrace run`, with one end of a socketpair as standard input;
 * the traced program waits until its first question there is answered, so what can come later does. It
 * prints nothing: what went wrong is in the answer. Exit status: 0; 1 nothing could be set up; 2 wrong use.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "collect/collector.h"
#include "collect/control.h"
#include "collect/daemon.h"
#include "collect/output.h"
#include "collect/segment.h"
#include "collect/session.h"
#include "collect/settings.h"
#include "collect/sweep.h"
#include "store/writer.h"

#define FIRST_QUESTION_S 10

/* Large, and one of each. */
static struct mt_collector collector;
static struct mt_session session;
static struct mt_commit commit;

/* --- the file ---------------------------------------------------------------------------------------- */

struct file {
	char path[PATH_MAX];
	int lock_fd;
	struct mt_writer *writer;
};

static int try_file(struct file *file, const char *path, bool may_replace,
                    const struct mt_writer_session *row, struct mt_error *ret_error)
{
	int r = mt_output_claim(path, may_replace, file->path, &file->lock_fd, ret_error);

	if (r < 0)
		return r;
	r = mt_writer_create(file->path, row, ret_error, &file->writer);
	if (r < 0)
		mt_output_abandon(file->path, file->lock_fd);
	return r;
}

/* Somewhere else, under a name that is free. */
static int try_elsewhere(struct file *file, const char *name, const struct mt_writer_session *row,
                         struct mt_error *ret_error)
{
	const char *folder = getenv("TMPDIR");
	char path[PATH_MAX];
	int r = -EEXIST;

	if (!folder || folder[0] != '/')
		folder = "/tmp";
	for (int i = 0; i < 8 && r == -EEXIST; i++) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		if (i == 0)
			snprintf(path, sizeof(path), "%.3000s/%s", folder, name);
		else
			snprintf(path, sizeof(path), "%.3000s/%.*s.%06lx.db", folder,
			         (int)(strlen(name) - 3), name,
			         (unsigned long)((now.tv_nsec ^ (getpid() * 7919l)) & 0xffffff));
		r = try_file(file, path, false, row, ret_error);
	}
	if (r < 0) {
		struct mt_error why = *ret_error;

		return mt_error_set(ret_error, r, "%.200s: %.200s", path, why.text);
	}
	return 0;
}

/* Makes the file, at the place that was asked for or at another one: then message says so. */
static int open_file(struct file *file, const struct mt_settings *settings, pid_t pid,
                     const struct mt_writer_session *row, char *message, size_t message_bytes)
{
	MT_CLEANUP_FREE char *output = mt_settings_string(settings, MT_OPTION_ID_output);
	char name[128], path[PATH_MAX];
	struct mt_error error, second;
	int length, r;

	if (!output)
		return -ENOMEM;
	mt_output_name(settings->command, pid, name, sizeof(name));
	if (output[0] == '/')
		length = snprintf(path, sizeof(path), "%s", output);
	else
		length = snprintf(path, sizeof(path), "%s/%s", settings->folder,
		                  output[0] ? output : name);
	if (length < 0 || (size_t)length >= sizeof(path))
		r = mt_error_set(&error, -ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
	else
		r = try_file(file, path, true, row, &error);
	if (r == 0)
		return 0;
	r = try_elsewhere(file, name, row, &second);
	if (r == 0)
		snprintf(message, message_bytes,
		         "cannot write %.150s: %.100s; writing %.200s instead", path, error.text,
		         file->path);
	else
		snprintf(message, message_bytes,
		         "not traced: cannot write %.150s: %.100s; nor %.200s", path, error.text,
		         second.text);
	return r;
}

static int open_file_with_row(struct file *file, const struct mt_settings *settings, pid_t pid,
                              enum mt_clock clock, char *message, size_t message_bytes)
{
	MT_CLEANUP_FREE char *options = mt_settings_text(settings);
	struct mt_procfs_stat self = {0};
	struct mt_writer_session row = {.memtrace = PACKAGE_VERSION};
	struct timespec now;
	struct utsname host;

	if (!options)
		return -ENOMEM;
	uname(&host);
	clock_gettime(CLOCK_REALTIME, &now);
	mt_procfs_stat("", getpid(), &self);
	row.origin_utc_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	row.clock = clock == MT_CLOCK_TSC ? "tsc" : "monotonic";
	row.host = host.nodename;
	row.kernel = host.release;
	row.machine = host.machine;
	row.page_bytes = sysconf(_SC_PAGESIZE);
	row.collector_pid = getpid();
	row.collector_start = (int64_t)self.start_ticks;
	row.options = options;
	row.sample_bytes = settings->options.values[MT_OPTION_ID_sample].number;
	return open_file(file, settings, pid, &row, message, message_bytes);
}

/* --- the heap ---------------------------------------------------------------------------------------- */

/* What a session that ends at once needs of it. */
#define HEAP_BYTES (640u << 10)
#define PAGE_BYTES 4096u

/*
 * One heap for all threads, and the first part of it at once: the traced program waits while it is asked for by touching
 * one page after the other. That was 120 of 290 page faults from the start of a session to its end, and on a virtual
 * machine 10 us each.
 */
static void make_heap(void)
{
	char *heap;

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 2 * HEAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 8 * HEAP_BYTES);
	heap = malloc(HEAP_BYTES);
#ifdef MADV_POPULATE_WRITE
	if (heap)
		madvise((void *)(((uintptr_t)heap + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1)),
		        HEAP_BYTES - PAGE_BYTES, MADV_POPULATE_WRITE);
#endif
	free(heap);
}

/* --- the threads ------------------------------------------------------------------------------------- */

static void wake_both(void *unused)
{
	(void)unused;
	mt_collector_wake(&collector);
	mt_session_wake(&session);
}

static void post_note(const char *kind, const char *text)
{
	struct mt_mail mail = {.type = MT_MAIL_NOTE, .reason = kind, .text = strdup(text)};

	if (mail.text)
		mt_mailbox_post(&collector.mail, &mail);
}

static void stop_looking(void)
{
	mt_probe_stop(&collector.probe);
	mt_snapshots_stop(&collector.snapshots);
}

/* The two threads that read /proc without being asked. */
static int start_looking(const struct mt_settings *settings)
{
	const struct mt_option_value *values = settings->options.values;
	uint64_t moments = values[MT_OPTION_ID_snapshot].number;
	int r;

	/* Of a sampled heap most blocks are not known. */
	if (values[MT_OPTION_ID_sample].number)
		moments = 0;
	collector.segment_inode = session.segment_inode;
	collector.ledger.snapshots = &collector.snapshots;
	/* One that does not wait at its end is gone before it could be looked at. */
	collector.ledger.moments = values[MT_OPTION_ID_exit_wait].number ? moments : 0;
	r = mt_snapshots_start(&collector.snapshots, &collector.probe);
	if (r < 0)
		return r;
	r = mt_probe_start(&collector.probe, &collector, moments,
	                   (uint32_t)values[MT_OPTION_ID_timeline].number);
	if (r < 0)
		mt_snapshots_stop(&collector.snapshots);
	return r;
}

/*
 * Those that sleep until somebody wants something of them come first, for a thread is made at a fraction of the cost while no
 * other one works; the drain thread, which puts questions to all of them, comes last.
 */
static int start_threads(const struct mt_settings *settings, pthread_t *ret_drain)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = start_looking(settings);
	if (r == 0) {
		r = mt_commit_start(&commit);
		if (r == 0) {
			r = -pthread_create(ret_drain, NULL, mt_collector_run, &collector);
			if (r < 0)
				mt_commit_stop(&commit);
		}
		if (r < 0)
			stop_looking();
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* Until the end; the session's state for the file. */
static const char *serve(int starter_fd, pthread_t drain)
{
	mt_session_run(&session, starter_fd);
	stop_looking();
	if (session.was_cut_off)
		post_note("stopped", "the collector was told to stop while processes were traced: "
		                     "their later events are missing");
	mt_mailbox_post(&collector.mail, &(struct mt_mail){.type = MT_MAIL_STOP});
	mt_collector_wake(&collector);
	pthread_join(drain, NULL);
	mt_segment_close(collector.ledger.segment);
	return session.was_cut_off ? "incomplete" : "complete";
}

static int write_note(struct mt_writer *writer, const struct mt_writer_note *note)
{
	int r = mt_writer_begin(writer);

	if (r == 0)
		r = mt_writer_note(writer, note);
	if (r == 0)
		r = mt_writer_commit(writer);
	if (r < 0)
		mt_writer_rollback(writer);
	return r;
}

/* Why the file is incomplete: in the room of what failed and was rolled back, or of what can be moved. */
static void try_note(struct mt_writer *writer, const struct mt_error *error)
{
	const struct mt_ledger *ledger = &collector.ledger;
	struct mt_writer_note note = {.id = (uint32_t)ledger->notes.count + 1,
	                              .time_ns = mt_stamp_ns(&ledger->stamps, ledger->cut_stamp),
	                              .kind = "file",
	                              .count = 1};
	char text[MT_ERROR_TEXT_BYTES + 64];

	snprintf(text, sizeof(text), "what came last could not be written: %s", error->text);
	note.text = text;
	if (write_note(writer, &note) == 0)
		return;
	mt_writer_make_room(writer);
	write_note(writer, &note);
}

static enum mt_follow follow_of(const struct mt_settings *settings)
{
	MT_CLEANUP_FREE char *follow = mt_settings_string(settings, MT_OPTION_ID_follow);

	if (!follow || !*follow || strcmp(follow, "all") == 0)
		return MT_FOLLOW_ALL;
	return strcmp(follow, "first") == 0 ? MT_FOLLOW_FIRST : MT_FOLLOW_MATCHING;
}

/* What every process of the session goes by. */
static void set_up_segment(struct mt_segment *segment, const struct mt_settings *settings)
{
	const struct mt_option_value *values = settings->options.values;

	segment->sample_bytes = values[MT_OPTION_ID_sample].number;
	segment->sample_seed = values[MT_OPTION_ID_sample_seed].number;
	/* Without, the processes of all sessions would draw alike: no harm. */
	if (!segment->sample_seed &&
	    getrandom(&segment->sample_seed, sizeof(segment->sample_seed), 0) < 0)
		segment->sample_seed = 1;
	if (segment->sample_bytes)
		segment->first_gate |= MT_GATE_SAMPLED;
	else if (values[MT_OPTION_ID_free_stacks].number == 1)
		segment->first_gate |= MT_GATE_FREE_STACKS;
	segment->follow = follow_of(settings);
	if (values[MT_OPTION_ID_start].number == 1)
		segment->first_gate |= MT_GATE_STOPPED | MT_GATE_UNUSED;
}

static int run(const struct mt_settings *settings, struct mt_segment *segment, int segment_fd,
               enum mt_clock clock, struct file *file, const char *message, int starter_fd)
{
	uint32_t point_ms = (uint32_t)settings->options.values[MT_OPTION_ID_timeline].number;
	const char *state;
	pthread_t drain;
	struct mt_error error;
	int sync_fd;
	int r = mt_session_open(&session, segment, segment_fd, clock);

	if (r < 0)
		return r;
	set_up_segment(segment, settings);
	mt_segment_attest_life(segment);
	session.follow = mt_settings_string(settings, MT_OPTION_ID_follow);
	snprintf(session.output, sizeof(session.output), "%s", file->path);
	snprintf(session.message, sizeof(session.message), "%s", message);
	if (!message[0] && settings->mistake_count)
		snprintf(session.message, sizeof(session.message), "%s", settings->mistakes[0]);
	mt_commit_init(&commit, file->writer, segment, &session.mail, wake_both, NULL);
	commit.file_fd = file->lock_fd;
	commit.socket_path = session.socket_path;
	commit.folder = session.folder;
	mt_collector_init(&collector, segment, clock, point_ms, &session.mail, session.event_fd,
	                  &commit);
	session.collector = &collector;
	session.commit = &commit;
	if (message[0])
		post_note("output", message);
	for (size_t i = 0; i < settings->mistake_count; i++)
		post_note("option", settings->mistakes[i]);
	if (session.listen_fd < 0)
		post_note("socket", "no socket could be made in XDG_RUNTIME_DIR, TMPDIR or /tmp: "
		                    "programs that are exec'd cannot join");
	r = start_threads(settings, &drain);
	if (r < 0)
		return r;
	state = serve(starter_fd, drain);
	mt_commit_stop(&commit);
	if (mt_commit_failure(&commit, &error) < 0) {
		state = "incomplete";
		try_note(file->writer, &error);
	}
	mt_writer_close(file->writer, state, NULL);
	sync_fd = open(file->path, O_RDONLY | O_CLOEXEC);
	close(file->lock_fd);
	mt_session_finish(&session);
	/* Nobody waits any more. */
	if (sync_fd >= 0) {
		fsync(sync_fd);
		close(sync_fd);
	}
	mt_session_close(&session);
	if (session.folder[0]) {
		*strrchr(session.folder, '/') = '\0';
		mt_sweep(session.folder[0] ? session.folder : "/");
	}
	mt_commit_free(&commit);
	mt_collector_free(&collector);
	return 0;
}

/* Nothing can be traced: whoever waits is told why. */
static void refuse(int starter_fd, int status, const char *message)
{
	struct timeval patience = {FIRST_QUESTION_S, 0};
	struct mt_welcome answer = {.magic = MT_HELLO_MAGIC,
	                            .version = MT_HELLO_VERSION,
	                            .status = status,
	                            .slot = MT_SLOTS};
	struct mt_hello hello;

	setsockopt(starter_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	snprintf(answer.message, sizeof(answer.message), "%s", message);
	if (recv(starter_fd, &hello, sizeof(hello), 0) == (ssize_t)sizeof(hello))
		send(starter_fd, &answer, sizeof(answer), MSG_NOSIGNAL);
}

/* Who started us, as the kernel saw it when the socketpair was made. */
static pid_t starter_pid(int starter_fd)
{
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);

	getsockopt(starter_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	return peer.pid;
}

int main(int argc, char **argv)
{
	enum mt_clock clock = mt_stamp_choose("");
	char here[PATH_MAX], message[512] = "";
	struct mt_settings settings;
	struct mt_segment *segment = NULL;
	struct file file = {.lock_fd = -1};
	struct mt_error error;
	int segment_fd = -1, starter_fd, r;
	socklen_t type_bytes = sizeof(int);
	int type = 0;

	make_heap();
	if (mt_settings_parse(&settings, argc, argv) < 0 ||
	    getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &type_bytes) != 0 ||
	    type != SOCK_SEQPACKET)
		return 2;
	if (!settings.folder)
		settings.folder = getcwd(here, sizeof(here)) ? here : "/";
	r = settings.stays ? 0 : mt_daemon_detach();
	if (r < 0) {
		refuse(STDIN_FILENO, r, "not traced: no further process may be started");
		return 1;
	}
	if (mt_daemon_clean(&starter_fd) < 0)
		return 1;
	mt_daemon_clean_environment();
	/* First the socket: the segment's name says where it is. */
	r = mt_session_listen(&session);
	if (r < 0)
		mt_error_set(&error, r, "no random numbers: %s", strerror(-r));
	else
		r = mt_segment_create(session.socket_path,
		                      settings.options.values[MT_OPTION_ID_ring_kib].number, clock,
		                      &segment, &segment_fd, &error);
	if (r < 0)
		snprintf(message, sizeof(message), "not traced: %.480s", error.text);
	else
		r = open_file_with_row(&file, &settings,
		                       settings.pid ? settings.pid : starter_pid(starter_fd), clock,
		                       message, sizeof(message));
	if (r == 0)
		r = run(&settings, segment, segment_fd, clock, &file, message, starter_fd);
	if (r < 0 && file.writer) {
		mt_writer_close(file.writer, NULL, NULL);
		mt_output_abandon(file.path, file.lock_fd);
		snprintf(message, sizeof(message), "not traced: the collector cannot work here: %s",
		         strerror(-r));
	}
	if (r < 0) {
		refuse(starter_fd, r, message[0] ? message : strerror(-r));
		mt_session_close(&session);
	}
	mt_settings_free(&settings);
	return r < 0;
}
