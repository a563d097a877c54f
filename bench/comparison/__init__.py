# SPDX-License-Identifier: LGPL-2.1-or-later
"""What bench/run consists of.

machine    what it ran on, and where things are
tools      how a program is started under memtrace and under each peer, and which peers are here
programs   what is run; units has the sources that the compilers get
measure    runs all in turn; the ratios to the untraced run
fixed      what does not grow with the program: start-up, memory, the collector at rest
show       results as text and as doc/benchmarks.md
"""
