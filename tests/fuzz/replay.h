/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replay.h - what a fuzz target is without a fuzzer: each file that is named, once. What make check does.
 *
 *	tests/fuzz/run TARGET [SECONDS]     libFuzzer, with AddressSanitizer and UBSan; needs clang
 *	tests/fuzz/fuzz_TARGET FILE…        each of these once
 */
#ifndef MT_TESTS_REPLAY_H
#define MT_TESTS_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#ifndef FUZZ_LIBFUZZER

#include <stdio.h>

static int replay(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t bytes;

	if (!file)
		return -1;
	bytes = fread(data, 1, sizeof(data), file);
	fclose(file);
	return LLVMFuzzerTestOneInput(data, bytes);
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) != 0) {
			perror(argv[i]);
			failed = 1;
		}
	}
	return failed || argc < 2;
}

#endif
#endif
