/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.h - answers the questions of wire/control.h.
 *
 * Runs in the service thread.
 */
#ifndef MT_COLLECT_CONTROL_H
#define MT_COLLECT_CONTROL_H

#include "collect/session.h"
#include "wire/control.h"

/* Does what is asked for and answers. False: the client is lost, or broke a rule. */
bool mt_control_answer(struct mt_session *session, struct mt_client *client,
                       const struct mt_request *request);

/* A snapshot is in the file, or failed: mail of type MT_MAIL_WRITTEN. Answers who asked for it. */
void mt_control_written(struct mt_session *session, const struct mt_mail *mail);

#endif
