# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs that are run, each for a few tenths of a second to two seconds untraced, but for one.

The long ones run for three seconds and more: what the start and the end of a session take is less than 1 % of that, so
their ratios are what a program pays that runs for hours.
"""
import os
import shutil
import subprocess

from comparison import machine, units

CHURN_STEPS = {1: 6000000, 2: 6000000, 4: 3000000, 16: 750000}
LONG = ", long"
LONG_TIMES = 6
DEPTH_STEPS = {4: 8000000, 16: 4000000, 64: 1500000}

PYTHON = """
class Node:
    def __init__(self, key): self.key, self.parts = key, key.split('7')
for _ in range(ROUNDS):
    nodes = {str(i * 7919 % 1000003): Node(str(i)) for i in range(90000)}
    print(len(sorted(nodes.values(), key=lambda node: node.parts)))
"""
PERL = """
for my $round (1..ROUNDS) {
    my %h;
    $h{$_} = [1..5, "x$_"] for 1..60000;
    delete $h{$_} for 1..30000;
    print scalar(keys %h), "\\n";
}
"""
SQL_MAKE = """
create table item(id integer primary key, name text, weight integer);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 150000)
insert into item select x, 'item ' || (x * 7919 % 150001), x * 31 % 997 from c;
"""
SQL_ASK = """
select weight, count(*), group_concat(replace(upper(name), 'ITEM', 'i'), ',') from item group by weight order by 2;
select count(distinct a.name || b.name) from item a join item b on b.id = a.weight * 31 % 150000 + 1;
"""
NODE = """
for (let round = 0; round < ROUNDS; round++) {
    const m = new Map();
    for (let i = 0; i < 150000; i++) m.set('k' + i, {i, name: 'n' + i});
    console.log(JSON.stringify([...m.values()]).length, Buffer.alloc(1 << 20, round).toString('base64').length);
}
"""


class Program:
    """`command` is traced; `driver`, where there is one, is not: it gets the command as its arguments."""

    def __init__(self, name, command, driver=(), environment=(), is_quick=False, is_long=False, is_threaded=False,
                 most_runs=None):
        self.name = name
        self.command = command
        self.driver = list(driver)
        self.environment = list(environment)
        self.is_quick = is_quick
        self.is_long = is_long
        self.is_threaded = is_threaded  # several threads do the work
        self.most_runs = most_runs  # of one that takes long; None: as many as are asked for


def _compilers(folder):
    for compiler, language, options, source, text, addition, most_runs in (
            ("gcc", "cc1", [], "unit.c", units.c_unit(), "", None),
            ("g++", "cc1plus", ["-std=c++17"], "unit.cc", units.cpp_unit(), "", None),
            ("g++", "cc1plus", ["-std=c++17"], "long.cc", units.cpp_unit(units.CPP_CLASSES_LONG),
             ", 10 million events", 2),
            ("gcc", "cc1", [], "long.c", units.c_unit(3 * units.C_FUNCTIONS), LONG, None)):
        if not shutil.which(compiler):
            continue
        path = os.path.join(folder, source)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        preprocessed = path + ".i"
        subprocess.run([compiler, *options, "-E", "-P", path, "-o", preprocessed], check=True)
        yield Program(f"{language} -O2{addition}",
                      [machine.output_of(compiler, "-print-prog-name=" + language), "-quiet", *options, "-O2",
                       preprocessed, "-o", path + ".s"], is_quick=language == "cc1" and not addition,
                      is_long=addition == LONG, most_runs=most_runs)


def _interpreters(times):
    """Programs of others, and so many times as much of what they do."""
    more = {"is_quick": times == 1, "is_long": times > 1}
    suffix = LONG * (times > 1)
    if os.path.exists("/usr/bin/python3"):
        yield Program("python3, PYTHONMALLOC=malloc" + suffix,
                      ["/usr/bin/python3", "-c", PYTHON.replace("ROUNDS", str(3 * times))],
                      environment=["PYTHONMALLOC=malloc"], is_long=times > 1)
    if shutil.which("perl"):
        yield Program("perl" + suffix, ["perl", "-e", PERL.replace("ROUNDS", str(6 * times))], **more)
    if shutil.which("sqlite3"):
        yield Program("sqlite3" + suffix, ["sqlite3", "-init", "/dev/null", ":memory:", SQL_MAKE + times * SQL_ASK],
                      **more)
    if shutil.which("redis-server") and shutil.which("redis-benchmark"):
        yield Program("redis-server" + suffix, ["redis-server"],
                      driver=["sh", os.path.join(machine.ROOT, "bench", "redis.sh"), str(60000 * times)],
                      is_long=times > 1)
    if shutil.which("node"):
        yield Program("node" + suffix,
                      [os.path.realpath(shutil.which("node")), "-e", NODE.replace("ROUNDS", str(4 * times))],
                      is_long=times > 1)


def every(folder):
    """All programs that are here; what they need is made in the folder."""
    churn = machine.built("churn")
    found = [Program(f"churn, {count} thread{'s' if count > 1 else ''}, 17 frames",
                     [churn, str(steps), str(count), "17"], is_quick=count <= 2)
             for count, steps in CHURN_STEPS.items()]
    found += [Program(f"churn, 1 thread, {depth} frames", [churn, str(steps), "1", str(depth)])
              for depth, steps in DEPTH_STEPS.items()]
    found.append(Program("hand-off, 8 threads", [machine.built("handoff"), "8", "600000"]))
    found.append(Program("large blocks", [machine.built("large"), "3000"]))
    found += _compilers(folder)
    found += _interpreters(1)
    found += [Program(f"churn, {count} thread{'s' if count > 1 else ''}, 17 frames" + LONG,
                      [churn, str(LONG_TIMES * CHURN_STEPS[count]), str(count), "17"], is_long=True, is_threaded=count > 1)
              for count in (1, 2, 16)]
    found += _interpreters(LONG_TIMES)
    return found
