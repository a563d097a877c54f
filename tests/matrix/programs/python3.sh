# SPDX-License-Identifier: LGPL-2.1-or-later
# python3: containers, exceptions, threads, a child process.
packages="python3"
version() { "$python" --version; }
prepare()
{
cat >program.py <<'END'
import json
import re
import subprocess
import sys
import threading

words = [f"word{i % 97}" for i in range(5000)]
counts = {}
for word in words:
    counts[word] = counts.get(word, 0) + 1
print(sorted(counts.items())[:5])
print(len(json.dumps([counts] * 20)))
print(re.sub(r"\d+", lambda match: str(int(match[0]) * 2), "a1 b22 c333"))
results = []
threads = [threading.Thread(target=lambda n=n: results.append(sum(range(n)))) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(results))
print(subprocess.run(["/bin/echo", "a child"], capture_output=True, check=True).stdout)
try:
    b"x" * sys.maxsize
except MemoryError as error:
    print(type(error).__name__)
print("to standard error", file=sys.stderr)
sys.exit(5)
END
	# The interpreter itself, where python3 is a script that looks for it.
	command="$("$python" -c 'import sys; print(sys.executable)') program.py"
	PYTHONMALLOC=malloc PYTHONHASHSEED=1
	export PYTHONMALLOC PYTHONHASHSEED
}
