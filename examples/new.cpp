/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * new.cpp - loses one block of each form of C++'s new; every matching delete counts as one free.
 *
 * libstdc++ itself keeps one block from its start on, a pool for exceptions, in no function of this file.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	1	24	plain() (new.cpp:44)
 *	1	408	array() (new.cpp:51)
 *	2	48	nothrow() (new.cpp:58)
 *	1	7	nothrow() (new.cpp:59)
 *	1	128	aligned() (new.cpp:65)
 *	1	512	aligned() (new.cpp:66)
 *	1	192	aligned() (new.cpp:67)
 *	1	24	container() (new.cpp:84)
 *	1	4000	container() (new.cpp:85)
 */
#include <cstddef>
#include <new>
#include <vector>

struct point {
	double x, y, z;
};

/* Has a destructor, so that new[] keeps the count in 8 bytes in front. */
struct counted {
	long value;
	~counted()
	{
	}
};

struct alignas(64) line {
	char bytes[64];
};

static void *volatile kept;
static volatile std::size_t huge = ~std::size_t{0} / 2;

static void plain()
{
	kept = new point(); /* LEAK: 1 block, 24 bytes */
	delete new point();
}

static void array()
{
	/* 8 bytes for the count, 50 times 8 bytes */
	kept = new counted[50]; /* LEAK: 1 block, 408 bytes */
	delete[] new counted[50];
}

static void nothrow()
{
	for (int i = 0; i < 2; i++)
		kept = new (std::nothrow) point(); /* LEAK: 2 blocks, 48 bytes */
	kept = new (std::nothrow) char[7];         /* LEAK: 1 block, 7 bytes */
	operator delete(operator new(9, std::nothrow), std::nothrow);
}

static void aligned()
{
	kept = new line[2];                              /* LEAK: 1 block, 128 bytes */
	kept = operator new(512, std::align_val_t(256)); /* LEAK: 1 block, 512 bytes */
	kept = operator new(192, std::align_val_t(256)); /* LEAK: 1 block, 192 bytes */
	delete new line();
}

/* What fails throws, and counts as nothing. */
static bool refused()
{
	try {
		kept = operator new(huge);
	} catch (const std::bad_alloc &) {
		return operator new(huge, std::nothrow) == nullptr;
	}
	return false;
}

static void container()
{
	auto *numbers = new std::vector<int>(); /* LEAK: 1 block, 24 bytes */
	numbers->resize(1000);                  /* LEAK: 1 block, 4000 bytes */
	kept = numbers;
}

int main()
{
	plain();
	array();
	nothrow();
	aligned();
	container();
	return refused() ? 0 : 1;
}
