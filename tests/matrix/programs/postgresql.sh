# SPDX-License-Identifier: LGPL-2.1-or-later
# PostgreSQL under pgbench: initdb, a server with its processes, four clients, a checked sum, an orderly stop.
packages="postgresql postgresql-client-common"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
version() { "$bin/postgres" --version; }
usable() { [ -n "$bin" ] && [ "$(id -u)" -eq 0 ]; }
prepare()
{
	mkdir place && chmod 777 place
	# What root makes here is written by the user postgres.
	umask 0
	cat >session <<-PART
		bin=$bin
		cd place
		rm -rf data
		\$bin/initdb -D data -A trust -E UTF8 --locale=C --no-sync >/dev/null || exit 1
		\$bin/pg_ctl -w -s -D data -l log -o "-k \$PWD -c listen_addresses=''" start || exit 2
		export PGHOST=\$PWD PGDATABASE=postgres
		\$bin/pgbench -q -i -s 1 2>/dev/null
		\$bin/pgbench -n -c 4 -j 2 -t 100 | grep 'actually processed\|failed'
		psql -Atc 'SELECT sum(abalance) = (SELECT sum(delta) FROM pgbench_history), count(*) FROM pgbench_accounts'
		psql -Atc 'SELECT count(*) FROM pgbench_history'
		psql -Atc 'SELECT nothing'
		\$bin/pg_ctl -w -s -D data -m fast stop
	PART
	command="setpriv --reuid=postgres --regid=postgres --clear-groups sh ./session"
}
