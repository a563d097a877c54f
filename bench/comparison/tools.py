# SPDX-License-Identifier: LGPL-2.1-or-later
"""memtrace and its peers: how a program is started under each, and what each records."""
import os
import shutil
import subprocess

from comparison import machine

UNTRACED = "untraced"
PASSTHROUGH = "pass-through"
MEMTRACE = "memtrace"


class Tool:
    """`environment` is the traced program's alone; `prefix` stands before its command."""

    def __init__(self, name, what, environment=None, prefix=(), package=None, missing=""):
        self.name = name
        self.what = what
        self.environment = environment or {}
        self.prefix = list(prefix)
        self.package = package
        self.missing = missing

    @property
    def is_peer(self):
        return self.package is not None

    @property
    def is_quick(self):
        """Not a peer, and no other way to walk."""
        return not self.is_peer and "unwind" not in self.name

    @property
    def assignments(self):
        return [f"{name}={value}" for name, value in self.environment.items()]


def _preload(name, what, package, libraries, **more):
    """A peer that is loaded: libraries as machine.library() gives them, None where one is missing."""
    missing = "" if all(libraries) else "not installed"
    return Tool(name, what, {"LD_PRELOAD": " ".join(filter(None, libraries)), **more}, (), package, missing)


def _command(name, what, package, prefix):
    return Tool(name, what, {}, prefix, package, "" if shutil.which(prefix[0]) else "not installed")


def _jemalloc_without_profiling(library):
    said = subprocess.run(["/bin/true"], env={"LD_PRELOAD": library, "MALLOC_CONF": "prof:true"},
                          capture_output=True, check=False).stderr
    return b"Invalid conf pair: prof" in said


def _peers(output):
    jemalloc = machine.library("libjemalloc.so.2")
    peers = [
        _command("heaptrack", "every call with its stack; `--raw`, not interpreted yet", "heaptrack",
                 ["heaptrack", "--raw", "-o", output]),
        _preload("gperftools", "heap profiler: every call, sums by stack; brings its own allocator",
                 "libgoogle-perftools4", [machine.library("libtcmalloc.so.4")], HEAPPROFILE=output),
        _preload("jemalloc, all", "heap profile, every call, sums by stack; brings its own allocator",
                 "libjemalloc2", [jemalloc],
                 MALLOC_CONF=f"prof:true,lg_prof_sample:0,prof_final:true,prof_prefix:{output}"),
        _preload("jemalloc, 512K", "heap profile, one sample in 512 KiB, sums by stack; brings its own allocator",
                 "libjemalloc2", [jemalloc],
                 MALLOC_CONF=f"prof:true,lg_prof_sample:19,prof_final:true,prof_prefix:{output}"),
        _preload("liblsan", "leaks alone, with stacks by frame pointer; brings its own allocator",
                 "liblsan0", [machine.library("liblsan.so.0")], LSAN_OPTIONS=f"exitcode=0:log_path={output}"),
        _preload("mtrace", "every call with its caller, as text", "libc6",
                 [machine.built("mtrace_on.so"), machine.library("libc_malloc_debug.so.0")], MALLOC_TRACE=output),
        _preload("memusage", "sizes and totals, no stacks", "libc6",
                 [machine.library("libmemusage.so")], MEMUSAGE_OUTPUT=output),
        _command("massif", "the heap over time, sums by stack", "valgrind",
                 ["valgrind", "-q", "--tool=massif", "--massif-out-file=" + output]),
        _command("dhat", "every call and access, sums by stack", "valgrind",
                 ["valgrind", "-q", "--tool=dhat", "--dhat-out-file=" + output]),
    ]
    for peer in peers:
        if peer.name.startswith("jemalloc") and not peer.missing and _jemalloc_without_profiling(jemalloc):
            peer.missing = "not built with profiling"
    return peers


def _ours(output):
    tracer = os.path.join(machine.BUILD, "libmemtrace.so")
    known = machine.output_of(os.path.join(machine.BUILD, "memtrace"), "help", "run")

    def ours(option, what):
        key, _, _ = option.partition("=")
        return Tool(f"{MEMTRACE} {option}".strip(), what,
                    {"LD_PRELOAD": tracer, "MEMTRACE_OPTIONS": f"output={output}.db" + (option and ":" + option)},
                    missing="" if not key or f"--{key}=" in known else f"has no option `{key}`")

    return [
        ours("", "every call with its stack, in order"),
        ours("sample=512K", "one sample in 512 KiB, with its stack"),
        ours("unwind=none", "every call with its caller alone"),
        ours("unwind=libunwind", "every call with its stack, walked by libunwind alone"),
    ]


def every(folder):
    """All tools, those that are not here too; what they write goes into the folder."""
    output = os.path.join(folder, "out")
    return [
        Tool(UNTRACED, "the program alone"),
        Tool(PASSTHROUGH, "nothing: hooks that only call the real function",
             {"LD_PRELOAD": machine.built("passthrough.so")}),
    ] + _ours(output) + _peers(output)
