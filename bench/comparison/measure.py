# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs programs under tools, in turn, and takes the ratios to the untraced run beside it.

A machine whose speed drifts slows neighbours alike, so each turn runs the untraced program first, then each
tool, and a ratio is of two runs of the same turn. The first turn warms up and is not counted, but for a tool
so slow that it is run once only.
"""
import math
import os
import shlex
import shutil
import signal
import statistics
import subprocess

from comparison import machine, tools

SLOW = 8.0  # times as long as the untraced program: one run is enough to say so


def _bytes_in(folder):
    return sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(folder) for name in names)


class _Run:
    """
    A program under a tool, started. What the tool writes goes to folder. core: it may use this one alone, and what is
    measured is the program without its driver.
    """

    def __init__(self, tool, program, folder, core=None):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.folder = folder
        self.result = folder + ".result"
        if os.path.exists(self.result):  # of another run
            os.unlink(self.result)
        traced = tool.prefix + program.command
        assignments = program.environment + tool.assignments
        measure = [machine.built("measure"), self.result]
        if program.driver and core is None:  # what it starts is traced, it itself is not
            command = [*measure, "--", *program.driver, "env", *assignments, *traced]
        else:
            pin = [] if core is None else ["taskset", "--cpu-list", str(core)]
            command = [*program.driver, *pin, *measure, *assignments, "--", *traced]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True)

    def end(self, limit_seconds=None):
        """What it took; None where that was longer than the limit."""
        try:
            self.process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:  # also where this script is told to end
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if not os.path.exists(self.result):
            raise RuntimeError(f"nothing was measured by {shlex.join(self.process.args)}")
        with open(self.result, encoding="ascii") as file:
            wall_ns, all_ns, cpu_ns, rss_kb, status, own_cpu_ns, queued_ns = map(int, file.read().split())
        return {"wall": wall_ns / 1e9, "all": all_ns / 1e9, "cpu": cpu_ns / 1e9, "own_cpu": own_cpu_ns / 1e9,
                "unqueued": (wall_ns - queued_ns) / 1e9, "queued": queued_ns / 1e9,
                "rss_kb": rss_kb, "bytes": _bytes_in(self.folder),
                "status": self.process.returncode or status}


def _spread(values):
    return [statistics.median(values), min(values), max(values)]


def _row(program, tool, pairs, limit):
    row = {"program": program.name, "tool": tool.name, "runs": len(pairs)}
    failed = sorted({sample["status"] for sample, base in pairs if sample["status"] != base["status"]})
    if not pairs:
        row["note"] = f"stopped at {limit:.0f} times"
    elif failed:  # it ended early: its figures say nothing
        row["note"] = "failed: exit status " + ", ".join(map(str, failed))
    if "note" in row:
        return row
    row.update({
        "wall": _spread([sample["wall"] / base["wall"] for sample, base in pairs]),
        "cpu": _spread([sample["cpu"] / base["cpu"] for sample, base in pairs]),
        "rss_added_kb": _spread([sample["rss_kb"] - base["rss_kb"] for sample, base in pairs]),
        "bytes": statistics.median(sample["bytes"] - base["bytes"] for sample, base in pairs),
        "wall_seconds": statistics.median(sample["wall"] for sample, _ in pairs),
        "rss_kb": statistics.median(sample["rss_kb"] for sample, _ in pairs)})
    return row


def compare(program, chosen, runs, limit, folder):
    """The rows of one program; the first of the chosen is the untraced run; limit: times as long as that."""
    assert chosen[0].name == tools.UNTRACED
    pairs = {tool.name: [] for tool in chosen}
    done = set()
    for turn in range(runs + 1):
        base = None
        for tool in chosen:
            if tool.name in done:
                continue
            sample = _Run(tool, program, os.path.join(folder, "run")).end(base and limit * base["wall"])
            base = base or sample
            if base["status"] != 0:
                raise RuntimeError(f"{program.name} does not run untraced")
            is_slow = sample is None or (turn == 0 and sample["wall"] > SLOW * base["wall"])
            if sample and (turn > 0 or is_slow):
                pairs[tool.name].append((sample, base))
            if is_slow:
                done.add(tool.name)
    shutil.rmtree(os.path.join(folder, "run"), ignore_errors=True)
    return [_row(program, tool, pairs[tool.name], limit) for tool in chosen]


# ---- on one core ----

def _mean(ratios):
    """The mean ratio and its standard error, both of logarithms."""
    logarithms = [math.log(ratio) for ratio in ratios]
    error = statistics.stdev(logarithms) / math.sqrt(len(logarithms)) if len(logarithms) > 1 else 0
    return [math.exp(statistics.mean(logarithms)), error]


def on_one_core(program, name, runs, folder):
    """
    What costs a percent or two. Traced and untraced run at the same time on the same core, by slices of some ms: whatever
    makes the core slow makes both slow, so that differences of some tenths of a percent show. Of the wall time the time is
    taken off in which the program was ready to run and had no core, as the other one had it; what it waited for its tracer
    is left in it. A second core is free for the collector. Each core has its turn, and each of both comes first.
    """
    ratios = {"unqueued": [], "own_cpu": [], "cpu": []}
    # A server's wall time is its clients', too; and of several threads only the first one's queue is known.
    has_queue = not program.driver and not program.is_threaded
    chosen = {tool.name: tool for tool in tools.every(os.path.join(folder, "traced"))}
    cores = sorted(os.sched_getaffinity(0))[:2]
    seconds = []
    for turn in range(2 * runs):
        order = (tools.UNTRACED, name) if turn // 2 % 2 else (name, tools.UNTRACED)
        pair = {which: _Run(chosen[which], program, os.path.join(folder, "traced" if which == name else "base"),
                            cores[turn % len(cores)])
                for which in order}
        pair = {which: run.end() for which, run in pair.items()}
        taken, base = pair[name], pair[tools.UNTRACED]
        if taken["status"] != 0 or base["status"] != 0:
            return {"program": program.name, "tool": name, "note": "failed"}
        seconds.append(base["own_cpu"])
        # Two that share a core wait for each other, so 0 is what a kernel says that does not count.
        has_queue = has_queue and taken["queued"] > 0 and base["queued"] > 0
        for metric, of_metric in ratios.items():
            of_metric.append(taken[metric] / base[metric])
    return {"program": program.name, "tool": name, "pairs": len(seconds), "seconds": statistics.median(seconds),
            **{metric: _mean(of_metric) if has_queue or metric != "unqueued" else None
               for metric, of_metric in ratios.items()}}
