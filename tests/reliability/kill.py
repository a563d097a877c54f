#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill.py - SIGKILLs a busy program at random moments and holds its file to the program's own log.

    tests/reliability/kill.py [--rounds=N] [--seed=N] [--collector] [--keep=FOLDER]      20 rounds

Each round starts victim (victim.c: threads, a forked child, blocks handed over), some by LD_PRELOAD alone, some by
`memtrace run`, some with the smallest rings, and kills its whole process group after a random time, from the exec
on. Then the file must open, `PRAGMA integrity_check` be ok, and for each process, of what the victim's own code
allocated:

    log's allocations <= file's <= log's + one a thread         (the call that was under way); frees likewise
    every block that stands in a place of the log is in the exit snapshot, by address and size
    no more than two a thread are there beside them

--collector kills the collector at the same moment. Then there is no exit snapshot; what was committed at the kill must
still be there, and how far the file lies behind the log is shown.

Prints one line, and a line for each round that failed; the exit status is 1 if any did.
"""
import argparse
import fcntl
import json
import mmap
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import memtrace_file

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("top_builddir") or os.path.join(HERE, "../../build"))
VICTIM = os.path.join(BUILD, "tests/reliability/victim")
MEMTRACE = os.path.join(BUILD, "memtrace")
LIBRARY = os.path.join(BUILD, "libmemtrace.so")

# As victim.c writes it.
MAX_PROCESSES, MAX_THREADS, PLACES = 4, 16, 256
HEAD = struct.Struct("=III52x")
ROW_HEAD = struct.Struct("=I60x")
COUNTERS = struct.Struct("=" + "QQ48x" * MAX_THREADS)
PLACES_OF = struct.Struct(f"={PLACES}Q")
ROW_BYTES = ROW_HEAD.size + COUNTERS.size + PLACES_OF.size

VARIANTS = (("preload", 4, 1, ""), ("run", 4, 1, ""), ("preload", 8, 0, ":ring_kib=16"),
            ("preload", 1, 3, ""), ("run", 3, 2, ":ring_kib=16"))

# What the victim's own code called: the innermost frame lies in it.
OWN = """
FROM total JOIN stack ON stack.id = total.stack JOIN frame ON frame.id = stack.frame
     JOIN module ON module.id = frame.module JOIN process ON process.id = total.process
     JOIN kind ON kind.id = total.kind
WHERE kind.heap AND module.path = ? AND process.pid = ?
"""
TOTALS = "SELECT coalesce(sum(total.allocations), 0), coalesce(sum(total.frees), 0) " + OWN
BLOCKS = """
SELECT block.addr, block.size_bytes
FROM snapshot JOIN block ON block.snapshot = snapshot.id JOIN process ON process.id = snapshot.process
     JOIN stack ON stack.id = block.stack JOIN frame ON frame.id = stack.frame
     JOIN module ON module.id = frame.module
WHERE module.path = ? AND process.pid = ? AND snapshot.reason = 'exit'
"""


class Log:
    """The victim's log. It stays as it was when the victim died."""

    def __init__(self, path):
        self.path = path
        self.map = None

    def is_ready(self):
        if self.map is None:
            try:
                with open(self.path, "rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    if size:
                        self.map = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
            except FileNotFoundError:
                pass
        return self.map is not None and HEAD.unpack_from(self.map)[0] == 1

    def threads(self):
        return HEAD.unpack_from(self.map)[2]

    def rows(self):
        """(pid, allocations, frees, offset of its places) of each process that has begun."""
        for index in range(HEAD.unpack_from(self.map)[1]):
            offset = HEAD.size + index * ROW_BYTES
            (pid,) = ROW_HEAD.unpack_from(self.map, offset)
            counters = COUNTERS.unpack_from(self.map, offset + ROW_HEAD.size)
            if pid:
                yield pid, sum(counters[0::2]), sum(counters[1::2]), offset + ROW_HEAD.size + COUNTERS.size

    def blocks(self, offset):
        return {(place >> 16, place & 0xffff) for place in PLACES_OF.unpack_from(self.map, offset) if place}

    def events(self):
        return sum(allocations + frees for _, allocations, frees, _ in self.rows())


def connect(path):
    return memtrace_file.connect(path, timeout=30)


def own_events(connection, log):
    return sum(sum(connection.execute(TOTALS, (VICTIM, pid)).fetchone()) for pid, *_ in log.rows())


def settled(path):
    """The collector has let go of the file."""
    with open(path, "rb") as file:
        deadline = time.monotonic() + 60
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.002)


def collector_of(path):
    """Its pid, once the file names it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return connect(path).execute("SELECT collector_pid FROM session").fetchone()[0]
        except (sqlite3.Error, TypeError):
            time.sleep(0.01)
    raise RuntimeError("no session in the file")


def committed(path, log):
    """The victim's own events that the file holds; 0 where it has none yet."""
    try:
        return own_events(connect(path), log)
    except sqlite3.Error:
        return 0


