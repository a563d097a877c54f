# SPDX-License-Identifier: LGPL-2.1-or-later
"""A memtrace file for Python's own sqlite3, which lacks the function that the views of packed rows need."""
import sqlite3
import zlib


def connect(path, **options):
    """Opens the file for reading; options are those of sqlite3.connect()."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, **options)
    connection.create_function("sqlar_uncompress", 2,
                               lambda data, n: data if len(data) == n else zlib.decompress(data))
    return connection
