/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.h - a -errno with the sentence that a person needs beside it.
 *
 * Used by the collector and the tool. A function that takes a struct mt_error fills it exactly when it
 * returns a negative value; the sentence names the file or option, what is wrong and what to do, and
 * ends without a full stop. Printing it is left to report/ (or to the client that a welcome goes to).
 */
#ifndef MT_BASE_ERROR_H
#define MT_BASE_ERROR_H

#define MT_ERROR_TEXT_BYTES 512

struct mt_error {
	char text[MT_ERROR_TEXT_BYTES];
};

/* Formats the sentence and returns `code`, so that one statement can set and return. error may be NULL. */
int mt_error_set(struct mt_error *error, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif
