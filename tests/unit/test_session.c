/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_session.c - memtrace-collect from outside: the conversation of wire/hello.h with the built program,
 * and what it leaves in the file. The test plays the library.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "store/reader.h"
#include "tests/unit/producer.h"
#include "wire/hello.h"

static char folder[] = "/tmp/memtrace-test-XXXXXX";
static char path[256];
static int starter = -1; /* our end of the socketpair */
static struct mt_welcome welcome;

/* --- the program ------------------------------------------------------------------------------------- */

static const char *program(void)
{
	static char name[4096];
	const char *build = getenv("top_builddir");

	snprintf(name, sizeof(name), "%s/memtrace-collect", build ? build : ".");
	return name;
}

/* Starts a collector; `options` is what the user wrote. The process that was started has to end. */
static void start(const char *options)
{
	char option[512], output[300], folder_argument[300];
	int pair[2], status;
	pid_t child;

	snprintf(option, sizeof(option), "--options=output=%s:%s", path, options);
	snprintf(output, sizeof(output), "--command=a program");
	snprintf(folder_argument, sizeof(folder_argument), "--folder=%s", folder);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	child = fork();
	if (child == 0) {
		dup2(pair[1], 0);
		execl(program(), "memtrace-collect", option, folder_argument, output, NULL);
		_exit(127);
	}
	close(pair[1]);
	starter = pair[0];
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Waits until the collector has given the file up. */
static void wait_for_end(void)
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	close(fd);
}

static int make_folder(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "rm -rf %s", folder);
	return system(path);
}

static int set_up(void **state)
{
	static int number;

	(void)state;
	snprintf(path, sizeof(path), "%s/%d.db", folder, ++number);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (starter >= 0)
		close(starter);
	starter = -1;
	return 0;
}

/* --- the conversation -------------------------------------------------------------------------------- */

static void ask(int fd, enum mt_hello_purpose purpose, uint32_t pid, const uint8_t *token)
{
	struct mt_hello hello = {.magic = MT_HELLO_MAGIC,
	                         .version = MT_HELLO_VERSION,
	                         .purpose = purpose,
	                         .pid = pid};

	if (token)
		memcpy(hello.token, token, sizeof(hello.token));
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
}

/* The answer, and the descriptor that comes with it (-1: none). False: the connection was closed. */
static bool hear(int fd, void *answer, size_t bytes, int *ret_fd)
{
	struct iovec part = {answer, bytes};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};
	struct timeval patience = {20, 0};
	ssize_t got;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	got = recvmsg(fd, &message, 0);
	*ret_fd = -1;
	if (CMSG_FIRSTHDR(&message))
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return false;
	assert_int_equal(got, bytes);
	return true;
}

/* Joins over `fd`, maps the segment. */
static void join_as(int fd, const uint8_t *token, struct producer *ret_producer)
{
	int segment_fd;

	ask(fd, MT_HELLO_JOIN, (uint32_t)getpid(), token);
	assert_true(hear(fd, &welcome, sizeof(welcome), &segment_fd));
	assert_int_equal(welcome.magic == MT_HELLO_MAGIC, 1);
	assert_int_equal(welcome.status, 0);
	assert_true(segment_fd >= 0);
	memset(ret_producer, 0, sizeof(*ret_producer));
	ret_producer->segment =
	        mmap(NULL, MT_SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, segment_fd, 0);
	assert_true(ret_producer->segment != MAP_FAILED);
	/* Nobody can cut it short, or make it larger. */
	assert_true(ftruncate(segment_fd, 4096) != 0);
	close(segment_fd);
	assert_true(ret_producer->segment->magic == MT_SEGMENT_MAGIC);
	ret_producer->slot = welcome.slot;
	ret_producer->generation = welcome.generation;
}

