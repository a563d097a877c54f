#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""soak.py - traces a program that does everything at once, and holds the file to the program's own ledger.

    tests/reliability/soak.py [--seconds=N] [--options=KEY=VALUE:…] [--stall=STOPPED/RUNNING] [--verbose] [--keep=FOLDER]
                                                                                                      5 seconds

The program is soak.c. It must end by itself, with status 0 and nothing on stderr. Then, for each process image, by
the library or program that allocated: allocations, frees and bytes are those of the ledger; nothing was dropped, no
free was unmatched. One thing is counted and shown, and no failure: blocks that other threads allocate or free while a
fork is under way, of which the file may hold the wrong ones for inherited by that child. And where unloading has used
up the ids of stacks, blocks of stacks that nobody knows any more are taken for the program's. While it runs, the
memory of program and collector and the file's size are sampled: their growth over the second half is shown, and of
program or collector more than 4 MiB is a failure, or of what is the collector's own more than 1 MiB, in a run of a minute or
more, where no sanitizer keeps books of its own and nothing stalls. The rest is the rings, which both have mapped: what was once written of
them stays.

--stall stops the collector, again and again, for so many milliseconds, and lets it run for so many: it is to fall behind.

Prints what it found; the exit status is 1 if anything was wrong.
"""
import argparse
import collections
import os
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from kill import BUILD, LIBRARY, MEMTRACE, connect, settled

SOAK = os.path.join(BUILD, "tests/reliability/soak")
PLUGINS = [os.path.join(BUILD, f"tests/reliability/plugin{number}.so") for number in (1, 2)]

# As soak.c writes it.
HEAD = struct.Struct("=IIQQQQ")
ROW = struct.Struct("=I4xQ" + "QQQ" * 3)

TOTALS = """
SELECT total.process, iif(stack.cut = 'lost', 'lost', module.path), sum(total.allocations), sum(total.frees),
       sum(total.bytes_allocated)
FROM total JOIN stack ON stack.id = total.stack JOIN frame ON frame.id = stack.frame
     LEFT JOIN module ON module.id = frame.module JOIN kind ON kind.id = total.kind
WHERE kind.heap
GROUP BY 1, 2
"""


def read_ledger(path):
    """pid -> its images in their order, each (inherited frees, tallies...); and what was done."""
    images = collections.defaultdict(list)
    with open(path, "rb") as file:
        used, is_over, *done = HEAD.unpack(file.read(HEAD.size))
        for _ in range(used):
            pid, *figures = ROW.unpack(file.read(ROW.size))
            if any(figures):
                images[pid].append(tuple(figures))
    return images, used, is_over, dict(zip(("signals", "jumps", "threads", "loads"), done))


def read_file(connection):
    modules = {path: index for index, path in enumerate([SOAK, *PLUGINS])}
    modules["lost"] = 0
    lost = 0
    tallies = collections.defaultdict(lambda: [0] * 9)
    for process, path, *figures in connection.execute(TOTALS):
        if path in modules:
            for column, figure in enumerate(figures, 3 * modules[path]):
                tallies[process][column] += figure
            if path == "lost":
                lost += figures[0]
    print(f"{lost} allocations of a stack that was lost, taken for the program's")
    images = collections.defaultdict(list)
    for process, pid, inherited in connection.execute(
            "SELECT id, pid, inherited_frees + iif(origin = 'fork', unmatched_frees, 0) FROM process ORDER BY started_ns, id"):
        figures = (inherited, *tallies[process])
        if any(figures):
            images[pid].append(figures)
    return images


def resident_bytes(pid):
    """All, and what is no file's and not shared."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            _, resident, shared = (int(pages) * os.sysconf("SC_PAGE_SIZE") for pages in file.read().split()[:3])
            return resident, resident - shared
    except (OSError, ValueError):
        return None, None


class Samples:
    """Memory of both processes and size of the file, over time."""

    def __init__(self):
        self.rows = []

    def take(self, program, collector, file, ledger):
        try:
            with open(ledger, "rb") as opened:
                (used,) = struct.unpack("=I", opened.read(4))
        except (OSError, struct.error):
            return
        sizes = [os.path.getsize(name) for name in (file, file + "-wal") if os.path.exists(name)]
        row = (used, resident_bytes(program)[0], *resident_bytes(collector), sum(sizes))
        if None not in row:
            self.rows.append(row)

    def medians(self, begin, end):
        """Of that part of the run: processes so far, program, collector, the collector's own, file."""
        part = self.rows[int(len(self.rows) * begin):int(len(self.rows) * end)]
        return [statistics.median(row[column] for row in part) for column in range(5)]


def collector_of(file):
    try:
        return connect(file).execute("SELECT collector_pid FROM session").fetchone()[0]
    except (sqlite3.Error, TypeError):
        return None


def stall(collector, stopped_ms, running_ms):
    try:
        while True:
            os.kill(collector, signal.SIGSTOP)
            time.sleep(stopped_ms / 1000)
            os.kill(collector, signal.SIGCONT)
            time.sleep(running_ms / 1000)
    except ProcessLookupError:
        pass


