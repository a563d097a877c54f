/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch.c - see watch.h.
 */
#include "collect/watch.h"

#include "collect/control.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/procfs.h"
#include "collect/host.h"
#include "collect/segment.h"

#include <errno.h>
#include <signal.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* /proc counts a process's start in these; what is this much later than it should be, is another process. */
#define START_SLACK_NS 50000000ll
/* From its start until it claims a slot, a child may be kept waiting for this long. */
#define CLAIM_NS 10000000000ll

/* How many slots may have a process that we watch, or one that has claimed it unheard. */
static uint32_t slot_count(struct mt_session *session)
{
	return session->slot_count = mt_segment_slot_count(session->segment, session->slot_count);
}

static void tell_drain(struct mt_session *session, const struct mt_mail *mail)
{
	mt_mailbox_post(&session->collector->mail, mail);
	mt_collector_wake(session->collector);
}

/* --- the end ----------------------------------------------------------------------------------------- */

static void close_pidfd(struct mt_session *session, struct mt_watch *watch)
{
	if (watch->pidfd <= 0)
		return;
	epoll_ctl(session->epoll_fd, EPOLL_CTL_DEL, watch->pidfd, NULL);
	close(watch->pidfd);
	watch->pidfd = 0;
}

static void tell_gone(struct mt_session *session, uint32_t slot, const struct mt_host_end *end)
{
	struct mt_watch *watch = &session->watches[slot];

	if (watch->is_gone)
		return;
	watch->is_gone = true;
	mt_probe_remove(&session->collector->probe, slot, watch->generation);
	close_pidfd(session, watch);
	free(watch->oom_file);
	watch->oom_file = NULL;
	tell_drain(session, &(struct mt_mail){.type = MT_MAIL_GONE,
	                                      .slot = slot,
	                                      .generation = watch->generation,
	                                      .stamp = mt_stamp_read(session->clock),
	                                      .reason = end->reason,
	                                      .status = end->status,
	                                      .signal = end->signal});
}

void mt_watch_ended(struct mt_session *session, uint32_t slot)
{
	struct mt_watch *watch = &session->watches[slot];
	struct mt_host_end end;

	if (slot >= MT_SLOTS || !watch->is_used || watch->pidfd <= 0)
		return;
	mt_host_end(watch->pid, watch->pidfd, &end);
	/* Where nobody can say of what it died, that it vanished just then is enough to say "likely", too. */
	if ((!end.reason || end.signal == SIGKILL) && watch->oom_file &&
	    mt_host_oom_kills(watch->oom_file) > watch->oom_kills)
		end.reason = "oom";
	tell_gone(session, slot, &end);
}

/* --- the beginning ----------------------------------------------------------------------------------- */

static void start_watch(struct mt_session *session, uint32_t slot, uint32_t generation, pid_t pid,
                        int pidfd)
{
	struct mt_watch *watch = &session->watches[slot];

	if (slot >= session->slot_count)
		session->slot_count = slot + 1;
	if (!watch->is_used)
		session->watched++;
	/* A slot that looked free and is not: who writes to the segment may say so of any. */
	close_pidfd(session, watch);
	free(watch->oom_file);
	mt_probe_remove(&session->collector->probe, slot, watch->generation);
	*watch = (struct mt_watch){
	        .generation = generation, .pid = pid, .pidfd = pidfd, .is_used = true};
	if (pidfd <= 0)
		return;
	watch->oom_file = mt_host_oom_file("", pid);
	if (watch->oom_file)
		watch->oom_kills = mt_host_oom_kills(watch->oom_file);
	if (mt_session_attend_slot(session, slot) < 0)
		close_pidfd(session, watch);
	else
		mt_probe_add(&session->collector->probe, slot, generation, pid);
}

