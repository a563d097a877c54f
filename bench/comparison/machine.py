# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine, and where things are on it."""
import datetime
import glob
import os
import platform
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("top_builddir", os.path.join(ROOT, "build")))


def built(name):
    """A benchmark program or library."""
    return os.path.join(BUILD, "bench", name)


def library(name):
    """A shared library of the system; None where it is not installed."""
    found = sorted(glob.glob(f"/usr/lib/*-linux-gnu/{name}") + glob.glob(f"/usr/lib64/{name}"))
    return found[0] if found else None


def output_of(*command):
    """What a command says; '' where it fails or is not here."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def version(package):
    return output_of("dpkg-query", "-W", "-f=${Version}", package) or "version unknown"


def facts():
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        model = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")), "unknown")
    commit = output_of("git", "-C", ROOT, "describe", "--always", "--dirty") if shutil.which("git") else ""
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "compiler": (output_of("gcc", "--version").splitlines() or ["unknown"])[0],
        "memtrace": commit or output_of(os.path.join(BUILD, "memtrace"), "--version"),
        "date": datetime.date.today().isoformat(),
    }
