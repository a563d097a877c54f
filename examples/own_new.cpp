/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own_new.cpp - a program that brings its own operator new: its blocks are still seen, and once.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	3	192	operator new(unsigned long) (own_new.cpp:19)
 */
#include <cstddef>
#include <cstdlib>
#include <new>

static void *volatile kept;
static int calls;

/* A header of 16 bytes in front of each block. */
void *operator new(std::size_t bytes)
{
	char *block = static_cast<char *>(std::malloc(bytes + 16)); /* LEAK: 3 blocks, 192 bytes */
	if (!block)
		throw std::bad_alloc();
	calls++;
	return block + 16;
}

void operator delete(void *block) noexcept
{
	if (block)
		std::free(static_cast<char *>(block) - 16);
}

void operator delete(void *block, std::size_t) noexcept
{
	operator delete(block);
}

int main()
{
	for (int i = 0; i < 3; i++)
		kept = ::operator new(48);
	delete new int(5);
	return calls == 4 ? 0 : 1;
}