/* A forked child that claimed its slot, and that the drain thread has not told us of yet. */
static bool is_unheard(struct mt_session *session, uint32_t slot, pid_t pid)
{
	struct mt_slot *shared = &mt_segment_slots(session->segment)[slot];

	return atomic_load_explicit(&shared->state, memory_order_acquire) == MT_SLOT_LIVE &&
	       *(volatile uint32_t *)&shared->pid == (uint32_t)pid;
}

static uint32_t find_unheard(struct mt_session *session, pid_t pid)
{
	for (uint32_t i = 0; i < slot_count(session); i++)
		if (!session->watches[i].is_used && is_unheard(session, i, pid))
			return i;
	return MT_SLOTS;
}

/* The slot of the image that now runs as `pid`, or MT_SLOTS. */
static uint32_t find_pid(struct mt_session *session, pid_t pid)
{
	if (pid <= 0)
		return MT_SLOTS;
	for (uint32_t i = 0; i < slot_count(session); i++) {
		const struct mt_watch *watch = &session->watches[i];

		if (watch->is_used ? watch->pid == pid && !watch->is_gone
		                   : is_unheard(session, i, pid))
			return i;
	}
	return MT_SLOTS;
}

static uint32_t generation_of(struct mt_session *session, uint32_t slot)
{
	struct mt_slot *shared = &mt_segment_slots(session->segment)[slot];
	const struct mt_watch *watch = &session->watches[slot];

	return watch->is_used ? watch->generation
	                      : atomic_load_explicit(&shared->generation, memory_order_relaxed);
}

uint32_t mt_watch_find(struct mt_session *session, pid_t pid, uint32_t *ret_generation)
{
	uint32_t slot = find_pid(session, pid);

	if (slot < MT_SLOTS)
		*ret_generation = generation_of(session, slot);
	return slot;
}

void mt_watch_switched(struct mt_session *session, uint32_t slot, uint32_t generation, bool is_on)
{
	tell_drain(session, &(struct mt_mail){.type = MT_MAIL_SWITCHED,
	                                      .slot = slot,
	                                      .generation = generation,
	                                      .stamp = mt_stamp_read(session->clock),
	                                      .status = is_on});
}

/* The image that called execve is no more. */
static void replace(struct mt_session *session, uint32_t slot, pid_t pid)
{
	static const struct mt_host_end executed = {"exec", MT_MAIL_UNKNOWN, MT_MAIL_UNKNOWN};

	if (!session->watches[slot].is_used)
		start_watch(session, slot, generation_of(session, slot), pid, 0);
	tell_gone(session, slot, &executed);
}

/* Where a process that joins comes from. */
struct origin {
	uint32_t slot; /* MT_SLOTS: not traced */
	uint32_t generation;
	bool is_replaced; /* the same process before its execve; else its parent */
};

/*
 * Looks for a process by its pid, and where it is in a pid namespace of its own, by what it takes itself for:
 * a forked child can put nothing else into its slot.
 */
static uint32_t find_inside_out(struct mt_session *session, pid_t pid, pid_t inner_pid)
{
	uint32_t slot = find_pid(session, pid);

	return slot == MT_SLOTS && inner_pid != pid ? find_unheard(session, inner_pid) : slot;
}

static struct origin find_origin(struct mt_session *session, pid_t pid, pid_t told_pid)
{
	struct origin origin = {.slot = find_inside_out(session, pid, told_pid)};
	struct mt_procfs_stat stat;

	origin.is_replaced = origin.slot < MT_SLOTS;
	/* vfork and exec, or posix_spawn: the parent is known, an image in between was not. */
	if (!origin.is_replaced && pid > 0 && mt_procfs_stat(mt_host_root(), pid, &stat) == 0)
		origin.slot = find_inside_out(session, stat.parent, mt_host_inner_pid(stat.parent));
	if (origin.slot < MT_SLOTS)
		origin.generation = generation_of(session, origin.slot);
	return origin;
}

