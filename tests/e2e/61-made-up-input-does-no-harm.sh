#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the fuzzer has found worth keeping (tests/fuzz/run) is read to its end, by a build with sanitizers without a word.
. "$(dirname "$0")/lib.sh"

fuzz=$build/tests/fuzz/fuzz_cfi
[ -x "$fuzz" ] || skip_all "tests/fuzz/fuzz_cfi is not built"
check "the corpus is read without harm" "$fuzz" "$source"/tests/fuzz/cfi/*
finish