class Round:
    def __init__(self, folder, number, options):
        self.wrong = []
        self.events = 0
        self.lag = None
        self.is_early = False
        mode, threads, children, more = VARIANTS[number % len(VARIANTS)]
        self.name = f"round {number} ({mode}, {threads} threads, {children} children{more})"
        self.file = os.path.join(folder, "victim.db")
        self.log = Log(os.path.join(folder, "victim.log"))
        self.stderr = os.path.join(folder, "stderr")
        command = [VICTIM, self.log.path, str(threads), str(children)]
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("MEMTRACE_", "LD_PRELOAD"))}
        setting = f"output={self.file}{more}"
        if mode == "run":
            command = [MEMTRACE, "run", "-q", "--", *command]
        else:
            environment["LD_PRELOAD"] = LIBRARY
        environment["MEMTRACE_OPTIONS"] = setting
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(command, env=environment, stderr=stderr,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        if options.collector:
            self.kill_with_collector()
        else:
            # From the exec on; half of the moments before the first commit.
            time.sleep(random.choice((random.uniform(0, 0.05), random.uniform(0, 0.6))))
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.check(options.collector)

    def kill_with_collector(self):
        while not self.log.is_ready():
            time.sleep(0.001)
            if self.process.poll() is not None:
                return
        collector = collector_of(self.file)
        self.history = []
        end = time.monotonic() + random.uniform(0, 3)
        while time.monotonic() < end:
            self.history.append((time.monotonic(), self.log.events()))
            time.sleep(0.01)
        self.before = committed(self.file, self.log)
        os.kill(collector, signal.SIGKILL)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.killed = time.monotonic()

    def check(self, is_collector_dead):
        if not os.path.exists(self.file):
            # It exists before the constructor returns.
            self.is_early = True
            if self.log.is_ready():
                self.wrong.append("the victim had begun, and there is no file")
            return
        if os.path.getsize(self.file) == 0 and not self.log.is_ready():
            # The collector was killed with it: it had not yet left the group.
            self.is_early = True
            return
        if not settled(self.file):
            self.wrong.append("the collector keeps the file")
            return
        with open(self.stderr, encoding="utf-8", errors="replace") as file:
            said = file.read()
        # A program that outlives its collector by a moment says so, and may.
        if said and not is_collector_dead:
            self.wrong.append(f"stderr: {said}")
        info = subprocess.run([MEMTRACE, "info", "--format=json", self.file], capture_output=True, check=False)
        if info.returncode != 0:
            self.wrong.append(f"memtrace info: {info.returncode}: {info.stderr.decode()}")
        else:
            json.loads(info.stdout)
        connection = connect(self.file)
        found = connection.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            self.wrong.append(f"integrity_check: {found}")
        if not self.log.is_ready():
            self.is_early = True
            return
        if is_collector_dead:
            self.check_committed(connection)
        else:
            for row in self.log.rows():
                self.check_process(connection, *row)

    def check_process(self, connection, pid, allocations, frees, places):
        file_allocations, file_frees = connection.execute(TOTALS, (VICTIM, pid)).fetchone()
        threads = self.log.threads()
        self.events += allocations + frees
        for what, logged, recorded in (("allocations", allocations, file_allocations), ("frees", frees, file_frees)):
            if not logged <= recorded <= logged + threads:
                self.wrong.append(f"pid {pid}: {what}: the log has {logged}, the file {recorded}")
        certain = self.log.blocks(places)
        found = set(connection.execute(BLOCKS, (VICTIM, pid)))
        if certain - found:
            self.wrong.append(f"pid {pid}: not in the exit snapshot: {sorted(certain - found)[:5]} …")
        if len(found - certain) > 2 * threads:
            self.wrong.append(f"pid {pid}: {len(found - certain)} blocks that the log does not have")
        dropped, unmatched = connection.execute(
            "SELECT sum(dropped_events), sum(unmatched_frees) FROM process WHERE pid = ?", (pid,)).fetchone()
        # A child that was killed before its first event is not in the file.
        if (dropped or unmatched) or (dropped is None and allocations + frees > 0):
            self.wrong.append(f"pid {pid}: dropped {dropped}, unmatched {unmatched}")

    def check_committed(self, connection):
        self.events = own_events(connection, self.log)
        if self.events < self.before:
            self.wrong.append(f"{self.before} events were committed, {self.events} are there")
        last = self.log.events() + len(list(self.log.rows())) * 2 * self.log.threads()
        if self.events > last:
            self.wrong.append(f"the log has {last} events, the file {self.events}")
        # The newest look at the log all of which the file has.
        known = [moment for moment, events in self.history if events <= self.events]
        if self.history:
            self.lag = self.killed - (known[-1] if known else self.history[0][0])

    def clean(self):
        for pid, *_ in self.log.rows() if self.log.is_ready() else ():
            if os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().split()[2] != "Z":
                self.wrong.append(f"pid {pid} is still there")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--collector", action="store_true")
    parser.add_argument("--keep")
    options = parser.parse_args()
    random.seed(options.seed)
    failed, early, events, lags = 0, 0, 0, []
    for number in range(options.rounds):
        folder = tempfile.mkdtemp(prefix="memtrace-kill.")
        try:
            this = Round(folder, number, options)
            this.clean()
            events += this.events
            early += this.is_early
            if this.lag is not None:
                lags.append(this.lag)
            if this.wrong:
                failed += 1
                print(f"{this.name}: " + "; ".join(this.wrong), flush=True)
                if options.keep:
                    shutil.copytree(folder, os.path.join(options.keep, f"round-{number}"))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{options.rounds} rounds (seed {options.seed}), {early} of them before main, {events} events: {failed} failed"
          + (f"; the file lay behind by at most {max(lags):.2f} s" if lags else ""))
    return 1 if failed or early == options.rounds else 0


if __name__ == "__main__":
    sys.exit(main())