def run(folder, options, wrong):
    file, ledger, errors = (os.path.join(folder, name) for name in ("soak.db", "ledger", "stderr"))
    environment = dict(os.environ, LD_PRELOAD=LIBRARY,
                       MEMTRACE_OPTIONS=":".join(filter(None, [f"output={file}", options.options])))
    samples, collector, stalling = Samples(), None, None
    with open(errors, "wb") as stderr:
        program = subprocess.Popen([SOAK, ledger, str(options.seconds), *PLUGINS], env=environment,
                                   stdin=subprocess.DEVNULL, stderr=stderr)
    deadline = time.monotonic() + options.seconds + 120
    interval = options.seconds / 400
    while program.poll() is None:
        if time.monotonic() > deadline:
            wrong.append(f"it hangs: pid {program.pid}, left for a debugger")
            return file, ledger, samples
        if not collector:
            collector = collector_of(file)
            if collector and options.stall:
                times = [float(ms) for ms in options.stall.split("/")]
                stalling = threading.Thread(target=stall, args=(collector, *times), daemon=True)
                stalling.start()
        if collector:
            samples.take(program.pid, collector, file, ledger)
        time.sleep(interval)
    if stalling:
        stalling.join()
    if program.returncode != 0:
        wrong.append(f"it ended with status {program.returncode}")
    with open(errors, encoding="utf-8", errors="replace") as stderr:
        said = stderr.read()
    if said:
        wrong.append(f"stderr: {said}")
    return file, ledger, samples


def check(file, ledger, wrong):
    expected, used, is_over, done = read_ledger(ledger)
    if not is_over:
        wrong.append("the ledger is not finished")
    if not settled(file):
        wrong.append("the collector keeps the file")
    # Read by memtrace, which waits for what is still owed.
    info = subprocess.run([MEMTRACE, "info", file], capture_output=True, check=False)
    if info.returncode != 0:
        wrong.append(f"memtrace info: {info.returncode}: {info.stderr.decode()}")
    connection = connect(file)
    found = connection.execute("PRAGMA integrity_check").fetchall()
    if found != [("ok",)]:
        wrong.append(f"integrity_check: {found}")
    recorded = read_file(connection)
    pids = sorted(set(expected) | set(recorded))
    different = [pid for pid in pids if [figures[1:] for figures in expected[pid]] != [figures[1:] for figures in recorded[pid]]]
    for pid in different[:10]:
        wrong.append(f"pid {pid}: the ledger has {expected[pid]}, the file {recorded[pid]}")
    if len(different) > 10:
        wrong.append(f"and {len(different) - 10} processes more")
    for what in ("dropped_events", "unknown_frees", "iif(origin = 'fork', 0, unmatched_frees)"):
        (count,) = connection.execute(f"SELECT sum({what}) FROM process").fetchone()
        if count:
            wrong.append(f"{what}: {count}")
    pairs = [(wanted[0], got[0]) for pid in pids for wanted, got in zip(expected[pid], recorded[pid])]
    print(f"{sum(wanted for wanted, _ in pairs)} frees of inherited blocks, "
          f"{sum(abs(wanted - got) for wanted, got in pairs)} of them raced with their fork")
    events = sum(figures[column] for images in expected.values() for figures in images
                 for column in (1, 2, 4, 5, 7, 8))
    for name, count in done.items():
        if count == 0:
            wrong.append(f"there were no {name}")
    print(f"{used} process images, {events} allocations and frees, "
          + ", ".join(f"{count} {name}" for name, count in done.items()))


def is_sanitized():
    linked = subprocess.run(["ldd", MEMTRACE], capture_output=True, text=True, check=True).stdout
    return any(name in linked for name in ("libasan.so", "libtsan.so", "libubsan.so"))


def check_memory(samples, is_long, wrong):
    if len(samples.rows) < 20:
        print(f"only {len(samples.rows)} samples of memory could be taken")
        return
    first, last = samples.medians(0.4, 0.5), samples.medians(0.9, 1.0)
    images = max(last[0] - first[0], 1)
    for name, column, allowed in (("program", 1, 4 << 20), ("collector", 2, 4 << 20),
                                  ("collector's own", 3, 1 << 20), ("file", 4, None)):
        growth = last[column] - first[column]
        print(f"{name}: {first[column] / 1024:.0f} KiB half way, {last[column] / 1024:.0f} KiB at the end, "
              f"{images:.0f} processes later")
        if is_long and allowed is not None and growth > allowed:
            wrong.append(f"the {name} grew by {growth} bytes")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--options", default="")
    parser.add_argument("--stall", help="MS/MS")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep")
    options = parser.parse_args()
    wrong = []
    folder = tempfile.mkdtemp(prefix="memtrace-soak.")
    try:
        file, ledger, samples = run(folder, options, wrong)
        if not any(line.startswith("it hangs") for line in wrong):
            check(file, ledger, wrong)
            check_memory(samples, options.seconds >= 60 and not options.stall and not is_sanitized(), wrong)
        if options.verbose:
            for row in samples.rows:
                print(*row)
        if options.keep and wrong:
            shutil.copytree(folder, options.keep, dirs_exist_ok=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(wrong) or "the ledger is exact")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
