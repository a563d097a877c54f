#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the fuzzers have found worth keeping (tests/fuzz/run) is read to its end, by a build with sanitizers without a
# word: frame information, what traced processes write, what is said to the collector's socket, files that are reported.
. "$(dirname "$0")/lib.sh"

for target in cfi segment message database; do
	fuzz=$build/tests/fuzz/fuzz_$target
	[ -x "$fuzz" ] || skip_all "tests/fuzz/fuzz_$target is not built"
	"$fuzz" "$source/tests/fuzz/$target"/* >out 2>err
	is "the corpus of $target is read without harm" $? 0
done
finish