/* Path and token out of the value of MEMTRACE_SESSION. */
static int connect_to(const char *session, uint8_t *ret_token)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *colon = strrchr(session, ':');
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	assert_non_null(colon);
	memcpy(address.sun_path, session, (size_t)(colon - session));
	for (unsigned int i = 0; i < MT_TOKEN_BYTES; i++)
		assert_int_equal(sscanf(colon + 1 + 2 * i, "%2hhx", &ret_token[i]), 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A traced process's whole life: joins, allocates `blocks` of 10 bytes, frees one, ends. */
static void live(int fd, const uint8_t *token, uint64_t blocks, bool exits)
{
	struct producer p;

	join_as(fd, token, &p);
	close(fd);
	producer_begin(&p, (uint32_t)getpid());
	producer_stack(&p, 1, 0x1000);
	for (uint64_t i = 1; i <= blocks; i++)
		producer_alloc(&p, 0x10000 + 16 * i, 10, 1);
	producer_free(&p, 0x10010);
	if (!exits)
		kill(getpid(), SIGKILL);
	producer_fixed(&p, MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 5, 0, 0);
	for (int i = 0; i < 2000; i++) {
		if (atomic_load(&mt_segment_slots(p.segment)[p.slot].committed))
			_exit(5);
		usleep(5000);
	}
	_exit(99);
}

/* The rows as "a|b|c" lines, NULL as "-". */
static void rows_are(const char *sql, const char *wanted)
{
	enum mt_reader_fault fault;
	struct mt_reader *reader;
	struct mt_rows *rows;
	char got[4096] = "";
	size_t used = 0;

	assert_int_equal(mt_reader_open(path, &reader, &fault), 0);
	assert_int_equal(mt_rows_open(reader, sql, &rows, NULL), 0);
	while (mt_rows_next(rows) == 1) {
		for (int i = 0; i < mt_rows_columns(rows); i++)
			used += (size_t)snprintf(
			        got + used, sizeof(got) - used, "%s%s", i ? "|" : "",
			        mt_rows_is_null(rows, i) ? "-" : mt_rows_text(rows, i));
		used += (size_t)snprintf(got + used, sizeof(got) - used, "\n");
	}
	mt_rows_close(rows);
	mt_reader_close(reader);
	assert_string_equal(got, wanted);
}

/* --- tests ------------------------------------------------------------------------------------------- */

static void a_process_that_starts_its_collector_is_in_the_file_before_it_ends(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		start("timeline=10");
		live(starter, NULL, 100, true);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 5);
	wait_for_end();
	rows_are("SELECT state FROM session", "complete\n");
	rows_are("SELECT origin, end_reason, exit_status, allocations, frees, live_blocks, "
	         "live_bytes,"
	         " peak_bytes, unmatched_frees, dropped_events FROM process",
	         "start|exit|5|100|1|99|990|1000|0|0\n");
	rows_are("SELECT count(*), sum(size_bytes) FROM block", "99|990\n");
	rows_are("SELECT reason, live_blocks FROM snapshot", "exit|99\n");
	rows_are("SELECT count(*) FROM note", "0\n");
}

static void a_process_that_is_killed_loses_nothing_that_it_published(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		start("");
		live(starter, NULL, 100, false);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	wait_for_end();
	rows_are("SELECT end_reason, exit_status, exit_signal, allocations, live_blocks FROM "
	         "process",
	         "signal|-|9|100|99\n");
}

static void others_join_over_the_socket_with_the_token(void **state)
{
	struct mt_summary summary;
	int status, fd, nothing;
	pid_t child;

	(void)state;
	start("");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	assert_int_equal(welcome.status, 0);
	assert_int_equal(nothing, -1);
	assert_string_equal(welcome.output, path);
	assert_string_equal(welcome.message, "");
	child = fork();
	if (child == 0) {
		uint8_t token[MT_TOKEN_BYTES];

		fd = connect_to(welcome.session, token);
		live(fd, token, 7, true);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 5);
	ask(starter, MT_HELLO_SUMMARY, (uint32_t)child, NULL);
	assert_true(hear(starter, &summary, sizeof(summary), &nothing));
	assert_int_equal(summary.status, 0);
	assert_int_equal(summary.processes, 1);
	assert_int_equal(summary.allocations, 7);
	assert_int_equal(summary.live_blocks, 6);
	assert_int_equal(summary.live_bytes, 60);
	assert_int_equal(summary.peak_bytes, 70);
	assert_string_equal(summary.output, path);
	/* Nobody else was there, so the file is whole by now. */
	rows_are("SELECT state, (SELECT count(*) FROM block) FROM session", "complete|6\n");
}

static void who_hung_up_before_its_turn_is_not_taken_for_traced(void **state)
{
	uint8_t token[MT_TOKEN_BYTES];
	struct ucred collector;
	socklen_t length = sizeof(collector);
	int fd, nothing;
	char wanted[200];

	(void)state;
	start("");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	fd = connect_to(welcome.session, token);
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &collector, &length), 0);
	close(fd);
	assert_int_equal(kill(collector.pid, SIGSTOP), 0);
	fd = connect_to(welcome.session, token);
	assert_true(fd >= 0);
	ask(fd, MT_HELLO_JOIN, (uint32_t)getpid(), token);
	close(fd);
	assert_int_equal(kill(collector.pid, SIGCONT), 0);
	/* After that one. */
	fd = connect_to(welcome.session, token);
	assert_true(fd >= 0);
	ask(fd, MT_HELLO_SUMMARY, 1, token);
	assert_true(
	        hear(fd, &(struct mt_summary){.magic = 0}, sizeof(struct mt_summary), &nothing));
	close(fd);
	close(starter);
	starter = -1;
	wait_for_end();
	rows_are("SELECT count(*) FROM process", "0\n");
	snprintf(wanted, sizeof(wanted), "unanswered|process %d asked\n", (int)getpid());
	rows_are("SELECT kind, substr(text, 1, instr(text, 'asked') + 4) FROM note", wanted);
}

