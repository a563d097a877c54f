# SPDX-License-Identifier: LGPL-2.1-or-later
# chromium without a window makes a page's document; most of its blocks come from an allocator of its own.
packages="chromium"
version() { chromium --version 2>/dev/null; }
prepare()
{
	cat >page.html <<-'PART'
		<!doctype html><title>page</title><ul id=list></ul>
		<script>for (let i = 0; i < 200; i++) {
			const item = document.createElement('li'); item.textContent = i * i; list.append(item); }</script>
	PART
	cat >session <<-'PART'
		rm -rf profile
		timeout 100 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" \
			--dump-dom "file://$PWD/page.html" 2>/dev/null
	PART
	command="sh ./session"
}
