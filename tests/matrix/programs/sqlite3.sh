# SPDX-License-Identifier: LGPL-2.1-or-later
# The sqlite3 shell with a script: a table, an index, a join, an error.
packages="sqlite3"
version() { sqlite3 --version | cut -d' ' -f1; }
prepare()
{
cat >script.sql <<'END'
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO t SELECT i, printf('text %d', i % 313), i / 7.0 FROM n;
CREATE INDEX tb ON t(b);
SELECT b, count(*), sum(c) FROM t GROUP BY b ORDER BY b LIMIT 5;
SELECT count(*) FROM t x JOIN t y ON x.b = y.b;
SELECT * FROM missing;
END
	printf '#!/bin/sh\nexec sqlite3 -bail :memory: ".read script.sql"\n' >session
	command="sh ./session"
}
