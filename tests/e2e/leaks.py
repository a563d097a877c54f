#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compare what a tool reports with what an example promises.

    leaks.py memtrace REPORT.json SOURCE...     `memtrace leaks --format=json`
    leaks.py valgrind REPORT.xml SOURCE...      `valgrind --leak-check=full --show-leak-kinds=all --xml=yes`

An example promises twice, and both are checked: each line that leaks has a comment with the sum of its
blocks and bytes, and the comment at the head of the first source lists every site, which is a stack.
A line with the comment LIBC may be a site of whatever size, if the allocation was made by the loader.

Prints what differs, a line each, and exits with 1 if anything does.
"""
import collections
import json
import os
import re
import sys
import xml.etree.ElementTree

Frame = collections.namedtuple("Frame", "function file line module")
Site = collections.namedtuple("Site", "blocks bytes stack")


def bare(function):
    """A function's name without parameters, which not every source of names has."""
    return re.sub(r"\(.*", "", function or "")


class Promise:
    def __init__(self, sources):
        self.names = {os.path.basename(source) for source in sources}
        self.lines = {}  # (file, line) -> (blocks, bytes)
        self.sites = collections.Counter()  # (blocks, bytes, function, file, line)
        self.libc = set()
        for source in sources:
            self.read(source)

    def read(self, source):
        name = os.path.basename(source)
        with open(source, encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                match = re.search(r"/\* LEAK: (\d+) blocks?, (\d+) bytes?", text)
                if match:
                    self.lines[name, number] = (int(match[1]), int(match[2]))
                if "/* LIBC */" in text:
                    self.libc.add((name, number))
                match = re.match(r" \*\t(\d+)\t(\d+)\t(.+) \((.+):(\d+)\)$", text)
                if match:
                    site = (int(match[1]), int(match[2]), bare(match[3]), match[4], int(match[5]))
                    self.sites[site] += 1


def memtrace_sites(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for process in report["processes"]:
        blocks = sum(site["blocks"] for site in process["sites"])
        size_bytes = sum(site["bytes"] for site in process["sites"])
        if not process["measured"]:
            print(f"{process['command']}: not measured")
            sys.exit(1)
        if process["totals"] != {"blocks": blocks, "bytes": size_bytes}:
            print(f"totals of {process['command']} are not the sum of its sites: {process['totals']}")
            sys.exit(1)
        for site in process["sites"]:
            stack = [
                Frame(frame["function"], os.path.basename(frame["file"] or ""), frame["line"],
                      os.path.basename(frame["module"] or ""))
                for frame in site["stack"]
            ]
            yield Site(site["blocks"], site["bytes"], stack)


def valgrind_sites(path):
    merged = collections.defaultdict(lambda: [0, 0])  # its sites are split by reachability
    stacks = {}
    with open(path, encoding="utf-8") as file:
        # One document for each process, where it forked.
        for text in re.findall(r"<valgrindoutput>.*?</valgrindoutput>", file.read(), re.S):
            for error in xml.etree.ElementTree.fromstring(text).iter("error"):
                leak = error.find("xwhat")
                if leak is None or leak.find("leakedblocks") is None:
                    continue
                stack = [
                    Frame(frame.findtext("fn"), frame.findtext("file"),
                          int(frame.findtext("line") or 0),
                          os.path.basename(frame.findtext("obj") or ""))
                    for frame in error.find("stack").iter("frame")
                ]
                key = tuple(frame.findtext("ip") for frame in error.find("stack").iter("frame"))
                stacks[key] = stack
                merged[key][0] += int(leak.findtext("leakedblocks"))
                merged[key][1] += int(leak.findtext("leakedbytes"))
    for key, (blocks, size_bytes) in merged.items():
        yield Site(blocks, size_bytes, stacks[key])


def compare(promise, sites):
    differences = []
    lines = collections.defaultdict(lambda: [0, 0])
    found = collections.Counter()
    for site in sites:
        where = next((frame for frame in site.stack if frame.file in promise.names), None)
        innermost = next((frame for frame in site.stack
                          if not re.match(r"libmemtrace|vgpreload", frame.module)), None)
        if where is None:
            # libstdc++ keeps a pool for exceptions from its start on.
            if innermost is None or not innermost.module.startswith("libstdc++"):
                differences.append(f"{site.blocks} blocks, {site.bytes} bytes in no function of "
                                   f"{', '.join(sorted(promise.names))}: {site.stack}")
            continue
        key = (where.file, where.line)
        if key in promise.libc:
            if not innermost.module.startswith("ld-linux"):
                differences.append(f"{key}: not allocated by the loader: {site.stack}")
            continue
        lines[key][0] += site.blocks
        lines[key][1] += site.bytes
        found[site.blocks, site.bytes, bare(where.function), *key] += 1
    for key in sorted(set(promise.lines) | set(lines)):
        expected = promise.lines.get(key, (0, 0))
        got = tuple(lines[key]) if key in lines else (0, 0)
        if got != expected:
            differences.append(f"{key[0]}:{key[1]}: expected {expected[0]} blocks, {expected[1]} "
                               f"bytes; reported {got[0]} blocks, {got[1]} bytes")
    for site in (promise.sites - found).elements():
        differences.append(f"promised, not reported: {site}")
    for site in (found - promise.sites).elements():
        differences.append(f"reported, not promised: {site}")
    return differences


def main():
    tool, path, *sources = sys.argv[1:]
    promise = Promise(sources)
    read = {"memtrace": memtrace_sites, "valgrind": valgrind_sites}[tool]
    differences = compare(promise, read(path))
    print("\n".join(differences), end="\n" if differences else "")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
