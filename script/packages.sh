# SPDX-License-Identifier: LGPL-2.1-or-later
#
# packages.sh - Debian packages: which are missing, and how to get them. Sourced by bootstrap and test.

# To build; to run the tests that need no service. libc6-dbg is what valgrind reads the loader's names from.
build_packages="gcc make autoconf automake pkg-config libunwind-dev libdw-dev libelf-dev libsqlite3-dev
	libiberty-dev libjansson-dev libc6-dev zlib1g-dev"
test_packages="libcmocka-dev g++ clang valgrind libc6-dbg sqlite3 python3 perl git procps gdb binutils
	util-linux man-db"
# The programs that only tests/e2e traces; without them those tests are skipped.
program_packages="redis-server redis-tools nginx-light curl"

# packages_missing PACKAGE…: prints those that are not installed. Fails where there is no dpkg.
packages_missing()
{
	command -v dpkg-query >/dev/null || return 1
	for package; do
		# Virtual packages count when something that is installed provides them.
		dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
			echo "$package"
	done
}

# packages_install LOG PACKAGE…: fails where there is no right to, or apt-get fails; what it said is in LOG.
packages_install()
{
	local log=$1 as_root=
	shift
	command -v apt-get >/dev/null || return 1
	if [ "$(id -u)" -ne 0 ]; then
		sudo -n true 2>/dev/null || return 1
		as_root="sudo -n"
	fi
	# RUNLEVEL: a package that brings a service must not start it. stdin: nothing asks.
	{
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
			$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
				apt-get -qq -y --no-install-recommends install "$@"
	} >"$log" 2>&1 </dev/null
}