static void a_wrong_token_opens_nothing(void **state)
{
	uint8_t token[MT_TOKEN_BYTES];
	int fd, nothing;

	(void)state;
	start("");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	for (unsigned int byte = 0; byte < MT_TOKEN_BYTES; byte += 15) {
		fd = connect_to(welcome.session, token);
		assert_true(fd >= 0);
		token[byte] ^= 1;
		ask(fd, MT_HELLO_JOIN, 0, token);
		assert_false(hear(fd, &welcome, sizeof(welcome), &nothing));
		close(fd);
		/* welcome is still the first one: nothing was heard. */
	}
	close(starter);
	starter = -1;
	wait_for_end();
	rows_are("SELECT count(*) FROM process", "0\n");
}

static void messages_that_are_none_end_the_conversation(void **state)
{
	uint8_t token[MT_TOKEN_BYTES];
	static char noise[5000];
	int fd, nothing;

	(void)state;
	start("");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	for (size_t bytes = 1; bytes < sizeof(noise); bytes = bytes * 3 + 1) {
		char answer[sizeof(struct mt_welcome)];

		fd = connect_to(welcome.session, token);
		memset(noise, (int)bytes, sizeof(noise));
		assert_int_equal(send(fd, noise, bytes, 0), bytes);
		assert_false(hear(fd, answer, sizeof(answer), &nothing));
		close(fd);
	}
	fd = connect_to(welcome.session, token);
	ask(fd, (enum mt_hello_purpose)77, 0, token);
	assert_false(hear(fd, noise, sizeof(struct mt_welcome), &nothing));
	close(fd);
	/* And it still serves. */
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
}

static void another_version_is_told_so(void **state)
{
	struct mt_hello hello = {
	        .magic = MT_HELLO_MAGIC, .version = MT_HELLO_VERSION + 1, .purpose = MT_HELLO_JOIN};
	int nothing;

	(void)state;
	start("");
	assert_int_equal(send(starter, &hello, sizeof(hello), 0), sizeof(hello));
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	assert_int_equal(welcome.status, -EPROTO);
	assert_int_equal(nothing, -1);
	assert_true(strlen(welcome.message) > 0);
}

static void a_summary_of_who_never_joined_comes_at_once(void **state)
{
	struct mt_summary summary;
	int nothing;

	(void)state;
	start("");
	ask(starter, MT_HELLO_SUMMARY, 1, NULL);
	assert_true(hear(starter, &summary, sizeof(summary), &nothing));
	assert_int_equal(summary.status, -ESRCH);
	assert_int_equal(summary.processes, 0);
}

static void an_image_that_joins_again_has_execd(void **state)
{
	int status;
	pid_t child;

	(void)state;
	start("");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &status));
	child = fork();
	if (child == 0) {
		uint8_t token[MT_TOKEN_BYTES];
		char session[sizeof(welcome.session)];
		struct producer p;
		int fd;

		strcpy(session, welcome.session);
		fd = connect_to(session, token);
		join_as(fd, token, &p);
		close(fd);
		producer_begin(&p, (uint32_t)getpid());
		producer_stack(&p, 1, 0x1000);
		producer_alloc(&p, 0x5550, 3, 1);
		producer_fixed(&p, MT_EVENT_EXEC, 0, 0, 0, 0, 0);
		/* What a new image does. */
		fd = connect_to(session, token);
		live(fd, token, 2, true);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 5);
	close(starter);
	starter = -1;
	wait_for_end();
	rows_are("SELECT id, parent, origin, end_reason, exit_status, allocations, live_blocks"
	         " FROM process ORDER BY id",
	         "1|-|start|exec|-|1|1\n2|1|exec|exit|5|2|1\n");
}

