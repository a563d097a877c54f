/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mail.c - see mail.h.
 */
#include "collect/mail.h"

#include "collect/resident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mt_mailbox_init(struct mt_mailbox *box)
{
	memset(box, 0, sizeof(*box));
	pthread_mutex_init(&box->mutex, NULL);
	box->last = &box->first;
}

void mt_mailbox_free(struct mt_mailbox *box)
{
	struct mt_mail *mail = mt_mailbox_take(box);

	while (mail) {
		struct mt_mail *next = mail->next;

		mt_mail_free(mail);
		mail = next;
	}
	pthread_mutex_destroy(&box->mutex);
}

bool mt_mailbox_post(struct mt_mailbox *box, const struct mt_mail *mail)
{
	struct mt_mail *copy = malloc(sizeof(*copy));

	if (copy) {
		*copy = *mail;
		copy->next = NULL;
	} else {
		struct mt_mail strings = *mail;

		free(strings.text);
		mt_identity_free(&strings.identity);
	}
	pthread_mutex_lock(&box->mutex);
	if (copy) {
		*box->last = copy;
		box->last = &copy->next;
	} else {
		box->lost++;
	}
	pthread_mutex_unlock(&box->mutex);
	return copy != NULL;
}

struct mt_mail *mt_mailbox_take(struct mt_mailbox *box)
{
	struct mt_mail *first;

	pthread_mutex_lock(&box->mutex);
	first = box->first;
	box->first = NULL;
	box->last = &box->first;
	pthread_mutex_unlock(&box->mutex);
	return first;
}

void mt_mail_free(struct mt_mail *mail)
{
	if (mail->resident && mail->type == MT_MAIL_COPY)
		mt_resident_refuse(mail->resident);
	else if (mail->resident)
		mt_resident_free(mail->resident);
	free(mail->text);
	mt_identity_free(&mail->identity);
	free(mail);
}

void mt_identity_free(struct mt_identity *identity)
{
	free(identity->command);
	free(identity->arguments);
	free(identity->executable);
	free(identity->folder);
	memset(identity, 0, sizeof(*identity));
}

static int copy_of(const char *text, char **ret_copy)
{
	*ret_copy = text ? strdup(text) : NULL;
	return text && !*ret_copy ? -ENOMEM : 0;
}

int mt_identity_copy(const struct mt_identity *identity, struct mt_identity *ret_copy)
{
	struct mt_identity copy = {0};

	if (copy_of(identity->command, &copy.command) < 0 ||
	    copy_of(identity->arguments, &copy.arguments) < 0 ||
	    copy_of(identity->executable, &copy.executable) < 0 ||
	    copy_of(identity->folder, &copy.folder) < 0) {
		mt_identity_free(&copy);
		return -ENOMEM;
	}
	*ret_copy = copy;
	return 0;
}
