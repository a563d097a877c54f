#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""seeds.py FOLDER FILE... - inputs for fuzz_cfi out of real ELF files, one a form of frame information.

Each is one function's: a header with a table of one row, its CIE and its FDE, laid out anew so that it is small. One is
kept for each sequence of instructions that was not seen before.
"""
import struct
import sys


def sections(data):
    offset, = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(count)]
    strings = headers[names][4]
    for name, _, _, address, start, length in headers:
        end = data.index(b"\0", strings + name)
        yield data[strings + name:end].decode(), address, data[start:start + length]


def entries(frame, address):
    """(offset of the CIE, its bytes, the FDE's bytes, where its pc field is, the pc)"""
    at = 0
    while at + 8 <= len(frame):
        length, identity = struct.unpack_from("<II", frame, at)
        if length == 0:
            return
        if identity:
            cie = at + 4 - identity
            cie_length, = struct.unpack_from("<I", frame, cie)
            pc = address + at + 8 + struct.unpack_from("<i", frame, at + 8)[0]
            yield frame[cie:cie + 4 + cie_length], frame[at:at + 4 + length], pc
        at += 4 + length


def seed(cie, fde, step):
    """.eh_frame_hdr (20 bytes), CIE, FDE; the function begins at the header."""
    header = struct.pack("<BBBBiIii", 1, 0x1b, 0x03, 0x3b, 16, 1, 0, 20 + len(cie))
    at_pc = 20 + len(cie) + 8
    size, = struct.unpack_from("<I", fde, 12)
    fde = fde[:4] + struct.pack("<Iii", len(cie) + 4, -at_pc, size) + fde[16:]
    return struct.pack("<h", min(step, size - 1)) + header + cie + fde


def main():
    folder, seen = sys.argv[1], set()
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            data = file.read()
        for name, address, frame in sections(data):
            if name != ".eh_frame":
                continue
            for cie, fde, _ in entries(frame, address):
                # The operations alone, roughly: what is new here is another form.
                form = (cie[8:], bytes(sorted(set(byte & 0xc0 or byte for byte in fde[17:] if byte < 0x30 or byte >= 0x80))))
                if form in seen or len(fde) > 200:
                    continue
                seen.add(form)
                with open(f"{folder}/{len(seen):04}", "wb") as file:
                    file.write(seed(cie, fde, 40))


main()