static void a_misspelt_option_is_said_and_noted(void **state)
{
	int nothing;

	(void)state;
	start("dept=5:overflow=drop");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	assert_int_equal(welcome.status, 0);
	assert_non_null(strstr(welcome.message, "dept"));
	/* Once. */
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	assert_string_equal(welcome.message, "");
	close(starter);
	starter = -1;
	wait_for_end();
	rows_are("SELECT kind, count FROM note", "option|1\n");
}

static void a_file_that_cannot_be_written_goes_elsewhere_and_that_is_said(void **state)
{
	char wanted[sizeof(path)];
	int nothing;

	(void)state;
	snprintf(path, sizeof(path), "%s/no/such/folder.db", folder);
	strcpy(wanted, path);
	setenv("TMPDIR", folder, 1);
	start("");
	unsetenv("TMPDIR");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	assert_int_equal(welcome.status, 0);
	assert_non_null(strstr(welcome.message, wanted));
	assert_non_null(strstr(welcome.message, "No such file or directory"));
	assert_non_null(strstr(welcome.message, welcome.output));
	assert_memory_equal(welcome.output, folder, strlen(folder));
	strcpy(path, welcome.output);
	close(starter);
	starter = -1;
	wait_for_end();
	rows_are("SELECT state FROM session", "complete\n");
	rows_are("SELECT kind FROM note", "output\n");
}

static void a_collector_that_is_told_to_stop_leaves_what_was_published(void **state)
{
	struct producer p;
	char pid[32] = "";
	enum mt_reader_fault fault;
	struct mt_reader *reader;
	struct mt_rows *rows;

	(void)state;
	start("");
	join_as(starter, NULL, &p);
	producer_begin(&p, (uint32_t)getpid());
	producer_stack(&p, 1, 0x1000);
	producer_alloc(&p, 0x5550, 3, 1);
	assert_int_equal(mt_reader_open(path, &reader, &fault), 0);
	assert_int_equal(mt_rows_open(reader, "SELECT collector_pid FROM session", &rows, NULL), 0);
	assert_int_equal(mt_rows_next(rows), 1);
	snprintf(pid, sizeof(pid), "%s", mt_rows_text(rows, 0));
	mt_rows_close(rows);
	mt_reader_close(reader);
	assert_int_equal(kill((pid_t)atoi(pid), SIGTERM), 0);
	wait_for_end();
	rows_are("SELECT state FROM session", "incomplete\n");
	/* The process goes on: nothing is said of its end. */
	rows_are("SELECT allocations, live_blocks, ended_ns, end_reason, exit_status FROM process",
	         "1|1|-|-|-\n");
	rows_are("SELECT count(*) FROM block", "1\n");
	rows_are("SELECT kind FROM note", "stopped\n");
	/* And it is not kept waiting for who has gone. */
	assert_int_equal(atomic_load(&p.segment->closed), 1);
	munmap(p.segment, MT_SEGMENT_BYTES);
}

static void nothing_is_left_of_a_session_but_its_file(void **state)
{
	char socket_path[sizeof(welcome.session)];
	struct stat status;
	int nothing;

	(void)state;
	start("");
	ask(starter, MT_HELLO_SESSION, 0, NULL);
	assert_true(hear(starter, &welcome, sizeof(welcome), &nothing));
	strcpy(socket_path, welcome.session);
	*strrchr(socket_path, ':') = '\0';
	assert_int_equal(stat(socket_path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0666);
	close(starter);
	starter = -1;
	wait_for_end();
	for (int i = 0; i < 200 && stat(socket_path, &status) == 0; i++)
		usleep(10000);
	assert_true(stat(socket_path, &status) != 0);
	*strrchr(socket_path, '/') = '\0';
	for (int i = 0; i < 200 && stat(socket_path, &status) == 0; i++)
		usleep(10000);
	assert_true(stat(socket_path, &status) != 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_process_that_starts_its_collector_is_in_the_file_before_it_ends),
	        TEST(a_process_that_is_killed_loses_nothing_that_it_published),
	        TEST(others_join_over_the_socket_with_the_token),
	        TEST(who_hung_up_before_its_turn_is_not_taken_for_traced),
	        TEST(a_wrong_token_opens_nothing),
	        TEST(messages_that_are_none_end_the_conversation),
	        TEST(another_version_is_told_so),
	        TEST(a_summary_of_who_never_joined_comes_at_once),
	        TEST(an_image_that_joins_again_has_execd),
	        TEST(a_misspelt_option_is_said_and_noted),
	        TEST(a_file_that_cannot_be_written_goes_elsewhere_and_that_is_said),
	        TEST(a_collector_that_is_told_to_stop_leaves_what_was_published),
	        TEST(nothing_is_left_of_a_session_but_its_file),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
