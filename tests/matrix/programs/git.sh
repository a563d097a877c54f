# SPDX-License-Identifier: LGPL-2.1-or-later
# git log in a repository that is made here.
packages="git"
version() { git --version; }
prepare()
{
	HOME=$work GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat GIT_OPTIONAL_LOCKS=0
	GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
	export HOME GIT_CONFIG_NOSYSTEM GIT_PAGER GIT_OPTIONAL_LOCKS
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
	{
		git init -q -b main repository && cd repository || exit 99
		for number in 1 2 3 4 5 6 7 8; do
			seq "$number" 200 >file && git add file && git commit -q -m "Commit $number"
		done
		echo changed >>file
		cd ..
	} || exit 99
	command="git -C repository log --stat -p --graph"
}
