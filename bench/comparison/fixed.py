# SPDX-License-Identifier: LGPL-2.1-or-later
"""What does not grow with the program: start-up, memory by the number of threads, the collector at rest."""
import ctypes
import json
import os
import re
import shutil
import subprocess
import time

from comparison import machine, tools

PR_SET_CHILD_SUBREAPER = 36
COLLECTOR = "memtrace-collec"  # as the kernel cuts it
IDLE_SECONDS = 10


def _fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


# ---- start-up ----

def _spawn(runs, variable, command, folder, environment):
    """What bench/spawn says: {'without': {'begun': [median, least, most], 'ended': …}, 'with': …}, in ms; None: it failed."""
    spawn = subprocess.run([machine.built("spawn"), str(runs), variable, *command], cwd=folder, text=True,
                           env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False)
    if spawn.returncode != 0:
        return None
    said = {}
    for way, moment, *numbers in map(str.split, spawn.stdout.splitlines()):
        said.setdefault(way, {})[moment] = [float(number) / 1000 for number in numbers]
    return said


def _start_row(tool, which, taken, base):
    row = {"tool": tool.name, "which": which}
    if taken is None or base is None:
        return {**row, "note": "failed"}
    for moment in base["without"]:
        untraced, (median, least, most) = base["without"][moment][0], taken["with"][moment]
        row[moment] = {"untraced_ms": untraced, "added_ms": median - untraced,
                       "least_ms": least - untraced, "most_ms": most - untraced}
    return row


def start_up(chosen, runs, folder):
    """Time from the start of a program that does nothing to its main(), and to its end."""
    nothing = machine.built("begin")
    rows = []
    for tool in chosen:
        if tool.name.startswith(tools.MEMTRACE + " "):
            continue  # starts as memtrace does
        run = _fresh(os.path.join(folder, "run"))
        environment = {k: v for k, v in tool.environment.items() if k != "LD_PRELOAD"}
        if tool.prefix:
            taken = _spawn(max(runs // 10, 5), "SPAWN=", tool.prefix + [nothing], run, {})
            base = _spawn(runs, "SPAWN=", [nothing], run, {})
            rows.append(_start_row(tool, "first", taken, base))
        elif "LD_PRELOAD" in tool.environment:
            # memtrace chooses the name of its file: a second session must not find that of the first.
            first = {k: v for k, v in environment.items() if k != "MEMTRACE_OPTIONS"}
            variable = "LD_PRELOAD=" + tool.environment["LD_PRELOAD"]
            taken = _spawn(runs, variable, [nothing], run, first)
            rows.append(_start_row(tool, "first", taken, taken))
            if tool.name == tools.MEMTRACE:
                taken = _spawn(runs, variable, [nothing], run, tool.environment)
                rows.append(_start_row(tool, "joins a session", taken, taken))
    return rows


# ---- memory ----

class Idle:
    """bench/idle with so many threads, once it is ready."""

    def __init__(self, threads, environment, folder):
        self.process = subprocess.Popen([machine.built("idle"), str(threads)], cwd=folder, text=True,
                                        env={**os.environ, **environment}, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("bench/idle did not get ready")

    def resident_kb(self):
        """(shared with memtrace's collector, all else)"""
        shared = other = 0
        is_shared = False
        with open(f"/proc/{self.process.pid}/smaps", encoding="utf-8") as smaps:
            for line in smaps:
                if re.match(r"[0-9a-f]+-", line):
                    is_shared = "/memfd:memtrace" in line
                elif line.startswith("Rss:"):
                    kb = int(line.split()[1])
                    shared, other = (shared + kb, other) if is_shared else (shared, other + kb)
        return shared, other

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def _info(file):
    said = machine.output_of(os.path.join(machine.BUILD, "memtrace"), "info", "--format=json", file)
    return json.loads(said) if said else {}


def memory(tool, folder, threads=(1, 1000)):
    """Resident memory of a program at rest, traced and not."""
    rows = []
    for count in threads:
        run = _fresh(os.path.join(folder, "run"))
        resident = {}
        for which, environment in (("untraced", {}), ("traced", tool.environment)):
            idle = Idle(count, environment, run)
            resident[which] = idle.resident_kb()
            idle.end()
        process = (_info(os.path.join(run, "out.db")).get("processes") or [{}])[0]
        rows.append({"threads": count, "untraced_kb": sum(resident["untraced"]),
                     "private_added_kb": resident["traced"][1] - resident["untraced"][1],
                     "shared_kb": resident["traced"][0],
                     "rings": process.get("rings"), "ring_bytes": process.get("ring_bytes"),
                     "stack_table_bytes": process.get("stack_table_bytes")})
    return rows


# ---- the collector at rest ----

def _collectors():
    """Of those that this process has adopted."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                command, rest = file.read().rsplit(")", 1)
        except OSError:
            continue
        if command.endswith("(" + COLLECTOR) and int(rest.split()[1]) == os.getpid():
            yield int(name)


def _cpu_ns(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def rest(tool, folder):
    """CPU of the collector, in percent of one core, while nothing happens; its own resident memory."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    idle = Idle(1, tool.environment, _fresh(os.path.join(folder, "run")))
    (collector,) = _collectors()
    time.sleep(1)
    before, began = _cpu_ns(collector), time.monotonic()
    time.sleep(IDLE_SECONDS)
    percent = (_cpu_ns(collector) - before) / (time.monotonic() - began) / 1e7
    with open(f"/proc/{collector}/smaps_rollup", encoding="ascii") as file:
        rss_kb = next(int(line.split()[1]) for line in file if line.startswith("Rss:"))
    idle.end()
    os.waitpid(collector, 0)
    return {"seconds": IDLE_SECONDS, "percent": percent, "collector_rss_kb": rss_kb}
