#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Read the file of tests/count.c, and compare it with a memtrace file.

    counts.py show COUNTS              lines "pid command allocations frees bytes"
    counts.py compare COUNTS FILE.db [--without-new]
                                       what differs, a line each; exit status 1 if anything does

The two must agree exactly, process image by process image. What memtrace calls for itself passes count.so
too, and a forked child frees blocks of its parent:

    count.so            FILE.db, table process
    allocations    =    allocations + own_allocations
    bytes          =    bytes_allocated + own_bytes
    frees          =    frees + own_frees + inherited_frees + unmatched_frees

--without-new: where the allocator has an operator new of its own, which calls no malloc. Blocks of new are then taken
from the right side; and frees are compared only where a process has none, because such blocks may end by free too.
"""
import collections
import struct
import sys

from memtrace_file import connect

ROW = struct.Struct("=II16sQQQ16x")

# In both the images of one pid stand in the order in which they ran.
QUERY = """
SELECT pid, command, allocations + own_allocations,
       frees + own_frees + inherited_frees + unmatched_frees, bytes_allocated + own_bytes
FROM process ORDER BY started_ns, id
"""
WITHOUT_NEW = """
SELECT pid, command, allocations + own_allocations - coalesce(new_allocations, 0),
       iif(new_allocations > 0, NULL, frees + own_frees + inherited_frees + unmatched_frees),
       bytes_allocated + own_bytes - coalesce(new_bytes, 0)
FROM process LEFT JOIN (SELECT process, sum(allocations) AS new_allocations,
                               sum(bytes_allocated) AS new_bytes
                        FROM total JOIN kind ON kind.id = total.kind WHERE kind.name IN ('new', 'new[]')
                        GROUP BY process) ON process = process.id
ORDER BY started_ns, process.id
"""


def read_counts(path):
    with open(path, "rb") as file:
        data = file.read()
    (used,) = struct.unpack_from("=Q", data)
    for index in range(used):
        pid, _, command, allocations, frees, size_bytes = ROW.unpack_from(data, 64 + 64 * index)
        yield pid, command.split(b"\n")[0].decode(), allocations, frees, size_bytes


def read_file(path, query):
    return connect(path).execute(query).fetchall()


def by_pid(rows):
    """pid -> its images that had an event, in order, as (allocations, frees, bytes)."""
    images = collections.defaultdict(list)
    for pid, command, *figures in rows:
        if any(figures):
            images[pid].append((command, tuple(figures)))
    return images


def same(counted, recorded):
    """None: not to be compared."""
    return len(counted) == len(recorded) and all(
        right is None or left == right for one, other in zip(counted, recorded) for left, right in zip(one, other))


def main():
    counted = list(read_counts(sys.argv[2]))
    if sys.argv[1] == "show":
        for row in counted:
            print(*row)
        return 0
    query = WITHOUT_NEW if "--without-new" in sys.argv[4:] else QUERY
    expected, recorded = by_pid(counted), by_pid(read_file(sys.argv[3], query))
    differs = False
    for pid in sorted(set(expected) | set(recorded)):
        if not same([figures for _, figures in expected[pid]], [figures for _, figures in recorded[pid]]):
            differs = True
            print(f"pid {pid} (allocations, frees, bytes): counted {expected[pid]}, "
                  f"recorded {recorded[pid]}")
    if not expected:
        differs = True
        print("nothing was counted")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
