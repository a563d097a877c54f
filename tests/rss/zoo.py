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

# 50 pages and what the thread's start and its own data need; what an ended one has left; the main one's.
threads = sorted((owner["bytes"] for owner in snapshot["owners"] if owner["kind"] == "stack"), reverse=True)
deep = [size for size in threads if size >= 50 * PAGE]
say(sum(threads) >= 100 * PAGE, f"stacks: {threads}")
sys.exit(failures > 0)
