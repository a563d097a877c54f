#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Check that the figures of a memtrace file agree with each other and with `memtrace info`.

    figures.py FILE.db INFO.json [--unmatched=N]

For each process: allocations - frees = live_blocks = the rows of its exit snapshot, the same for bytes and
for the sums of the table total; nothing was dropped; no free was unmatched (or exactly N in all).
Prints what does not hold, a line each, and exits with 1 if anything does not.
"""
import json
import sqlite3
import sys

from memtrace_file import connect

PROCESSES = """
SELECT process.*,
       (SELECT count(*) FROM block JOIN snapshot ON snapshot.id = block.snapshot
        WHERE snapshot.process = process.id AND snapshot.reason = 'exit') AS row_blocks,
       (SELECT coalesce(sum(size_bytes), 0) FROM block JOIN snapshot ON snapshot.id = block.snapshot
        WHERE snapshot.process = process.id AND snapshot.reason = 'exit') AS row_bytes,
       (SELECT count(*) FROM snapshot
        WHERE snapshot.process = process.id AND snapshot.reason = 'exit') AS exit_snapshots,
       (SELECT coalesce(sum(allocations), 0) FROM site WHERE site.process = process.id)
           AS site_allocations,
       (SELECT coalesce(sum(frees), 0) FROM site WHERE site.process = process.id) AS site_frees,
       (SELECT coalesce(sum(bytes_allocated), 0) FROM site WHERE site.process = process.id)
           AS site_bytes,
       (SELECT coalesce(sum(peak_bytes), 0) FROM site WHERE site.process = process.id)
           AS site_peak_bytes
FROM process ORDER BY process.id
"""

# Ends at which a program could have given its memory back.
OWN_ENDS = ("exit", "_exit", "quick_exit", "signal", "oom")


def main():
    path, info_path, *rest = sys.argv[1:]
    unmatched = int(rest[0].split("=")[1]) if rest else 0
    connection = connect(path)
    connection.row_factory = sqlite3.Row
    rows = connection.execute(PROCESSES).fetchall()
    with open(info_path, encoding="utf-8") as file:
        info = json.load(file)["processes"]
    wrong = []

    def expect(row, what, got, wanted):
        if got != wanted:
            wrong.append(f"process {row['pid']} ({row['command']}): {what}: {got}, not {wanted}")

    if not rows:
        wrong.append("the file has no process")
    for row in rows:
        blocks, live_bytes = (row["allocations"] - row["frees"],
                              row["bytes_allocated"] - row["bytes_freed"])
        expect(row, "live_blocks", row["live_blocks"], blocks)
        expect(row, "live_bytes", row["live_bytes"], live_bytes)
        if row["end_reason"] in OWN_ENDS or row["exit_snapshots"]:
            expect(row, "exit snapshots", row["exit_snapshots"], 1)
            expect(row, "rows of block", row["row_blocks"], blocks)
            expect(row, "bytes of the rows of block", row["row_bytes"], live_bytes)
        expect(row, "allocations of all sites", row["site_allocations"], row["allocations"])
        expect(row, "frees of all sites", row["site_frees"], row["frees"])
        expect(row, "bytes of all sites", row["site_bytes"], row["bytes_allocated"])
        expect(row, "peak of all sites", row["site_peak_bytes"], row["peak_bytes"])
        expect(row, "dropped_events", row["dropped_events"], 0)
    found = sum(row["unmatched_frees"] for row in rows)
    if found != unmatched:
        wrong.append(f"unmatched frees: {found}, not {unmatched}")
    keys = ("pid", "command", "exit_status", "allocations", "frees", "bytes_allocated", "peak_bytes",
            "live_blocks", "live_bytes", "dropped_events", "unmatched_frees")
    said = [tuple(process[key] for key in keys) for process in info]
    stored = [tuple(row[key] for key in keys) for row in rows]
    for line in sorted(set(said) ^ set(stored), key=str):
        wrong.append(f"only {'info' if line in said else 'the file'} says: {dict(zip(keys, line))}")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
