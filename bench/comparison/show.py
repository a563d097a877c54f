# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results as text for a terminal and as doc/benchmarks.md."""
from comparison import tools

METRICS = {"wall": "wall time", "cpu": "CPU of all processes", "rss": "peak RSS", "bytes": "bytes written"}
# What bench/spawn measures, and what that is called.
START_UP = (("begun", "main()"), ("ended", "the end"))


def _ratio(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _spread(values):
    return f"{_ratio(values[1])}–{_ratio(values[2])}"


def _size(kb):
    return f"{kb:.0f} kB" if abs(kb) < 10000 else f"{kb / 1024:.1f} MB"


def _by_program(rows):
    programs = {}
    for row in rows:
        programs.setdefault(row["program"], {})[row["tool"]] = row
    return programs


def _cells(row):
    """tool, wall, its spread, CPU, its spread, RSS, written, runs"""
    if "note" in row:
        return [f"{row['tool']} ({row['note']})", "", "", "", "", "", "", str(row["runs"])]
    return [row["tool"], _ratio(row["wall"][0]), _spread(row["wall"]), _ratio(row["cpu"][0]), _spread(row["cpu"]),
            f"{'+' if row['rss_added_kb'][0] >= 0 else ''}{_size(row['rss_added_kb'][0])}",
            _size(row["bytes"] / 1024), str(row["runs"])]


HEAD = ["", "wall", "min–max", "all CPU", "min–max", "peak RSS", "written", "runs"]


def text_of_program(rows):
    base = rows[0]
    lines = [f"\n{base['program']}: {base['wall_seconds']:.2f} s, {_size(base['rss_kb'])} untraced"]
    cells = [HEAD] + [_cells(row) for row in rows[1:]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    for line in cells:
        lines.append("  " + line[0].ljust(widths[0]) + "".join(
            "  " + cell.rjust(width) for cell, width in zip(line[1:], widths[1:])))
    return "\n".join(lines)


def _with_error(ratio):
    return f"{ratio[0]:.3f} ± {ratio[1]:.3f}" if ratio else "not measured"


def text_of_one_core(row):
    if "note" in row:
        return f"{row['program']}, {row['tool']}: {row['note']}"
    return (f"{row['program']}, {row['tool']}: wall time without the queue {_with_error(row.get('unqueued'))}, CPU time of the"
            f" program {_with_error(row['own_cpu'])}, of all processes {_with_error(row['cpu'])}, {row['pairs']} pairs,"
            f" {row['seconds']:.2f} s untraced")


def _one_core(results):
    """A section for what the spread of the other ratios hides."""
    if not results.get("one_core"):
        return []
    return ["## On one core", "",
            "Beside an untraced run at the same time on the same core: the mean ratio and its standard error. *Wall time* is"
            " without the time in which the program was ready to run and had no core, as the other one had it; what it waits"
            " for the collector, at its start and its end, is in it; not measured where a server's clients or several threads share in"
            " it. *All processes* has the collector's time in it.", "",
            *_table(["", "", "wall time", "CPU of the program", "CPU of all processes", "pairs", "untraced"],
                    [[row["program"], row["tool"], row["note"], *[""] * 4] if "note" in row else
                     [row["program"], row["tool"], *(_with_error(row.get(metric)) for metric in ("unqueued", "own_cpu", "cpu")),
                      str(row["pairs"]), f"{row['seconds']:.2f} s"] for row in results["one_core"]], text_columns=2)]


def _start_cells(row):
    if "note" in row:
        return [row["note"]] + [""] * (3 * len(START_UP) - 1)
    return [cell for moment, _ in START_UP for cell in (
        f"{row[moment]['added_ms']:.2f} ms", f"{row[moment]['least_ms']:.2f}–{row[moment]['most_ms']:.2f} ms",
        f"{row[moment]['untraced_ms']:.2f} ms")]


def text_of_fixed(results):
    lines = []
    for row in results.get("start_up", []):
        if "note" in row:
            lines.append(f"start-up, {row['tool']}, {row['which']}: {row['note']}")
            continue
        for moment, name in START_UP:
            taken = row[moment]
            lines.append(f"start-up, {row['tool']}, {row['which']}, to {name}: {taken['added_ms']:+.2f} ms ("
                         f"{taken['least_ms']:+.2f} to {taken['most_ms']:+.2f}; untraced {taken['untraced_ms']:.2f} ms)")
    for row in results.get("memory", []):
        lines.append(f"memory, {row['threads']} threads: {row['private_added_kb']:+d} kB in the program,"
                     f" {row['shared_kb']} kB shared with the collector{_rings(row)}")
    for row in results.get("rest", []):
        lines.append(f"collector at rest: {row['percent']:.4f} % of a core over {row['seconds']} s,"
                     f" {row['collector_rss_kb']} kB resident")
    return "\n".join(lines)


def _rings(row):
    parts = []
    if row.get("ring_bytes") is not None:
        parts.append(f"{row['rings']} rings of {_size(row['ring_bytes'] / 1024)} in all")
    if row.get("stack_table_bytes") is not None:
        parts.append(f"stack table {_size(row['stack_table_bytes'] / 1024)}")
    return "; " + ", ".join(parts) if parts else ""


# ---- markdown ----

def _table(head, lines, text_columns=1):
    rule = ["---" if i < text_columns else "---:" for i in range(len(head))]
    return ["| " + " | ".join(line) + " |" for line in [head, rule, *lines]] + [""]


def _overview(programs, names, metric):
    """One line a program, one column a tool."""
    used = [name for name in names if any(name in rows for rows in programs.values())]
    lines = []
    for program, rows in programs.items():
        cells = []
        for name in used:
            row = rows.get(name)
            cells.append("" if row is None else "—" if "note" in row else _ratio(row[metric][0]))
        lines.append([program, *cells])
    return _table(["", *used], lines)


def _value(row, metric):
    """The less the better; None where the tool does not have it."""
    if "note" in row:
        return None
    if metric == "rss":
        return row["rss_added_kb"][0]
    if metric == "bytes":
        return row["bytes"]
    return row[metric][0]


def _shown(value, metric):
    if metric == "rss":
        return ("+" if value >= 0 else "") + _size(value)
    return _size(value / 1024) if metric == "bytes" else _ratio(value)


def _range(values, metric):
    return " to ".join(dict.fromkeys((_shown(min(values), metric), _shown(max(values), metric))))


def _wins(programs, peers):
    """Where a peer is better than memtrace with its defaults: one line a peer and metric."""
    lines = []
    for peer in peers:
        for metric, title in METRICS.items():
            both = [(program, _value(rows[peer], metric), _value(rows[tools.MEMTRACE], metric))
                    for program, rows in programs.items() if peer in rows and tools.MEMTRACE in rows]
            both = [(program, theirs, ours) for program, theirs, ours in both if None not in (theirs, ours)]
            better = [(program, theirs, ours) for program, theirs, ours in both if theirs < ours]
            if len(better) > 4:
                lines.append(f"- **{peer}**, {title}: {len(better)} of {len(both)} programs"
                             f" ({_range([theirs for _, theirs, _ in better], metric)}"
                             f" against {_range([ours for _, _, ours in better], metric)})")
            elif better:
                lines.append(f"- **{peer}**, {title}: " + "; ".join(
                    f"{program} ({_shown(theirs, metric)} against {_shown(ours, metric)})"
                    for program, theirs, ours in better))
    return lines or ["- nowhere"]


def _fixed(results):
    lines = []
    if results.get("start_up"):
        lines += ["## Start-up", "",
                  "Time added to a program that does nothing, from its start (fork and exec) to its `main()`, and to its end,"
                  " medians; *first*: it starts a session; *joins*: a traced program started it.", ""]
        lines += _table(["", ""] + [title for _, name in START_UP
                                    for title in (f"to {name}, added", "least–most", "untraced")],
                        [[row["tool"], row["which"]] + _start_cells(row) for row in results["start_up"]], text_columns=2)
    if results.get("memory"):
        lines += ["## Memory", "",
                  "Resident memory of a program whose threads have allocated and rest. *Private* has memtrace's stack"
                  " table and the cached rules of the walk; *shared* is what the collector maps, too: mostly rings.", ""]
        lines += _table(["threads", "untraced", "private, added", "shared", "rings", "in rings", "stack table"],
                        [[str(row["threads"]), _size(row["untraced_kb"]), _size(row["private_added_kb"]),
                          _size(row["shared_kb"]),
                          *("not measured" if row[key] is None else show(row[key]) for key, show in (
                              ("rings", str), ("ring_bytes", lambda b: _size(b / 1024)),
                              ("stack_table_bytes", lambda b: _size(b / 1024))))]
                         for row in results["memory"]])
    for row in results.get("rest", []):
        lines += ["## The collector at rest", "",
                  f"{row['percent']:.4f} % of a core over {row['seconds']} s in which nothing was allocated;"
                  f" {_size(row['collector_rss_kb'])} resident.", ""]
    return lines


def markdown(results):
    facts = results["machine"]
    here = results["tools"]
    rows = results["rows"]
    programs = _by_program(rows)
    names = [tool["name"] for tool in here if tool["name"] != tools.UNTRACED and not tool["missing"]]
    peers = [tool["name"] for tool in here if tool["is_peer"] and not tool["missing"]]
    lines = [
        "# Benchmarks", "",
        "<!-- Made by bench/run --markdown. Change the generator, bench/comparison/show.py, not this file. -->", "",
        f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}, Linux {facts['kernel']}, {facts['libc']},"
        f" {facts['compiler']}; memtrace {facts['memtrace']}; {facts['date']}.", "",
        "Made by:", ""]
    lines += ["    " + command for command in results["commands"]]
    lines += [
        "",
        "All figures are ratios to the untraced program, run in the same turn: each turn runs the untraced program, then"
        " the program under each tool; the first turn warms up. Given are medians and the range of all turns. A tool that"
        " takes eight times as long as the untraced program is run once. *All CPU* is user and system time of"
        " the program and of all processes that the tool brings; *peak RSS* is what the tool adds to the program's own,"
        " shared rings included; *written* is the size of the tool's files.", "",
        "Churn allocates and frees and does nothing else: its ratios are the worst that there are. Where a range is wide, the"
        " machine was not equally fast for both runs of a turn; what costs a percent or two is below, *On one core*.", ""]
    lines += _table(["tool", "version", "what it records"],
                    [[tool["name"], tool["version"] or "", tool["what"]] for tool in here
                     if not tool["missing"]], text_columns=3)
    missing = [f"{tool['name']} ({tool['missing']})" for tool in here if tool["missing"]]
    if missing:
        lines += ["Not in the tables: " + ", ".join(missing) + ".", ""]
    if rows:
        lines += ["## Wall time", ""] + _overview(programs, names, "wall")
        lines += ["## CPU of all processes", ""] + _overview(programs, names, "cpu")
        lines += ["A dash: it was stopped because it took too long, or the program failed under it; see below. An empty cell: not measured.", "", "## Where a peer is better", "",
                  "Than memtrace with its defaults; what each records is in the table above.", ""]
        lines += _wins(programs, peers) + [""]
    lines += _one_core(results) + _fixed(results)
    if rows:
        lines += ["## Program by program", ""]
    for program, of_tools in programs.items():
        base = of_tools[tools.UNTRACED]
        lines += [f"### {program}", "", f"Untraced: {base['wall_seconds']:.2f} s, peak {_size(base['rss_kb'])}.", ""]
        lines += _table(HEAD, [_cells(of_tools[name]) for name in names if name in of_tools])
    return "\n".join(lines)
