#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the JSON of memtrace system to what procps said of the same machine at the same moment.

    compare.py SYSTEM.json FOLDER [SLACK]     FOLDER: a dump; SLACK: bytes by which a running machine may have moved

Prints what differs; exit status 1.
"""
import json
import os
import re
import sys

page = json.load(open(sys.argv[1]))
folder = sys.argv[2]
slack = int(sys.argv[3]) if len(sys.argv) > 3 else 0
figures = {(section["key"], figure["key"]): figure["value"] for section in page["sections"] for figure in section["figures"]}
rows = {section["key"]: section["rows"] for section in page["sections"]}
compared = 0
wrong = []


def same(what, ours, theirs, unit=1):
    """theirs is ours in whole units, cut off or rounded."""
    global compared
    compared += 1
    if ours is None or abs(ours - theirs * unit) > slack + (unit if unit > 1 else 0):
        wrong.append(f"{what}: {ours}, procps {theirs * unit}")


def of(name):
    path = os.path.join(folder, "procps", name)
    return open(path).read() if os.path.exists(path) else ""


lines = of("free").splitlines()
if lines:
    # total used free shared buffers cache available, in bytes
    words = dict(zip(lines[0].split(), lines[1].split()[1:]))
    same("free: total", figures["memory", "total"], int(words["total"]))
    same("free: free", figures["memory", "free"], int(words["free"]))
    same("free: shared", figures["memory", "shmem"], int(words["shared"]))
    same("free: buffers", figures["memory", "buffers"], int(words["buffers"]))
    same("free: cache", figures["memory", "cached"] + figures["memory", "slab_reclaimable"], int(words["cache"]))
    same("free: available", figures["memory", "available"], int(words["available"]))
    same("free: used", figures["memory", "used"], int(words["used"]))
    swap = lines[2].split()
    same("free: swap", figures["swap", "total"], int(swap[1]))
    same("free: swap free", figures["swap", "free"], int(swap[3]))
stat = {name: int(value) for value, name in re.findall(r"^\s*(\d+) [kK]? ?(.*)$", of("vmstat"), re.M)}
for name, key in {"total memory": ("memory", "total"), "free memory": ("memory", "free"), "buffer memory": ("memory", "buffers"),
                  "total swap": ("swap", "total"), "free swap": ("swap", "free")}.items():
    if name in stat:
        same("vmstat: " + name, figures[key], stat[name], 1024)
# OBJS ACTIVE USE OBJ-SIZE SLABS OBJ/SLAB CACHE-SIZE NAME, the largest first
theirs = {}
for words in (line.split() for line in of("slabtop").splitlines()):
    if len(words) == 8 and words[0].isdigit():
        theirs[words[7]] = (int(words[0]), int(words[1]), int(words[6].rstrip("K")) * 1024)
for row in rows["slab"] if theirs else []:
    if row["cache"] in theirs and slack == 0:
        same("slabtop: objects of " + row["cache"], row["objects"], theirs[row["cache"]][0])
        same("slabtop: in use of " + row["cache"], row["active_objects"], theirs[row["cache"]][1])
        same("slabtop: size of " + row["cache"], row["size_bytes"], theirs[row["cache"]][2])
print("\n".join(wrong) or f"{compared} figures are procps'")
sys.exit(1 if wrong or compared < 9 else 0)
