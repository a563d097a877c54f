/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks_name.c - threads that give themselves a name.
 *
 * The collector asks the kernel for the name of each thread, but most are gone by then. Who names another thread is not
 * told: from a pthread_t there is no way to its tid.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "preload/emit.h"
#include "preload/process.h"
#include "preload/real.h"

/* A vfork child shares this memory, not this thread. */
static void tell(const char *name)
{
	int saved_errno = errno;

	if (getpid() == mt_process.pid)
		mt_emit_name(name);
	errno = saved_errno;
}

MT_HOOK int pthread_setname_np(pthread_t thread, const char *name)
{
	int error;

	if (mt_unlikely(!mt_real.found))
		mt_real_init();
	if (!mt_real.pthread_setname_np)
		return ENOSYS;
	error = mt_real.pthread_setname_np(thread, name);
	if (error == 0 && thread == (pthread_t)__builtin_thread_pointer())
		tell(name);
	return error;
}

MT_HOOK int prctl(int option, ...)
{
	unsigned long arguments[4];
	va_list list;
	int result;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	if (mt_unlikely(!mt_real.found))
		mt_real_init();
	result = mt_real.prctl(option, arguments[0], arguments[1], arguments[2], arguments[3]);
	if (option == PR_SET_NAME && result == 0)
		tell((const char *)arguments[0]);
	return result;
}
