# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs programs under tools, in turn, and takes the ratios to the untraced run beside it.

A machine whose speed drifts slows neighbours alike, so each turn runs the untraced program first, then each
tool, and a ratio is of two runs of the same turn. The first turn warms up and is not counted, but for a tool
so slow that it is run once only.
"""
import os
import shutil
import signal
import statistics
import subprocess

from comparison import machine, tools

SLOW = 8.0  # times as long as the untraced program: one run is enough to say so


def _bytes_in(folder):
    return sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(folder) for name in names)


def once(tool, program, folder, limit_seconds=None):
    """One run; None where it took longer than the limit. What the tool writes goes to folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    result = folder + ".result"
    traced = tool.prefix + program.command
    assignments = program.environment + tool.assignments
    if program.driver:  # what it starts is traced, it itself is not
        command = program.driver + ["env"] + assignments + traced
        assignments = []
    else:
        command = traced
    process = subprocess.Popen([machine.built("measure"), result, *assignments, "--", *command],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               cwd=folder, start_new_session=True)
    try:
        process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:  # also where this script is told to end
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with open(result, encoding="ascii") as file:
        wall_ns, all_ns, cpu_ns, rss_kb, status = map(int, file.read().split())
    return {"wall": wall_ns / 1e9, "all": all_ns / 1e9, "cpu": cpu_ns / 1e9, "rss_kb": rss_kb,
            "bytes": _bytes_in(folder), "status": status}


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
            sample = once(tool, program, os.path.join(folder, "run"), base and limit * base["wall"])
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
