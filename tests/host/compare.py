#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the JSON of memtrace system --root=FOLDER to what procps says of the same dump, and to the kernel's files.

    compare.py SYSTEM.json FOLDER

What procps prints was made on the machine itself, of the very figures that the dump has; the files are taken apart here
again, in another way than by memtrace. Prints what differs; exit status 1.
"""
import json
import os
import re
import sys

PAGE = 4096
page = json.load(open(sys.argv[1]))
folder = sys.argv[2]
sections = {section["key"]: section for section in page["sections"]}
figures = {(section["key"], figure["key"]): figure["value"] for section in page["sections"] for figure in section["figures"]}
compared = {}
wrong = []


def same(what, ours, theirs):
    kind = what.split(":")[0]
    compared[kind] = compared.get(kind, 0) + 1
    if ours != theirs:
        wrong.append(f"{what}: {ours}, not {theirs}")


def text(path):
    whole = os.path.join(folder, path.lstrip("/"))
    return open(whole, errors="replace").read() if os.path.exists(whole) else ""


def procps():
    lines = text("procps/free").splitlines()
    # total used free shared buffers cache available, in bytes
    free = dict(zip(lines[0].split(), map(int, lines[1].split()[1:])))
    swap = lines[2].split()
    same("free: total", figures["memory", "total"], free["total"])
    same("free: free", figures["memory", "free"], free["free"])
    same("free: shared", figures["memory", "shmem"], free["shared"])
    same("free: buffers", figures["memory", "buffers"], free["buffers"])
    same("free: cache", figures["memory", "cached"] + figures["memory", "slab_reclaimable"], free["cache"])
    same("free: available", figures["memory", "available"], free["available"])
    same("free: used", figures["memory", "used"], free["used"])
    same("free: swap", figures["swap", "total"], int(swap[1]))
    same("free: swap free", figures["swap", "free"], int(swap[3]))
    stat = {name: int(value) * 1024 for value, name in re.findall(r"^\s*(\d+) [kK] (.*)$", text("procps/vmstat"), re.M)}
    for name, key in {"total memory": ("memory", "total"), "free memory": ("memory", "free"), "buffer memory": ("memory", "buffers"),
                      "total swap": ("swap", "total"), "free swap": ("swap", "free")}.items():
        same("vmstat: " + name, figures[key], stat[name])
    same("vmstat: swap cache", figures["memory", "cached"] + figures["memory", "slab_reclaimable"], stat["swap cache"])
    # OBJS ACTIVE USE OBJ-SIZE SLABS OBJ/SLAB CACHE-SIZE NAME, the largest first
    theirs = []
    for words in (line.split() for line in text("procps/slabtop").splitlines()):
        if len(words) == 8 and words[0].isdigit():
            theirs.append((words[7], int(words[0]), int(words[1]), int(words[6].rstrip("K")) * 1024))
    if theirs:
        by_name = {row[0]: row for row in theirs}
        for row in sections["slab"]["rows"]:
            name = row["cache"]
            same("slabtop: " + name, (name, row["objects"], row["active_objects"], row["size_bytes"]), by_name[name])
        same("slabtop: the largest", sections["slab"]["rows"][0]["size_bytes"], theirs[0][3])


def meminfo():
    lines = dict(re.findall(r"^(\S+): +(\d+) kB$", text("/proc/meminfo"), re.M))
    for section in page["sections"]:
        for figure in section["figures"]:
            words = figure["source"].split()
            if words[0] == "/proc/meminfo" and len(words) == 2:
                theirs = lines.get(words[1])
                same("meminfo: " + words[1], figure["value"], int(theirs) * 1024 if theirs else None)
            elif words[0].startswith("/proc/sys/vm/"):
                value = int(text(words[0]))
                same("settings: " + words[0], figure["value"],
                     value * 1024 if words[0].endswith("_kbytes") else
                     ["heuristic", "always", "strict"][value] if figure["unit"] == "word" else value)


def zones():
    marks = {}
    for node, zone, body in re.findall(r"^Node (\d+), zone +(\S+)\n((?:(?!Node ).*\n)*)", text("/proc/zoneinfo"), re.M):
        body = body.split("pagesets")[0]
        number = {name: int(value) * PAGE for name, value in
                  re.findall(r"^ +(?:pages )?(free|min|low|high|managed) +(\d+)$", body, re.M)}
        if number.get("managed"):
            number["reserve"] = max(map(int, re.search(r"protection: \((.*)\)", body)[1].split(","))) * PAGE
            marks[f"{node} {zone}"] = number
    rows = {row["zone"]: row for row in sections["watermarks"]["rows"]}
    same("zones: those with memory", sorted(rows), sorted(marks))
    for name, number in marks.items():
        row = rows[name]
        for key in ("free", "min", "low", "high", "reserve"):
            same(f"zones: {key} of {name}", row[key + "_bytes"], number[key])
        same(f"zones: {name} to kswapd", row["to_kswapd_bytes"], number["free"] - number["low"])
        same(f"zones: {name} to waiting", row["to_direct_reclaim_bytes"], number["free"] - number["min"])
    rows = {row["zone"]: row for row in sections["fragmentation"]["rows"]}
    for node, zone, counts in re.findall(r"^Node (\d+), zone +(\S+) +(.*)$", text("/proc/buddyinfo"), re.M):
        blocks = [int(count) * (PAGE << order) for order, count in enumerate(counts.split())]
        row = rows[f"{node} {zone}"]
        same(f"buddyinfo: {node} {zone}", row["free_bytes"], sum(blocks))
        same(f"buddyinfo: largest of {node} {zone}", row["largest_bytes"],
             max((PAGE << order for order, size in enumerate(blocks) if size), default=0))
        if sum(blocks):
            for order in range(1, 11):
                same(f"buddyinfo: no use of {node} {zone} for order {order}", row[f"unusable_order_{order}_percent"],
                     sum(blocks[:order]) * 100 // sum(blocks))


def pressure():
    for who, shares in re.findall(r"^(some|full) (.*)$", text("/proc/pressure/memory"), re.M):
        for name, value in re.findall(r"(avg\d+)=([0-9.]+)", shares):
            same(f"pressure: {who} {name}", round(figures["pressure", f"{who}_{name}"] * 100), round(float(value) * 100))


def areas():
    callers = {}
    for size, caller, rest in re.findall(r"^0x\S+ +(\d+) ([^\s+]+)\+\S+(.*)$", text("/proc/vmallocinfo"), re.M):
        pages = re.search(r"pages=(\d+)", rest)
        row = callers.setdefault(caller, [0, 0, 0])
        row[0] += int(pages[1]) * PAGE if pages else 0
        row[1] += int(size)
        row[2] += 1
    for row in sections["vmalloc"]["rows"]:
        same("vmalloc: " + row["caller"], [row["memory_bytes"], row["address_space_bytes"], row["areas"]], callers[row["caller"]])
    if callers:
        same("vmalloc: the largest", sections["vmalloc"]["rows"][0]["memory_bytes"], max(row[0] for row in callers.values()))


def pools():
    for row in sections["hugepages"]["rows"]:
        pool = f"/sys/kernel/mm/hugepages/hugepages-{row['page_bytes'] // 1024}kB/"
        for key, name in {"total": "nr", "free": "free", "reserved": "resv", "surplus": "surplus"}.items():
            same(f"pools: {key}", row[key], int(text(f"{pool}{name}_hugepages")))
    for key in ("enabled", "defrag"):
        choice = re.search(r"\[(.*)\]", text("/sys/kernel/mm/transparent_hugepage/" + key))
        same("pools: " + key, figures["hugepages", key], choice[1] if choice else None)


def swaps():
    lines = [line.split() for line in text("/proc/swaps").splitlines()[1:]]
    same("swaps: devices", [(row["device"], row["size_bytes"], row["used_bytes"], row["priority"]) for row in sections["swap"]["rows"]],
         [(words[0], int(words[2]) * 1024, int(words[3]) * 1024, int(words[4])) for words in lines])


def limits():
    for row in sections["limits"]["rows"] if "limits" in sections else []:
        first = os.path.join(folder, "sys/fs/cgroup/memory")
        group = (first if os.path.isdir(first) else os.path.join(folder, "sys/fs/cgroup")) + row["group"].rstrip("/")
        names = [("memory.usage_in_bytes", "memory.limit_in_bytes"), ("memory.current", "memory.max")][group.find(first) < 0]
        current, most = (open(os.path.join(group, name)).read().strip() if os.path.exists(os.path.join(group, name)) else "max"
                         for name in names)
        most = None if most == "max" or int(most) >= 1 << 62 else int(most)
        same("limits: level of " + row["group"], row["current_bytes"], int(current))
        same("limits: limit of " + row["group"], row["max_bytes"], most)
    scores = {}
    for process in os.listdir(os.path.join(folder, "proc")):
        if process.isdigit() and "VmRSS" in text(f"/proc/{process}/status"):
            scores[int(process)] = int(text(f"/proc/{process}/oom_score"))
    rows = sections["oom"]["rows"]
    same("victims: the highest", [row["score"] for row in rows], sorted(scores.values(), reverse=True)[:len(rows)])
    for row in rows:
        same(f"victims: {row['pid']}", row["score"], scores[row["pid"]])


for part in (procps, meminfo, zones, pressure, areas, pools, swaps, limits):
    part()
print("\n".join(wrong) or " ".join(f"{kind} {count}" for kind, count in compared.items()))
# of each kind at least one, but of what only root may read and what a container hides
missing = {"free", "vmstat", "meminfo", "settings", "zones", "buddyinfo", "pools", "swaps", "victims"} - set(compared)
sys.exit(1 if wrong or missing else 0)
