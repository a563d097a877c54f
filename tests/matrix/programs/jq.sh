# SPDX-License-Identifier: LGPL-2.1-or-later
# jq: a large document in and out, a filter that fails.
packages="jq"
version() { jq --version; }
prepare()
{
	cat >session <<-'PART'
		jq -n -c '[range(20000) | {id: ., name: ("n" + tostring), odd: (. % 2 == 1)}]' >document
		jq 'group_by(.odd) | map({odd: .[0].odd, sum: (map(.id) | add)})' document
		jq -r '.[] | select(.id % 4999 == 0) | .name | test("9$")' document
		jq '.[0] + 1' document
	PART
	command="sh ./session"
}
