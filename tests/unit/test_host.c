/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_host.c - collect/host.h: what the kernel says of processes that this test makes. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/host.h"

/* A child that waits to be killed. */
static pid_t make_child(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	return child;
}

static void wait_for_end(int pidfd)
{
	struct pollfd waiting = {.fd = pidfd, .events = POLLIN};

	assert_int_equal(poll(&waiting, 1, 20000), 1);
}

static void skip_without_pidfd(int pidfd)
{
	if (pidfd == -ENOSYS)
		skip();
	assert_true(pidfd >= 0);
}

static void an_end_is_told_before_the_parent_has_asked(void **state)
{
	struct mt_host_end end;
	pid_t child = fork();
	int pidfd;

	(void)state;
	if (child == 0)
		_exit(7);
	pidfd = mt_host_pidfd(child);
	skip_without_pidfd(pidfd);
	wait_for_end(pidfd);
	mt_host_end(child, pidfd, &end);
	assert_string_equal(end.reason, "exit");
	assert_int_equal(end.status, 7);
	assert_true(end.signal == MT_MAIL_UNKNOWN);
	waitpid(child, NULL, 0);
	close(pidfd);
}

static void a_signal_is_told_from_an_exit(void **state)
{
	struct mt_host_end end;
	pid_t child = make_child();
	int pidfd = mt_host_pidfd(child);

	(void)state;
	skip_without_pidfd(pidfd);
	kill(child, SIGKILL);
	wait_for_end(pidfd);
	mt_host_end(child, pidfd, &end);
	assert_string_equal(end.reason, "signal");
	assert_int_equal(end.signal, SIGKILL);
	assert_true(end.status == MT_MAIL_UNKNOWN);
	waitpid(child, NULL, 0);
	close(pidfd);
}

static void an_end_that_the_parent_has_taken_is_told_or_not_known(void **state)
{
	struct mt_host_end end;
	pid_t child = fork();
	int pidfd;

	(void)state;
	if (child == 0)
		_exit(9);
	pidfd = mt_host_pidfd(child);
	skip_without_pidfd(pidfd);
	waitpid(child, NULL, 0);
	mt_host_end(child, pidfd, &end);
	/* From Linux 6.15 on the kernel remembers. It is never a guess. */
	if (end.reason) {
		assert_string_equal(end.reason, "exit");
		assert_int_equal(end.status, 9);
	} else {
		assert_true(end.status == MT_MAIL_UNKNOWN);
	}
	close(pidfd);
}

static void a_process_that_is_gone_has_no_pidfd(void **state)
{
	pid_t child = make_child();

	(void)state;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(mt_host_pidfd(child) < 0);
}

static void a_process_is_identified_by_what_it_runs(void **state)
{
	struct mt_identity identity;
	char here[4096];

	(void)state;
	mt_host_identify(getpid(), &identity);
	assert_non_null(strstr(identity.command, "test_host"));
	assert_int_equal(identity.executable[0], '/');
	assert_non_null(strstr(identity.executable, identity.command));
	assert_non_null(strstr(identity.arguments, "test_host"));
	assert_string_equal(identity.folder, getcwd(here, sizeof(here)));
	mt_identity_free(&identity);
	/* Nothing is known of who is not there. */
	mt_host_identify(0x3fffffff, &identity);
	assert_null(identity.command);
	assert_null(identity.executable);
	mt_identity_free(&identity);
}

static void a_segment_is_found_in_who_has_it_mapped(void **state)
{
	int fd = memfd_create("memtrace", MFD_CLOEXEC);
	struct stat status;
	void *mapped;
	pid_t child;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(mt_host_maps(getpid(), status.st_ino), 0);
	mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(mapped != MAP_FAILED);
	assert_int_equal(mt_host_maps(getpid(), status.st_ino), 1);
	assert_int_equal(mt_host_maps(getpid(), status.st_ino + 1), 0);
	/* A fork has it too. */
	child = make_child();
	assert_int_equal(mt_host_maps(child, status.st_ino), 1);
	assert_int_equal(mt_host_inner_pid(child), child);
	assert_int_equal(mt_host_find(child, status.st_ino), child);
	munmap(mapped, 4096);
	assert_int_equal(mt_host_find(getpid(), status.st_ino), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(mt_host_maps(child, status.st_ino) < 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_end_is_told_before_the_parent_has_asked),
	        cmocka_unit_test(a_signal_is_told_from_an_exit),
	        cmocka_unit_test(an_end_that_the_parent_has_taken_is_told_or_not_known),
	        cmocka_unit_test(a_process_that_is_gone_has_no_pidfd),
	        cmocka_unit_test(a_process_is_identified_by_what_it_runs),
	        cmocka_unit_test(a_segment_is_found_in_who_has_it_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
