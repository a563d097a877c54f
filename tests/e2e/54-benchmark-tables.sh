#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bench/run --markdown makes of stored results what they say: nothing is measured here, the rows are made up.
. "$(dirname "$0")/lib.sh"
[ -x /usr/bin/python3 ] || skip_all "/usr/bin/python3 is not installed"

# results FILE WALL BYTES: memtrace at twice the time, a peer at so much and with so many bytes.
results()
{
	cat >"$1" <<-END
		{"machine": {"cpu": "a CPU", "cores": 2, "system": "a system", "kernel": "6.1", "libc": "glibc 2.36",
		  "compiler": "gcc 12", "memtrace": "abc", "date": "2020-01-01"},
		 "commands": ["bench/run --only=$1"],
		 "tools": [{"name": "untraced", "what": "", "is_peer": false, "missing": "", "version": ""},
		  {"name": "memtrace", "what": "all", "is_peer": false, "missing": "", "version": ""},
		  {"name": "other", "what": "less", "is_peer": true, "missing": "", "version": "1.0"},
		  {"name": "slow", "what": "less", "is_peer": true, "missing": "", "version": "2.0"},
		  {"name": "broken", "what": "less", "is_peer": true, "missing": "", "version": "3.0"},
		  {"name": "absent", "what": "", "is_peer": true, "missing": "not installed", "version": ""}],
		 "rows": [
		  {"program": "p", "tool": "untraced", "runs": 3, "wall": [1, 1, 1], "cpu": [1, 1, 1],
		   "rss_added_kb": [0, 0, 0], "bytes": 0, "wall_seconds": 0.5, "rss_kb": 2048},
		  {"program": "p", "tool": "memtrace", "runs": 3, "wall": [2, 1.9, 2.25], "cpu": [3, 3, 3],
		   "rss_added_kb": [1000, 900, 1100], "bytes": 10240, "wall_seconds": 1, "rss_kb": 3048},
		  {"program": "p", "tool": "other", "runs": 1, "wall": [$2, $2, $2], "cpu": [3.5, 3.5, 3.5],
		   "rss_added_kb": [-4, -4, -4], "bytes": $3, "wall_seconds": 1, "rss_kb": 3048},
		  {"program": "p", "tool": "slow", "runs": 0, "note": "stopped at 30 times"},
		  {"program": "p", "tool": "broken", "runs": 3, "note": "failed: exit status 134"}],
		 "one_core": [{"program": "p", "tool": "memtrace", "pairs": 6, "seconds": 4.5,
		   "unqueued": [1.0149, 0.0019], "own_cpu": [1.0123, 0.0021], "cpu": [1.02, 0.003]},
		  {"program": "q", "tool": "memtrace", "pairs": 6, "seconds": 4.5,
		   "own_cpu": [1.0123, 0.0021], "cpu": [1.02, 0.003]},
		  {"program": "r", "tool": "memtrace", "pairs": 6, "seconds": 4.5,
		   "unqueued": null, "own_cpu": [1.0123, 0.0021], "cpu": [1.02, 0.003]},
		  {"program": "p", "tool": "other", "note": "failed"}],
		 "start_up": [{"tool": "memtrace", "which": "first",
		   "begun": {"untraced_ms": 1.25, "added_ms": 3, "least_ms": 2.5, "most_ms": 9},
		   "ended": {"untraced_ms": 1.5, "added_ms": 6.75, "least_ms": 6, "most_ms": 18}},
		  {"tool": "other", "which": "first", "note": "failed"}], "memory": [], "rest": []}
	END
}
results faster.json 1.5 20480
results slower.json 12.5 5120
cp faster.json before.json

check "it reads what was stored" "$source/bench/run" --from=faster.json --markdown
"$source/bench/run" --from=faster.json --markdown >faster.md
contains "the overview has medians, and a dash for what did not end well" faster.md '^| p | 2\.00 | 1\.50 | — | — |$'
contains "each program has the range of its ratios" faster.md \
	'^| memtrace | 2\.00 | 1\.90–2\.25 | 3\.00 | 3\.00–3\.00 | +1000 kB | 10 kB | 3 |$'
contains "or why there are none" faster.md '^| broken (failed: exit status 134) |  |  |  |  |  |  | 3 |$'
contains "a peer that is faster is said to be" faster.md '^- \*\*other\*\*, wall time: p (1\.50 against 2\.00)$'
contains "and one that takes less memory" faster.md '^- \*\*other\*\*, peak RSS: p (-4 kB against +1000 kB)$'
is "but not one that takes more CPU or writes more" "$(grep -c '^- \*\*' faster.md)" 2
contains "on one core each ratio has its error" faster.md \
	'^| p | memtrace | 1\.015 ± 0\.002 | 1\.012 ± 0\.002 | 1\.020 ± 0\.003 | 6 | 4\.50 s |$'
is "or was not measured" "$(grep -c '^| [qr] | memtrace | not measured | 1\.012 ± 0\.002 | ' faster.md)" 2
contains "a start is measured to main() and to the end" faster.md \
	'^| memtrace | first | 3\.00 ms | 2\.50–9\.00 ms | 1\.25 ms | 6\.75 ms | 6\.00–18\.00 ms | 1\.50 ms |$'
is "what failed there says so" "$(grep -c '^| \(p | other\|other | first\) | failed | ' faster.md)" 2
contains "what is not installed is named" faster.md '^Not in the tables: absent (not installed)\.$'
contains "so is the command" faster.md '^    bench/run --only=faster\.json$'

"$source/bench/run" --from=faster.json --from=slower.json --markdown >slower.md
contains "of two results the later counts" slower.md '^| p | 2\.00 | 12\.5 | — | — |$'
contains "and what it is better at" slower.md '^- \*\*other\*\*, bytes written: p (5 kB against 10 kB)$'
is "which is no longer time" "$(grep -c 'other.*wall time' slower.md)" 0
same "what was stored stays as it is" before.json faster.json
finish