/* What was switched off stays off behind an execve, what was switched on stays on; it has no blocks yet. */
static void inherit_gate(struct mt_session *session, uint32_t from, uint32_t to)
{
	struct mt_slot *slots = mt_segment_slots(session->segment);
	uint32_t gate = atomic_load_explicit(&slots[from].gate, memory_order_relaxed);

	/* That it was not followed says nothing of what it becomes. */
	if (gate & MT_GATE_LEFT_OUT)
		return;
	gate &= MT_GATE_SAMPLED | MT_GATE_STOPPED;
	if (gate & MT_GATE_STOPPED)
		gate |= MT_GATE_UNUSED;
	gate |= session->segment->first_gate & MT_GATE_FREE_STACKS;
	slots[to].first_gate = gate;
	atomic_store_explicit(&slots[to].gate, gate, memory_order_relaxed);
}

static bool matches(const char *patterns, const char *name)
{
	size_t bytes;

	for (;; patterns += bytes + 1) {
		char pattern[256];

		bytes = strcspn(patterns, ",");
		snprintf(pattern, sizeof(pattern), "%.*s", (int)(bytes < 255 ? bytes : 255),
		         patterns);
		if (bytes && fnmatch(pattern, name, 0) == 0)
			return true;
		if (!patterns[bytes])
			return false;
	}
}

/* The option follow=: is this image one to be recorded? */
static bool is_followed(struct mt_session *session, const struct origin *origin,
                        const struct mt_identity *identity)
{
	struct mt_slot *slots = mt_segment_slots(session->segment);
	bool is_first = !session->has_first;

	switch (session->segment->follow) {
	case MT_FOLLOW_FIRST:
		session->has_first = true;
		/* What the first one becomes by execve is still the first one. */
		return is_first ||
		       (origin->is_replaced &&
		        !(atomic_load_explicit(&slots[origin->slot].gate, memory_order_relaxed) &
		          MT_GATE_LEFT_OUT));
	case MT_FOLLOW_MATCHING:
		return matches(session->follow, identity->command ? identity->command : "");
	default: return true;
	}
}

static void leave_out(struct mt_session *session, uint32_t slot)
{
	struct mt_slot *shared = &mt_segment_slots(session->segment)[slot];

	shared->first_gate |= MT_GATE_UNFOLLOWED;
	atomic_store_explicit(&shared->gate, shared->first_gate, memory_order_relaxed);
}

