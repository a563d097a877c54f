#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What another user, or anybody without the token, can do at the session's socket: nothing. And those who belong there
# get in all the same, however many others hold a connection and say nothing.
. "$(dirname "$0")/lib.sh"
need sqlite3 setpriv
[ "$(id -u)" -eq 0 ] || skip_all "another user can only be played by root"

# A program that waits, traced, while others come to the socket; then a program that it starts has to join.
mkfifo go said hold held
"$memtrace" run -q -o "$work/x.db" -- sh -c '
	echo "$MEMTRACE_SESSION" >said
	read -r line <go
	"$0" >/dev/null
	echo done >said' "$build/examples/leaky" &
program=$!
read -r session <said
socket=${session%:*}
token=${session##*:}

cat >knock.py <<'END'
"""knock.py SOCKET TOKEN KIND: what the collector says to one who knocks like that."""
import array
import resource
import socket
import struct
import sys

path, token, kind = sys.argv[1:]
MAGIC, VERSION, JOIN, SESSION, SUMMARY = 0x4F4C4C4548544D4D, 2, 1, 2, 3


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)
    s.settimeout(20)
    return s


def hello(purpose, token, version=VERSION, magic=MAGIC):
    return struct.pack("<QIIII16s", magic, version, purpose, 1, 0, token)


def request(verb, pid):
    return struct.pack("<QIIII232s", 0x4C5254434D544D4D, 1, verb, pid, 0, b"")


def ask(message):
    s = connect()
    s.sendall(message)
    try:
        data, files, _, _ = s.recvmsg(8192, socket.CMSG_SPACE(4))
    except ConnectionResetError:
        return "closed"
    if not data:
        return "closed"
    status = struct.unpack_from("<i", data, 12)[0]
    return f"status {status}, {'a segment' if files else 'no segment'}"


right = bytes.fromhex(token)
wrong = bytes(16)
near = right[:15] + bytes([right[15] ^ 1])
if kind == "wrong":
    for one in (wrong, near):
        for purpose in (JOIN, SESSION, SUMMARY, 77):
            print(ask(hello(purpose, one)))
elif kind == "control":
    print(ask(request(2, int(sys.stdin.readline()))))
elif kind == "odd":
    for message in (b"x", b"x" * 39, b"x" * 41, hello(JOIN, right)[:39], hello(JOIN, right) + b"x", b"x" * 256,
                    request(2, 1) + b"x", b"x" * 60000, hello(JOIN, right, magic=1), hello(99, right)):
        print(ask(message))
elif kind == "version":
    print(ask(hello(SESSION, right, version=99)))
elif kind == "silent":
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048))
    held = [connect() for _ in range(1000)]
    print(len(held), "connected", flush=True)
    sys.stdin.readline()
END
knock() { "$python" "$work/knock.py" "$socket" "$token" "$1"; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
closed() { yes closed | head -n "$1"; }

is "another user is not let in without the token" "$(nobody "$python" knock.py "$socket" "$token" wrong)" "$(closed 8)"
is "nor are we" "$(knock wrong)" "$(closed 8)"
is "messages of another length or form end the conversation" "$(knock odd)" "$(closed 10)"
is "another version is told so" "$(knock version)" "status -71, no segment"
is "another user cannot switch tracing" "$(echo $program | nobody "$python" knock.py "$socket" "$token" control)" \
	"status -1, no segment"
is "the socket cannot be found by looking" "$(nobody ls "$(dirname "$socket")" 2>&1 | grep -c "Permission denied")" 1

# Held open while the program's child wants to join.
nobody "$python" knock.py "$socket" "$token" silent <hold >held &
exec 4>hold
read -r others <held
is "another user holds a thousand connections" "$others" "1000 connected"
echo >go
read -r line <said
exec 4>&-
wait $program
is "the program ends as it should" $? 0
is "the file is whole" "$(query x.db "SELECT state FROM session")" complete
is "its child has joined" "$(query x.db "SELECT count(*) FROM process WHERE command = 'leaky' AND end_reason = 'exit'")" 1
is "and nobody else" "$(query x.db "SELECT count(*) FROM process")" 2
is "the socket is gone" "$(ls "$socket" 2>/dev/null)" ""
finish
