#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what memtrace rss says of tests/rss/zoo with what it has to.

    zoo.py WANTED FOUND parent|child     WANTED: what zoo printed; FOUND: memtrace rss --format=json
"""
import json
import sys

PAGE = 4096
wanted = [line.split() for line in open(sys.argv[1], encoding="ascii")]
snapshot = json.load(open(sys.argv[2], encoding="utf-8"))["snapshots"][0]
is_child = sys.argv[3] == "child"
failures = 0


def say(is_right, text):
    global failures
    failures += not is_right
    print(("" if is_right else "WRONG: ") + text)


def bytes_of(kind, function):
    return sum(owner["bytes"] for owner in snapshot["owners"]
               if owner["kind"] == kind and any(frame["function"] == function for frame in owner["stack"]))


for kind, function, number, child in wanted:
    if kind == "hugetlb" and not is_child:
        say(snapshot["hugetlb_bytes"] == int(number), f"beside: {snapshot['hugetlb_bytes']} of the pool of huge pages")
    if kind not in ("mmap", "live") or (is_child and child != "same"):
        continue
    found = bytes_of(kind, function)
    say(found == int(number), f"{kind} of {function}: {found}, wanted {number}")

resident = snapshot["resident_bytes"]
say(sum(owner["bytes"] for owner in snapshot["owners"]) == resident, "the owners' sum is what is resident")
if snapshot["source"] == "PAGEMAP_SCAN":
    say(resident == snapshot["smaps_rss_bytes"], "and what smaps says")
unexplained = snapshot["unexplained_bytes"]
say(unexplained * 200 <= resident, f"unexplained: {unexplained} of {resident}")

# Each thread touches 50 pages of its stack; its start, its own data and memtrace's code need some more.
stacks = {owner["thread"]: owner["bytes"] for owner in snapshot["owners"] if owner["kind"] == "stack"}
deep = [size for thread, size in stacks.items() if thread not in (None, snapshot["pid"])]
say(len(deep) == (0 if is_child else 2) and all(50 * PAGE <= size <= 60 * PAGE for size in deep), f"stacks: {stacks}")
# A fork leaves the other threads' stacks behind; the given one is a mapping of the program's.
say(not is_child or 50 * PAGE <= stacks[None] <= 60 * PAGE, "a stack without a thread, in the child")
sys.exit(failures > 0)
