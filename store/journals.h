/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journals.h - the files that SQLite keeps beside a database, and whose they are.
 *
 * SQLite goes by their names. When somebody removes the file of a session that still has it open, and the next session
 * makes one of the same name, the first one, closing, would remove the second one's log, and the second one, opening,
 * would write into the first one's. So SQLite does not remove them here: this does, and only those that are our own;
 * and a new file begins without what a removed one has left behind. Both do so with a lock on the folder, so that
 * neither can come between the other's look and deed.
 */
#ifndef MT_STORE_JOURNALS_H
#define MT_STORE_JOURNALS_H

#include <stdbool.h>

struct mt_journals {
	int folder_fd; /* -1: it cannot be opened, so there is no lock */
	char *names[2];
	int fds[2]; /* hold on to what they name, so that it is known again; -1: nothing */
};

/* For the database at `path`. 0 or -ENOMEM. */
int mt_journals_init(struct mt_journals *journals, const char *path);
void mt_journals_free(struct mt_journals *journals);

/* Those that are there now are ours. */
void mt_journals_mark(struct mt_journals *journals);

/* SQLite does not need them any more: removes those that are ours. */
void mt_journals_remove(struct mt_journals *journals);

/* Between these two no other session begins or ends in the folder; bounded, for others may lock it too. */
void mt_journals_lock(struct mt_journals *journals);
void mt_journals_unlock(struct mt_journals *journals);

/* `path` was made just now: what lies beside it is nobody's. */
void mt_journals_remove_stale(const char *path);

#endif