/* Its patience ended before its turn came: what it does is not recorded, or is in a session of its own. */
static bool has_hung_up(int socket_fd)
{
	struct pollfd end = {.fd = socket_fd, .events = POLLRDHUP};

	return poll(&end, 1, 0) > 0 && end.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void note_hung_up(struct mt_session *session, pid_t pid)
{
	struct mt_mail note = {.type = MT_MAIL_NOTE, .reason = "unanswered"};

	if (asprintf(&note.text,
	             "process %d asked to be traced, but the collector was too slow to answer: it "
	             "is "
	             "not in this file",
	             (int)pid) < 0)
		return;
	tell_drain(session, &note);
}

static void refuse(struct mt_welcome *ret_welcome, int status, pid_t pid, const char *why)
{
	ret_welcome->status = status;
	snprintf(ret_welcome->message, sizeof(ret_welcome->message), "process %d is not traced: %s",
	         (int)pid, why);
}

void mt_watch_join(struct mt_session *session, int socket_fd, pid_t pid, pid_t told_pid,
                   struct mt_welcome *ret_welcome)
{
	struct mt_mail mail = {.type = MT_MAIL_JOINED, .pid = pid > 0 ? pid : told_pid};
	struct origin origin;
	int pidfd;

	if (has_hung_up(socket_fd)) {
		refuse(ret_welcome, -ETIMEDOUT, mail.pid, "it has hung up");
		note_hung_up(session, mail.pid);
		return;
	}
	pidfd = mt_host_pidfd_of_peer(socket_fd, pid);
	origin = find_origin(session, pid, told_pid);
	mail.stamp = mt_stamp_read(session->clock);
	mail.previous_slot = origin.slot;
	mail.previous_generation = origin.generation;
	if (pidfd < 0) {
		refuse(ret_welcome, pidfd, told_pid, "its end could not be watched");
	} else if (mt_segment_claim(session->segment, (uint32_t)mail.pid, mail.stamp, &mail.slot,
	                            &mail.generation) < 0) {
		refuse(ret_welcome, -EAGAIN, mail.pid,
		       "as many others are traced as there can be at once");
		close(pidfd);
	} else {
		if (origin.slot < MT_SLOTS)
			inherit_gate(session, origin.slot, mail.slot);
		mt_host_identify(mail.pid, &mail.identity);
		if (is_followed(session, &origin, &mail.identity))
			session->processes++;
		else
			leave_out(session, mail.slot);
		start_watch(session, mail.slot, mail.generation, mail.pid, pidfd);
		session->watches[mail.slot].was_joined = true;
		ret_welcome->slot = mail.slot;
		ret_welcome->generation = mail.generation;
		/* Before the welcome: nothing is published before the drain thread knows whose it is. */
		tell_drain(session, &mail);
	}
	/* Only now: the drain thread has to know both, to tell that one came from the other. */
	if (origin.is_replaced)
		replace(session, origin.slot, mail.pid);
}

/* Nanoseconds after boot at which a process started, in the kernel's own coarse measure. */
static uint64_t start_ns(const struct mt_procfs_stat *stat)
{
	return stat->start_ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

/*
 * The pid in the slot is what the child itself thinks. Is that the process which claimed the slot? It is
 * another one when it is in another pid namespace, or has ended and its pid was given out again.
 */
static bool is_claimant(struct mt_session *session, const struct mt_mail *mail)
{
	struct mt_procfs_stat stat;
	struct timespec now, boot;
	int64_t age_ns, begin_ns, start;

	if (mt_procfs_stat(mt_host_root(), mail->pid, &stat) < 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	age_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)mail->stamp;
	begin_ns = (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec - age_ns;
	start = (int64_t)start_ns(&stat);
	/* It claimed its slot right after the fork. */
	if (start > begin_ns + START_SLACK_NS || start < begin_ns - CLAIM_NS)
		return false;
	/* An orphan by now, or not the one: only a process of the session has its segment. */
	return (mail->parent_pid && stat.parent == mail->parent_pid) ||
	       mt_host_maps(mail->pid, session->segment_inode) != 0;
}

/* The pid by which we know the child that claimed a slot; 0: it is no more. */
static pid_t real_pid(struct mt_session *session, const struct mt_mail *mail)
{
	if (!mt_host_has_proc() || is_claimant(session, mail))
		return mail->pid;
	/* The usual case by far: it has ended already. */
	if (mail->parent_pid && mt_host_children_are_here(mail->parent_pid))
		return 0;
	return mt_host_find(mail->pid, session->segment_inode);
}

static void watch_child(struct mt_session *session, const struct mt_mail *mail)
{
	static const struct mt_host_end unknown = {NULL, MT_MAIL_UNKNOWN, MT_MAIL_UNKNOWN};
	const struct mt_watch *watch = &session->watches[mail->slot];
	pid_t pid;
	int pidfd;

	/* It has exec'd and joined before we heard of it. */
	if (watch->is_used && watch->generation == mail->generation)
		return;
	pid = real_pid(session, mail);
	pidfd = pid > 0 ? mt_host_pidfd(pid) : -ESRCH;
	start_watch(session, mail->slot, mail->generation, pid > 0 ? pid : mail->pid,
	            pidfd < 0 ? 0 : pidfd);
	if (pidfd < 0)
		tell_gone(session, mail->slot, &unknown);
	else if (pid != mail->pid)
		tell_drain(session, &(struct mt_mail){.type = MT_MAIL_PID,
		                                      .slot = mail->slot,
		                                      .generation = mail->generation,
		                                      .pid = pid});
}

/* --- questions of the drain thread ------------------------------------------------------------------- */

static void name_thread(struct mt_session *session, const struct mt_mail *mail)
{
	char file[32];
	char *name;
	size_t bytes;

	snprintf(file, sizeof(file), "task/%d/comm", mail->tid);
	if (mt_procfs_read(mt_host_root(), mail->pid, file, 64, &name, &bytes) < 0)
		return;
	name[strcspn(name, "\n")] = '\0';
	tell_drain(session, &(struct mt_mail){.type = MT_MAIL_THREADS,
	                                      .slot = mail->slot,
	                                      .generation = mail->generation,
	                                      .tid = mail->tid,
	                                      .text = name});
}

/* It called execve and was silent since. Still the old image (a slow exec), or something untraced? */
static void look_executed(struct mt_session *session, const struct mt_mail *mail)
{
	const struct mt_watch *watch = &session->watches[mail->slot];
	struct mt_mail answer = {
	        .type = MT_MAIL_UNTRACED, .slot = mail->slot, .generation = mail->generation};

	if (!watch->is_used || watch->generation != mail->generation || watch->is_gone ||
	    mt_host_maps(watch->pid, session->segment_inode) == 1)
		return;
	mt_procfs_link(mt_host_root(), watch->pid, "exe", &answer.text);
	tell_drain(session, &answer);
}

/* --- outcomes ---------------------------------------------------------------------------------------- */

static void keep_outcome(struct mt_session *session, const struct mt_mail *mail)
{
	struct mt_watch *watch = &session->watches[mail->slot];

	if (watch->is_used && watch->generation == mail->generation) {
		watch->has_ended = true;
		if (!watch->was_joined && mail->outcome.has_row)
			session->processes++;
	}
	session->ended[session->ended_count++ % MT_SESSION_ENDED] =
	        (struct mt_ended){mail->pid, mail->outcome};
}

bool mt_watch_owes(struct mt_session *session, pid_t pid)
{
	for (uint32_t i = 0; i < slot_count(session); i++) {
		const struct mt_watch *watch = &session->watches[i];

		if (watch->is_used ? watch->pid == pid && !watch->has_ended
		                   : is_unheard(session, i, pid))
			return true;
	}
	return false;
}

bool mt_watch_has_others(struct mt_session *session, pid_t pid)
{
	for (uint32_t i = 0; i < slot_count(session); i++) {
		const struct mt_watch *watch = &session->watches[i];

		if (watch->is_used && watch->pid != pid && !watch->is_gone)
			return true;
	}
	return false;
}

bool mt_watch_outcome(struct mt_session *session, pid_t pid, struct mt_outcome *ret_outcome)
{
	/* From the newest. */
	for (uint64_t i = 1; i <= session->ended_count && i <= MT_SESSION_ENDED; i++) {
		const struct mt_ended *ended =
		        &session->ended[(session->ended_count - i) % MT_SESSION_ENDED];

		if (ended->pid != pid)
			continue;
		*ret_outcome = ended->outcome;
		return true;
	}
	return false;
}

void mt_watch_read_mail(struct mt_session *session)
{
	struct mt_mail *mail = mt_mailbox_take(&session->mail);

	while (mail) {
		struct mt_mail *next = mail->next;
		struct mt_watch *watch = &session->watches[mail->slot];

		switch (mail->type) {
		case MT_MAIL_WATCH: watch_child(session, mail); break;
		case MT_MAIL_NAME: name_thread(session, mail); break;
		case MT_MAIL_EXECUTED: look_executed(session, mail); break;
		case MT_MAIL_ENDED: keep_outcome(session, mail); break;
		case MT_MAIL_RELEASED:
			if (watch->is_used && watch->generation == mail->generation) {
				close_pidfd(session, watch);
				watch->is_used = false;
				session->watched--;
			}
			break;
		case MT_MAIL_WRITTEN: mt_control_written(session, mail); break;
		case MT_MAIL_RESTING: session->is_resting = true; break;
		case MT_MAIL_BUSY: session->has_asked_rest = false; break;
		default: break;
		}
		mt_mail_free(mail);
		mail = next;
	}
}
