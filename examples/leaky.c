/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leaky.c - a guest book with three mistakes; the program that script/run traces.
 *
 * Guests sign the book, are renamed, or leave again; then the book is printed and closed. Never given back
 * are the array made for printing, the cards of guests who leave, and the old names of those renamed.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	2	10	text_copy (leaky.c:37)
 *	3	192	guest_new (leaky.c:51)
 *	1	800	book_print (leaky.c:105)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_GUESTS  100
#define PAGE_COLUMNS 80
#define CARD_BYTES   64

struct guest {
	char *name;
	char *card;
	struct guest *next;
};

/* The newest guest comes first. */
struct book {
	struct guest *guests;
};

static char *text_copy(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = malloc(bytes); /* LEAK: 2 blocks, 10 bytes: the old names of those renamed */

	if (!copy)
		abort();
	return memcpy(copy, text, bytes);
}

static struct guest *guest_new(const char *name)
{
	struct guest *guest = malloc(sizeof(*guest));

	if (!guest)
		abort();
	guest->name = text_copy(name);
	guest->card = malloc(CARD_BYTES); /* LEAK: 3 blocks, 192 bytes: of those who left */
	guest->next = NULL;
	if (!guest->card)
		abort();
	snprintf(guest->card, CARD_BYTES, "Dear %s, thank you for coming!", name);
	return guest;
}

/* Forgets to free the name that the guest had. */
static void guest_rename(struct guest *guest, const char *name)
{
	guest->name = text_copy(name);
}

/* Forgets to free the card. */
static void guest_free(struct guest *guest)
{
	free(guest->name);
	free(guest);
}

static void book_sign(struct book *book, const char *name)
{
	struct guest *guest = guest_new(name);

	guest->next = book->guests;
	book->guests = guest;
}

/* Where the guest of that name hangs in the list. */
static struct guest **book_find(struct book *book, const char *name)
{
	struct guest **link = &book->guests;

	while (*link && strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	return link;
}

static void book_leave(struct book *book, const char *name)
{
	struct guest **link = book_find(book, name);
	struct guest *guest = *link;

	*link = guest->next;
	guest_free(guest);
}

/* In the order of signing: fills an array from the list, prints it backwards, and forgets to free it. */
static void book_print(const struct book *book)
{
	const struct guest **page;
	int count = 0;

	page = calloc(PAGE_GUESTS, sizeof(*page)); /* LEAK: 1 block, 800 bytes */
	if (!page)
		abort();
	for (const struct guest *guest = book->guests; guest; guest = guest->next)
		page[count++] = guest;
	/* Not printf: stdio's buffer would be one more block in the report. */
	while (count > 0) {
		char line[PAGE_COLUMNS];
		int length = snprintf(line, sizeof(line), "%s\n", page[--count]->name);

		if (write(STDOUT_FILENO, line, (size_t)length) != length)
			abort();
	}
}

static void book_close(struct book *book)
{
	while (book->guests) {
		struct guest *guest = book->guests;

		book->guests = guest->next;
		free(guest->card);
		guest_free(guest);
	}
}

int main(void)
{
	static const char *const guests[] = {"Ada",     "Grace",    "Barbara",
	                                     "Frances", "Margaret", "Jean"};
	static const char *const leaving[] = {"Barbara", "Frances", "Jean"};
	struct book book = {NULL};

	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		book_sign(&book, guests[i]);
	guest_rename(*book_find(&book, "Ada"), "Lovelace");
	guest_rename(*book_find(&book, "Grace"), "Hopper");
	for (size_t i = 0; i < sizeof(leaving) / sizeof(leaving[0]); i++)
		book_leave(&book, leaving[i]);
	book_print(&book);
	book_close(&book);
	return 0;
}
